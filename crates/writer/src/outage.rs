//! One view of "the database is out", shared by all who talk to it.

use crate::metrics::Metrics;
use service::admin::Check;
use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// Since when the database has been out, and who is told: the log once at either end, the gauge at once, readiness after a while.
#[derive(Debug)]
pub(crate) struct Outage {
    since: Mutex<Option<Instant>>,
    check: Check,
    unready_after: Duration,
    metrics: Metrics,
}

impl Outage {
    pub(crate) fn new(check: Check, unready_after: Duration, metrics: Metrics) -> Self {
        Self {
            since: Mutex::new(None),
            check,
            unready_after,
            metrics,
        }
    }

    /// An attempt failed because the database is out. Said at every attempt.
    pub(crate) fn goes_on(&self, error: &store::StoreError) {
        let mut since = self.since.lock().unwrap_or_else(PoisonError::into_inner);
        let began = *since.get_or_insert_with(|| {
            tracing::error!(%error, "the database is out; waiting for it with everything read kept");
            self.metrics.outage.set(1);
            self.metrics.outages.inc();
            Instant::now()
        });
        self.metrics.outage_retries.inc();
        if began.elapsed() >= self.unready_after {
            self.check.fail(error.to_string());
        }
    }

    /// An attempt succeeded.
    pub(crate) fn is_over(&self) {
        self.check.pass();
        let began = self
            .since
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(began) = began {
            self.metrics.outage.set(0);
            tracing::info!(
                outage_seconds = began.elapsed().as_secs(),
                "the database is back"
            );
        }
    }

    pub(crate) fn is_on(&self) -> bool {
        self.since
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .is_some()
    }
}

/// The pause before the next attempt: doubles up to a bound, with jitter so that writers do not come back in step.
#[derive(Debug)]
pub(crate) struct Backoff {
    next: Duration,
}

impl Backoff {
    const FIRST: Duration = Duration::from_millis(100);
    const LONGEST: Duration = Duration::from_secs(5);

    pub(crate) fn new() -> Self {
        Self { next: Self::FIRST }
    }

    pub(crate) fn next(&mut self) -> Duration {
        let pause = self.next;
        self.next = (pause * 2).min(Self::LONGEST);
        pause.mul_f64(rand::random_range(0.5..=1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_a_bound_and_are_never_zero() {
        let mut backoff = Backoff::new();
        for _ in 0..20 {
            let pause = backoff.next();
            assert!(
                pause >= Backoff::FIRST / 2 && pause <= Backoff::LONGEST,
                "{pause:?}"
            );
        }
        assert!(backoff.next() >= Backoff::LONGEST / 2);
    }
}
