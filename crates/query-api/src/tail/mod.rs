//! What all tails of a process share: the reader of the feed, and how many there may be.

mod hub;
mod written;

pub(crate) use hub::{Hub, News, Part};
pub(crate) use written::Pieces;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use prometheus_client::metrics::gauge::Gauge;
use service::problem::{ErrorCode, Problem};

/// Tails last; coming again at once is of no use.
const RETRY_AFTER: Duration = Duration::from_secs(5);

/// How many tails, or exports, are open. Cloning gives another handle to the same count.
#[derive(Debug, Clone)]
pub(crate) struct Seats {
    /// What they are, for people.
    what: &'static str,
    most: usize,
    most_per_key: usize,
    taken: Arc<Mutex<HashMap<String, usize>>>,
    gauge: Gauge,
}

impl Seats {
    pub(crate) fn new(what: &'static str, most: usize, most_per_key: usize, gauge: Gauge) -> Self {
        Self {
            what,
            most,
            most_per_key,
            taken: Arc::default(),
            gauge,
        }
    }

    /// A place for one more tail of a key.
    pub(crate) fn take(&self, key: &str) -> Result<Seat, Problem> {
        let mut taken = lock(&self.taken);
        let of_key = taken.get(key).copied().unwrap_or(0);
        if of_key >= self.most_per_key {
            let detail = format!(
                "this key has {of_key} {} open, and may have {}: close one first",
                self.what, self.most_per_key
            );
            return Err(Problem::new(ErrorCode::Throttled, detail).retry_after(RETRY_AFTER));
        }
        if taken.values().sum::<usize>() >= self.most {
            let detail = format!(
                "as many {} are open as this server serves: come again later",
                self.what
            );
            return Err(Problem::new(ErrorCode::Overloaded, detail).retry_after(RETRY_AFTER));
        }
        *taken.entry(key.to_owned()).or_default() += 1;
        self.gauge.inc();
        Ok(Seat {
            seats: self.clone(),
            key: key.to_owned(),
        })
    }
}

/// One tail's place; given up when dropped.
#[derive(Debug)]
pub(crate) struct Seat {
    seats: Seats,
    key: String,
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut taken = lock(&self.seats.taken);
        if let Some(of_key) = taken.get_mut(&self.key) {
            *of_key -= 1;
            if *of_key == 0 {
                taken.remove(&self.key);
            }
        }
        self.seats.gauge.dec();
    }
}

fn lock(taken: &Mutex<HashMap<String, usize>>) -> MutexGuard<'_, HashMap<String, usize>> {
    // Counts are whole whenever the lock is free.
    taken
        .lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_its_own_limit_and_all_have_one_together() {
        let seats = Seats::new("tails", 3, 2, Gauge::default());
        let first = (
            seats.take("a").expect("free"),
            seats.take("a").expect("free"),
        );
        let refused = seats.take("a").expect_err("its third");
        assert_eq!(
            (refused.status().as_u16(), refused.name()),
            (429, "throttled")
        );
        let other = seats.take("b").expect("the last one");
        assert_eq!(seats.take("c").expect_err("full").status().as_u16(), 503);
        drop((first, other));
        assert!(seats.take("a").is_ok() && lock(&seats.taken).is_empty());
    }
}
