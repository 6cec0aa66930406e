//! A lane: one connection's worth of work. It is filling one batch while another is in flight, and never more than that.

use crate::{
    batch::{Filling, Pushed, Span, Trigger},
    config::Batch as Bounds,
    flush::Job,
    freshness::Ends,
    metrics::Metrics,
};
use kafka::RecordView;
use std::time::{Duration, Instant};
use store::write::Batch;
use tokio::sync::mpsc::Sender;
use tokio_util::sync::CancellationToken;

/// The consume thread's side of a lane.
#[derive(Debug)]
pub(crate) struct Lane {
    filling: Filling,
    /// The other batch, empty, while it is not in flight.
    spare: Option<Box<Batch>>,
    /// Present while a batch is in flight.
    cancel: Option<CancellationToken>,
    jobs: Sender<Job>,
    ends: Ends,
    /// Since when reading has waited for this lane.
    blocked: Option<Instant>,
    /// Whether its partitions are paused.
    pub(crate) paused: bool,
}

impl Lane {
    pub(crate) fn new(cluster_id: &str, topic: &str, jobs: Sender<Job>, ends: Ends) -> Self {
        Self {
            filling: Filling::new(Box::new(Batch::new(cluster_id, topic))),
            spare: Some(Box::new(Batch::new(cluster_id, topic))),
            cancel: None,
            jobs,
            ends,
            blocked: None,
            paused: false,
        }
    }

    pub(crate) fn push(&mut self, record: &RecordView<'_>, expected: i64, span: &Span) -> Pushed {
        self.filling.push(record, expected, span)
    }

    /// Whether another record fits without going beyond the bounds.
    pub(crate) fn has_room(&self, bounds: &Bounds) -> bool {
        self.cancel.is_none() || self.filling.full(bounds).is_none()
    }

    /// Whether the filling batch has reached a bound.
    pub(crate) fn is_full(&self, bounds: &Bounds) -> bool {
        self.filling.full(bounds).is_some()
    }

    /// Nothing read and not settled.
    pub(crate) fn is_idle(&self) -> bool {
        self.cancel.is_none() && self.filling.is_empty()
    }

    pub(crate) fn is_in_flight(&self) -> bool {
        self.cancel.is_some()
    }

    /// How long reading has waited for this lane by now.
    pub(crate) fn blocked_for(&mut self, now: Instant) -> Duration {
        now.saturating_duration_since(*self.blocked.get_or_insert(now))
    }

    /// How long until the filling batch is due by age; none while it is empty or may not leave yet.
    pub(crate) fn due_in(&self, bounds: &Bounds, now: Instant) -> Option<Duration> {
        if self.is_in_flight() {
            return None;
        }
        self.filling.due_in(bounds, now)
    }

    /// Sends the filling batch off, if it is due and the one before is settled.
    pub(crate) fn dispatch_due(&mut self, bounds: &Bounds, now: Instant, metrics: &Metrics) {
        if self.is_in_flight() {
            return;
        }
        if let Some(trigger) = self.filling.trigger(bounds, now) {
            self.dispatch(trigger, metrics);
        }
    }

    /// Sends the filling batch off as soon as the one before is settled, full or not.
    pub(crate) fn dispatch(&mut self, trigger: Trigger, metrics: &Metrics) {
        if self.is_in_flight() || self.filling.is_empty() {
            return;
        }
        let Some(spare) = self.spare.take() else {
            return;
        };
        let sealed = std::mem::replace(&mut self.filling, Filling::new(spare));
        let (mut batch, traces) = sealed.into_parts();
        self.ends.tell(&mut batch);
        metrics.sealed(trigger, &batch);
        let cancel = CancellationToken::new();
        self.cancel = Some(cancel.clone());
        // One job at a time, so there is room for it. Should the task be gone, nothing settles and the caller finds out by waiting.
        let job = Job {
            batch,
            traces,
            cancel,
        };
        if self.jobs.try_send(job).is_err() {
            tracing::error!("a lane's task is gone");
        }
    }

    /// Takes the batch back after its flush was settled.
    pub(crate) fn settle(&mut self, mut batch: Box<Batch>) {
        batch.clear();
        self.spare = Some(batch);
        self.cancel = None;
        self.blocked = None;
    }

    /// Forgets what is being filled; it is read again from the checkpoint.
    pub(crate) fn discard(&mut self) {
        self.filling.discard();
        self.blocked = None;
        self.paused = false;
    }

    /// Asks for the batch in flight to be given up.
    pub(crate) fn cancel(&self) {
        if let Some(cancel) = &self.cancel {
            cancel.cancel();
        }
    }
}
