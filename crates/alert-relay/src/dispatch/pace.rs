//! How many mails a route may have: a bucket of tokens, and digests when it is empty.

use std::time::Duration;

use crate::config::Rate;

/// What the groups that are due may become.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Turn {
    /// A mail of their own, for as many as this.
    Single(usize),
    /// One mail for all.
    Digest,
    /// Nothing before this time.
    Wait(u64),
}

/// The pace of one route. Times are Unix milliseconds.
#[derive(Debug, Clone)]
pub(crate) struct Pace {
    tokens: f64,
    filled_ms: u64,
    digest_ms: Option<u64>,
}

impl Pace {
    pub(crate) fn new(rate: &Rate, now_ms: u64) -> Self {
        Self {
            tokens: f64::from(rate.mails),
            filled_ms: now_ms,
            digest_ms: None,
        }
    }

    /// What `due` groups may become now.
    pub(crate) fn turn(&mut self, rate: &Rate, due: usize, now_ms: u64) -> Turn {
        self.fill(rate, now_ms);
        match self.digest_ms {
            Some(at) if now_ms < at => return Turn::Wait(at),
            // One group is a mail, whatever the time is.
            Some(_) if due > 1 => {
                // As long as it storms, the next digest is as far away as this one was.
                self.digest_ms =
                    (due > rate.mails as usize).then(|| now_ms + millis(rate.digest_every));
                return Turn::Digest;
            }
            Some(_) => self.digest_ms = None,
            None => {}
        }
        let mut singles = 0;
        while singles < due && self.tokens >= 1.0 {
            self.tokens -= 1.0;
            singles += 1;
        }
        if singles < due {
            self.digest_ms = Some(now_ms + millis(rate.digest_every));
        }
        if singles == 0 {
            Turn::Wait(now_ms + millis(rate.digest_every))
        } else {
            Turn::Single(singles)
        }
    }

    fn fill(&mut self, rate: &Rate, now_ms: u64) {
        #[expect(clippy::cast_precision_loss, reason = "milliseconds of some hours")]
        let share = now_ms.saturating_sub(self.filled_ms) as f64 / millis(rate.per).max(1) as f64;
        let most = f64::from(rate.mails);
        self.tokens = (self.tokens + share * most).min(most);
        self.filled_ms = now_ms;
    }
}

pub(crate) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rate() -> Rate {
        Rate {
            mails: 3,
            per: Duration::from_secs(60),
            digest_every: Duration::from_secs(10),
        }
    }

    #[test]
    fn a_few_groups_are_mails_of_their_own() {
        let mut pace = Pace::new(&rate(), 0);
        assert_eq!(pace.turn(&rate(), 2, 0), Turn::Single(2));
        assert_eq!(pace.turn(&rate(), 1, 1), Turn::Single(1));
    }

    #[test]
    fn a_storm_is_a_few_mails_and_then_digests_until_it_is_over() {
        let mut pace = Pace::new(&rate(), 0);
        assert_eq!(pace.turn(&rate(), 500, 0), Turn::Single(3));
        assert_eq!(pace.turn(&rate(), 497, 1), Turn::Wait(10_000));
        assert_eq!(pace.turn(&rate(), 600, 10_000), Turn::Digest);
        assert_eq!(pace.turn(&rate(), 50, 10_001), Turn::Wait(20_000));
        assert_eq!(pace.turn(&rate(), 2, 20_000), Turn::Digest);
        assert_eq!(
            pace.turn(&rate(), 1, 20_001),
            Turn::Single(1),
            "a token came back meanwhile"
        );
    }

    #[test]
    fn one_group_at_the_time_of_a_digest_is_a_mail_of_its_own() {
        let mut pace = Pace::new(&rate(), 0);
        assert_eq!(pace.turn(&rate(), 4, 0), Turn::Single(3));
        assert_eq!(pace.turn(&rate(), 1, 25_000), Turn::Single(1));
    }

    #[test]
    fn without_tokens_even_one_group_waits() {
        let mut pace = Pace::new(&rate(), 0);
        assert_eq!(pace.turn(&rate(), 3, 0), Turn::Single(3));
        assert_eq!(pace.turn(&rate(), 1, 1), Turn::Wait(10_001));
        assert_eq!(pace.turn(&rate(), 1, 2), Turn::Wait(10_001));
    }
}
