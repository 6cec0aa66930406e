//! What an archive holds.

use anyhow::Context as _;
use serde::{Deserialize, Serialize};
use store::census::Table;

use crate::backup::manifest::File;
use crate::backup::target::Target;

/// What this program writes and reads.
pub(super) const FORMAT: u32 = 1;

/// The manifest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Manifest {
    /// The form of archive and manifest.
    pub(super) format: u32,
    /// The name of the archive: that of the partition and when it was made.
    pub(super) id: String,
    /// When it was made, RFC 3339.
    pub(super) created_at: String,
    /// Who made it.
    pub(super) flumen_version: String,
    /// The first moment it may hold events of.
    pub(super) from: String,
    /// The first moment after it.
    pub(super) to: String,
    /// Whether the file is encrypted with age.
    pub(super) encrypted: bool,
    /// The file, as it is kept.
    pub(super) file: File,
    /// The partition as it was then: rows, and a checksum over them.
    pub(super) partition: Table,
}

impl Manifest {
    /// Reads one.
    ///
    /// # Errors
    /// When it is none, or that of a newer program.
    pub(super) async fn read(target: &Target, id: &str) -> anyhow::Result<Self> {
        let bytes = target.manifest_bytes(id).await?;
        let manifest: Self = serde_json::from_slice(&bytes).with_context(|| {
            format!("the manifest of {id} cannot be read: it is damaged, or that of no archive")
        })?;
        anyhow::ensure!(
            manifest.format == FORMAT && manifest.id == id,
            "{id} is of form {}, named {}; this program reads form {FORMAT}",
            manifest.format,
            manifest.id
        );
        Ok(manifest)
    }

    /// All of a place; what is none stops it.
    ///
    /// # Errors
    /// When the place cannot be listed, or one cannot be read.
    pub(super) async fn all(target: &Target) -> anyhow::Result<Vec<Self>> {
        let mut found = Vec::new();
        for id in target.ids().await? {
            found.push(Self::read(target, &id).await?);
        }
        found.sort_unstable_by(|a, b| (&a.from, &a.id).cmp(&(&b.from, &b.id)));
        Ok(found)
    }
}
