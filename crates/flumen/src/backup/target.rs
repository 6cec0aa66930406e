//! Where backups are kept: a folder or S3, behind one interface (crate `object_store`).

use std::path::Path as FilePath;
use std::sync::Arc;

use anyhow::Context as _;
use futures_util::TryStreamExt as _;
use object_store::aws::{AmazonS3Builder, Checksum};
use object_store::buffered::BufWriter;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt as _};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::manifest::{self, Manifest};
use super::sum::{Sum, Summing};

/// Read and written at once.
const CHUNK: usize = 1 << 20;

/// A place for backups.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    store: Arc<dyn ObjectStore>,
    prefix: Path,
    shown: String,
}

impl Target {
    /// Opens a place; makes a folder that is not there.
    ///
    /// # Errors
    /// When it is neither a folder nor an address of S3, or the environment lacks what S3 needs.
    pub(crate) fn open(place: &str) -> anyhow::Result<Self> {
        if let Some(rest) = place.strip_prefix("s3://") {
            let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
            anyhow::ensure!(
                !bucket.is_empty(),
                "{place} names no bucket: write s3://bucket/prefix"
            );
            let plain =
                std::env::var("AWS_ENDPOINT_URL").is_ok_and(|url| url.starts_with("http://"));
            let store = AmazonS3Builder::from_env()
                .with_bucket_name(bucket)
                .with_allow_http(plain)
                // A bucket with Object Lock takes nothing without one.
                .with_checksum_algorithm(Checksum::SHA256)
                .build()
                .with_context(|| format!("open {place}"))?;
            return Ok(Self {
                store: Arc::new(store),
                prefix: Path::from(prefix),
                shown: place.trim_end_matches('/').to_owned(),
            });
        }
        anyhow::ensure!(
            !place.contains("://"),
            "{place} is not a folder and does not begin with s3://"
        );
        let folder = FilePath::new(place);
        std::fs::create_dir_all(folder).with_context(|| format!("make the folder {place}"))?;
        let store = LocalFileSystem::new_with_prefix(folder)
            .with_context(|| format!("open the folder {place}"))?;
        Ok(Self {
            store: Arc::new(store.with_fsync(true)),
            prefix: Path::default(),
            shown: place.trim_end_matches('/').to_owned(),
        })
    }

    /// The place as the user wrote it.
    pub(crate) fn shown(&self) -> &str {
        &self.shown
    }

    fn path(&self, id: &str, name: &str) -> Path {
        self.prefix.clone().join(id).join(name)
    }

    /// Keeps a file; says what went through.
    ///
    /// # Errors
    /// When it cannot be read or kept.
    pub(crate) async fn put_file(
        &self,
        id: &str,
        name: &str,
        file: &FilePath,
    ) -> anyhow::Result<Sum> {
        let doing = || format!("keep {name} in {}", self.shown);
        let mut from = tokio::fs::File::open(file).await.with_context(doing)?;
        let mut to = BufWriter::new(Arc::clone(&self.store), self.path(id, name));
        let mut sum = Summing::default();
        let mut chunk = vec![0; CHUNK];
        loop {
            let read = from.read(&mut chunk).await.with_context(doing)?;
            if read == 0 {
                break;
            }
            sum.add(&chunk[..read]);
            to.write_all(&chunk[..read]).await.with_context(doing)?;
        }
        to.shutdown().await.with_context(doing)?;
        Ok(sum.finish())
    }

    /// Keeps a manifest: from now on the backup is one.
    ///
    /// # Errors
    /// When it cannot be kept.
    pub(crate) async fn put_manifest(
        &self,
        id: &str,
        manifest: &impl serde::Serialize,
    ) -> anyhow::Result<()> {
        let text = serde_json::to_vec_pretty(manifest).context("write the manifest")?;
        self.store
            .put(&self.path(id, manifest::NAME), text.into())
            .await
            .with_context(|| format!("keep the manifest in {}", self.shown))?;
        Ok(())
    }

    /// Brings a file here; says what came.
    ///
    /// # Errors
    /// When it is not there or cannot be written.
    pub(crate) async fn get_file(
        &self,
        id: &str,
        name: &str,
        file: &FilePath,
    ) -> anyhow::Result<Sum> {
        let doing = || format!("fetch {name} of {id} from {}", self.shown);
        let found = self
            .store
            .get(&self.path(id, name))
            .await
            .with_context(doing)?;
        let mut chunks = found.into_stream();
        let mut to = tokio::fs::File::create(file).await.with_context(doing)?;
        let mut sum = Summing::default();
        while let Some(chunk) = chunks.try_next().await.with_context(doing)? {
            sum.add(&chunk);
            to.write_all(&chunk).await.with_context(doing)?;
        }
        to.flush().await.with_context(doing)?;
        Ok(sum.finish())
    }

    /// The names of all backups, the newest first; folders without a manifest are none.
    ///
    /// # Errors
    /// When the place cannot be listed.
    pub(crate) async fn ids(&self) -> anyhow::Result<Vec<String>> {
        let prefix = (self.prefix.parts().count() > 0).then_some(&self.prefix);
        let found = self
            .store
            .list_with_delimiter(prefix)
            .await
            .with_context(|| format!("list {}", self.shown))?;
        let mut ids = Vec::new();
        for folder in found.common_prefixes {
            let Some(id) = folder.filename().map(str::to_owned) else {
                continue;
            };
            if self
                .store
                .head(&self.path(&id, manifest::NAME))
                .await
                .is_ok()
            {
                ids.push(id);
            }
        }
        ids.sort_unstable_by(|a, b| b.cmp(a));
        Ok(ids)
    }

    /// A manifest as it is kept.
    ///
    /// # Errors
    /// When it is not there.
    pub(crate) async fn manifest_bytes(&self, id: &str) -> anyhow::Result<bytes::Bytes> {
        let found = self
            .store
            .get(&self.path(id, manifest::NAME))
            .await
            .with_context(|| {
                format!(
                    "{id} is not in {}, or was never finished; `list` shows what is there",
                    self.shown
                )
            })?;
        found.bytes().await.context("read the manifest")
    }

    /// The manifest of a backup, the newest when none is named.
    ///
    /// # Errors
    /// When there is none, or it cannot be read.
    pub(super) async fn manifest(&self, id: Option<&str>) -> anyhow::Result<Manifest> {
        let id = match id {
            Some(id) => id.to_owned(),
            None => self.ids().await?.into_iter().next().ok_or_else(|| {
                anyhow::anyhow!(
                    "there is no backup in {}: `flumen backup create --to {}` makes one",
                    self.shown,
                    self.shown
                )
            })?,
        };
        Manifest::read(&self.manifest_bytes(&id).await?, &id)
    }
}
