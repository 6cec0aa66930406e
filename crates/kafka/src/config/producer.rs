//! The `[kafka.producer]` section.

use crate::Error;
use rdkafka::ClientConfig;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// How batches of records are compressed on the way to, and on, the brokers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Compression {
    /// Not at all.
    None,
    /// Fast; about half the size for JSON.
    Lz4,
    /// Smaller, for more processor time.
    Zstd,
}

/// Settings of the producer. Acknowledgement by all in-sync replicas and idempotence are not settings: P1 rests on them.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ProducerConfig {
    /// How long a record waits for others to share its batch (default 1ms). While the brokers are busy batches grow beyond it by themselves.
    #[serde(with = "units::duration")]
    pub linger: Duration,
    /// Upper bound of a batch for one partition (default 1MiB).
    #[serde(with = "units::bytes")]
    pub batch_bytes: usize,
    /// `lz4` (default), `zstd` or `none`.
    pub compression: Compression,
    /// Bytes of records that may wait for their acknowledgement; beyond that, sending fails at once (default 64MiB).
    #[serde(with = "units::bytes")]
    pub queue_bytes: usize,
    /// The same bound as a number of records (default 200 000).
    pub queue_records: u32,
    /// The largest record, before compression; must not exceed `max.message.bytes` of the topic (default 2MiB).
    #[serde(with = "units::bytes")]
    pub record_bytes: usize,
    /// How long a record may take from queue to acknowledgement, with all retries, before it is reported as failed (default 20s).
    #[serde(with = "units::duration")]
    pub delivery_timeout: Duration,
    /// How long a broker may take to answer one request before its connection is given up (default 8s).
    #[serde(with = "units::duration")]
    pub socket_timeout: Duration,
    /// How often the brokers are asked about the topic while all is well; sooner after an error (default 5s).
    #[serde(with = "units::duration")]
    pub probe_interval: Duration,
    /// How long such a question may take before the brokers count as down, unless records are acknowledged meanwhile (default 3s).
    #[serde(with = "units::duration")]
    pub probe_timeout: Duration,
}

impl Default for ProducerConfig {
    fn default() -> Self {
        Self {
            linger: Duration::from_millis(1),
            batch_bytes: 1 << 20,
            compression: Compression::Lz4,
            queue_bytes: 64 << 20,
            queue_records: 200_000,
            record_bytes: 2 << 20,
            delivery_timeout: Duration::from_secs(20),
            socket_timeout: Duration::from_secs(8),
            probe_interval: Duration::from_secs(5),
            probe_timeout: Duration::from_secs(3),
        }
    }
}

impl ProducerConfig {
    pub(crate) fn validate(&self) -> Result<(), Error> {
        if self.linger > Duration::from_secs(1) {
            return Err(Error::config(
                "producer.linger",
                "must be at most 1s: requests wait for it",
            ));
        }
        if !(1 << 10..=256 << 20).contains(&self.batch_bytes) {
            return Err(Error::config(
                "producer.batch_bytes",
                "must be between 1KiB and 256MiB",
            ));
        }
        if !(1 << 10..=64 << 20).contains(&self.record_bytes) {
            return Err(Error::config(
                "producer.record_bytes",
                "must be between 1KiB and 64MiB",
            ));
        }
        if self.queue_bytes < 1 << 20 || self.queue_bytes < self.record_bytes {
            return Err(Error::config(
                "producer.queue_bytes",
                "must be at least 1MiB and hold one record of `producer.record_bytes`",
            ));
        }
        if !(1_000..=10_000_000).contains(&self.queue_records) {
            return Err(Error::config(
                "producer.queue_records",
                "must be between 1 000 and 10 000 000",
            ));
        }
        if !(Duration::from_secs(1)..=Duration::from_secs(60)).contains(&self.socket_timeout) {
            return Err(Error::config(
                "producer.socket_timeout",
                "must be between 1s and 60s",
            ));
        }
        if self.delivery_timeout < self.socket_timeout + self.linger {
            return Err(Error::config(
                "producer.delivery_timeout",
                "must be at least `producer.socket_timeout` + `producer.linger`, or no retry fits into it",
            ));
        }
        if self.delivery_timeout > Duration::from_secs(600) {
            return Err(Error::config(
                "producer.delivery_timeout",
                "must be at most 10m",
            ));
        }
        if self.probe_interval < Duration::from_millis(100) {
            return Err(Error::config(
                "producer.probe_interval",
                "must be at least 100ms",
            ));
        }
        if self.probe_timeout < Duration::from_millis(100) {
            return Err(Error::config(
                "producer.probe_timeout",
                "must be at least 100ms",
            ));
        }
        Ok(())
    }

    pub(crate) fn apply(&self, client: &mut ClientConfig) {
        client
            .set("acks", "all")
            .set("enable.idempotence", "true")
            // librdkafka takes fractions of a millisecond here.
            .set(
                "linger.ms",
                format!("{:.3}", self.linger.as_secs_f64() * 1e3),
            )
            .set("batch.size", self.batch_bytes.to_string())
            .set(
                "compression.type",
                match self.compression {
                    Compression::None => "none",
                    Compression::Lz4 => "lz4",
                    Compression::Zstd => "zstd",
                },
            )
            .set(
                "queue.buffering.max.kbytes",
                self.queue_bytes.div_ceil(1024).to_string(),
            )
            .set(
                "queue.buffering.max.messages",
                self.queue_records.to_string(),
            )
            .set("message.max.bytes", self.record_bytes.to_string())
            .set(
                "message.timeout.ms",
                self.delivery_timeout.as_millis().to_string(),
            )
            .set(
                "request.timeout.ms",
                self.socket_timeout.as_millis().to_string(),
            )
            .set(
                "socket.timeout.ms",
                self.socket_timeout.as_millis().to_string(),
            )
            .set("retry.backoff.ms", "200")
            // The same key goes to the same partition as with the Java clients.
            .set("partitioner", "murmur2_random")
            .set("statistics.interval.ms", "5000");
    }
}
