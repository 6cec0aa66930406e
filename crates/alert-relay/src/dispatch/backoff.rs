//! When a mail that failed is tried again.

use std::time::Duration;

use rand::Rng as _;

use super::pace::millis;
use crate::config::Retry;

/// The longest that another side may make us wait.
const LONGEST_ASKED: Duration = Duration::from_secs(3600);

/// The pause after this many failed attempts: doubling, the upper half of it random, and never less than was asked for.
pub(crate) fn pause_ms(retry: &Retry, attempts: u32, asked: Option<Duration>) -> u64 {
    let doubled = millis(retry.first).saturating_mul(1 << attempts.saturating_sub(1).min(30));
    let most = doubled.min(millis(retry.longest)).max(1);
    let own = rand::rng().random_range(most / 2..=most);
    own.max(asked.map_or(0, |asked| millis(asked.min(LONGEST_ASKED))))
}

/// Reads a `Retry-After`: seconds or a date.
pub(crate) fn retry_after(value: &str) -> Option<Duration> {
    let value = value.trim();
    match value.parse::<u64>() {
        Ok(seconds) => Some(Duration::from_secs(seconds)),
        Err(_) => {
            let date = httpdate::parse_http_date(value).ok()?;
            Some(
                date.duration_since(std::time::SystemTime::now())
                    .unwrap_or_default(),
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn retry() -> Retry {
        Retry {
            first: Duration::from_secs(2),
            longest: Duration::from_secs(60),
            max_attempts: 9,
            max_age: Duration::from_secs(1),
            max_refusals: 1,
            concurrency: 1,
        }
    }

    #[test]
    fn pauses_grow_to_a_limit_and_are_not_the_same_twice() {
        for (attempts, most) in [
            (1, 2_000),
            (2, 4_000),
            (5, 32_000),
            (6, 60_000),
            (4_000_000, 60_000),
        ] {
            let pauses: Vec<_> = (0..50)
                .map(|_| pause_ms(&retry(), attempts, None))
                .collect();
            assert!(
                pauses.iter().all(|pause| (most / 2..=most).contains(pause)),
                "{attempts}: {pauses:?}"
            );
            assert!(
                pauses.iter().any(|pause| pause != &pauses[0]),
                "{attempts}: {pauses:?}"
            );
        }
    }

    #[test]
    fn what_was_asked_for_is_kept_within_an_hour() {
        assert_eq!(
            pause_ms(&retry(), 1, Some(Duration::from_secs(120))),
            120_000
        );
        assert_eq!(
            pause_ms(&retry(), 1, Some(Duration::from_secs(999_999))),
            3_600_000
        );
    }

    #[test]
    fn a_retry_after_is_seconds_or_a_date() {
        assert_eq!(retry_after(" 17 "), Some(Duration::from_secs(17)));
        let soon = httpdate::fmt_http_date(std::time::SystemTime::now() + Duration::from_secs(100));
        assert!(
            retry_after(&soon).is_some_and(|wait| (95..=100).contains(&wait.as_secs())),
            "{soon}"
        );
        assert_eq!(
            retry_after("Wed, 21 Oct 2015 07:28:00 GMT"),
            Some(Duration::ZERO)
        );
        assert_eq!(retry_after("soon"), None);
    }
}
