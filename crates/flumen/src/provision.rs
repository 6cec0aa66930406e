//! `flumen provision`: what must exist outside the schema. Topics, roles and grants.
//!
//! Everything is a desired state: what is there is compared with it, what is missing is made, what cannot be made without
//! moving or losing data is said. Nothing is deleted or revoked.

use std::time::Duration;

use anyhow::Context as _;
use kafka::{Admin, TopicDifference, TopicSpec};
use store::roles::{self, Member};

use crate::{
    exit::{self, Exit},
    operator::{self, say},
    units,
};

/// How long Kafka has to answer.
const PATIENCE: Duration = Duration::from_secs(30);

const EXAMPLES: &str = "\
Examples:
  flumen provision --dry-run                                 what differs
  flumen provision --partitions 24 --retention 14d
  flumen provision --only database --member writer=flumen_app --member analyst=ann
  flumen provision --replication 1 --min-insync 1            a cluster of one broker

Safe to repeat. Nothing is deleted: a topic with more partitions, or another replication, is reported and left.";

/// What to provision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Part {
    /// The topic.
    Kafka,
    /// Roles and grants.
    Database,
}

/// Arguments of the subcommand.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Only says what differs.
    #[arg(long)]
    pub dry_run: bool,

    /// Only this part.
    #[arg(long, value_enum)]
    pub only: Option<Part>,

    /// Partitions of the topic: the most writers that can share the work. A topic grows and never shrinks.
    #[arg(long, default_value_t = 12, value_parser = clap::value_parser!(i32).range(1..=10_000))]
    pub partitions: i32,

    /// Brokers that hold each partition.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(i32).range(1..=100))]
    pub replication: i32,

    /// Brokers that must have a record before it is acknowledged.
    #[arg(long, value_name = "BROKERS", default_value_t = 2, value_parser = clap::value_parser!(i32).range(1..=100))]
    pub min_insync: i32,

    /// How long Kafka keeps records: longer than the longest outage of the database with its repair.
    #[arg(long, value_name = "DURATION", default_value = "7d", value_parser = units::duration)]
    pub retention: Duration,

    /// The largest record the topic takes, in bytes: an event's data and attributes.
    #[arg(long, value_name = "BYTES", default_value_t = 2 << 20, value_parser = clap::value_parser!(u32).range(1_048_576..=67_108_864))]
    pub max_message_bytes: u32,

    /// Makes an existing login a member of a group: writer, reader or analyst (repeatable).
    #[arg(long, value_name = "GROUP=LOGIN", value_parser = Member::parse)]
    pub member: Vec<Member>,

    /// Which database and which Kafka.
    #[command(flatten)]
    pub operator: operator::Args,
}

/// Runs the subcommand.
///
/// # Errors
/// When Kafka or the database cannot be reached, or refuses.
pub async fn run(args: Args) -> anyhow::Result<()> {
    if args.min_insync > args.replication {
        return Err(Exit::error(
            exit::USAGE,
            format!(
                "--min-insync {} is more than --replication {}: nothing could ever be acknowledged",
                args.min_insync, args.replication
            ),
        ));
    }
    let config = args.operator.load()?;
    let mut open = 0;
    if args.only != Some(Part::Database) {
        open += topic(&args, &config.kafka).await?;
    }
    if args.only != Some(Part::Kafka) {
        open += database(&args, &config).await?;
    }
    say(match (open, args.dry_run) {
        (0, _) => "everything is as it should be".to_owned(),
        (count, true) => format!("differences: {count}; nothing was changed"),
        (count, false) => format!("differences left: {count}, see above"),
    });
    Ok(())
}

/// Answers how many differences there still are.
async fn topic(args: &Args, config: &kafka::Config) -> anyhow::Result<usize> {
    let admin = Admin::new(config, PATIENCE).context("read [kafka]")?;
    let spec = spec(args, &config.topic);
    let differences = if args.dry_run {
        admin.differences(&spec).await
    } else {
        admin.apply(&spec).await
    }
    .with_context(|| format!("provision topic {}", spec.name))?;
    let mut open = 0;
    for difference in &differences {
        let done = !args.dry_run && difference.is_applicable();
        open += usize::from(!done);
        let state = match (done, difference) {
            (true, _) => "done",
            (
                false,
                TopicDifference::MorePartitions { .. } | TopicDifference::Replication { .. },
            ) => "left",
            (false, _) => "differs",
        };
        say(format_args!("{state}: topic {}: {difference}", spec.name));
    }
    if differences.is_empty() {
        say(format_args!("topic {} is as it should be", spec.name));
    }
    Ok(open)
}

fn spec(args: &Args, topic: &str) -> TopicSpec {
    let settings = [
        ("min.insync.replicas", args.min_insync.to_string()),
        ("retention.ms", args.retention.as_millis().to_string()),
        ("max.message.bytes", args.max_message_bytes.to_string()),
        // A broker that lost records must not become the leader and lose them for all.
        ("unclean.leader.election.enable", "false".to_owned()),
        // The log is replayed by offset: it must not be compacted.
        ("cleanup.policy", "delete".to_owned()),
    ];
    TopicSpec {
        name: topic.to_owned(),
        partitions: args.partitions,
        replication: args.replication,
        settings: settings
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect(),
    }
}

/// Answers how many differences there still are.
async fn database(args: &Args, config: &operator::Config) -> anyhow::Result<usize> {
    let pool = args.operator.database(config).await?;
    let (changes, state) = if args.dry_run {
        (roles::difference(&pool, &args.member).await?, "differs")
    } else {
        (roles::apply(&pool, &args.member).await?, "done")
    };
    for change in &changes {
        say(format_args!("{state}: database: {}", change.what));
    }
    if changes.is_empty() {
        say("database roles and grants are as they should be");
    }
    Ok(if args.dry_run { changes.len() } else { 0 })
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use crate::cli::Cli;

    #[test]
    fn more_in_sync_than_replicas_is_a_usage_error() {
        let cli = Cli::parse_from(["flumen", "provision", "--replication", "1", "--dry-run"]);
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        let error = runtime.block_on(cli.run()).expect_err("cannot work");
        let exit = error
            .downcast_ref::<crate::exit::Exit>()
            .expect("an exit status");
        assert_eq!(exit.code, crate::exit::USAGE);
    }

    #[test]
    fn an_unknown_group_is_refused_with_those_there_are() {
        let error = Cli::try_parse_from(["flumen", "provision", "--member", "root=x"])
            .expect_err("unknown");
        assert!(error.to_string().contains("flumen_analyst"), "{error}");
    }
}
