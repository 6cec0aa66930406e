//! The arguments of `flumen up`.

use std::path::PathBuf;

use devstack::PostgresVersion;

use crate::exit::{self, Exit};
use crate::stack::DEFAULT_STATE;

const EXAMPLES: &str = "\
Examples:
  flumen up                                       everything, data kept in ./.flumen; Ctrl-C ends it
  flumen up --detach                              the same in the background; `flumen down` ends it
  flumen up --state /tmp/a --ports auto           one more beside it
  flumen up --postgres postgres://me@db/events    with a database that is already there
  flumen up --set writer.batch.rows=20000         with a setting of one of the services";

/// Arguments of the subcommand.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The folder that holds all data, logs, settings and keys.
    #[arg(long, value_name = "DIR", default_value = DEFAULT_STATE)]
    pub state: PathBuf,

    /// Returns when everything is ready, and leaves it running.
    #[arg(short, long)]
    pub detach: bool,

    /// `default` (8080 to 9082, 9092, 5432), or `auto` for free ones.
    #[arg(long, value_name = "WHICH", default_value = "default", value_parser = ["default", "auto"])]
    pub ports: String,

    /// Brokers: 1, or 3 with three replicas of every record.
    #[arg(long, value_name = "COUNT", default_value = "1", value_parser = ["1", "3"])]
    pub brokers: String,

    /// Processes that write to PostgreSQL.
    #[arg(long, value_name = "COUNT", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=64))]
    pub writers: u16,

    /// Partitions of a topic that has to be made.
    #[arg(long, value_name = "COUNT", default_value_t = 6, value_parser = clap::value_parser!(i32).range(1..=1000))]
    pub partitions: i32,

    /// Brokers that are already there, `host:port` separated by commas, instead of a Kafka of its own.
    #[arg(long, value_name = "BROKERS", env = "FLUMEN_KAFKA_BROKERS")]
    pub kafka: Option<String>,

    /// No Kafka but librdkafka's own broker in memory, for a look: it forgets everything at the end.
    #[arg(long, conflicts_with_all = ["kafka", "brokers"])]
    pub in_memory_broker: bool,

    /// A database that is already there, instead of a PostgreSQL of its own.
    #[arg(
        long,
        value_name = "URL",
        env = "FLUMEN_DATABASE_URL",
        hide_env_values = true
    )]
    pub postgres: Option<String>,

    /// The PostgreSQL to run: 15, 16, 17 or 18. A state folder stays with the one it began with.
    #[arg(
        long,
        value_name = "VERSION",
        default_value = "18",
        conflicts_with = "postgres"
    )]
    pub postgres_version: PostgresVersion,

    /// Sets a key of a service over everything else; may be repeated. Services: ingest-api, writer,
    /// query-api.
    #[arg(long = "set", value_name = "SERVICE.SECTION.KEY=VALUE", value_parser = setting)]
    pub set: Vec<Setting>,

    /// How long everything may take to become ready.
    #[arg(long, value_name = "DURATION", default_value = "5m", value_parser = crate::units::duration)]
    pub timeout: std::time::Duration,

    /// Ends when standard input ends, as it does when the program that started this one is gone.
    #[arg(long, conflicts_with = "detach")]
    pub exit_with_parent: bool,

    /// This is the process that `--detach` left running.
    #[arg(long, hide = true)]
    pub(super) detached: bool,
}

/// One `--set`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// Which service.
    pub service: String,
    /// `section.key=value`, as the service takes it.
    pub assignment: String,
}

/// The services that `up` runs.
pub(super) const SERVICES: [&str; 3] = ["ingest-api", "writer", "query-api"];

fn setting(text: &str) -> Result<Setting, String> {
    let wrong = || "write service.section.key=value, such as writer.batch.rows=20000".to_owned();
    let (service, assignment) = text.split_once('.').ok_or_else(wrong)?;
    if !assignment.contains('=') {
        return Err(wrong());
    }
    if !SERVICES.contains(&service) {
        return Err(format!(
            "there is no service `{service}`: {}",
            SERVICES.join(", ")
        ));
    }
    Ok(Setting {
        service: service.to_owned(),
        assignment: assignment.to_owned(),
    })
}

impl Args {
    /// Refuses what no single argument can be blamed for.
    pub(super) fn checked(self) -> anyhow::Result<Self> {
        if self.kafka.is_some() && self.brokers != "1" {
            return Err(Exit::error(
                exit::USAGE,
                "--brokers is for a Kafka of its own: leave it out, or leave out --kafka",
            ));
        }
        Ok(self)
    }

    /// The settings for one service.
    pub(super) fn settings(&self, service: &str) -> impl Iterator<Item = &str> {
        self.set
            .iter()
            .filter(move |setting| setting.service == service)
            .map(|setting| setting.assignment.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_names_its_service() {
        let parsed = setting("writer.batch.rows=20000").expect("well-formed");
        assert_eq!(parsed.service, "writer");
        assert_eq!(parsed.assignment, "batch.rows=20000");
        for wrong in ["writer", "writer.batch.rows", "reader.a=b"] {
            assert!(setting(wrong).is_err(), "{wrong}");
        }
    }
}
