//! The state folder of one pipeline: its lock, its secrets and its keys.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::Write as _;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use rand::Rng as _;
use rand::distr::Alphanumeric;
use secrecy::ExposeSecret as _;
use serde::{Deserialize, Serialize};
use service::keys::{Scope, SourcePattern};

use super::stack_file::Keys;

/// A log file larger than this is set aside when its process starts.
const LOG_BYTES: u64 = 32 * 1024 * 1024;

/// What is secret and made once per state folder.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Secrets {
    /// The password of the superuser of the folder's PostgreSQL.
    pub(crate) postgres: String,
    /// Signs the cursors of query-api, so that they outlive a restart.
    pub(crate) cursor: String,
    /// The keys shown on the screen.
    pub(crate) keys: Keys,
}

/// A state folder.
#[derive(Debug, Clone)]
pub(crate) struct State {
    folder: PathBuf,
}

impl State {
    /// Names a folder, which need not exist.
    pub(crate) fn at(folder: &Path) -> anyhow::Result<Self> {
        let folder = std::path::absolute(folder).context("find the state folder")?;
        Ok(Self { folder })
    }

    /// Creates the folder and its rooms.
    pub(crate) fn create(&self) -> anyhow::Result<()> {
        // Root lends PostgreSQL another user, who has to pass through.
        let root = nix::unistd::geteuid().is_root();
        for (room, mode) in [
            ("", if root { 0o711 } else { 0o700 }),
            ("logs", 0o700),
            ("config", 0o700),
        ] {
            let path = self.folder.join(room);
            fs::create_dir_all(&path)
                .and_then(|()| fs::set_permissions(&path, fs::Permissions::from_mode(mode)))
                .with_context(|| format!("create {}", path.display()))?;
        }
        let ignore = self.folder.join(".gitignore");
        fs::write(&ignore, "*\n").with_context(|| format!("write {}", ignore.display()))
    }

    /// A path inside the folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// The folder.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The log file of a part; a large one is set aside.
    pub(crate) fn log(&self, part: &str) -> PathBuf {
        let path = self.folder.join("logs").join(format!("{part}.log"));
        if fs::metadata(&path).is_ok_and(|found| found.len() > LOG_BYTES) {
            // A log that cannot be moved just goes on growing.
            let _ = fs::rename(&path, path.with_extension("log.1"));
        }
        path
    }

    /// Takes the folder for this process; `None` when another has it. The lock ends with the file.
    pub(crate) fn lock(&self) -> anyhow::Result<Option<File>> {
        let path = self.path("lock");
        let mut file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .open(&path)
            .with_context(|| format!("open {}", path.display()))?;
        match file.try_lock() {
            Ok(()) => {
                file.set_len(0).context("write the lock file")?;
                writeln!(file, "{}", std::process::id()).context("write the lock file")?;
                Ok(Some(file))
            }
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => {
                Err(error).with_context(|| format!("lock {}", path.display()))
            }
        }
    }

    /// The process that has the folder, when one has.
    pub(crate) fn holder(&self) -> Option<u32> {
        let path = self.path("lock");
        let file = File::open(&path).ok()?;
        match file.try_lock_shared() {
            Err(TryLockError::WouldBlock) => fs::read_to_string(&path).ok()?.trim().parse().ok(),
            _ => None,
        }
    }

    /// Reads the secrets, or makes them and the keys file, the first time.
    pub(crate) fn secrets(&self) -> anyhow::Result<Secrets> {
        let path = self.path("secrets.json");
        if path.exists() {
            let text = fs::read(&path).with_context(|| format!("read {}", path.display()))?;
            return serde_json::from_slice(&text)
                .with_context(|| format!("understand {}", path.display()));
        }
        let everything = [SourcePattern::parse("*").context("the pattern of all sources")?];
        let producer = service::keys::create(
            "flumen up: sends events of every source",
            &[Scope::Ingest],
            &everything,
            None,
        )
        .context("make a key")?;
        let reader = service::keys::create(
            "flumen up: reads events of every source, and how the pipeline does",
            &[Scope::Read, Scope::Operator],
            &everything,
            None,
        )
        .context("make a key")?;
        let entries = format!("{}\n{}", producer.entry, reader.entry);
        write_private(&self.path("keys.toml"), entries.as_bytes())?;
        let secrets = Secrets {
            postgres: random(24),
            cursor: random(48),
            keys: Keys {
                producer: producer.token.expose_secret().to_owned(),
                reader: reader.token.expose_secret().to_owned(),
            },
        };
        let text = serde_json::to_vec_pretty(&secrets).context("write the secrets")?;
        // Last: with it the keys file counts as made.
        write_private(&path, &text)?;
        Ok(secrets)
    }
}

fn random(length: usize) -> String {
    rand::rng()
        .sample_iter(Alphanumeric)
        .take(length)
        .map(char::from)
        .collect()
}

/// Writes a file that only its owner can read, whole or not at all.
pub(crate) fn write_private(path: &Path, content: &[u8]) -> anyhow::Result<()> {
    let scratch = path.with_extension("new");
    let _ = fs::remove_file(&scratch);
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&scratch)
        .and_then(|mut file| {
            file.write_all(content)?;
            file.sync_all()
        })
        .and_then(|()| fs::rename(&scratch, path))
        .with_context(|| format!("write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state() -> (tempfile::TempDir, State) {
        let folder = tempfile::tempdir().expect("make a folder");
        let state = State::at(folder.path()).expect("an absolute path");
        state.create().expect("make the rooms");
        (folder, state)
    }

    #[test]
    fn secrets_are_made_once_and_closed_to_others() {
        let (_folder, state) = state();
        let first = state.secrets().expect("make");
        let second = state.secrets().expect("read");
        assert_eq!(first.keys.producer, second.keys.producer);
        assert_eq!(first.postgres, second.postgres);
        for name in ["secrets.json", "keys.toml"] {
            let mode = fs::metadata(state.path(name))
                .expect("is there")
                .permissions()
                .mode();
            assert_eq!(mode & 0o777, 0o600, "{name}");
        }
        let text = fs::read_to_string(state.path("keys.toml")).expect("read");
        let keys = service::keys::parse(&text, Path::new("keys.toml")).expect("well-formed");
        assert_eq!(keys.len(), 2);
        assert!(
            !text.contains(&first.keys.producer),
            "a key is in the keys file"
        );
    }

    #[test]
    fn a_folder_has_one_holder() {
        let (_folder, state) = state();
        assert_eq!(state.holder(), None);
        let lock = state.lock().expect("try").expect("free");
        assert!(state.lock().expect("try").is_none());
        assert_eq!(state.holder(), Some(std::process::id()));
        drop(lock);
        assert_eq!(state.holder(), None);
    }
}
