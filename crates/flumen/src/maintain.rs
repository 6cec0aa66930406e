//! `flumen maintain`: partitions ahead, retention, expiry of ids, added indexes. What a scheduled job runs once a day.

use std::time::Duration;

use anyhow::Context as _;
use event::Timestamp;
use store::{
    indexes::{self, Column, Options, Step},
    partitions::{self, Partitions, RetireOutcome, Span},
    recent_ids,
};

use crate::{
    operator::{self, say},
    units::{self, thousands},
};

const EXAMPLES: &str = "\
Examples:
  flumen maintain --dry-run
  flumen maintain --retention 400d
  flumen maintain --config writer.toml                       with database.retention from the file
  flumen maintain --set 'store.indexes=[\"subject\"]'          builds an index on it while the pipeline runs

Needs the owner of the tables when something is to be dropped or an index to be built. Safe to repeat: what somebody is reading is left to the next run.";

/// Arguments of the subcommand.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Only says what would be done.
    #[arg(long)]
    pub dry_run: bool,

    /// Drops partitions whose events are all older than this [default: database.retention, else nothing is dropped].
    #[arg(long, value_name = "DURATION", value_parser = units::duration)]
    pub retention: Option<Duration>,

    /// Drops added indexes that store.indexes does not name any more; without it they are only reported.
    #[arg(long)]
    pub drop_indexes: bool,

    /// Which database and which Kafka.
    #[command(flatten)]
    pub operator: operator::Args,
}

/// Runs the subcommand.
///
/// # Errors
/// When the database cannot be reached, or refuses.
pub async fn run(args: Args) -> anyhow::Result<()> {
    let mut config = args.operator.load()?;
    config.database.retention = args.retention.or(config.database.retention);
    let config = config;
    let database = &config.database;
    database.validate()?;
    let pool = args.operator.database(&config).await?;
    let now = Timestamp::now();

    let known = Partitions::new(database.partition_interval);
    let ahead = database.partitions_ahead;
    let (made, word) = if args.dry_run {
        (known.missing_ahead(&pool, now, ahead).await, "would make")
    } else {
        (known.ahead(&pool, now, ahead).await, "made")
    };
    let made = made.context("make partitions ahead")?;
    for span in &made {
        say(format_args!("{word} the partition for {}", dates(span)));
    }
    if made.is_empty() {
        say(format_args!("partitions: now and {ahead} ahead are there"));
    }

    match database.retention {
        None => say("retention: none is set, events are kept"),
        Some(kept) => retire(&pool, now, kept, args.dry_run).await?,
    }

    let expired = recent_ids::expire(&pool, now, database.recent_id_window, args.dry_run)
        .await
        .context("expire ids")?;
    let word = if args.dry_run {
        "would forget"
    } else {
        "forgot"
    };
    say(format_args!(
        "ids: {word} {} older than {}",
        thousands(expired),
        days(database.recent_id_window)
    ));

    let wanted = config
        .store
        .indexes()
        .map_err(|why| anyhow::anyhow!("store.indexes: {why}"))?;
    let options = Options {
        dry_run: args.dry_run,
        drop_unwanted: args.drop_indexes,
    };
    add_indexes(&pool, &wanted, options).await
}

async fn add_indexes(
    pool: &store::Pool,
    wanted: &[Column],
    options: Options,
) -> anyhow::Result<()> {
    indexes::maintain(pool, wanted, options, |step| say(told(&step, options)))
        .await
        .context("build the indexes of store.indexes")?;
    if wanted.is_empty() {
        say("indexes: store.indexes asks for none");
    }
    Ok(())
}

/// A step as people read it.
fn told(step: &Step, options: Options) -> String {
    match step {
        Step::There(column) => format!("index on {column}: is there"),
        Step::Due(column, partitions) => {
            format!("would build the index on {column}, in {partitions} partitions")
        }
        Step::Building(column, partition) => {
            format!("builds the index on {column} in {partition}; nobody waits for it")
        }
        Step::Swept(column, partition) => {
            format!("dropped what a broken run left of the index on {column} in {partition}")
        }
        Step::Built(column, partition, took) => {
            let took = units::short(*took);
            format!("built the index on {column} in {partition} ({took})")
        }
        Step::Whole(column) => format!("index on {column}: whole; pages use it within a minute"),
        Step::Unwanted(column) if options.drop_unwanted => {
            format!("would drop the index on {column}")
        }
        Step::Unwanted(column) => format!(
            "the index on {column} is not in store.indexes any more; `--drop-indexes` drops it"
        ),
        Step::Dropped(column) => format!("dropped the index on {column}"),
        Step::Postponed(column, why) => {
            format!("the index on {column} is left to the next run ({why})")
        }
        Step::Busy => "indexes: another run is at it".to_owned(),
    }
}

async fn retire(
    pool: &store::Pool,
    now: Timestamp,
    kept: Duration,
    dry_run: bool,
) -> anyhow::Result<()> {
    let retired = partitions::retire(pool, now, kept, dry_run)
        .await
        .context("drop expired partitions")?;
    for partition in &retired {
        let name = &partition.name;
        let size = thousands(partition.bytes);
        match &partition.outcome {
            RetireOutcome::Dropped => say(format_args!("dropped {name} ({size} bytes)")),
            RetireOutcome::Due => say(format_args!("would drop {name} ({size} bytes)")),
            RetireOutcome::Postponed(why) => {
                say(format_args!(
                    "{name} is in use and left to the next run ({why})"
                ));
            }
        }
    }
    if retired.is_empty() {
        say(format_args!(
            "retention: nothing is older than {}",
            days(kept)
        ));
    }
    Ok(())
}

/// A long time as people say it.
fn days(span: Duration) -> String {
    match span.as_secs() {
        seconds if seconds >= 86_400 && seconds.is_multiple_of(86_400) => {
            format!("{} d", seconds / 86_400)
        }
        _ => units::short(span),
    }
}

fn dates(span: &Span) -> String {
    let date = |time: Timestamp| {
        time.to_string()
            .split('T')
            .next()
            .unwrap_or_default()
            .to_owned()
    };
    format!("{} to {}", date(span.start), date(span.end))
}
