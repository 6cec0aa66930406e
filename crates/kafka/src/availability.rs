//! Whether sending is worth trying now, as one atomic that is cheap enough to ask per request.
//!
//! Three voices are heard. librdkafka says that every broker is down: `NoBroker` at once, or `LoginFailed` when that is why. A probe thread asks for the metadata of the topic, every few
//! seconds while all is well and several times a second after an error: it alone says `Up` and `TopicMissing`. Acknowledgements that came in while a
//! probe waited overrule its timeout: a slow answer under load is not an outage. An idle connection that a broker closes is not one either; should
//! librdkafka report it as one, the probe reconnects and says `Up` again within milliseconds.

use std::{
    sync::{
        Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

/// How long a failed login explains that no broker answers. librdkafka tells the same failure again after 30 seconds only, and other addresses of the same
/// broker fail in other ways in between.
const LOGIN_MEMORY: Duration = Duration::from_secs(90);

/// What stands between a record and the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Availability {
    /// Nothing known: a broker answers and the topic is there.
    Up = 0,
    /// No broker answers.
    NoBroker = 1,
    /// The brokers answer, but the topic does not exist, or this client may not see it.
    TopicMissing = 2,
    /// A broker is there, but does not let this client in, or there is nothing to log in with; the log says which.
    LoginFailed = 3,
}

impl Availability {
    /// A short stable word for readiness reports and logs.
    #[must_use]
    pub fn reason(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::NoBroker => "no broker answers",
            Self::TopicMissing => "the topic does not exist, or this client may not see it",
            Self::LoginFailed => {
                "the login at kafka fails, or there are no credentials for it; the log says why"
            }
        }
    }
}

/// Shared by the clients' callbacks (which report) and the probe thread (which decides).
#[derive(Debug)]
pub(crate) struct Health {
    state: AtomicU8,
    /// How many times all brokers were reported down; lets the probe see a report that came in while it asked.
    outages: AtomicU64,
    fatal: AtomicBool,
    /// When a login failed last, since a broker answered.
    login_failed: Mutex<Option<Instant>>,
    stopped: AtomicBool,
    asked: Mutex<bool>,
    wake: Condvar,
}

impl Default for Health {
    /// Not available until the first probe has said otherwise.
    fn default() -> Self {
        Self {
            state: AtomicU8::new(Availability::NoBroker as u8),
            outages: AtomicU64::new(0),
            fatal: AtomicBool::new(false),
            login_failed: Mutex::new(None),
            stopped: AtomicBool::new(false),
            asked: Mutex::new(false),
            wake: Condvar::new(),
        }
    }
}

impl Health {
    pub(crate) fn availability(&self) -> Availability {
        match self.state.load(Ordering::Relaxed) {
            0 => Availability::Up,
            1 => Availability::NoBroker,
            2 => Availability::TopicMissing,
            _ => Availability::LoginFailed,
        }
    }

    pub(crate) fn set(&self, availability: Availability) {
        self.state.store(availability as u8, Ordering::Relaxed);
    }

    pub(crate) fn all_brokers_down(&self) {
        self.outages.fetch_add(1, Ordering::AcqRel);
        self.set(self.unreachable());
        self.probe_now();
    }

    /// A broker refused the login, or there was no token for one.
    pub(crate) fn login_failed(&self) {
        *self.last_failed_login() = Some(Instant::now());
    }

    /// A broker answered.
    pub(crate) fn answered(&self) {
        *self.last_failed_login() = None;
    }

    /// What to call it when no broker answers.
    pub(crate) fn unreachable(&self) -> Availability {
        match *self.last_failed_login() {
            Some(when) if when.elapsed() < LOGIN_MEMORY => Availability::LoginFailed,
            _ => Availability::NoBroker,
        }
    }

    fn last_failed_login(&self) -> MutexGuard<'_, Option<Instant>> {
        self.login_failed
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn outages(&self) -> u64 {
        self.outages.load(Ordering::Acquire)
    }

    pub(crate) fn fatal(&self) {
        self.fatal.store(true, Ordering::Release);
        self.probe_now();
    }

    pub(crate) fn take_fatal(&self) -> bool {
        self.fatal.swap(false, Ordering::AcqRel)
    }

    pub(crate) fn stop(&self) {
        self.stopped.store(true, Ordering::Release);
        self.probe_now();
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Acquire)
    }

    pub(crate) fn probe_now(&self) {
        *self.asked.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.wake.notify_all();
    }

    /// Sleeps until asked to probe, or for `interval`.
    pub(crate) fn sleep(&self, interval: Duration) {
        let asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut asked, _) = self
            .wake
            .wait_timeout_while(asked, interval, |asked| !*asked)
            .unwrap_or_else(PoisonError::into_inner);
        *asked = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    #[test]
    fn starts_unavailable_and_turns_down_at_once() {
        let health = Health::default();
        assert_eq!(health.availability(), Availability::NoBroker);
        health.set(Availability::Up);
        assert_eq!(health.availability(), Availability::Up);
        health.all_brokers_down();
        assert_eq!(health.availability(), Availability::NoBroker);
        assert_eq!(health.outages(), 1);
    }

    #[test]
    fn a_login_that_fails_is_told_apart_from_a_broker_that_is_away() {
        let health = Health::default();
        health.login_failed();
        health.all_brokers_down();
        assert_eq!(health.availability(), Availability::LoginFailed);
        health.answered();
        health.all_brokers_down();
        assert_eq!(health.availability(), Availability::NoBroker);
    }

    #[test]
    fn a_report_wakes_the_probe() {
        let health = Arc::new(Health::default());
        let started = Instant::now();
        let prober = std::thread::spawn({
            let health = Arc::clone(&health);
            move || health.sleep(Duration::from_secs(60))
        });
        health.fatal();
        prober.join().expect("the prober wakes");
        assert!(started.elapsed() < Duration::from_secs(30));
        assert!(health.take_fatal());
        assert!(!health.take_fatal());
    }
}
