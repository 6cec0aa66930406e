//! The writer's configuration: plain data, checked once. Loading it connects to nothing.

use serde::Deserialize;
use service::{
    cli::ServiceArgs,
    config::{Admin, ByteSize, ConfigError, Layers, Loaded, Telemetry},
};
use std::time::Duration;

/// The commented reference of every setting, embedded.
pub const DEFAULT_TOML: &str = include_str!("../config/default.toml");

/// All settings of the writer.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// `[kafka]`: where the records come from.
    pub kafka: kafka::Config,
    /// `[database]`: where the events go.
    pub database: store::Config,
    /// `[batch]`: how much is written at once.
    pub batch: Batch,
    /// `[assignment]`: how partitions are taken and given back.
    pub assignment: Assignment,
    /// `[accept]`: the span of time an event may belong to.
    pub accept: Accept,
    /// `[dead_letters]`: how fast records may be set aside.
    pub dead_letters: DeadLetters,
    /// `[freshness]`: how often the writer says how far it is.
    pub freshness: Freshness,
    /// `[maintenance]`: what is done now and then.
    pub maintenance: Maintenance,
    /// `[readiness]`: when to say that something is wrong.
    pub readiness: Readiness,
    /// `[admin]`: the operators' listener.
    pub admin: Admin,
    /// `[telemetry]`: logs and traces.
    pub telemetry: Telemetry,
    /// `[shutdown]`: budgets.
    pub shutdown: Shutdown,
}

/// `[batch]`: how much is written at once. Memory for batches is bounded by `2 * lanes * bytes` (and one record more for each).
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Batch {
    /// Transactions at the same time.
    pub lanes: usize,
    /// Rows that fill a batch.
    pub rows: usize,
    /// Bytes that fill a batch.
    pub bytes: ByteSize,
    /// Age of the first record at which a batch is flushed, full or not.
    #[serde(with = "units::duration")]
    pub age: Duration,
    /// How long reading waits for a slow flush before it pauses partitions.
    #[serde(with = "units::duration")]
    pub patience: Duration,
}

/// Where a partition without a checkpoint begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Start {
    /// At the oldest record in the log.
    Earliest,
    /// At the end of the log: what is there already is never stored.
    Latest,
}

/// `[assignment]`: how partitions are taken and given back.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Assignment {
    /// Where a partition without a checkpoint begins.
    pub start: Start,
    /// Time for the last flush when partitions are taken back.
    #[serde(with = "units::duration")]
    pub revoke_budget: Duration,
    /// How often Kafka is told how far the group is.
    #[serde(with = "units::duration")]
    pub lag_signal_interval: Duration,
}

/// `[accept]`: the span of time an event may belong to, seen from now.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Accept {
    /// How far back.
    #[serde(with = "units::duration")]
    pub max_age: Duration,
    /// How far ahead.
    #[serde(with = "units::duration")]
    pub max_ahead: Duration,
}

/// `[dead_letters]`: how fast records may be set aside.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeadLetters {
    /// The lasting rate.
    pub per_second: u32,
    /// How many may come at once.
    pub burst: u32,
}

/// `[freshness]`: how often the writer says how far it is.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Freshness {
    /// How often Kafka is asked where the logs end, and the database is told of partitions without traffic.
    #[serde(with = "units::duration")]
    pub heartbeat: Duration,
}

/// `[maintenance]`: what is done now and then.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Maintenance {
    /// How often.
    #[serde(with = "units::duration")]
    pub interval: Duration,
}

/// `[readiness]`: when to say that something is wrong.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Readiness {
    /// How long the database may be out before the writer is not ready.
    #[serde(with = "units::duration")]
    pub outage: Duration,
}

/// `[shutdown]`: budgets.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shutdown {
    /// How long to stay up after readiness is off.
    #[serde(with = "units::duration")]
    pub unready: Duration,
    /// Unused here: the writer has no requests in progress.
    #[serde(with = "units::duration")]
    pub drain: Duration,
    /// For what has been read to be stored.
    #[serde(with = "units::duration")]
    pub flush: Duration,
    /// For the group to be left.
    #[serde(with = "units::duration")]
    pub close: Duration,
    /// How long the admin listener outlives a fault.
    #[serde(with = "units::duration")]
    pub fault_linger: Duration,
}

/// Loads and checks the configuration.
///
/// # Errors
/// [`ConfigError`], whose text names the key, where it came from and what would be right.
pub fn load(args: &ServiceArgs) -> Result<Loaded<Config>, ConfigError> {
    load_layers(Layers::new("writer", DEFAULT_TOML).with_args(args))
}

/// Loads and checks the configuration from given layers.
///
/// # Errors
/// As [`load`].
pub fn load_layers(layers: Layers) -> Result<Loaded<Config>, ConfigError> {
    let loaded = service::config::load::<Config>(layers)?;
    match loaded.config.validate() {
        Ok(()) => Ok(loaded),
        Err((key, problem)) => Err(loaded.invalid(&key, problem)),
    }
}

impl Config {
    /// Checks the rules that types cannot express; the error is a key and what is wrong with it.
    ///
    /// # Errors
    /// The key with its section, and the problem.
    pub fn validate(&self) -> Result<(), (String, String)> {
        let wrong = |key: &str, problem: &str| Err((key.to_owned(), problem.to_owned()));
        self.kafka.validate().map_err(|error| match error {
            kafka::Error::Config { key, problem } => (format!("kafka.{key}"), problem),
            other => ("kafka".to_owned(), other.to_string()),
        })?;
        self.database.validate().map_err(|error| match error {
            store::StoreError::Config { key, reason } => (key.to_owned(), reason),
            other => ("database".to_owned(), other.to_string()),
        })?;
        if !(1..=64).contains(&self.batch.lanes) {
            return wrong("batch.lanes", "must be between 1 and 64");
        }
        if !(1..=1_000_000).contains(&self.batch.rows) {
            return wrong("batch.rows", "must be between 1 and 1000000");
        }
        if !(64 << 10..=1 << 30).contains(&self.batch.bytes.0) {
            return wrong("batch.bytes", "must be between 64KiB and 1GiB");
        }
        if !(Duration::from_millis(1)..=Duration::from_secs(60)).contains(&self.batch.age) {
            return wrong("batch.age", "must be between 1ms and 60s");
        }
        if self.batch.patience > Duration::from_secs(10) {
            return wrong(
                "batch.patience",
                "must be at most 10s: nothing is polled meanwhile",
            );
        }
        if self.database.pool_size < self.batch.lanes + 2 {
            return wrong("database.pool_size", "must be at least batch.lanes + 2");
        }
        if self.assignment.revoke_budget >= self.kafka.consumer.max_poll_interval {
            return wrong(
                "assignment.revoke_budget",
                "must be below kafka.consumer.max_poll_interval, or the group gives this writer up while it flushes",
            );
        }
        if self.dead_letters.per_second == 0 || self.dead_letters.burst == 0 {
            return wrong(
                "dead_letters.per_second",
                "and dead_letters.burst must be at least 1",
            );
        }
        if !(Duration::from_millis(50)..=Duration::from_secs(60))
            .contains(&self.freshness.heartbeat)
        {
            return wrong("freshness.heartbeat", "must be between 50ms and 60s");
        }
        if self.maintenance.interval < Duration::from_secs(1) {
            return wrong("maintenance.interval", "must be at least 1s");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(set: &[(&str, &str)]) -> Result<Loaded<Config>, ConfigError> {
        let layers = Layers {
            env: Vec::new(),
            ..Layers::new("writer", DEFAULT_TOML)
        };
        load_layers(
            set.iter()
                .fold(layers, |layers, (key, value)| layers.set(key, *value)),
        )
    }

    #[test]
    fn the_embedded_defaults_are_complete_and_valid() {
        let config = with(&[]).expect("valid").config;
        assert_eq!(config.batch.lanes, 2);
        assert_eq!(config.admin.address.port(), 9082);
        assert_eq!(config.kafka.consumer.group, "flumen-writer");
    }

    #[test]
    fn an_error_names_the_key_and_its_origin() {
        for (key, value) in [
            ("batch.lanes", "0"),
            ("batch.bytes", "1KiB"),
            ("kafka.topic", "no topic"),
            ("kafka.consumer.session_timeout", "1s"),
            ("database.pool_size", "3"),
            ("database.url", "nonsense"),
            ("assignment.revoke_budget", "10m"),
            ("assignment.start", "middle"),
            ("shutdown.flush", "soon"),
            ("batch.colour", "red"),
            ("freshness.heartbeat", "10ms"),
        ] {
            let error = with(&[(key, value)]).expect_err(key).to_string();
            assert!(error.contains(key), "{key}: {error}");
        }
    }
}
