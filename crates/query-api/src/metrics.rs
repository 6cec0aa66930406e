//! What query-api counts beside its requests.

use std::fmt::Write as _;
use std::time::Instant;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{
    DescriptorEncoder, EncodeLabelSet, EncodeLabelValue, EncodeMetric, LabelValueEncoder,
};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::{ConstGauge, Gauge};
use prometheus_client::registry::Registry;
use service::metrics::TracedHistogram;
use service::telemetry::span::{self, Work};
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

/// What is read from PostgreSQL; each has its own budget of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    Page,
    Event,
    Feed,
    Tail,
    Stats,
    Facets,
    Export,
    Operator,
}

impl Kind {
    const ALL: [Self; 8] = [
        Self::Page,
        Self::Event,
        Self::Feed,
        Self::Tail,
        Self::Stats,
        Self::Facets,
        Self::Export,
        Self::Operator,
    ];

    const fn name(self) -> &'static str {
        match self {
            Self::Page => "page",
            Self::Event => "event",
            Self::Feed => "feed",
            Self::Tail => "tail",
            Self::Stats => "stats",
            Self::Facets => "facets",
            Self::Export => "export",
            Self::Operator => "operator",
        }
    }
}

impl EncodeLabelValue for Kind {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> Result<(), std::fmt::Error> {
        encoder.write_str(self.name())
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct KindLabel {
    kind: Kind,
}

/// From half a millisecond, which is a page from memory, to the longest budget of anything that somebody waits for.
fn database() -> TracedHistogram {
    TracedHistogram::new([
        0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
    ])
}

/// Handles of query-api's own metrics.
#[derive(Debug, Clone)]
pub(crate) struct Metrics {
    events: Counter,
    event_bytes: Counter,
    failures: Family<FailureLabel, Counter>,
    database: Family<KindLabel, TracedHistogram>,
    /// Bytes of exports before they are compressed.
    pub(crate) export_bytes: Counter,
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
        let metrics = Self {
            events: Counter::default(),
            event_bytes: Counter::default(),
            failures: Family::default(),
            database: Family::new_with_constructor(database as fn() -> TracedHistogram),
            export_bytes: Counter::default(),
            waiting: Gauge::default(),
            tails: Gauge::default(),
            exports: Gauge::default(),
            answer_bytes: Gauge::default(),
        };
        for kind in Kind::ALL {
            drop(metrics.database.get_or_create(&KindLabel { kind }));
        }
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
            "export_bytes",
            "Bytes of exports before they are compressed",
            metrics.export_bytes.clone(),
        );
        registry.register(
            "database_seconds",
            "Time of a read with PostgreSQL, waiting for a connection included; of an export, of each of its parts",
            metrics.database.clone(),
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

    /// Times a read, and tells of it in the request's trace; one that nobody waits for any more counts too.
    pub(crate) async fn read<T>(&self, kind: Kind, asked: impl Future<Output = T>) -> T {
        let mut work = Work::below_request("query", span::Kind::Client);
        work.tell("db.system.name", "postgresql");
        work.tell("flumen.read", kind.name());
        let _timer = Timer {
            work,
            seconds: self.database.get_or_create_owned(&KindLabel { kind }),
            started: Instant::now(),
        };
        asked.await
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

/// Tells how long it lived.
struct Timer {
    work: Work,
    seconds: TracedHistogram,
    started: Instant,
}

impl Drop for Timer {
    fn drop(&mut self) {
        self.seconds
            .observe(self.started.elapsed(), self.work.exemplar());
    }
}

/// The state of the pool that all but exports use, at the moment of the scrape.
#[derive(Debug)]
struct Connections(Pool);

impl Collector for Connections {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), std::fmt::Error> {
        let status = self.0.status();
        for (name, help, value) in [
            (
                "connections_max",
                "Most connections to the database, without those of exports",
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documentation_tells_every_metric() {
        let mut registry = Registry::default();
        let pool = Pool::new(&store::Config::default()).expect("a pool connects to nothing");
        let _ = Metrics::register(&mut registry, &pool);
        service::metrics::reference::check_section("query-api", &registry);
    }
}
