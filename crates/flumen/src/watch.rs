//! `flumen watch`: calls `POST /reload` when mounted files have changed.
//!
//! It runs beside a service whose Secrets are files: Kubernetes replaces them in place, and a rotated key or password takes effect
//! without a restart. Contents are compared, not times, since Kubernetes swaps a symbolic link and a Vault Agent writes the same text again.

use std::{
    collections::BTreeMap,
    hash::{DefaultHasher, Hash as _, Hasher as _},
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::Context as _;
use tokio::signal::unix::{SignalKind, signal};
use tracing::{info, warn};

/// How long the service may take to read everything again.
const PATIENCE: Duration = Duration::from_secs(30);

/// Arguments of `watch`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  flumen watch --path /etc/flumen/keys --reload http://127.0.0.1:9080/reload
  flumen watch --path keys.toml --path config.toml --reload http://127.0.0.1:9081/reload --interval 1s

Ends on SIGTERM with status 0. A reload that fails is tried again at the next look.")]
pub struct Args {
    /// File, or folder of files, to look at (repeatable).
    #[arg(long, value_name = "PATH", required = true)]
    pub path: Vec<PathBuf>,

    /// What to POST to when something has changed: /reload on the admin listener of the service.
    #[arg(long, value_name = "URL")]
    pub reload: reqwest::Url,

    /// How often to look.
    #[arg(long, value_name = "DURATION", default_value = "5s", value_parser = crate::units::duration)]
    pub interval: Duration,
}

/// Looks until SIGTERM or SIGINT.
///
/// # Errors
/// When signals cannot be watched or the HTTP client cannot be made.
pub async fn run(args: Args) -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate()).context("watch for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("watch for SIGINT")?;
    let client = reqwest::Client::builder()
        .timeout(PATIENCE)
        .build()
        .context("make the HTTP client")?;
    tokio::select! {
        () = watch(&client, &args) => {}
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}

async fn watch(client: &reqwest::Client, args: &Args) {
    let mut seen = look(&args.path);
    let mut complaint = String::new();
    loop {
        tokio::time::sleep(args.interval).await;
        let now = look(&args.path);
        if now == seen {
            continue;
        }
        match reload(client, &args.reload).await {
            Ok(()) => {
                info!(url = %args.reload, "files have changed: the service has read them again");
                complaint.clear();
                seen = now;
            }
            Err(error) => {
                let error = format!("{error:#}");
                if error != complaint {
                    warn!(url = %args.reload, %error, "files have changed, but the service did not take them");
                    complaint = error;
                }
            }
        }
    }
}

async fn reload(client: &reqwest::Client, url: &reqwest::Url) -> anyhow::Result<()> {
    let answer = client
        .post(url.clone())
        .send()
        .await
        .context("call the service")?;
    let status = answer.status();
    if status.is_success() {
        return Ok(());
    }
    let reason = answer.text().await.unwrap_or_default();
    anyhow::bail!("{status}: {reason}")
}

/// A digest of each file by its path. What cannot be read counts as changed once it can be.
fn look(paths: &[PathBuf]) -> BTreeMap<PathBuf, Option<u64>> {
    let mut found = BTreeMap::new();
    for path in paths {
        let files = if path.is_dir() {
            files_in(path).unwrap_or_default()
        } else {
            vec![path.clone()]
        };
        for file in files {
            let digest = std::fs::read(&file).ok().map(|content| {
                let mut hasher = DefaultHasher::new();
                content.hash(&mut hasher);
                hasher.finish()
            });
            found.insert(file, digest);
        }
    }
    found
}

/// The files of a folder, without the `..data` by which Kubernetes swaps them.
fn files_in(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        if !entry.file_name().as_encoded_bytes().starts_with(b"..") && entry.path().is_file() {
            files.push(entry.path());
        }
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn sees_a_secret_that_kubernetes_swaps_and_nothing_when_the_text_stays() {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name);
        for (version, text) in [("..1", "one"), ("..2", "two"), ("..3", "two")] {
            std::fs::create_dir(at(version)).expect("a version");
            std::fs::write(at(version).join("keys.toml"), text).expect("its file");
        }
        let point_to = |version: &str| {
            let _ = std::fs::remove_file(at("..data"));
            symlink(version, at("..data")).expect("the link of the version");
        };
        symlink("..data/keys.toml", at("keys.toml")).expect("the link of the file");
        let paths = [folder.path().to_path_buf()];
        point_to("..1");
        let first = look(&paths);
        assert_eq!(first.len(), 1, "only keys.toml: {first:?}");
        point_to("..2");
        let second = look(&paths);
        assert_ne!(first, second);
        point_to("..3");
        assert_eq!(second, look(&paths));
    }
}
