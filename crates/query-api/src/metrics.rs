//! What query-api counts beside its requests.

use std::fmt::Write as _;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{
    DescriptorEncoder, EncodeLabelSet, EncodeLabelValue, EncodeMetric, LabelValueEncoder,
};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::{ConstGauge, Gauge};
use prometheus_client::registry::Registry;
use store::Pool;
use store::read::ReadError;

/// Why nothing was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Failure {
    Timeout,
    Unavailable,
    Other,
}

impl EncodeLabelValue for Failure {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> Result<(), std::fmt::Error> {
        encoder.write_str(match self {
            Self::Timeout => "timeout",
            Self::Unavailable => "unavailable",
            Self::Other => "other",
        })
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct FailureLabel {
    reason: Failure,
}

/// Handles of query-api's own metrics.
#[derive(Debug, Clone, Default)]
pub(crate) struct Metrics {
    events: Counter,
    event_bytes: Counter,
    failures: Family<FailureLabel, Counter>,
    /// Requests that wait for something to be stored.
    pub(crate) waiting: Gauge,
    /// Tails that are open.
    pub(crate) tails: Gauge,
    /// Exports that are under way.
    pub(crate) exports: Gauge,
    /// Bytes of answers that were not sent yet.
    pub(crate) answer_bytes: Gauge,
}

impl Metrics {
    pub(crate) fn register(registry: &mut Registry, pool: &Pool) -> Self {
        let metrics = Self::default();
        for reason in [Failure::Timeout, Failure::Unavailable, Failure::Other] {
            let _ = metrics.failures.get_or_create(&FailureLabel { reason });
        }
        let registry = registry.sub_registry_with_prefix("flumen_query");
        registry.register("events_served", "Events shown", metrics.events.clone());
        registry.register(
            "event_bytes_served",
            "Bytes of events shown",
            metrics.event_bytes.clone(),
        );
        registry.register(
            "failures",
            "Reads that failed, by reason",
            metrics.failures.clone(),
        );
        registry.register(
            "waiting",
            "Requests that wait for something to be stored",
            metrics.waiting.clone(),
        );
        registry.register("tails", "Tails that are open", metrics.tails.clone());
        registry.register(
            "exports",
            "Exports that are under way",
            metrics.exports.clone(),
        );
        registry.register(
            "answer_bytes",
            "Bytes of answers that were not sent yet",
            metrics.answer_bytes.clone(),
        );
        registry.register_collector(Box::new(Connections(pool.clone())));
        metrics
    }

    pub(crate) fn served(&self, events: &store::read::Events) {
        self.events.inc_by(events.len() as u64);
        self.event_bytes.inc_by(events.bytes() as u64);
    }

    pub(crate) fn exported(&self, events: u64, bytes: usize) {
        self.events.inc_by(events);
        self.event_bytes.inc_by(bytes as u64);
    }

    pub(crate) fn failed(&self, error: &ReadError) {
        let reason = match error {
            ReadError::Timeout { .. } => Failure::Timeout,
            ReadError::Unavailable(_) => Failure::Unavailable,
            ReadError::LogReplaced => return,
            ReadError::Fatal(_) => Failure::Other,
        };
        self.failures.get_or_create(&FailureLabel { reason }).inc();
    }
}

/// The pool's state at the moment of the scrape.
#[derive(Debug)]
struct Connections(Pool);

impl Collector for Connections {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), std::fmt::Error> {
        let status = self.0.status();
        for (name, help, value) in [
            (
                "connections_max",
                "Most connections to the database",
                status.max_size,
            ),
            (
                "connections_open",
                "Open connections to the database",
                status.size,
            ),
            (
                "connections_idle",
                "Open connections that nobody uses",
                status.available,
            ),
            (
                "connections_awaited",
                "Requests that wait for a connection",
                status.waiting,
            ),
        ] {
            #[expect(clippy::cast_possible_wrap, reason = "a handful of connections")]
            let gauge = ConstGauge::new(value as i64);
            let encoder = encoder.encode_descriptor(name, help, None, gauge.metric_type())?;
            gauge.encode(encoder)?;
        }
        Ok(())
    }
}
