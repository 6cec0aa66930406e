//! When to try again.

use std::time::{Duration, Instant, SystemTime};

use rand::Rng as _;

use crate::units::Patience;

/// Pause before the second attempt; doubles from there.
const FIRST: Duration = Duration::from_millis(100);
/// No pause of our own choosing is longer: a server that is back should be found soon.
const LONGEST: Duration = Duration::from_secs(10);
/// A server that asks for more than this is asked earlier: it may have been restarted meanwhile.
const LONGEST_ASKED: Duration = Duration::from_secs(300);

/// Pauses between attempts: exponential with jitter, never shorter than the server asks for.
#[derive(Debug)]
pub(crate) struct Backoff {
    started: Instant,
    patience: Patience,
    attempts: u32,
}

impl Backoff {
    pub(crate) fn new(patience: Patience) -> Self {
        Self {
            started: Instant::now(),
            patience,
            attempts: 0,
        }
    }

    /// The pause before the next attempt, `None` when patience is over.
    pub(crate) fn next(&mut self, asked: Option<Duration>) -> Option<Duration> {
        self.attempts += 1;
        let exponential = FIRST
            .saturating_mul(1 << (self.attempts - 1).min(16))
            .min(LONGEST);
        // Full jitter on our own pause, a little on top of the server's: all its clients were told the same.
        let jitter = rand::rng().random_range(0.0..1.0);
        let pause = match asked {
            Some(asked) => {
                asked.min(LONGEST_ASKED) + exponential.min(Duration::from_secs(1)).mul_f64(jitter)
            }
            None => exponential.mul_f64(0.5 + 0.5 * jitter),
        };
        match self.patience {
            Patience::Forever => Some(pause),
            Patience::For(limit) => {
                let left = limit.checked_sub(self.started.elapsed())?;
                (pause <= left).then_some(pause)
            }
        }
    }

    pub(crate) fn attempts(&self) -> u32 {
        self.attempts
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }
}

/// `Retry-After`: seconds, or an HTTP date.
pub(crate) fn parse_retry_after(value: &str) -> Option<Duration> {
    let value = value.trim();
    if let Ok(seconds) = value.parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    let date = jiff::fmt::rfc2822::parse(value).ok()?;
    let date = SystemTime::from(date.timestamp());
    Some(date.duration_since(SystemTime::now()).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn never_comes_back_before_the_server_asks_for_it() {
        let mut backoff = Backoff::new(Patience::Forever);
        for _ in 0..50 {
            let pause = backoff.next(Some(Duration::from_secs(3))).expect("endless");
            assert!((Duration::from_secs(3)..=Duration::from_secs(4)).contains(&pause));
        }
    }

    #[test]
    fn pauses_grow_and_stay_bounded() {
        let mut backoff = Backoff::new(Patience::Forever);
        let first = backoff.next(None).expect("endless");
        assert!(first <= FIRST);
        let mut last = first;
        for _ in 0..1000 {
            last = backoff.next(None).expect("endless");
            assert!(last <= LONGEST);
        }
        assert!(last >= LONGEST / 2);
    }

    #[test]
    fn patience_ends() {
        let mut backoff = Backoff::new(Patience::For(Duration::from_millis(500)));
        assert!(backoff.next(None).is_some());
        assert!(backoff.next(Some(Duration::from_secs(5))).is_none());
        assert_eq!(backoff.attempts(), 2);
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        assert_eq!(parse_retry_after("7"), Some(Duration::from_secs(7)));
        assert_eq!(
            parse_retry_after("Fri, 31 Dec 1999 23:59:59 GMT"),
            Some(Duration::ZERO)
        );
        assert_eq!(parse_retry_after("soon"), None);
    }
}
