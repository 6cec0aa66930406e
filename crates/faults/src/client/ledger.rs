//! What the client remembers.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use event::{IdHash, Uid};

use super::Sent;

/// A shorter silence between two accepted requests is no outage.
const SILENCE: Duration = Duration::from_secs(1);

/// An event by its source and id: what has to be stored once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Key([u8; 16]);

impl Key {
    pub(crate) fn of(source: &str, id: &str) -> Self {
        Self(*IdHash::of(source, id).as_bytes())
    }
}

/// One request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Attempt {
    pub(crate) sent: Instant,
    pub(crate) done: Instant,
    pub(crate) accepted: bool,
}

/// Events with their answers, and requests with their times.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    /// Every event that was sent at least once.
    pub(crate) sent: HashSet<Key>,
    /// Those that were answered 202, with their uid when it does not depend on when they were received.
    pub(crate) accepted: HashMap<Key, Option<Uid>>,
    pub(crate) attempts: Vec<Attempt>,
    /// Requests that were answered 503 or 429 with `Retry-After`.
    pub(crate) shed: u64,
    /// Requests without an answer, or with one that does not say when to come back.
    pub(crate) failed: u64,
    /// The first of those, in words.
    pub(crate) failures: Vec<String>,
    /// Answers that should not come: nothing that is sent here is wrong.
    pub(crate) refused: Vec<String>,
    /// Uids that two answers told differently.
    pub(crate) wavering: u64,
}

impl Ledger {
    pub(super) fn remember_sent(&mut self, events: &[Sent]) {
        self.sent.extend(events.iter().map(Sent::key));
    }

    pub(super) fn fail(&mut self, how: String) {
        self.failed += 1;
        if self.failures.len() < 5 {
            self.failures.push(how);
        }
    }

    pub(super) fn remember_accepted(&mut self, event: &Sent, uid: Uid) {
        let uid = event.time.map(|_| uid);
        let before = self.accepted.insert(event.key(), uid);
        if before.is_some_and(|before| before != uid) {
            self.wavering += 1;
        }
    }

    /// The longest time without an accepted request between two moments; zero when it never was silent.
    pub(crate) fn unavailable(&self, from: Instant, to: Instant) -> Duration {
        let mut times: Vec<Instant> = self
            .attempts
            .iter()
            .filter(|attempt| attempt.accepted && attempt.done >= from && attempt.done <= to)
            .map(|attempt| attempt.done)
            .collect();
        times.extend([from, to]);
        times.sort();
        let longest = times
            .windows(2)
            .map(|pair| pair[1] - pair[0])
            .max()
            .unwrap_or_default();
        if longest < SILENCE {
            Duration::ZERO
        } else {
            longest
        }
    }

    /// How long after a moment requests were accepted again, and none failed any more that was sent since; none while that has not come.
    pub(crate) fn recovered_after(&self, healed: Instant) -> Option<Duration> {
        let last_failure = self
            .attempts
            .iter()
            .filter(|attempt| !attempt.accepted && attempt.sent >= healed)
            .map(|attempt| attempt.done)
            .max()
            .unwrap_or(healed);
        self.attempts
            .iter()
            .filter(|attempt| attempt.accepted && attempt.done > last_failure)
            .map(|attempt| attempt.done)
            .min()
            .map(|first| first.saturating_duration_since(healed))
    }

    /// The time that so many of a hundred requests since a moment took at most, in milliseconds.
    pub(crate) fn percentile(&self, since: Instant, percent: usize) -> f64 {
        let mut times: Vec<Duration> = self
            .attempts
            .iter()
            .rev()
            .take_while(|attempt| attempt.done >= since)
            .filter(|attempt| attempt.accepted)
            .map(|attempt| attempt.done - attempt.sent)
            .collect();
        times.sort();
        let index = (times.len() * percent / 100).min(times.len().saturating_sub(1));
        times
            .get(index)
            .map_or(0.0, |time| time.as_secs_f64() * 1e3)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ledger(start: Instant, attempts: &[(u64, u64, bool)]) -> Ledger {
        let attempts = attempts.iter().map(|&(sent, done, accepted)| Attempt {
            sent: start + Duration::from_millis(sent),
            done: start + Duration::from_millis(done),
            accepted,
        });
        Ledger {
            attempts: attempts.collect(),
            ..Ledger::default()
        }
    }

    #[test]
    fn an_outage_is_the_longest_time_without_an_accepted_request() {
        let start = Instant::now();
        let at = |millis| start + Duration::from_millis(millis);
        let ledger = ledger(
            start,
            &[
                (0, 100, true),
                (200, 300, true),
                (400, 3400, false),
                (3500, 3600, true),
            ],
        );
        assert_eq!(
            ledger.unavailable(start, at(4000)),
            Duration::from_millis(3300)
        );
        assert_eq!(ledger.unavailable(start, at(1000)), Duration::ZERO);
    }

    #[test]
    fn recovery_ends_with_the_last_failure_of_what_was_sent_since() {
        let start = Instant::now();
        let attempts = [(0, 6000, false), (1000, 1100, true), (1200, 2000, false)];
        assert_eq!(ledger(start, &attempts).recovered_after(start), None);
        let healed = start + Duration::from_millis(1);
        assert_eq!(ledger(start, &attempts).recovered_after(healed), None);
        let mut more = attempts.to_vec();
        more.push((2100, 2201, true));
        assert_eq!(
            ledger(start, &more).recovered_after(healed),
            Some(Duration::from_millis(2200))
        );
    }
}
