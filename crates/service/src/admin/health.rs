//! Readiness and liveness.
//!
//! Readiness asks whether traffic may be sent here and names what is missing. Liveness asks whether the loops make progress and
//! nothing else: a process whose database is away is not helped by being killed.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::{Duration, Instant};

use crate::millis;

type Reason = Option<String>;

/// The checks that must hold before traffic is sent here. Cloning gives another handle to the same checks.
#[derive(Debug, Clone, Default)]
pub struct Readiness {
    checks: Arc<RwLock<BTreeMap<String, Reason>>>,
    draining: Arc<AtomicBool>,
}

/// One named check; it fails until it is first said to hold.
#[derive(Debug, Clone)]
pub struct Check {
    name: String,
    checks: Arc<RwLock<BTreeMap<String, Reason>>>,
}

impl Readiness {
    /// No check yet, which is not ready: whoever asks before a service has added its own is told so.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a check, failing with the reason `starting`.
    pub fn check(&self, name: &str) -> Check {
        write(&self.checks).insert(name.to_owned(), Some("starting".to_owned()));
        Check {
            name: name.to_owned(),
            checks: Arc::clone(&self.checks),
        }
    }

    /// Says from now on that no more traffic is wanted: the first step of a shutdown.
    pub fn drain(&self) {
        self.draining.store(true, Ordering::Release);
    }

    /// Says whether the shutdown has begun. Cheap enough for every request.
    pub fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Acquire)
    }

    /// Says whether traffic may be sent here.
    pub fn is_ready(&self) -> bool {
        let checks = read(&self.checks);
        !self.is_draining() && !checks.is_empty() && checks.values().all(Option::is_none)
    }

    /// Every check with its reason when it fails, in the order of their names.
    pub fn report(&self) -> Vec<(String, Option<String>)> {
        let mut report: Vec<_> = read(&self.checks)
            .iter()
            .map(|(name, reason)| (name.clone(), reason.clone()))
            .collect();
        if report.is_empty() {
            report.push(("startup".to_owned(), Some("starting".to_owned())));
        }
        if self.is_draining() {
            report.push(("shutdown".to_owned(), Some("shutting down".to_owned())));
        }
        report
    }
}

impl Check {
    /// Says that the check holds; true when it did not before.
    pub fn pass(&self) -> bool {
        self.put(None).is_some()
    }

    /// Says that the check fails, and why; true when it held before.
    pub fn fail(&self, reason: impl Into<String>) -> bool {
        self.put(Some(reason.into())).is_none()
    }

    fn put(&self, reason: Reason) -> Reason {
        write(&self.checks)
            .insert(self.name.clone(), reason)
            .flatten()
    }
}

/// The loops that must make progress. Cloning gives another handle to the same loops.
#[derive(Debug, Clone)]
pub struct Liveness {
    since: Instant,
    loops: Arc<RwLock<BTreeMap<String, Beat>>>,
}

/// One loop's sign of life.
#[derive(Debug, Clone)]
pub struct Beat {
    since: Instant,
    last_ms: Arc<AtomicU64>,
    max_age: Duration,
}

impl Default for Liveness {
    fn default() -> Self {
        Self::new()
    }
}

impl Liveness {
    /// No loop yet, which is alive.
    pub fn new() -> Self {
        Self {
            since: Instant::now(),
            loops: Arc::default(),
        }
    }

    /// Adds a loop that promises a beat at least every `max_age`, counted from now.
    pub fn watch(&self, name: &str, max_age: Duration) -> Beat {
        let beat = Beat {
            since: self.since,
            last_ms: Arc::default(),
            max_age,
        };
        beat.beat();
        write(&self.loops).insert(name.to_owned(), beat.clone());
        beat
    }

    /// The loops that are silent for too long, with the age of their last beat.
    pub fn stalled(&self) -> Vec<(String, Duration)> {
        let loops = read(&self.loops);
        let stalled = loops.iter().filter(|(_, beat)| beat.age() > beat.max_age);
        stalled
            .map(|(name, beat)| (name.clone(), beat.age()))
            .collect()
    }
}

impl Beat {
    /// Says that the loop has come round. Cheap enough for every round.
    pub fn beat(&self) {
        self.last_ms
            .store(millis(self.since.elapsed()), Ordering::Relaxed);
    }

    fn age(&self) -> Duration {
        Duration::from_millis(
            millis(self.since.elapsed()).saturating_sub(self.last_ms.load(Ordering::Relaxed)),
        )
    }
}

// A panic while one of these locks is held leaves whole values behind.
fn read<T>(lock: &RwLock<T>) -> RwLockReadGuard<'_, T> {
    lock.read().unwrap_or_else(|poisoned| poisoned.into_inner())
}

fn write<T>(lock: &RwLock<T>) -> RwLockWriteGuard<'_, T> {
    lock.write()
        .unwrap_or_else(|poisoned| poisoned.into_inner())
}
