//! Requests of the public listener.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::{Exemplar, TracedHistogram};

/// Labels of one answer. `route` is the pattern, never the path, so that the set stays small.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Answer {
    route: String,
    method: &'static str,
    status: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Route {
    route: String,
}

/// Requests of the public listener.
#[derive(Debug, Clone)]
pub struct HttpMetrics {
    requests: Family<Answer, Counter>,
    seconds: Family<Route, TracedHistogram>,
    in_flight: Gauge,
    known: Arc<RwLock<Vec<Known>>>,
}

/// The handles of one kind of answer, so that an answer does not have to look for them under a label that it makes first.
#[derive(Debug)]
struct Known {
    answer: Answer,
    requests: Counter,
    seconds: TracedHistogram,
}

/// So many kinds of answers are remembered; what is rarer is looked up.
const KNOWN: usize = 32;

/// From a millisecond, which is a page from memory, to half a minute, which is a long poll.
fn histogram() -> TracedHistogram {
    TracedHistogram::new([
        0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
    ])
}

impl HttpMetrics {
    /// Registers `flumen_http_requests_total`, `flumen_http_request_seconds` and `flumen_http_requests_in_flight`.
    pub fn register(registry: &mut Registry) -> Self {
        let metrics = Self {
            requests: Family::default(),
            seconds: Family::new_with_constructor(histogram as fn() -> TracedHistogram),
            in_flight: Gauge::default(),
            known: Arc::default(),
        };
        registry.register(
            "flumen_http_requests",
            "Answers by route, method and status",
            metrics.requests.clone(),
        );
        registry.register(
            "flumen_http_request_seconds",
            "Time from request head to answer head",
            metrics.seconds.clone(),
        );
        registry.register(
            "flumen_http_requests_in_flight",
            "Requests being worked on",
            metrics.in_flight.clone(),
        );
        metrics
    }

    /// Counts a request as being worked on until the guard is dropped, also when its client goes away.
    pub(crate) fn begin(&self) -> InFlight {
        self.in_flight.inc();
        InFlight(self.in_flight.clone())
    }

    pub(crate) fn observe(
        &self,
        route: &str,
        (method, status): (&'static str, u16),
        elapsed: Duration,
        exemplar: Option<Exemplar>,
    ) {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let found = known.iter().find(|known| {
            let answer = &known.answer;
            answer.status == status && answer.method == method && answer.route == route
        });
        if let Some(found) = found {
            found.requests.inc();
            found.seconds.observe(elapsed, exemplar);
            return;
        }
        let has_room = known.len() < KNOWN;
        drop(known);
        let answer = Answer {
            route: route.to_owned(),
            method,
            status,
        };
        let requests = self.requests.get_or_create_owned(&answer);
        let label = Route {
            route: route.to_owned(),
        };
        let seconds = self.seconds.get_or_create_owned(&label);
        requests.inc();
        seconds.observe(elapsed, exemplar);
        if has_room {
            let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
            // Another thread may have met it in between.
            if known.len() < KNOWN && !known.iter().any(|known| known.answer == answer) {
                known.push(Known {
                    answer,
                    requests,
                    seconds,
                });
            }
        }
    }
}

/// Ends the count of one request when dropped.
#[derive(Debug)]
pub(crate) struct InFlight(Gauge);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.dec();
    }
}
