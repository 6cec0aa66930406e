//! Settings; `config/default.toml` says what each means.

use std::time::Duration;

use event::parse::Limits;
use serde::Deserialize;
use service::config::{
    Admin, ByteSize, ConfigError, KeysConfig, Layers, Listen, Loaded, RateLimits, Shutdown,
    Telemetry,
};

/// The commented reference of all settings.
pub const DEFAULT_TOML: &str = include_str!("../config/default.toml");

/// Room that a record needs beside its data: the longest attributes that are taken, with their names.
const ATTRIBUTES_BYTES: usize = 512 << 10;

/// More series than a Prometheus should be given by one process.
const MOST_SOURCES: usize = 10_000;

/// Everything ingest-api can be told.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The public listener.
    pub listen: Listen,
    /// The operators' listener.
    pub admin: Admin,
    /// Kafka.
    pub kafka: kafka::Config,
    /// Who may call.
    pub keys: KeysConfig,
    /// How much a key may send.
    pub limits: RateLimits,
    /// What an event may be.
    pub accept: Accept,
    /// How bodies are read.
    pub body: Body,
    /// How requests are answered.
    pub answer: Answer,
    /// When traffic is wanted.
    pub health: Health,
    /// What is told of the events.
    pub metrics: Metrics,
    /// Logs and traces.
    pub telemetry: Telemetry,
    /// The end.
    pub shutdown: Shutdown,
}

/// `[accept]`: what an event may be.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Accept {
    /// Most events in one request.
    pub max_events: usize,
    /// Most bytes of `data`.
    pub max_data_bytes: ByteSize,
    /// Deepest nesting of `data`.
    pub max_depth: usize,
    /// Most digits of a number.
    pub max_number_digits: usize,
    /// Most extension attributes.
    pub max_extensions: usize,
    /// Oldest time.
    #[serde(with = "units::duration")]
    pub max_age: Duration,
    /// Furthest time ahead.
    #[serde(with = "units::duration")]
    pub max_ahead: Duration,
}

/// `[body]`: how bodies are read.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Body {
    /// Most bytes of one body, as sent and as unpacked.
    pub max_bytes: ByteSize,
    /// Most bytes of all bodies at a time.
    pub max_in_flight_bytes: ByteSize,
    /// The part of it that one key may have.
    pub max_key_share: f64,
    /// Time for the next bytes.
    #[serde(with = "units::duration")]
    pub chunk_timeout: Duration,
    /// Time for the whole body.
    #[serde(with = "units::duration")]
    pub timeout: Duration,
}

/// `[answer]`: how requests are answered.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    /// How long a request waits for its acknowledgements.
    #[serde(with = "units::duration")]
    pub ack_timeout: Duration,
    /// What a 503 advises.
    #[serde(with = "units::duration")]
    pub retry_after: Duration,
}

/// `[health]`: when traffic is wanted.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Health {
    /// How full the producer's queue may be.
    pub max_queue_fill: f64,
    /// How often this is looked at.
    #[serde(with = "units::duration")]
    pub interval: Duration,
}

/// `[metrics]`: what is told of the events.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Metrics {
    /// Most sources that have series of their own.
    pub max_sources: usize,
}

impl Body {
    /// The bytes that one key may have in flight.
    pub(crate) fn key_bytes(&self) -> usize {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "a share of a size, between 0 and the size"
        )]
        let bytes =
            (self.max_in_flight_bytes.0 as f64 * self.max_key_share.clamp(0.0, 1.0)) as usize;
        bytes
    }
}

impl Config {
    /// Loads and checks the configuration. Connects to nothing.
    ///
    /// # Errors
    /// [`ConfigError`] names the key and where its value came from.
    pub fn load(layers: Layers) -> Result<Loaded<Self>, ConfigError> {
        let loaded = service::config::load::<Self>(layers)?;
        match loaded.config.fault() {
            Some((key, why)) => Err(loaded.invalid(&key, why)),
            None => Ok(loaded),
        }
    }

    /// The limits of the parser.
    pub(crate) fn event_limits(&self) -> Limits {
        let accept = &self.accept;
        Limits {
            max_events: accept.max_events,
            max_data_bytes: accept.max_data_bytes.as_usize(),
            max_depth: accept.max_depth,
            max_number_digits: accept.max_number_digits,
            max_extensions: accept.max_extensions,
            max_age: accept.max_age,
            max_ahead: accept.max_ahead,
        }
    }

    fn fault(&self) -> Option<(String, String)> {
        if let Err(kafka::Error::Config { key, problem }) = self.kafka.validate() {
            return Some((format!("kafka.{key}"), problem));
        }
        let fault = |key: &str, why: String| Some((key.to_owned(), why));
        let (accept, body) = (&self.accept, &self.body);
        if accept.max_events == 0 {
            return fault("accept.max_events", "must be at least 1".to_owned());
        }
        if !(1..=event::limits::JSON_DEPTH).contains(&accept.max_depth) {
            return fault(
                "accept.max_depth",
                format!("must be between 1 and {}", event::limits::JSON_DEPTH),
            );
        }
        if !(1..=event::limits::NUMBER_DIGITS).contains(&accept.max_number_digits) {
            let most = event::limits::NUMBER_DIGITS;
            return fault(
                "accept.max_number_digits",
                format!("must be between 1 and {most}"),
            );
        }
        let record_bytes = self.kafka.producer.record_bytes;
        if accept
            .max_data_bytes
            .as_usize()
            .saturating_add(ATTRIBUTES_BYTES)
            > record_bytes
        {
            let why = "must leave 512KiB of kafka.producer.record_bytes for the attributes; raise both, and the topic's max.message.bytes";
            return fault("accept.max_data_bytes", why.to_owned());
        }
        if body.max_bytes.0 == 0 {
            return fault("body.max_bytes", "must be more than 0".to_owned());
        }
        if !(0.0..=1.0).contains(&body.max_key_share) {
            return fault(
                "body.max_key_share",
                "must be between 0.0 and 1.0".to_owned(),
            );
        }
        if body.key_bytes() < body.max_bytes.as_usize().saturating_mul(2) {
            let why = "must be, times body.max_key_share, twice body.max_bytes: a body is held as sent and as unpacked";
            return fault("body.max_in_flight_bytes", why.to_owned());
        }
        if self.answer.ack_timeout < self.kafka.producer.delivery_timeout {
            let why = "must be at least kafka.producer.delivery_timeout, or events are stored that were answered 503";
            return fault("answer.ack_timeout", why.to_owned());
        }
        if self.metrics.max_sources > MOST_SOURCES {
            let why = format!("must be at most {MOST_SOURCES}: each has three series");
            return fault("metrics.max_sources", why);
        }
        let times = [
            ("body.chunk_timeout", body.chunk_timeout),
            ("body.timeout", body.timeout),
            ("health.interval", self.health.interval),
        ];
        let time = times
            .iter()
            .find(|(_, time)| *time < Duration::from_millis(1))?;
        fault(time.0, "must be at least 1ms".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layers() -> Layers {
        Layers {
            env: Vec::new(),
            ..Layers::new("ingest-api", DEFAULT_TOML)
        }
    }

    #[test]
    fn the_embedded_reference_is_a_valid_configuration() {
        let config = Config::load(layers()).expect("valid").config;
        assert_eq!(
            (config.listen.address.port(), config.admin.address.port()),
            (8080, 9080)
        );
        assert_eq!(
            config.event_limits(),
            Limits::default(),
            "the reference documents the parser's defaults"
        );
        assert_eq!(config.metrics.max_sources, 100);
    }

    #[test]
    fn a_fault_across_fields_names_its_key_and_its_origin() {
        for (key, value) in [
            ("kafka.brokers", "nonsense"),
            ("accept.max_events", "0"),
            ("accept.max_depth", "100000"),
            ("accept.max_data_bytes", "8MiB"),
            ("body.max_in_flight_bytes", "16MiB"),
            ("body.max_key_share", "7.0"),
            ("body.timeout", "0s"),
            ("answer.ack_timeout", "1s"),
            ("metrics.max_sources", "10001"),
        ] {
            let text = Config::load(layers().set(key, value))
                .expect_err(key)
                .to_string();
            assert!(
                text.contains(&format!("`{key}`")) && text.contains("--set"),
                "{text}"
            );
        }
    }
}
