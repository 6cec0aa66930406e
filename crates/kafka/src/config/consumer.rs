//! The `[kafka.consumer]` section.

use crate::Error;
use rdkafka::ClientConfig;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// How the partitions are shared out among the members of the group. Both are eager: a rebalance takes every partition back and deals them anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Assignor {
    /// Neighbouring partitions to each member.
    Range,
    /// One partition to each member in turn.
    RoundRobin,
}

/// Settings of the consumer. What is never committed by itself, stored by itself or reset by itself is not a setting: P2 rests on it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ConsumerConfig {
    /// The consumer group (default `flumen-writer`).
    pub group: String,
    /// A name that survives restarts, such as the pod's in a StatefulSet: with it a restart within the session timeout causes no rebalance. Absent: none.
    pub instance_id: Option<String>,
    /// `range` (default) or `roundrobin`.
    pub assignor: Assignor,
    /// Bytes of keys and values of fetched records that may wait to be taken, over all partitions of this consumer (default 8MiB). librdkafka keeps about
    /// a kilobyte more for each record, so small ones take several times this in memory.
    #[serde(with = "units::bytes")]
    pub prefetch_bytes: usize,
    /// How many records of each partition are kept ready, as far as `prefetch_bytes` allows (default 10 000).
    pub prefetch_records: u32,
    /// The most one partition gives in one fetch (default 1MiB).
    #[serde(with = "units::bytes")]
    pub fetch_partition_bytes: usize,
    /// Without a sign of life for this long the group gives this member's partitions to others (default 30s).
    #[serde(with = "units::duration")]
    pub session_timeout: Duration,
    /// The longest the loop may stay away from polling, and the longest a rebalance waits for it (default 5m).
    #[serde(with = "units::duration")]
    pub max_poll_interval: Duration,
    /// How long a broker may take to answer one request (default 10s).
    #[serde(with = "units::duration")]
    pub socket_timeout: Duration,
}

impl Default for ConsumerConfig {
    fn default() -> Self {
        Self {
            group: "flumen-writer".into(),
            instance_id: None,
            assignor: Assignor::Range,
            prefetch_bytes: 8 << 20,
            prefetch_records: 10_000,
            fetch_partition_bytes: 1 << 20,
            session_timeout: Duration::from_secs(30),
            max_poll_interval: Duration::from_secs(300),
            socket_timeout: Duration::from_secs(10),
        }
    }
}

impl ConsumerConfig {
    pub(crate) fn validate(&self) -> Result<(), Error> {
        if self.group.trim().is_empty() {
            return Err(Error::config("consumer.group", "is empty"));
        }
        if self
            .instance_id
            .as_deref()
            .is_some_and(|id| id.trim().is_empty())
        {
            return Err(Error::config(
                "consumer.instance_id",
                "is empty: leave it out for a member without a fixed name",
            ));
        }
        if !(1 << 20..=2 << 30).contains(&self.prefetch_bytes) {
            return Err(Error::config(
                "consumer.prefetch_bytes",
                "must be between 1MiB and 2GiB",
            ));
        }
        if !(100..=10_000_000).contains(&self.prefetch_records) {
            return Err(Error::config(
                "consumer.prefetch_records",
                "must be between 100 and 10 000 000",
            ));
        }
        if !(16 << 10..=256 << 20).contains(&self.fetch_partition_bytes) {
            return Err(Error::config(
                "consumer.fetch_partition_bytes",
                "must be between 16KiB and 256MiB",
            ));
        }
        // Brokers refuse what is outside 6 s to 30 min, unless configured otherwise.
        if !(Duration::from_secs(6)..=Duration::from_secs(1800)).contains(&self.session_timeout) {
            return Err(Error::config(
                "consumer.session_timeout",
                "must be between 6s and 30m",
            ));
        }
        if self.max_poll_interval < self.session_timeout {
            return Err(Error::config(
                "consumer.max_poll_interval",
                "must be at least `consumer.session_timeout`",
            ));
        }
        if !(Duration::from_secs(1)..=Duration::from_secs(60)).contains(&self.socket_timeout) {
            return Err(Error::config(
                "consumer.socket_timeout",
                "must be between 1s and 60s",
            ));
        }
        Ok(())
    }

    pub(crate) fn apply(&self, client: &mut ClientConfig) {
        client
            .set("group.id", &self.group)
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            .set("auto.offset.reset", "error")
            .set("allow.auto.create.topics", "false")
            .set("isolation.level", "read_committed")
            .set("enable.partition.eof", "false")
            .set(
                "partition.assignment.strategy",
                match self.assignor {
                    Assignor::Range => "range",
                    Assignor::RoundRobin => "roundrobin",
                },
            )
            .set(
                "queued.max.messages.kbytes",
                self.prefetch_bytes.div_ceil(1024).to_string(),
            )
            .set("queued.min.messages", self.prefetch_records.to_string())
            .set(
                "max.partition.fetch.bytes",
                self.fetch_partition_bytes.to_string(),
            )
            .set("fetch.wait.max.ms", "100")
            // After a full queue or an error look again soon; the default of 1 s shows as stalls under load.
            .set("fetch.queue.backoff.ms", "20")
            .set("fetch.error.backoff.ms", "200")
            .set(
                "session.timeout.ms",
                self.session_timeout.as_millis().to_string(),
            )
            .set(
                "heartbeat.interval.ms",
                (self.session_timeout.as_millis() / 10)
                    .min(3_000)
                    .to_string(),
            )
            .set(
                "max.poll.interval.ms",
                self.max_poll_interval.as_millis().to_string(),
            )
            .set(
                "socket.timeout.ms",
                self.socket_timeout.as_millis().to_string(),
            )
            .set("topic.metadata.refresh.interval.ms", "15000");
        if let Some(instance) = &self.instance_id {
            client.set("group.instance.id", instance);
        }
    }
}
