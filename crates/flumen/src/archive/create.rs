//! `flumen archive create`.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::Duration;

use age::x25519::Recipient;
use anyhow::Context as _;
use event::Timestamp;
use store::Pool;
use store::census::{self, Table};
use store::partitions::{self, Partition, RetireOutcome};
use store::read::{Budgets, Fields, Filter, Order, PageQuery, PatternSet, Reader};

use super::manifest::{FORMAT, Manifest};
use super::parquet::Writer;
use crate::backup::{Place, create::compact, manifest::File, seal, target::Target, work_folder};
use crate::operator::{self, say};
use crate::units::{self, thousands};

const EXAMPLES: &str = "\
Examples:
  flumen archive create --to s3://bucket/archive --older-than 30d --recipient age1..
  flumen archive create --to s3://bucket/archive --older-than 400d --plain --drop     instead of `maintain --retention 400d`
  flumen archive create --to /mnt/archive --older-than 400d --dry-run";

/// The largest partition is read in this time.
const READING: Duration = Duration::from_secs(24 * 3600);
/// How often a partition that gets events meanwhile is read again.
const ATTEMPTS: usize = 3;

/// Arguments of the action.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// Where archives are.
    #[command(flatten)]
    at: Place,

    /// Archives partitions whose events are all older than this.
    #[arg(long, value_name = "DURATION", value_parser = units::duration)]
    older_than: Duration,

    /// Drops them, with their counts, once all of them are archived.
    #[arg(long)]
    drop: bool,

    /// How it is kept.
    #[command(flatten)]
    sealing: seal::Sealing,

    /// Only says what would be done.
    #[arg(long)]
    dry_run: bool,

    /// Folder with room for the largest archive [default: the system's for temporary files].
    #[arg(long, value_name = "DIR")]
    work: Option<PathBuf>,

    /// Which database.
    #[command(flatten)]
    operator: operator::Args,
}

pub(super) async fn run(args: Args) -> anyhow::Result<()> {
    let recipients = args.sealing.recipients("an archive")?;
    let target = Target::open(&args.at.place)?;
    let config = args.operator.load()?;
    let pool = args.operator.database(&config).await?;
    let work = work_folder(args.work.as_deref())?;
    let archiver = Archiver {
        reader: Reader::new(
            pool.clone(),
            &config.database,
            Budgets {
                export: READING,
                ..Budgets::default()
            },
        )?,
        pool: &pool,
        target: &target,
        recipients,
        work: work.path(),
    };
    let now = Timestamp::now();
    let limit = now.saturating_sub(args.older_than);
    let mut known = Manifest::all(&target).await?;
    let due = due(&pool, limit).await?;
    if due.is_empty() {
        say("nothing is so old");
    }
    for partition in &due {
        let name = &partition.name;
        let table = census::table(&pool, &partition.schema, name).await?;
        if let Some(archive) = archived(&known, &table) {
            say(format_args!("{name} is archived as {archive}"));
        } else if table.rows == 0 {
            say(format_args!("{name} holds nothing"));
        } else if args.dry_run {
            let rows = thousands(table.rows);
            say(format_args!("would archive {name} ({rows} events)"));
        } else {
            known.push(archiver.archive(partition).await?);
        }
    }
    if args.drop {
        if !args.dry_run {
            all_archived(&pool, limit, &known).await?;
        }
        drop_them(&pool, now, args.older_than, args.dry_run).await?;
    }
    Ok(())
}

/// The partitions of `events` that ended before, the oldest first.
async fn due(pool: &Pool, limit: Timestamp) -> anyhow::Result<Vec<Partition>> {
    let mut due = partitions::list(pool)
        .await
        .context("list the partitions")?;
    due.retain(|one| one.parent == "events" && one.span.end <= limit && !one.detach_pending);
    due.sort_by_key(|one| one.span);
    Ok(due)
}

/// The archive that holds just these rows.
fn archived<'a>(known: &'a [Manifest], table: &Table) -> Option<&'a str> {
    known
        .iter()
        .find(|archive| archive.partition == *table)
        .map(|archive| archive.id.as_str())
}

/// Holds that nothing is lost when what is due is dropped.
async fn all_archived(pool: &Pool, limit: Timestamp, known: &[Manifest]) -> anyhow::Result<()> {
    for partition in due(pool, limit).await? {
        let table = census::table(pool, &partition.schema, &partition.name).await?;
        anyhow::ensure!(
            table.rows == 0 || archived(known, &table).is_some(),
            "{} got events after it was archived: nothing was dropped, run it again",
            partition.name
        );
    }
    Ok(())
}

async fn drop_them(
    pool: &Pool,
    now: Timestamp,
    kept: Duration,
    dry_run: bool,
) -> anyhow::Result<()> {
    let retired = partitions::retire(pool, now, kept, dry_run)
        .await
        .context("drop what is archived")?;
    for partition in retired {
        let (name, size) = (&partition.name, thousands(partition.bytes));
        match partition.outcome {
            RetireOutcome::Dropped => say(format_args!("dropped {name} ({size} bytes)")),
            RetireOutcome::Due => say(format_args!("would drop {name} ({size} bytes)")),
            RetireOutcome::Postponed(why) => say(format_args!(
                "{name} is in use and left to the next run ({why})"
            )),
        }
    }
    Ok(())
}

struct Archiver<'a> {
    reader: Reader,
    pool: &'a Pool,
    target: &'a Target,
    recipients: Vec<Recipient>,
    work: &'a Path,
}

impl Archiver<'_> {
    /// Archives a partition as it is at one moment.
    async fn archive(&self, partition: &Partition) -> anyhow::Result<Manifest> {
        let name = &partition.name;
        let plain = self.work.join("plain");
        let mut table = census::table(self.pool, &partition.schema, name).await?;
        for attempt in 1.. {
            let rows = self.write(partition, &plain).await?;
            let after = census::table(self.pool, &partition.schema, name).await?;
            // As many rows as before and after, and the same ones: it was like that all the time.
            if after == table && rows == table.rows {
                break;
            }
            anyhow::ensure!(
                attempt < ATTEMPTS,
                "{name} gets events while it is archived: run it again when the import is over"
            );
            table = after;
        }
        let now = Timestamp::now();
        let id = format!("{name}-{}", compact(now));
        let (file, path) = self.seal(name, plain).await?;
        let sum = self.target.put_file(&id, &file, &path).await?;
        std::fs::remove_file(&path).context("remove the file")?;
        let manifest = Manifest {
            format: FORMAT,
            id: id.clone(),
            created_at: now.to_string(),
            flumen_version: env!("CARGO_PKG_VERSION").to_owned(),
            from: partition.span.start.to_string(),
            to: partition.span.end.to_string(),
            encrypted: !self.recipients.is_empty(),
            file: File {
                name: file,
                bytes: sum.bytes,
                sha256: sum.sha256,
            },
            partition: table,
        };
        self.target.put_manifest(&id, &manifest).await?;
        say(format_args!(
            "archived {name} as {id}: {} events in {} bytes",
            thousands(manifest.partition.rows),
            thousands(manifest.file.bytes)
        ));
        Ok(manifest)
    }

    /// Writes the file; says how many rows are in it.
    async fn write(&self, partition: &Partition, path: &Path) -> anyhow::Result<u64> {
        let query = PageQuery {
            filter: Filter::of_sources(PatternSet::any()),
            from: Some(partition.span.start),
            to: Some(partition.span.end),
            order: Order::Ascending,
            at: None,
            limit: usize::MAX,
            max_bytes: usize::MAX,
            fields: Fields::ALL,
        };
        let doing = || format!("read {}", partition.name);
        let mut writer = Writer::create(path, &partition.name)?;
        let mut rows = self.reader.export(&query).await.with_context(doing)?;
        loop {
            let more = rows.read(|row| match writer.push(row) {
                true => ControlFlow::Break(()),
                false => ControlFlow::Continue(()),
            });
            if !more.await.with_context(doing)? {
                break;
            }
            writer = tokio::task::spawn_blocking(move || writer.flush().map(|()| writer))
                .await
                .context("write the file")??;
        }
        tokio::task::spawn_blocking(move || writer.finish())
            .await
            .context("write the file")?
    }

    /// The name and path of what is kept.
    async fn seal(&self, name: &str, plain: PathBuf) -> anyhow::Result<(String, PathBuf)> {
        let file = format!("{name}.parquet");
        if self.recipients.is_empty() {
            return Ok((file, plain));
        }
        let sealed = self.work.join("sealed");
        let (to, keys) = (sealed.clone(), self.recipients.clone());
        tokio::task::spawn_blocking(move || {
            seal::encrypt(&plain, &to, &keys)?;
            std::fs::remove_file(&plain).context("remove the plain file")
        })
        .await
        .context("encrypt")?
        .with_context(|| format!("encrypt {name}"))?;
        Ok((format!("{file}{}", seal::SUFFIX), sealed))
    }
}
