//! One view of "the database is out", shared by all who talk to it.

use crate::metrics::Metrics;
use service::admin::Check;
use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};
use store::Pool;

/// An outage that goes on.
#[derive(Debug, Clone, Copy)]
struct Spell {
    began: Instant,
    last_attempt: Instant,
}

/// Without an attempt for this long (one takes up to `database.statement_timeout`) nobody is left who would notice that the database is back: the partitions are somebody else's.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(90);

/// How often the database is asked for its first sign of life.
const FIRST_ANSWER_EVERY: Duration = Duration::from_millis(500);

/// Since when the database has been out, and who is told: the log once at either end, the gauge at once, readiness after a while.
#[derive(Debug)]
pub(crate) struct Outage {
    state: Mutex<Option<Spell>>,
    check: Check,
    unready_after: Duration,
    metrics: Metrics,
}

impl Outage {
    pub(crate) fn new(check: Check, unready_after: Duration, metrics: Metrics) -> Self {
        Self {
            state: Mutex::new(None),
            check,
            unready_after,
            metrics,
        }
    }

    /// An attempt failed because the database is out. Said at every attempt.
    pub(crate) fn goes_on(&self, error: &store::StoreError) {
        let now = Instant::now();
        let mut state = self.lock();
        let spell = state.get_or_insert_with(|| {
            tracing::error!(%error, "the database is out; waiting for it with everything read kept");
            self.metrics.outage.set(1);
            self.metrics.outages.inc();
            Spell {
                began: now,
                last_attempt: now,
            }
        });
        spell.last_attempt = now;
        let lasts = spell.began.elapsed();
        self.metrics.outage_retries.inc();
        if lasts >= self.unready_after {
            self.check.fail(error.to_string());
        }
    }

    /// An attempt succeeded.
    pub(crate) fn is_over(&self) {
        self.check.pass();
        let spell = self.lock().take();
        if let Some(spell) = spell {
            self.metrics.outage.set(0);
            tracing::info!(
                outage_seconds = spell.began.elapsed().as_secs(),
                "the database is back"
            );
        }
    }

    pub(crate) fn is_on(&self) -> bool {
        self.lock().is_some()
    }

    /// Asks the database itself when nobody else does: at the start, since a writer without a partition has no reason to, and after an
    /// outage whose partitions went elsewhere. Runs until it is dropped.
    pub(crate) async fn watch(&self, pool: &Pool) {
        while !is_well(pool).await {
            tokio::time::sleep(FIRST_ANSWER_EVERY).await;
        }
        // Whoever is in an outage by now tells the end of it.
        if !self.is_on() {
            self.check.pass();
        }
        loop {
            tokio::time::sleep(FORGOTTEN_AFTER / 10).await;
            let forgotten = self
                .lock()
                .is_some_and(|spell| spell.last_attempt.elapsed() >= FORGOTTEN_AFTER);
            if forgotten && is_well(pool).await {
                self.is_over();
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Spell>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether the database answers and takes rows.
async fn is_well(pool: &Pool) -> bool {
    pool.health().await.is_ok_and(|health| !health.read_only)
}

/// The pause before the next attempt: doubles up to a bound, with jitter so that writers do not come back in step.
#[derive(Debug)]
pub(crate) struct Backoff {
    next: Duration,
}

impl Backoff {
    const FIRST: Duration = Duration::from_millis(100);
    /// Short, as whatever the outage was, the writer goes on within seconds of its end.
    const LONGEST: Duration = Duration::from_secs(2);

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
