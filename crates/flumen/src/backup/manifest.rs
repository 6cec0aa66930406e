//! What a backup consists of, and what was in the database when it was made.

use serde::{Deserialize, Serialize};
use store::census::Census;

/// The name of the manifest within a backup.
pub(crate) const NAME: &str = "manifest.json";
/// What this program writes and reads.
pub(super) const FORMAT: u32 = 1;

/// The manifest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Manifest {
    /// The form of backup and manifest.
    pub(super) format: u32,
    /// The name of the backup: sorts by time.
    pub(super) id: String,
    /// When it was begun, RFC 3339: it holds the database as of then.
    pub(super) created_at: String,
    /// How long it took, in seconds.
    pub(super) seconds: u64,
    /// Who made it.
    pub(super) flumen_version: String,
    /// What `pg_dump --version` says.
    pub(super) pg_dump_version: String,
    /// Whether the files are encrypted with age.
    pub(super) encrypted: bool,
    /// Every file, as it is kept.
    pub(super) files: Vec<File>,
    /// What the database held.
    pub(super) census: Census,
}

/// One file of a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct File {
    /// Its name within the dump.
    pub(crate) name: String,
    /// Its size as it is kept, in bytes.
    pub(crate) bytes: u64,
    /// SHA-256 of it as it is kept, in hexadecimal.
    pub(crate) sha256: String,
}

impl Manifest {
    /// Reads one; says what is wrong with it.
    ///
    /// # Errors
    /// When it is no manifest, or that of a newer program.
    pub(super) fn read(bytes: &[u8], id: &str) -> anyhow::Result<Self> {
        #[derive(Deserialize)]
        struct Form {
            format: u32,
        }
        let form: Form = serde_json::from_slice(bytes)
            .map_err(|error| anyhow::anyhow!("the manifest of {id} cannot be read ({error}): the backup was damaged, take another"))?;
        anyhow::ensure!(
            form.format == FORMAT,
            "{id} is of form {}, and this program reads form {FORMAT}: take the version of flumen that made it, or a newer one",
            form.format
        );
        let manifest: Self = serde_json::from_slice(bytes)
            .map_err(|error| anyhow::anyhow!("the manifest of {id} cannot be read ({error}): the backup was damaged, take another"))?;
        anyhow::ensure!(
            manifest.id == id,
            "the manifest in {id} is that of {}: somebody moved it",
            manifest.id
        );
        // A name with a path in it would be written outside of the folder it is restored from.
        let stray = |file: &&File| {
            file.name.is_empty() || file.name.contains(['/', '\\']) || file.name.starts_with('.')
        };
        if let Some(file) = manifest.files.iter().find(stray) {
            anyhow::bail!(
                "the manifest of {id} names a file {:?}: it was altered",
                file.name
            );
        }
        Ok(manifest)
    }

    /// How large it is, in bytes as it is kept.
    pub(super) fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.bytes).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest() -> Manifest {
        Manifest {
            format: FORMAT,
            id: "flumen-20261121T120000Z".to_owned(),
            created_at: "2026-11-21T12:00:00Z".to_owned(),
            seconds: 3,
            flumen_version: "0.1.0".to_owned(),
            pg_dump_version: "pg_dump (PostgreSQL) 18.4".to_owned(),
            encrypted: true,
            files: vec![File {
                name: "toc.dat.age".to_owned(),
                bytes: 7,
                sha256: "00".repeat(32),
            }],
            census: Census {
                server_version: "18.1".to_owned(),
                schema_version: 3,
                tables: Vec::new(),
                checkpoints: Vec::new(),
            },
        }
    }

    fn text(manifest: &Manifest) -> Vec<u8> {
        serde_json::to_vec(manifest).expect("JSON")
    }

    #[test]
    fn what_is_written_is_read_again() {
        let manifest = manifest();
        assert_eq!(
            Manifest::read(&text(&manifest), &manifest.id).expect("good"),
            manifest
        );
    }

    #[test]
    fn what_was_cut_moved_altered_or_is_newer_is_refused() {
        let good = manifest();
        let refused =
            |bytes: &[u8], id: &str| Manifest::read(bytes, id).expect_err("refused").to_string();
        assert!(refused(&text(&good)[..100], &good.id).contains("damaged"));
        assert!(refused(&text(&good), "flumen-other").contains("moved"));
        let mut newer = manifest();
        newer.format = 2;
        assert!(refused(&text(&newer), &good.id).contains("newer"));
        for name in ["../../etc/passwd", "/etc/passwd", "", ".."] {
            let mut stray = manifest();
            name.clone_into(&mut stray.files[0].name);
            assert!(
                refused(&text(&stray), &good.id).contains("altered"),
                "{name}"
            );
        }
    }
}
