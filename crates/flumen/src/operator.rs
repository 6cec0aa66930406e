//! Which database and which Kafka the operator's subcommands work on.

use std::{path::PathBuf, time::Duration};

use anyhow::Context as _;
use serde::Deserialize;
use service::config::Layers;
use store::{ErrorKind, Pool, indexes::Column};

use crate::{
    exit::{self, Exit},
    stack::DEFAULT_STATE,
    units,
    up::stack_file::{self, StackFile},
};

const DEFAULT_TOML: &str = include_str!("../config/operator.toml");
/// What names in the environment begin with: `FLUMEN__DATABASE__URL`.
const ENV_PREFIX: &str = "FLUMEN__";
/// How often a database that is not there yet is asked again.
const ASK_AGAIN: Duration = Duration::from_millis(500);

/// Which database and which Kafka.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(next_help_heading = "Configuration")]
#[group(skip)]
pub struct Args {
    /// File with the sections [database] and [kafka]; a service's own file does.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,

    /// Sets one key, such as database.url; FLUMEN__DATABASE__URL in the environment does the same (repeatable).
    #[arg(long = "set", value_name = "SECTION.KEY=VALUE", value_parser = setting)]
    pub set: Vec<(String, String)>,

    /// State folder of `flumen up` [default: .flumen, when something runs there and nothing else is said].
    #[arg(long, value_name = "DIR", conflicts_with = "config")]
    pub state: Option<PathBuf>,

    /// How long to wait for a database that is not there yet.
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = units::duration)]
    pub wait: Duration,
}

/// The sections the operator's subcommands use; all others are passed over.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Config {
    #[serde(default)]
    pub(crate) database: store::Config,
    #[serde(default)]
    pub(crate) kafka: kafka::Config,
    #[serde(default)]
    pub(crate) store: Store,
}

/// `[store]`: what the operator adds to the tables.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Store {
    /// What has an index beside what every installation has.
    indexes: Vec<String>,
}

impl Store {
    /// The columns that are to be indexed.
    pub(crate) fn indexes(&self) -> Result<Vec<Column>, String> {
        self.indexes
            .iter()
            .map(|text| Column::parse(text))
            .collect()
    }
}

fn setting(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.trim().is_empty() => {
            Ok((key.trim().to_owned(), value.to_owned()))
        }
        _ => Err("write section.key=value, such as database.url=postgres://..".to_owned()),
    }
}

impl Args {
    /// Puts the layers together and checks the result. Connects to nothing.
    pub(crate) fn load(&self) -> anyhow::Result<Config> {
        let mut layers = Layers::new("operator", DEFAULT_TOML);
        layers.env_prefix = ENV_PREFIX.to_owned();
        layers.env = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value)))
            .filter(|(name, _)| name.starts_with(ENV_PREFIX))
            .map(|(name, value)| (name, value.to_string_lossy().into_owned()))
            .collect();
        layers.file.clone_from(&self.config);
        let said = self.config.is_some() || !layers.env.is_empty() || !self.set.is_empty();
        if let Some(stack) = self.stack(said)? {
            layers = layers
                .set("database.url", stack.postgres.url)
                .set("kafka.brokers", stack.kafka.brokers)
                .set("kafka.topic", stack.kafka.topic);
        }
        layers.overrides.extend(self.set.iter().cloned());
        let loaded = service::config::load::<Config>(layers)
            .map_err(|error| Exit::error(exit::USAGE, error.to_string()))?;
        let usage =
            |key: &str, why: String| Exit::error(exit::USAGE, loaded.invalid(key, why).to_string());
        loaded
            .config
            .database
            .validate()
            .map_err(|error| match error {
                store::StoreError::Config { key, reason } => usage(key, reason),
                other => Exit::error(exit::USAGE, other.to_string()),
            })?;
        loaded
            .config
            .kafka
            .validate()
            .map_err(|error| Exit::error(exit::USAGE, format!("[kafka] {error}")))?;
        loaded
            .config
            .store
            .indexes()
            .map_err(|why| usage("store.indexes", why))?;
        Ok(loaded.config)
    }

    /// The pipeline on this machine, when it is meant.
    fn stack(&self, said: bool) -> anyhow::Result<Option<StackFile>> {
        match &self.state {
            Some(folder) => StackFile::read(folder)?.map(Some).ok_or_else(|| {
                anyhow::anyhow!(
                    "nothing runs at {}: start it with `flumen up --detach`",
                    folder.join(stack_file::NAME).display()
                )
            }),
            None if said => Ok(None),
            None => StackFile::read(std::path::Path::new(DEFAULT_STATE)),
        }
    }

    /// The database, once it answers.
    pub(crate) async fn database(&self, config: &Config) -> anyhow::Result<Pool> {
        let pool = Pool::new(&config.database).context("read [database]")?;
        let deadline = tokio::time::Instant::now() + self.wait;
        loop {
            match pool.health().await {
                Ok(_) => return Ok(pool),
                Err(error)
                    if error.kind() == ErrorKind::Outage
                        && tokio::time::Instant::now() + ASK_AGAIN < deadline =>
                {
                    tracing::info!(%error, "the database is not there yet");
                    tokio::time::sleep(ASK_AGAIN).await;
                }
                Err(error) => return Err(error).context("reach the database"),
            }
        }
    }
}

/// Prints one line of the subcommand's result.
#[expect(
    clippy::print_stdout,
    reason = "the result of a command goes to standard output"
)]
pub(crate) fn say(line: impl std::fmt::Display) {
    println!("{line}");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(set: &[&str]) -> Args {
        Args {
            set: set
                .iter()
                .map(|text| setting(text).expect("a setting"))
                .collect(),
            ..Args::default()
        }
    }

    #[test]
    fn the_embedded_defaults_are_valid() {
        let config = args(&["kafka.topic=events"]).load().expect("valid");
        assert_eq!(config.database.partitions_ahead, 2);
    }

    #[test]
    fn a_file_of_a_service_does_and_a_flag_wins_over_it() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(
            file.path(),
            "[batch]\nrows = 5\n[kafka]\ntopic = \"theirs\"\nbrokers = \"k:9092\"\n",
        )
        .expect("write");
        let mut args = args(&["kafka.topic=mine"]);
        args.config = Some(file.path().to_owned());
        let config = args.load().expect("valid");
        assert_eq!(
            (config.kafka.topic.as_str(), config.kafka.brokers.as_str()),
            ("mine", "k:9092")
        );
    }

    #[test]
    fn what_cannot_be_indexed_is_refused_with_what_can() {
        let config = args(&["store.indexes=[\"subject\", \"data.order.id\"]"])
            .load()
            .expect("valid");
        assert_eq!(config.store.indexes().expect("valid").len(), 2);
        let error = args(&["store.indexes=[\"colour\"]"])
            .load()
            .expect_err("wrong");
        let exit = error.downcast_ref::<Exit>().expect("an exit status");
        assert_eq!(exit.code, exit::USAGE);
        for part in [
            "store.indexes",
            "`colour`",
            "subject",
            "data.order.customer",
        ] {
            assert!(exit.message.contains(part), "{part}: {}", exit.message);
        }
    }

    #[test]
    fn a_wrong_key_is_named_and_is_a_usage_error() {
        let error = args(&["database.pool_size=0"]).load().expect_err("wrong");
        let exit = error.downcast_ref::<Exit>().expect("an exit status");
        assert_eq!(exit.code, exit::USAGE);
        assert!(
            exit.message.contains("database.pool_size"),
            "{}",
            exit.message
        );
    }
}
