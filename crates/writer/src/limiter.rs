//! Bounds the rate of dead letters (case 25): a deploy that makes every record bad must not empty the topic into a table overnight.

use std::time::{Duration, Instant};

/// A bucket of tokens, one for each dead letter. It may be overdrawn, because a record that has been read must go somewhere; reading
/// stops until the debt is paid.
#[derive(Debug)]
pub(crate) struct Limiter {
    tokens: f64,
    per_second: f64,
    burst: f64,
    filled: Instant,
}

impl Limiter {
    pub(crate) fn new(per_second: u32, burst: u32, now: Instant) -> Self {
        Self {
            tokens: f64::from(burst),
            per_second: f64::from(per_second),
            burst: f64::from(burst),
            filled: now,
        }
    }

    pub(crate) fn take(&mut self, dead_letters: u64, now: Instant) {
        self.fill(now);
        #[expect(clippy::cast_precision_loss, reason = "far fewer than 2^52")]
        let taken = dead_letters as f64;
        self.tokens -= taken;
    }

    /// How long to read nothing; none while the rate is kept. Once reading has stopped it stays so for a moment (a second's worth of tokens),
    /// since every stop throws prefetched records away.
    pub(crate) fn pause(&mut self, now: Instant) -> Option<Duration> {
        self.fill(now);
        (self.tokens < 0.0).then(|| {
            let reserve = self.per_second.min(self.burst);
            Duration::from_secs_f64((reserve - self.tokens) / self.per_second)
        })
    }

    fn fill(&mut self, now: Instant) {
        let elapsed = now.saturating_duration_since(self.filled).as_secs_f64();
        self.tokens = (self.tokens + elapsed * self.per_second).min(self.burst);
        self.filled = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_free_and_then_the_rate_is_kept() {
        let start = Instant::now();
        let mut limiter = Limiter::new(100, 1_000, start);
        limiter.take(1_000, start);
        assert_eq!(limiter.pause(start), None);
        limiter.take(100, start);
        let pause = limiter.pause(start).expect("overdrawn by a second's worth");
        assert_eq!(pause, Duration::from_secs(2));
        assert_eq!(limiter.pause(start + pause), None);
        // A day of nothing fills the bucket, and no more.
        limiter.take(1_001, start + Duration::from_secs(86_400));
        assert!(limiter.pause(start + Duration::from_secs(86_400)).is_some());
    }
}
