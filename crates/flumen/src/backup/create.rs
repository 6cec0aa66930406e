//! `flumen backup create`.

use std::path::PathBuf;
use std::time::Instant;

use anyhow::Context as _;
use event::Timestamp;
use store::census::Snapshot;

use super::manifest::{FORMAT, File, Manifest};
use super::{Place, seal, target::Target, tools};
use crate::operator::{self, say};
use crate::units::thousands;

const EXAMPLES: &str = "\
Examples:
  flumen backup create --to s3://bucket/flumen --recipient age1..
  flumen backup create --to /mnt/backups --plain --jobs 8";

/// Arguments of the action.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// Where backups are.
    #[command(flatten)]
    at: Place,

    /// How it is kept.
    #[command(flatten)]
    sealing: seal::Sealing,

    /// Processes that dump side by side.
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u8).range(1..=64))]
    jobs: u8,

    /// Folder with room for the whole dump [default: the system's for temporary files].
    #[arg(long, value_name = "DIR")]
    work: Option<PathBuf>,

    /// Which database.
    #[command(flatten)]
    operator: operator::Args,
}

pub(super) async fn run(args: Args) -> anyhow::Result<()> {
    let recipients = args.sealing.recipients("a backup")?;
    let target = Target::open(&args.at.place)?;
    let pg_dump_version = tools::version("pg_dump").await?;
    let config = args.operator.load()?;
    let pool = args.operator.database(&config).await?;
    let server = pool.health().await.context("ask the database")?.version;
    tools::fits("pg_dump", &pg_dump_version, &server)?;

    let begun = Instant::now();
    let now = Timestamp::now();
    let id = format!("flumen-{}", compact(now));
    let work = super::work_folder(args.work.as_deref())?;
    let dump = work.path().join("dump");
    let snapshot = Snapshot::open(&pool).await?;
    say(format_args!("{id}: dumping with {} processes", args.jobs));
    let arguments = vec![
        "--format=directory".to_owned(),
        format!("--jobs={}", args.jobs),
        format!("--snapshot={}", snapshot.id()),
        format!("--file={}", dump.display()),
        "--no-owner".to_owned(),
        "--no-privileges".to_owned(),
        "--lock-wait-timeout=60s".to_owned(),
    ];
    // Both look at the same moment of the database; the writer goes on meanwhile.
    let (census, ()) = tokio::try_join!(
        async { snapshot.census().await.context("count the database") },
        tools::run("pg_dump", &arguments, &config.database),
    )?;
    drop(snapshot);
    say(format_args!(
        "{id}: {} events in {} tables; keeping them in {}",
        thousands(census.events()),
        census.tables.len(),
        target.shown()
    ));

    let mut files = Vec::new();
    for entry in std::fs::read_dir(&dump).context("look at the dump")? {
        let path = entry.context("look at the dump")?.path();
        let plain = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let (name, path) = if recipients.is_empty() {
            (plain, path)
        } else {
            let sealed = work.path().join(format!("{plain}{}", seal::SUFFIX));
            let keys = recipients.clone();
            let to = sealed.clone();
            tokio::task::spawn_blocking(move || {
                seal::encrypt(&path, &to, &keys)?;
                // Not needed any more, and the disk may be small.
                std::fs::remove_file(&path).context("remove the plain file")
            })
            .await
            .context("encrypt")?
            .with_context(|| format!("encrypt {plain}"))?;
            (format!("{plain}{}", seal::SUFFIX), sealed)
        };
        let sum = target.put_file(&id, &name, &path).await?;
        std::fs::remove_file(&path).with_context(|| format!("remove {name}"))?;
        files.push(File {
            name,
            bytes: sum.bytes,
            sha256: sum.sha256,
        });
    }
    files.sort_unstable_by(|a, b| a.name.cmp(&b.name));
    let manifest = Manifest {
        format: FORMAT,
        id: id.clone(),
        created_at: now.to_string(),
        seconds: begun.elapsed().as_secs(),
        flumen_version: env!("CARGO_PKG_VERSION").to_owned(),
        pg_dump_version,
        encrypted: !recipients.is_empty(),
        files,
        census,
    };
    target.put_manifest(&id, &manifest).await?;
    say(format_args!(
        "{id}: done in {} s, {} bytes in {} files{}",
        manifest.seconds,
        thousands(manifest.bytes()),
        manifest.files.len(),
        if manifest.encrypted {
            ", encrypted"
        } else {
            ""
        }
    ));
    Ok(())
}

/// A time as a name that sorts, to the microsecond, so that two in one second differ: `20261121T120000123456Z`.
pub(crate) fn compact(now: Timestamp) -> String {
    let text = now.to_string();
    let digits: String = text
        .split(['.', 'Z'])
        .next()
        .unwrap_or_default()
        .chars()
        .filter(|c| c.is_ascii_alphanumeric())
        .collect();
    let micros = now.as_micros().rem_euclid(1_000_000);
    format!("{digits}{micros:06}Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_sort_by_time() {
        let at = |text: &str| compact(Timestamp::parse_rfc3339(text).expect("a time"));
        assert_eq!(at("2026-11-21T12:00:05.0123Z"), "20261121T120005012300Z");
        assert!(at("2026-11-21T12:00:05.9Z") < at("2026-11-21T12:00:06Z"));
        assert!(at("2026-11-21T12:00:05.000001Z") < at("2026-11-21T12:00:05.1Z"));
    }
}
