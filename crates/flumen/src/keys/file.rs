//! Edits a keys file in place: comments and order stay, readers see the old file or the new one,
//! two editors take turns, and nothing is written that the APIs would refuse.

use std::{
    fs::{self, File},
    io::Write as _,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use service::keys::Key;
use toml_edit::{ArrayOfTables, DocumentMut, Item, value};

/// A keys file, locked against other editors as long as this lives.
#[derive(Debug)]
pub(super) struct KeysFile {
    path: PathBuf,
    /// The folder: the file itself is replaced by every edit.
    _lock: File,
}

impl KeysFile {
    pub(super) fn open(path: &Path) -> anyhow::Result<Self> {
        // Through a link to the file, so that the link stays one.
        let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let folder = folder(&path);
        let lock = File::open(folder).with_context(|| format!("open {}", folder.display()))?;
        lock.lock()
            .with_context(|| format!("lock {}", folder.display()))?;
        Ok(Self { path, _lock: lock })
    }

    /// The keys, as the APIs read them.
    pub(super) fn keys(&self) -> anyhow::Result<Vec<Key>> {
        let text = fs::read_to_string(&self.path)
            .with_context(|| format!("read {}", self.path.display()))?;
        Ok(service::keys::parse(&text, &self.path)?)
    }

    /// Adds an entry at the end; makes the file when it is not there.
    pub(super) fn add(&self, entry: &str) -> anyhow::Result<()> {
        let mut text = match fs::read_to_string(&self.path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
            Err(error) => {
                return Err(
                    anyhow::Error::new(error).context(format!("read {}", self.path.display()))
                );
            }
        };
        if !text.is_empty() {
            text.truncate(text.trim_end().len());
            text.push_str("\n\n");
        }
        text.push_str(entry);
        self.replace(&text)
    }

    /// Marks an entry as revoked; `false` when there is none of this id.
    pub(super) fn disable(&self, id: &str) -> anyhow::Result<bool> {
        self.edit(|keys| {
            let mut found = false;
            for key in keys.iter_mut().filter(|key| has_id(key, id)) {
                key["disabled"] = value(true);
                found = true;
            }
            found
        })
    }

    /// Removes an entry; `false` when there is none of this id.
    pub(super) fn remove(&self, id: &str) -> anyhow::Result<bool> {
        self.edit(|keys| {
            let before = keys.len();
            keys.retain(|key| !has_id(key, id));
            keys.len() < before
        })
    }

    fn edit(&self, edit: impl FnOnce(&mut ArrayOfTables) -> bool) -> anyhow::Result<bool> {
        let text = fs::read_to_string(&self.path)
            .with_context(|| format!("read {}", self.path.display()))?;
        let mut document: DocumentMut = text
            .parse()
            .with_context(|| format!("understand {}", self.path.display()))?;
        let Some(keys) = document
            .get_mut("keys")
            .and_then(Item::as_array_of_tables_mut)
        else {
            return Ok(false);
        };
        if !edit(keys) {
            return Ok(false);
        }
        self.replace(&document.to_string())?;
        Ok(true)
    }

    fn replace(&self, text: &str) -> anyhow::Result<()> {
        service::keys::parse(text, &self.path).context("check the file before writing it")?;
        let folder = folder(&self.path);
        let mut file = tempfile::NamedTempFile::new_in(folder)
            .with_context(|| format!("write into {}", folder.display()))?;
        file.write_all(text.as_bytes())
            .and_then(|()| file.as_file().sync_all())
            .context("write the keys")?;
        // A new file is for its owner alone; an old one keeps who may read it.
        if let Ok(metadata) = fs::metadata(&self.path) {
            file.as_file()
                .set_permissions(metadata.permissions())
                .context("keep the permissions")?;
        }
        file.persist(&self.path)
            .with_context(|| format!("write {}", self.path.display()))?;
        Ok(())
    }
}

fn has_id(key: &toml_edit::Table, id: &str) -> bool {
    key.get("id").and_then(Item::as_str) == Some(id)
}

fn folder(path: &Path) -> &Path {
    path.parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."))
}
