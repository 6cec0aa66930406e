//! The traces that the records of a batch come from, and the span that tells of the batch in each of them.
//!
//! Only where traces are exported, and only those that are kept: else a record costs one look at a flag, and a batch nothing.

use crate::flush::Settled;
use event::Event;
use service::telemetry::{
    self, TraceParent,
    span::{Kind, MOST_LINKS, Work},
};
use std::time::SystemTime;
use store::write::{Batch, Timings};

/// What is known of a batch that is being filled.
#[derive(Debug)]
pub(crate) struct Traces {
    are_exported: bool,
    kept: Vec<TraceParent>,
    /// When the first record came that is in one of them.
    since: SystemTime,
}

impl Traces {
    pub(crate) fn new() -> Self {
        Self {
            are_exported: telemetry::is_exporting(),
            kept: Vec::new(),
            since: SystemTime::UNIX_EPOCH,
        }
    }

    /// Remembers where an event comes from.
    pub(crate) fn note(&mut self, event: &Event<'_>) {
        if self.are_exported {
            self.keep(event.traceparent.as_deref());
        }
    }

    fn keep(&mut self, traceparent: Option<&str>) {
        let found = traceparent.and_then(TraceParent::parse);
        let Some(found) = found.filter(|place| place.is_sampled()) else {
            return;
        };
        // The events of one request have one place, and lie side by side.
        if self.kept.last() == Some(&found) || self.kept.len() == MOST_LINKS {
            return;
        }
        if !self.kept.contains(&found) {
            if self.kept.is_empty() {
                self.since = SystemTime::now();
            }
            self.kept.push(found);
        }
    }

    pub(crate) fn forget(&mut self) {
        self.kept.clear();
    }

    /// Opens the span of the batch.
    pub(crate) fn open(&self, batch: &Batch) -> Work {
        let mut work = Work::of_batch("process events", &self.kept, self.since);
        work.tell("messaging.system", "kafka");
        work.tell("messaging.operation.type", "process");
        work.tell("messaging.batch.message_count", number(batch.len() as u64));
        work
    }

    /// Tells how it went.
    pub(crate) fn close(&self, work: &mut Work, settled: &Settled) {
        match settled {
            Settled::Stored(outcome) => {
                work.tell("flumen.rows", number(outcome.inserted));
                work.tell("flumen.duplicates", number(outcome.duplicates));
                work.tell("flumen.dead_letters", number(outcome.dead_lettered));
                let until = SystemTime::now();
                if !outcome.already_stored {
                    steps(work, &outcome.timings, until);
                }
                work.settle("store events", &self.kept, self.since, until);
            }
            Settled::Conflict(_) => work.fail("another writer owns a partition of it"),
            Settled::Abandoned => work.fail("given up on request"),
            Settled::Failed(_) => work.fail("the database refuses"),
        }
    }
}

/// The steps of the attempt that went through: they are the last before `until`.
fn steps(work: &Work, timings: &Timings, until: SystemTime) {
    let before = |time: SystemTime, step| time.checked_sub(step).unwrap_or(time);
    let committing = before(until, timings.commit);
    let writing = before(committing, timings.write);
    work.step("COPY events", Kind::Client, writing, committing);
    work.step("COMMIT", Kind::Client, committing, until);
}

fn number(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(trace: u32, flags: &str) -> String {
        format!("00-{trace:032x}-00f067aa0ba902b7-{flags}")
    }

    #[test]
    fn each_trace_is_remembered_once_if_somebody_keeps_it_and_only_so_many() {
        let mut traces = Traces::new();
        traces.keep(None);
        traces.keep(Some("no traceparent"));
        traces.keep(Some(&place(1, "00")));
        assert!(traces.kept.is_empty());
        for trace in [1, 1, 2, 1] {
            traces.keep(Some(&place(trace, "01")));
        }
        assert_eq!(traces.kept.len(), 2);
        for trace in 1..=1000 {
            traces.keep(Some(&place(trace, "01")));
        }
        assert_eq!(traces.kept.len(), MOST_LINKS);
        traces.forget();
        assert!(traces.kept.is_empty());
    }
}
