//! Who may hold how many bytes: a budget that a body takes its place in before it is read.
//!
//! One budget is for all, and no key may have more than its share of it, so that a sender who trickles large bodies
//! runs out of place before the others do. Nothing waits: what does not fit is refused.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use prometheus_client::metrics::gauge::Gauge;

/// The bytes of all bodies being read or waiting. Cloning gives another handle to the same budget.
#[derive(Debug, Clone)]
pub(crate) struct Budget(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    limit: usize,
    key_limit: usize,
    used: AtomicUsize,
    /// Only keys that authenticated have an entry.
    keys: RwLock<HashMap<String, Arc<AtomicUsize>>>,
    gauge: Gauge,
}

/// The budget, or the key's share of it, is used up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Saturated;

impl Budget {
    /// A budget of `limit` bytes, of which one key may have `key_limit`. `gauge` follows what is used.
    pub(crate) fn new(limit: usize, key_limit: usize, gauge: Gauge) -> Self {
        Self(Arc::new(Inner {
            limit,
            key_limit,
            used: AtomicUsize::new(0),
            keys: RwLock::default(),
            gauge,
        }))
    }

    /// Takes `bytes` for the key of this id, given back when the reservation is dropped.
    pub(crate) fn reserve(&self, key: &str, bytes: usize) -> Result<Reservation, Saturated> {
        let mut reservation = Reservation {
            budget: Arc::clone(&self.0),
            key: self.key(key),
            bytes: 0,
        };
        reservation.grow_to(bytes)?;
        Ok(reservation)
    }

    fn key(&self, id: &str) -> Arc<AtomicUsize> {
        let keys = self.0.keys.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(used) = keys.get(id) {
            return Arc::clone(used);
        }
        drop(keys);
        let mut keys = self.0.keys.write().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(keys.entry(id.to_owned()).or_default())
    }
}

/// A place in the budget; dropping it gives it back.
#[derive(Debug)]
pub(crate) struct Reservation {
    budget: Arc<Inner>,
    key: Arc<AtomicUsize>,
    bytes: usize,
}

impl Reservation {
    /// Makes the place at least this large.
    pub(crate) fn grow_to(&mut self, total: usize) -> Result<(), Saturated> {
        let more = total.saturating_sub(self.bytes);
        if more == 0 {
            return Ok(());
        }
        take(&self.key, more, self.budget.key_limit)?;
        if let Err(saturated) = take(&self.budget.used, more, self.budget.limit) {
            self.key.fetch_sub(more, Ordering::Relaxed);
            return Err(saturated);
        }
        self.bytes = total;
        self.budget.gauge.inc_by(as_gauge(more));
        Ok(())
    }

    /// Makes the place at most this large.
    pub(crate) fn shrink_to(&mut self, total: usize) {
        let less = self.bytes.saturating_sub(total);
        self.key.fetch_sub(less, Ordering::Relaxed);
        self.budget.used.fetch_sub(less, Ordering::Relaxed);
        self.budget.gauge.dec_by(as_gauge(less));
        self.bytes -= less;
    }

    /// How large the place is.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.shrink_to(0);
    }
}

fn take(used: &AtomicUsize, more: usize, limit: usize) -> Result<(), Saturated> {
    let fits = |used: usize| used.checked_add(more).filter(|total| *total <= limit);
    used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits)
        .map(drop)
        .map_err(|_| Saturated)
}

fn as_gauge(bytes: usize) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_is_refused_and_a_dropped_place_is_free_again() {
        let gauge = Gauge::default();
        let budget = Budget::new(100, 100, gauge.clone());
        let mut first = budget.reserve("a", 60).expect("fits");
        assert_eq!(budget.reserve("b", 41).expect_err("full"), Saturated);
        first.grow_to(100).expect("fits");
        assert_eq!(first.grow_to(101), Err(Saturated));
        assert_eq!((first.bytes(), gauge.get()), (100, 100));
        first.shrink_to(10);
        let second = budget.reserve("b", 90).expect("fits now");
        drop((first, second));
        assert_eq!(gauge.get(), 0);
        drop(budget.reserve("c", 100).expect("all of it is free"));
    }

    #[test]
    fn one_key_cannot_take_the_place_of_others() {
        let budget = Budget::new(100, 50, Gauge::default());
        let mut greedy = budget.reserve("greedy", 50).expect("its share");
        assert!(budget.reserve("greedy", 1).is_err());
        assert!(greedy.grow_to(51).is_err());
        budget
            .reserve("modest", 50)
            .expect("the other half is still there");
    }
}
