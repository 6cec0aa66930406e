//! What is told of the events. A field's comment is its help text.

use event::RejectionKind;
use kafka::SendError;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

use crate::applications::Applications;
use crate::config;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Outcome {
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Kind {
    kind: &'static str,
}

/// The kind of an event that a key may not send.
pub(crate) const FORBIDDEN: &str = "forbidden";

/// Handles made once.
#[derive(Debug, Clone)]
pub(crate) struct Metrics {
    /// Events by what became of them.
    events: Family<Outcome, Counter>,
    accepted: Counter,
    /// Rejected events by what is wrong with them.
    rejected: Family<Kind, Counter>,
    /// Events by application.
    pub(crate) applications: Applications,
    /// Bytes of bodies, unpacked.
    pub(crate) body_bytes: Counter,
    /// Bytes of bodies being read or waiting for their acknowledgement.
    pub(crate) in_flight_bytes: Gauge,
    /// Events of one request.
    pub(crate) events_per_request: Histogram,
    /// From the first record of a request to the end of its wait, in seconds.
    pub(crate) ack_seconds: Histogram,
}

impl Metrics {
    /// Makes the handles, each outcome at zero, and registers them.
    pub(crate) fn register(registry: &mut Registry, config: &config::Metrics) -> Self {
        let events = Family::<Outcome, Counter>::default();
        for outcome in [
            "rejected",
            "saturated",
            "unavailable",
            "not-acknowledged",
            "refused",
        ] {
            drop(events.get_or_create(&Outcome { outcome }));
        }
        let rejected = Family::<Kind, Counter>::default();
        for kind in RejectionKind::ALL
            .map(RejectionKind::name)
            .into_iter()
            .chain([FORBIDDEN])
        {
            drop(rejected.get_or_create(&Kind { kind }));
        }
        let metrics = Self {
            accepted: events.get_or_create_owned(&Outcome {
                outcome: "accepted",
            }),
            events,
            rejected,
            applications: Applications::register(registry, config.max_sources),
            body_bytes: Counter::default(),
            in_flight_bytes: Gauge::default(),
            events_per_request: Histogram::new(exponential_buckets(1.0, 4.0, 8)),
            ack_seconds: Histogram::new(exponential_buckets(0.001, 2.0, 16)),
        };
        let Self {
            events,
            rejected,
            body_bytes,
            in_flight_bytes,
            events_per_request,
            ack_seconds,
            ..
        } = &metrics;
        registry.register(
            "flumen_ingest_events",
            "Events by what became of them",
            events.clone(),
        );
        registry.register(
            "flumen_ingest_rejected_events",
            "Rejected events by what is wrong with them",
            rejected.clone(),
        );
        registry.register(
            "flumen_ingest_body_bytes",
            "Bytes of bodies, unpacked",
            body_bytes.clone(),
        );
        registry.register(
            "flumen_ingest_in_flight_bytes",
            "Bytes of bodies being read or waiting for their acknowledgement",
            in_flight_bytes.clone(),
        );
        registry.register(
            "flumen_ingest_events_per_request",
            "Events of one request",
            events_per_request.clone(),
        );
        registry.register(
            "flumen_ingest_ack_seconds",
            "From the first record of a request to the end of its wait",
            ack_seconds.clone(),
        );
        metrics
    }

    pub(crate) fn accepted(&self, count: u64) {
        self.accepted.inc_by(count);
    }

    pub(crate) fn rejected(&self, kind: &'static str) {
        self.events
            .get_or_create(&Outcome {
                outcome: "rejected",
            })
            .inc();
        self.rejected.get_or_create(&Kind { kind }).inc();
    }

    pub(crate) fn failed(&self, error: SendError) {
        let outcome = match error {
            SendError::QueueFull => "saturated",
            SendError::Unavailable => "unavailable",
            SendError::TimedOut => "not-acknowledged",
            SendError::TooLarge => return self.rejected(RejectionKind::TooLarge.name()),
            SendError::Refused => "refused",
        };
        self.events.get_or_create(&Outcome { outcome }).inc();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documentation_tells_every_metric() {
        let mut registry = Registry::default();
        let metrics = Metrics::register(&mut registry, &config::Metrics { max_sources: 1 });
        metrics.applications.request("").sent("…".into());
        kafka::ProducerMetrics::default().register(&mut registry);
        service::metrics::reference::check_section("ingest-api", &registry);
    }
}
