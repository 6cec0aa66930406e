//! Exemplars: beside a bucket of a histogram, the trace of the last observation in it that somebody keeps.

use std::time::{Duration, SystemTime};

use prometheus_client::encoding::{
    EncodeLabel, EncodeLabelSet, EncodeMetric, LabelSetEncoder, MetricEncoder,
};
use prometheus_client::metrics::exemplar::HistogramWithExemplars;
use prometheus_client::metrics::{MetricType, TypedMetric};

use crate::telemetry::TraceParent;

/// The trace that an observation is part of; shown as `trace_id`, which is what Grafana looks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exemplar {
    trace_id: u128,
}

impl Exemplar {
    /// The exemplar of a trace that is kept; of others, make none.
    pub fn of(place: TraceParent) -> Self {
        Self {
            trace_id: place.trace_id,
        }
    }
}

impl EncodeLabelSet for Exemplar {
    fn encode(&self, encoder: &mut LabelSetEncoder<'_>) -> Result<(), std::fmt::Error> {
        let trace_id = format!("{:032x}", self.trace_id);
        ("trace_id", trace_id.as_str()).encode(encoder.encode_label())
    }
}

/// A histogram of seconds that remembers a trace a bucket. Without a trace an observation makes and keeps nothing more than that of a plain
/// histogram: it costs one lock more, which nobody else holds.
#[derive(Debug, Clone)]
pub struct TracedHistogram(HistogramWithExemplars<Exemplar>);

impl TracedHistogram {
    /// With buckets up to each of these, and one for the rest.
    pub fn new(buckets: impl IntoIterator<Item = f64>) -> Self {
        Self(HistogramWithExemplars::new(buckets.into_iter()))
    }

    /// Counts a time, and remembers its trace if there is one.
    pub fn observe(&self, time: Duration, exemplar: Option<Exemplar>) {
        let at = exemplar.is_some().then(SystemTime::now);
        self.0.observe(time.as_secs_f64(), exemplar, at);
    }
}

impl EncodeMetric for TracedHistogram {
    fn encode(&self, encoder: MetricEncoder<'_>) -> Result<(), std::fmt::Error> {
        self.0.encode(encoder)
    }

    fn metric_type(&self) -> MetricType {
        self.0.metric_type()
    }
}

impl TypedMetric for TracedHistogram {
    const TYPE: MetricType = MetricType::Histogram;
}

#[cfg(test)]
mod tests {
    use prometheus_client::registry::Registry;

    use super::*;

    #[test]
    fn a_bucket_tells_the_trace_of_what_was_last_in_it_and_only_where_there_is_one() {
        let mut registry = Registry::default();
        let seconds = TracedHistogram::new([0.1, 1.0]);
        registry.register("seconds", "Time", seconds.clone());
        seconds.observe(Duration::from_millis(50), None);
        let place = TraceParent::parse("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
            .expect("well formed");
        seconds.observe(Duration::from_millis(500), Some(Exemplar::of(place)));
        seconds.observe(Duration::from_millis(400), None);
        let text = super::super::render(&registry);
        let bucket = |le: &str| {
            let start = format!("seconds_bucket{{le=\"{le}\"}} ");
            let found = text.lines().find_map(|line| line.strip_prefix(&start));
            found.unwrap_or_else(|| panic!("no bucket {le} in\n{text}"))
        };
        assert_eq!(bucket("0.1"), "1");
        assert!(
            bucket("1.0").starts_with("3 # {trace_id=\"4bf92f3577b34da6a3ce929d0e0e4736\"} 0.5 "),
            "{text}"
        );
    }
}
