//! The metrics of the clients: handles made once, registered by the service that owns the client. A field's comment is its help text.

use crate::{Outcome, SendError};
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{
        counter::Counter,
        family::Family,
        gauge::Gauge,
        histogram::{Histogram, exponential_buckets},
    },
    registry::Registry,
};
use rdkafka::Statistics;
use std::sync::atomic::AtomicU64;

type FloatGauge = Gauge<f64, AtomicU64>;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OutcomeLabel {
    outcome: &'static str,
}

/// What the statistics of any client tell about its brokers.
#[derive(Debug, Clone, Default)]
struct BrokerMetrics {
    /// Brokers this client is connected to.
    up: Gauge,
    /// Brokers this client lost or tried to reach in vain.
    down: Gauge,
    /// Round trip to the slowest broker, 99th percentile of the last seconds.
    round_trip_seconds: FloatGauge,
}

impl BrokerMetrics {
    fn register(&self, registry: &mut Registry) {
        registry.register(
            "flumen_kafka_brokers_up",
            "Brokers this client is connected to",
            self.up.clone(),
        );
        registry.register(
            "flumen_kafka_brokers_down",
            "Brokers this client lost or tried to reach in vain",
            self.down.clone(),
        );
        registry.register(
            "flumen_kafka_broker_round_trip_seconds",
            "Round trip to the slowest broker, 99th percentile of the last seconds",
            self.round_trip_seconds.clone(),
        );
    }

    fn observe(&self, statistics: &Statistics) {
        let real = || {
            statistics
                .brokers
                .values()
                .filter(|broker| broker.nodeid >= 0)
        };
        let count = |state: &str| real().filter(|broker| broker.state == state).count();
        self.up.set(i64::try_from(count("UP")).unwrap_or(i64::MAX));
        let down = count("DOWN") + count("TRY_CONNECT");
        self.down.set(i64::try_from(down).unwrap_or(i64::MAX));
        let slowest = real()
            .filter_map(|broker| broker.rtt.as_ref())
            .map(|rtt| rtt.p99)
            .max();
        #[expect(
            clippy::cast_precision_loss,
            reason = "microseconds of a round trip are far below 2^52"
        )]
        self.round_trip_seconds
            .set(slowest.unwrap_or(0) as f64 / 1e6);
    }
}

/// The metrics of a [`crate::Producer`].
#[derive(Debug, Clone)]
pub struct ProducerMetrics {
    /// Records waiting for their acknowledgement.
    pub(crate) queue_records: Gauge,
    /// Bytes of keys and values waiting for their acknowledgement.
    pub(crate) queue_bytes: Gauge,
    /// Records by what became of them.
    outcomes: Family<OutcomeLabel, Counter>,
    acked: Counter,
    /// From the first record of a request to the last acknowledgement.
    pub(crate) ack_seconds: Histogram,
    /// 1 while sending is worth trying, 0 while no broker answers or the topic is missing.
    pub(crate) available: Gauge,
    /// Times the producer was replaced after a fatal error.
    pub(crate) rebuilds: Counter,
    brokers: BrokerMetrics,
}

impl Default for ProducerMetrics {
    fn default() -> Self {
        let outcomes = Family::<OutcomeLabel, Counter>::default();
        let handle = |outcome| outcomes.get_or_create_owned(&OutcomeLabel { outcome });
        // Touched here so that zero exists before the first failure.
        for outcome in [
            "queue_full",
            "unavailable",
            "timed_out",
            "too_large",
            "refused",
        ] {
            handle(outcome);
        }
        Self {
            queue_records: Gauge::default(),
            queue_bytes: Gauge::default(),
            acked: handle("acked"),
            outcomes,
            ack_seconds: Histogram::new(exponential_buckets(0.001, 2.0, 16)),
            available: Gauge::default(),
            rebuilds: Counter::default(),
            brokers: BrokerMetrics::default(),
        }
    }
}

impl ProducerMetrics {
    /// Adds the metrics to a registry; the caller chooses the prefix.
    pub fn register(&self, registry: &mut Registry) {
        registry.register(
            "flumen_kafka_queue_records",
            "Records waiting for their acknowledgement",
            self.queue_records.clone(),
        );
        registry.register(
            "flumen_kafka_queue_bytes",
            "Bytes of keys and values waiting for their acknowledgement",
            self.queue_bytes.clone(),
        );
        registry.register(
            "flumen_kafka_produced_records",
            "Records by what became of them",
            self.outcomes.clone(),
        );
        registry.register(
            "flumen_kafka_ack_seconds",
            "From the first record of a request to the last acknowledgement",
            self.ack_seconds.clone(),
        );
        registry.register(
            "flumen_kafka_available",
            "1 while sending is worth trying, 0 while no broker answers or the topic is missing",
            self.available.clone(),
        );
        registry.register(
            "flumen_kafka_producer_rebuilds",
            "Times the producer was replaced after a fatal error",
            self.rebuilds.clone(),
        );
        self.brokers.register(registry);
    }

    /// Records acknowledged since the start; also the probe's sign of life.
    pub(crate) fn acked_records(&self) -> u64 {
        self.acked.get()
    }

    pub(crate) fn count(&self, outcome: Outcome) {
        let outcome = match outcome {
            Outcome::Pending => return,
            Outcome::Acked => {
                self.acked.inc();
                return;
            }
            Outcome::Failed(SendError::QueueFull) => "queue_full",
            Outcome::Failed(SendError::Unavailable) => "unavailable",
            Outcome::Failed(SendError::TimedOut) => "timed_out",
            Outcome::Failed(SendError::TooLarge) => "too_large",
            Outcome::Failed(SendError::Refused) => "refused",
        };
        self.outcomes.get_or_create(&OutcomeLabel { outcome }).inc();
    }

    pub(crate) fn observe(&self, statistics: &Statistics) {
        self.brokers.observe(statistics);
    }
}

/// The metrics of a [`crate::Consumer`].
#[derive(Debug, Clone, Default)]
pub struct ConsumerMetrics {
    /// Bytes received from the brokers, compressed.
    received_bytes: Gauge,
    /// Fetched records waiting to be taken.
    prefetched_records: Gauge,
    /// Bytes of fetched records waiting to be taken.
    prefetched_bytes: Gauge,
    brokers: BrokerMetrics,
}

impl ConsumerMetrics {
    /// Adds the metrics to a registry; the caller chooses the prefix.
    pub fn register(&self, registry: &mut Registry) {
        registry.register(
            "flumen_kafka_received_bytes",
            "Bytes received from the brokers, compressed",
            self.received_bytes.clone(),
        );
        registry.register(
            "flumen_kafka_prefetched_records",
            "Fetched records waiting to be taken",
            self.prefetched_records.clone(),
        );
        registry.register(
            "flumen_kafka_prefetched_bytes",
            "Bytes of fetched records waiting to be taken",
            self.prefetched_bytes.clone(),
        );
        self.brokers.register(registry);
    }

    pub(crate) fn observe(&self, statistics: &Statistics) {
        let partitions = || {
            statistics
                .topics
                .values()
                .flat_map(|topic| topic.partitions.values())
        };
        self.received_bytes.set(statistics.rx_bytes);
        self.prefetched_records
            .set(partitions().map(|partition| partition.fetchq_cnt).sum());
        let bytes = partitions()
            .map(|partition| partition.fetchq_size)
            .sum::<u64>();
        self.prefetched_bytes
            .set(i64::try_from(bytes).unwrap_or(i64::MAX));
        self.brokers.observe(statistics);
    }
}
