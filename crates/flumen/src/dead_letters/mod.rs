//! `flumen dead-letters`: records that could not become rows.

mod replay;
mod shown;

use anyhow::Context as _;
use event::Timestamp;
use store::{
    Pool,
    dead_letters::{self, Filter},
};

use crate::{
    exit::{self, Exit},
    operator::{self, say},
};

const EXAMPLES: &str = "\
Examples:
  flumen dead-letters list                                   how many, why, and the oldest ones
  flumen dead-letters list --reason bad-time --json
  flumen dead-letters show 17
  flumen dead-letters replay 17 18
  flumen dead-letters replay --all --reason refused-by-postgres";

/// Arguments of the subcommand.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// What to do.
    #[command(subcommand)]
    pub action: Action,
}

/// What to do with dead letters.
#[derive(Debug, clap::Subcommand)]
pub enum Action {
    /// Lists them, oldest first, with the reasons.
    List(List),
    /// Shows one, whole.
    Show(Show),
    /// Produces records again to their topic, and marks them. One that is still bad becomes a new dead letter.
    Replay(Replay),
}

/// Which dead letters.
#[derive(Debug, Clone, Default, clap::Args)]
#[group(skip)]
pub struct Which {
    /// Only those with this reason.
    #[arg(long, value_name = "REASON")]
    pub reason: Option<String>,

    /// Only those of this topic.
    #[arg(long, value_name = "TOPIC")]
    pub topic: Option<String>,

    /// Only those set aside from then on (RFC 3339).
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub since: Option<Timestamp>,
}

/// Arguments of `list`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  flumen dead-letters list\n  flumen dead-letters list --reason bad-time --json"
)]
pub struct List {
    /// Which ones.
    #[command(flatten)]
    pub which: Which,

    /// Those that were replayed already as well.
    #[arg(long)]
    pub replayed: bool,

    /// The most to list.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub limit: u32,

    /// Continues after this id.
    #[arg(long, value_name = "ID", default_value_t = 0)]
    pub after: i64,

    /// One JSON object a line, whole.
    #[arg(long)]
    pub json: bool,

    /// Which database and which Kafka.
    #[command(flatten)]
    pub operator: operator::Args,
}

/// Arguments of `show`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  flumen dead-letters show 17")]
pub struct Show {
    /// Its id.
    pub id: i64,

    /// Which database and which Kafka.
    #[command(flatten)]
    pub operator: operator::Args,
}

/// Arguments of `replay`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  flumen dead-letters replay 17 18\n  flumen dead-letters replay --all --reason refused-by-postgres"
)]
pub struct Replay {
    /// The ids.
    #[arg(required_unless_present = "all")]
    pub ids: Vec<i64>,

    /// All that match.
    #[arg(long, conflicts_with = "ids")]
    pub all: bool,

    /// Which ones.
    #[command(flatten)]
    pub which: Which,

    /// Only says what would be replayed.
    #[arg(long)]
    pub dry_run: bool,

    /// Which database and which Kafka.
    #[command(flatten)]
    pub operator: operator::Args,
}

fn time(text: &str) -> Result<Timestamp, String> {
    Timestamp::parse_rfc3339(text)
        .map_err(|_| format!("`{text}` is not a time; write 2026-11-21T00:00:00Z"))
}

impl Which {
    fn filter(&self) -> Filter {
        Filter {
            topic: self.topic.clone(),
            reason: self.reason.clone(),
            since: self.since,
            ..Filter::default()
        }
    }
}

/// Runs the subcommand.
///
/// # Errors
/// When the database or Kafka cannot be reached, or there is no such dead letter.
pub async fn run(args: Args) -> anyhow::Result<()> {
    match args.action {
        Action::List(list) => run_list(list).await,
        Action::Show(show) => run_show(show).await,
        Action::Replay(args) => replay::run(args).await,
    }
}

async fn open(args: &operator::Args) -> anyhow::Result<(operator::Config, Pool)> {
    let config = args.load()?;
    let pool = args.database(&config).await?;
    Ok((config, pool))
}

async fn run_list(list: List) -> anyhow::Result<()> {
    let (_, pool) = open(&list.operator).await?;
    let filter = Filter {
        replayed: list.replayed,
        after: list.after,
        ..list.which.filter()
    };
    let letters = dead_letters::list(&pool, &filter, list.limit).await?;
    if list.json {
        for letter in &letters {
            say(shown::json(letter));
        }
        return Ok(());
    }
    let summary = dead_letters::summary(&pool, &filter).await?;
    if summary.is_empty() {
        say("no dead letters");
        return Ok(());
    }
    for (topic, reason, count) in &summary {
        say(format_args!("{count:>8}  {reason}  ({topic})"));
    }
    say("");
    for letter in &letters {
        say(shown::line(letter));
    }
    let total: u64 = summary.iter().map(|(_, _, count)| count).sum();
    if let Some(last) = letters.last().filter(|_| total > letters.len() as u64) {
        say(format_args!(
            "\n{} more: flumen dead-letters list --after {}",
            total - letters.len() as u64,
            last.id
        ));
    }
    Ok(())
}

async fn run_show(show: Show) -> anyhow::Result<()> {
    let (_, pool) = open(&show.operator).await?;
    let letter = dead_letters::show(&pool, show.id)
        .await
        .context("read the dead letter")?
        .ok_or_else(|| Exit::error(exit::USAGE, format!("there is no dead letter {}", show.id)))?;
    say(shown::whole(&letter));
    Ok(())
}
