//! The `[kafka]` section: plain data with documented defaults. Reading it connects to nothing.

mod consumer;
mod producer;

pub use consumer::{Assignor, ConsumerConfig};
pub use producer::{Compression, ProducerConfig};

use crate::{Error, security::Security};
use rdkafka::{ClientConfig, config::RDKafkaLogLevel};
use serde::{Deserialize, Serialize};

/// Where Kafka is, which topic holds the events, and how to behave towards it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Addresses to bootstrap from, `host:port` separated by commas (default `localhost:9092`).
    pub brokers: String,
    /// The topic that holds the events (default `events`).
    pub topic: String,
    /// What the brokers call this client in their logs and quotas (default `flumen`).
    pub client_id: String,
    /// Encryption and authentication.
    pub security: Security,
    /// Settings of [`crate::Producer`].
    pub producer: ProducerConfig,
    /// Settings of [`crate::Consumer`].
    pub consumer: ConsumerConfig,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            brokers: "localhost:9092".into(),
            topic: "events".into(),
            client_id: "flumen".into(),
            security: Security::default(),
            producer: ProducerConfig::default(),
            consumer: ConsumerConfig::default(),
        }
    }
}

impl Config {
    /// Checks every rule that a type cannot express.
    ///
    /// # Errors
    /// [`Error::Config`] with the key, relative to the `[kafka]` section, and the way out.
    pub fn validate(&self) -> Result<(), Error> {
        if self.brokers.trim().is_empty() {
            return Err(Error::config(
                "brokers",
                "is empty: give at least one host:port",
            ));
        }
        for broker in self.brokers.split(',') {
            let port = broker
                .trim()
                .rsplit_once(':')
                .map(|(_, port)| port.parse::<u16>());
            if !matches!(port, Some(Ok(1..))) {
                return Err(Error::config(
                    "brokers",
                    format!("`{}` is not host:port", broker.trim()),
                ));
            }
        }
        // Kafka's own rule for names; a blank topic would otherwise surface as an obscure error of a broker.
        let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        if self.topic.is_empty() || self.topic.len() > 249 || !self.topic.chars().all(legal) {
            return Err(Error::config(
                "topic",
                "must be 1 to 249 letters, digits, dots, underscores or dashes",
            ));
        }
        if self.client_id.is_empty() {
            return Err(Error::config("client_id", "is empty"));
        }
        self.security.validate()?;
        self.producer.validate()?;
        self.consumer.validate()
    }

    /// What producers, consumers and administrative clients have in common.
    pub(crate) fn client(&self) -> Result<ClientConfig, Error> {
        self.validate()?;
        let mut client = ClientConfig::new();
        client.set_log_level(RDKafkaLogLevel::Info);
        client
            .set("bootstrap.servers", &self.brokers)
            .set("client.id", &self.client_id)
            .set("socket.keepalive.enable", "true")
            // Reconnect soon: a broker's restart takes seconds, and requests are refused meanwhile.
            .set("reconnect.backoff.ms", "100")
            .set("reconnect.backoff.max.ms", "2000")
            // Brokers close idle connections; that is no news.
            .set("log.connection.close", "false");
        self.security.apply(&mut client)?;
        Ok(client)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_valid() {
        Config::default().validate().expect("defaults");
    }

    #[test]
    fn refuses_keys_it_does_not_know() {
        let error = serde_json::from_str::<Config>(r#"{"broker": "localhost:9092"}"#)
            .expect_err("a typing error");
        assert!(
            error.to_string().contains("unknown field `broker`"),
            "{error}"
        );
    }

    #[test]
    fn names_the_key_of_a_bad_value() {
        for (json, key) in [
            (r#"{"brokers": "localhost"}"#, "brokers"),
            (r#"{"brokers": ""}"#, "brokers"),
            (r#"{"brokers": "a:9092,b:0"}"#, "brokers"),
            (r#"{"topic": " "}"#, "topic"),
            (
                r#"{"producer": {"delivery_timeout": "1ms"}}"#,
                "producer.delivery_timeout",
            ),
            (
                r#"{"producer": {"queue_bytes": "1B"}}"#,
                "producer.queue_bytes",
            ),
            (r#"{"consumer": {"group": ""}}"#, "consumer.group"),
            (
                r#"{"consumer": {"session_timeout": "1s"}}"#,
                "consumer.session_timeout",
            ),
        ] {
            let config: Config = serde_json::from_str(json).expect(json);
            let error = config.validate().expect_err(json);
            assert!(
                error.to_string().starts_with(&format!("{key}: ")),
                "{json}: {error}"
            );
        }
    }

    #[test]
    fn librdkafka_accepts_every_setting() {
        let config = Config::default();
        let mut client = config.client().expect("valid");
        config.producer.apply(&mut client);
        client.create_native_config().expect("producer");
        let mut client = config.client().expect("valid");
        config.consumer.apply(&mut client);
        client.create_native_config().expect("consumer");
    }
}
