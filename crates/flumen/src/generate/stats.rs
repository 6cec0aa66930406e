//! What a run of the generator measured.

use std::{collections::BTreeMap, time::Duration};

use crate::{
    client::Attempt,
    histogram::Histogram,
    units::{per_second, short, thousands},
};

/// Figures of one connection, or of all together.
#[derive(Debug, Default)]
pub(super) struct Stats {
    pub(super) accepted: u64,
    pub(super) rejected: u64,
    /// Events nobody answered for within the patience.
    pub(super) unsent: u64,
    /// Attempts by HTTP status.
    pub(super) statuses: BTreeMap<u16, u64>,
    pub(super) timeouts: u64,
    pub(super) disconnects: u64,
    /// Of requests that were answered, from when they were due.
    pub(super) latency: Histogram,
    /// Rejected events by reason.
    pub(super) reasons: BTreeMap<String, u64>,
    /// One message for each kind of failure.
    pub(super) failures: Vec<String>,
}

impl Stats {
    pub(super) fn saw(&mut self, attempt: Attempt) {
        match attempt {
            Attempt::Status(status) => *self.statuses.entry(status).or_default() += 1,
            Attempt::TimedOut => self.timeouts += 1,
            Attempt::Disconnected => self.disconnects += 1,
        }
    }

    pub(super) fn merge(&mut self, other: Self) {
        self.accepted += other.accepted;
        self.rejected += other.rejected;
        self.unsent += other.unsent;
        self.timeouts += other.timeouts;
        self.disconnects += other.disconnects;
        for (status, count) in other.statuses {
            *self.statuses.entry(status).or_default() += count;
        }
        for (reason, count) in other.reasons {
            *self.reasons.entry(reason).or_default() += count;
        }
        self.latency.merge(&other.latency);
        self.failures.extend(other.failures);
        self.failures.dedup();
    }

    pub(super) fn text(&self, elapsed: Duration) -> String {
        let latency = &self.latency;
        let mut out = format!(
            "{} events accepted in {} ({} events/s)\n",
            thousands(self.accepted),
            short(elapsed),
            thousands(per_second(self.accepted, elapsed)),
        );
        if latency.count() > 0 {
            out.push_str(&format!(
                "requests: {} ({}/s), latency p50 {}, p99 {}, p99.9 {}, max {}\n",
                thousands(latency.count()),
                thousands(per_second(latency.count(), elapsed)),
                short(latency.percentile(0.5)),
                short(latency.percentile(0.99)),
                short(latency.percentile(0.999)),
                short(latency.max()),
            ));
        }
        let mut answers: Vec<String> = self
            .statuses
            .iter()
            .map(|(status, count)| format!("{status} x {}", thousands(*count)))
            .collect();
        if self.timeouts > 0 {
            answers.push(format!("timeouts x {}", thousands(self.timeouts)));
        }
        if self.disconnects > 0 {
            answers.push(format!("no connection x {}", thousands(self.disconnects)));
        }
        if !answers.is_empty() {
            out.push_str(&format!("answers: {}\n", answers.join(", ")));
        }
        for (reason, count) in &self.reasons {
            out.push_str(&format!("rejected: {} {reason}\n", thousands(*count)));
        }
        if self.unsent > 0 {
            out.push_str(&format!("not sent: {}\n", thousands(self.unsent)));
        }
        out
    }

    pub(super) fn json(&self, elapsed: Duration, seed: u64) -> serde_json::Value {
        let millis = |duration: Duration| duration.as_secs_f64() * 1e3;
        serde_json::json!({
            "seed": seed,
            "seconds": elapsed.as_secs_f64(),
            "accepted": self.accepted,
            "rejected": self.rejected,
            "rejected_by_reason": self.reasons,
            "unsent": self.unsent,
            "events_per_second": per_second(self.accepted, elapsed),
            "requests": self.latency.count(),
            "statuses": self.statuses,
            "timeouts": self.timeouts,
            "disconnects": self.disconnects,
            "latency_ms": {
                "mean": millis(self.latency.mean()),
                "p50": millis(self.latency.percentile(0.5)),
                "p90": millis(self.latency.percentile(0.9)),
                "p99": millis(self.latency.percentile(0.99)),
                "p99_9": millis(self.latency.percentile(0.999)),
                "max": millis(self.latency.max()),
            },
        })
    }
}
