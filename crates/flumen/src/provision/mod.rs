//! `flumen provision`: what must exist outside the schema. The topic, users, rights and quotas on Kafka; roles and grants in the database.
//!
//! Everything is a desired state: what is there is compared with it, what is missing is made, what cannot be made without
//! moving or losing data is said. Nothing is deleted or revoked. The parts follow one another in a fixed order, and each step is one
//! request: a run that was ended in the middle is completed by the next.

mod acls;
mod database;
mod keys;
mod plan;
mod quotas;
mod topic;
mod users;

use std::{path::PathBuf, time::Duration};

use anyhow::Context as _;
use kafka::AccessAdmin;
use store::roles::Member;

use crate::{
    exit::{self, Exit},
    operator, units,
};
use plan::Report;

/// How long Kafka has to answer.
const PATIENCE: Duration = Duration::from_secs(30);

const EXAMPLES: &str = "\
Examples:
  flumen provision --dry-run                                 what differs: + is made, ~ is changed, ! is left to you
  flumen provision --partitions 24 --retention 14d
  flumen provision --replication 1 --min-insync 1            a cluster of one broker
  flumen provision --only database --member writer=flumen_app --member analyst=ann
  flumen provision --only kafka --acl ingest-api=User:ingest-api --acl writer=User:writer
  flumen provision --only kafka --acl writer=User:CN=writer,O=Example --quota ingest-api:producer_byte_rate=20MiB
  flumen provision --only kafka --user writer=/run/secrets/writer-password

Safe to repeat, and to stop at any moment. Nothing is deleted or revoked: a topic with more partitions, another replication or a right
that an ACL denies is reported and left. Exit status 0: done, or a dry run; what differs or is left is in the output.";

/// What to provision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Part {
    /// The topic; users, rights and quotas where asked for.
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

    /// Makes a user of Kafka (SCRAM-SHA-512), or gives it this password; the file holds it (repeatable).
    #[arg(long, value_name = "NAME=FILE", value_parser = users::User::parse)]
    user: Vec<users::User>,

    /// Gives a part what it needs on the topic and the group of the writers: ingest-api, writer, scaler or operator (repeatable).
    #[arg(long, value_name = "PART=PRINCIPAL", value_parser = acls::Grantee::parse)]
    acl: Vec<acls::Grantee>,

    /// Limits a user, or `<default>`: producer_byte_rate or consumer_byte_rate of each broker, or request_percentage (repeatable).
    #[arg(long, value_name = "USER:LIMIT=VALUE", value_parser = quotas::Quota::parse)]
    quota: Vec<quotas::Quota>,

    /// Looks whether this keys file has a valid key to send and one to read with.
    #[arg(long, value_name = "FILE")]
    pub keys: Option<PathBuf>,

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
    let mut report = Report::new(args.dry_run);
    if args.only != Some(Part::Database) {
        kafka(&args, &config.kafka, &mut report).await?;
    }
    if args.only != Some(Part::Kafka) {
        database::run(&args, &config, &mut report).await?;
    }
    if let Some(file) = &args.keys {
        keys::run(file, &mut report);
    }
    report.end();
    Ok(())
}

/// The topic, then users before their rights, and rights before their limits. Without any of these, brokers are not asked about them: not all of them
/// have ACLs.
async fn kafka(args: &Args, config: &kafka::Config, report: &mut Report) -> anyhow::Result<()> {
    let connect = || AccessAdmin::connect(config, PATIENCE);
    if args.user.is_empty() && args.acl.is_empty() && args.quota.is_empty() {
        let Err(error) = topic::run(args, config, report).await else {
            return Ok(());
        };
        // librdkafka tries again until its time is up, and then says no more than that; this connection says why.
        return Err(match connect().await {
            Err(why) if !why.is_transient() => error.context(why.to_string()),
            _ => error,
        });
    }
    let mut admin = connect()
        .await
        .context("reach Kafka for users, ACLs and quotas")?;
    topic::run(args, config, report).await?;
    if !args.user.is_empty() {
        users::run(&args.user, config, &mut admin, report).await?;
    }
    if !args.acl.is_empty() {
        acls::run(&args.acl, config, &mut admin, report).await?;
    }
    if !args.quota.is_empty() {
        quotas::run(&args.quota, &mut admin, report).await?;
    }
    Ok(())
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
