//! Which partition the records without a key go to: one for a moment, then one that has nothing on its way.
//!
//! Records of one moment share a batch, so they are best sent to one partition; and librdkafka sends an idempotent batch to a partition only when the
//! one before it was acknowledged, and *spins* on a processor meanwhile once the linger of what waits is over. So a partition is filled for as long as
//! the linger, then left alone until all of it is acknowledged. While none is free, the one that was opened last goes on: its batch is the last in
//! line, and grows. That is what makes batches adapt: small while Kafka is quick, large when it is busy.

use arc_swap::ArcSwap;
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

/// So many records of one request go to one partition; those beyond go to the next one, so that a large request is not one partition's alone.
const RUN_RECORDS: usize = 1000;

/// One partition, and how many requests have records on their way to it.
#[derive(Debug)]
struct Seat {
    partition: i32,
    on_their_way: AtomicUsize,
}

/// The partitions that take records, and which of them is being filled.
#[derive(Debug)]
pub(crate) struct Spread {
    seats: ArcSwap<Vec<Seat>>,
    started: Instant,
    linger_nanos: u64,
    /// The place in `seats` of the partition being filled.
    current: AtomicUsize,
    /// When it was opened, in nanoseconds since `started`.
    opened: AtomicU64,
}

/// A request's hold on a partition: while it lasts, the partition counts as having something on its way.
#[derive(Debug)]
pub(crate) struct Hold {
    seats: Arc<Vec<Seat>>,
    at: usize,
}

impl Spread {
    /// Knows no partitions yet. A partition is filled for `linger`.
    pub(crate) fn new(linger: Duration) -> Self {
        Self {
            seats: ArcSwap::default(),
            started: Instant::now(),
            linger_nanos: nanos(linger),
            current: AtomicUsize::new(0),
            opened: AtomicU64::new(0),
        }
    }

    /// Takes the partitions that have a leader now, in order.
    pub(crate) fn know(&self, partitions: &[i32]) {
        let seats = self.seats.load();
        if !seats
            .iter()
            .map(|seat| seat.partition)
            .eq(partitions.iter().copied())
        {
            let seat = |partition: &i32| Seat {
                partition: *partition,
                on_their_way: AtomicUsize::new(0),
            };
            self.seats
                .store(Arc::new(partitions.iter().map(seat).collect()));
        }
    }

    /// Chooses for a request that begins `now`; none while no partition is known.
    pub(crate) fn hold(&self, now: Instant) -> Option<Hold> {
        let seats = self.seats.load_full();
        if seats.is_empty() {
            return None;
        }
        let now = nanos(now.saturating_duration_since(self.started));
        let current = self.current.load(Ordering::Relaxed);
        let mut at = current % seats.len();
        if now.saturating_sub(self.opened.load(Ordering::Relaxed)) >= self.linger_nanos {
            let free = (1..=seats.len())
                .map(|step| (at + step) % seats.len())
                .find(|at| seats[*at].on_their_way.load(Ordering::Relaxed) == 0);
            // Of several who find the time over, one opens the next; the others fill what was open a moment longer.
            if let Some(free) = free
                && self
                    .current
                    .compare_exchange(current, free, Ordering::Relaxed, Ordering::Relaxed)
                    .is_ok()
            {
                self.opened.store(now, Ordering::Relaxed);
                at = free;
            }
        }
        seats[at].on_their_way.fetch_add(1, Ordering::Relaxed);
        Some(Hold { seats, at })
    }
}

impl Hold {
    /// The partition of the record with this index in its request.
    pub(crate) fn partition(&self, index: usize) -> i32 {
        self.seats[(self.at + index / RUN_RECORDS) % self.seats.len()].partition
    }

    /// Says that everything is acknowledged or given up. To be called once.
    pub(crate) fn release(&self) {
        self.seats[self.at]
            .on_their_way
            .fetch_sub(1, Ordering::Relaxed);
    }
}

fn nanos(span: Duration) -> u64 {
    u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINGER: Duration = Duration::from_millis(1);

    fn spread(partitions: &[i32]) -> (Spread, Instant) {
        let spread = Spread::new(LINGER);
        spread.know(partitions);
        // Later than the linger of the partition that counts as open at the start.
        let now = spread.started + 10 * LINGER;
        (spread, now)
    }

    fn partition(hold: &Option<Hold>) -> i32 {
        hold.as_ref().expect("a partition is known").partition(0)
    }

    #[test]
    fn without_partitions_there_is_no_choice() {
        assert!(Spread::new(LINGER).hold(Instant::now()).is_none());
    }

    #[test]
    fn requests_of_one_moment_share_a_partition_and_moments_take_turns() {
        let (spread, now) = spread(&[0, 1, 2]);
        let first = spread.hold(now);
        let same = spread.hold(now + LINGER / 2);
        assert_eq!(partition(&first), partition(&same));
        let mut met = vec![partition(&first)];
        for moment in 1..3 {
            met.push(partition(&spread.hold(now + moment * LINGER)));
        }
        met.sort_unstable();
        assert_eq!(met, [0, 1, 2]);
    }

    #[test]
    fn a_partition_with_something_on_its_way_is_passed_over() {
        let (spread, now) = spread(&[0, 1, 2]);
        let (first, second) = (spread.hold(now), spread.hold(now + LINGER));
        second.as_ref().expect("held").release();
        let third = spread.hold(now + 2 * LINGER);
        assert!(
            ![&first, &second]
                .map(partition)
                .contains(&partition(&third))
        );
        // The first is still on its way, the second is not any more.
        let fourth = spread.hold(now + 3 * LINGER);
        assert_eq!(partition(&fourth), partition(&second));
    }

    #[test]
    fn while_none_is_free_the_last_one_goes_on() {
        let (spread, now) = spread(&[0, 1]);
        let _first = spread.hold(now);
        let second = spread.hold(now + LINGER);
        let third = spread.hold(now + 5 * LINGER);
        assert_eq!(partition(&third), partition(&second));
    }

    #[test]
    fn a_large_request_is_not_one_partitions_alone() {
        let (spread, now) = spread(&[7, 8]);
        let hold = spread.hold(now).expect("a partition is known");
        assert_eq!(hold.partition(0), hold.partition(RUN_RECORDS - 1));
        assert_ne!(hold.partition(0), hold.partition(RUN_RECORDS));
    }

    #[test]
    fn a_partition_that_lost_its_leader_is_left_alone() {
        let (spread, now) = spread(&[0, 1]);
        let held = spread.hold(now);
        spread.know(&[1]);
        for moment in 1..4 {
            assert_eq!(partition(&spread.hold(now + moment * LINGER)), 1);
        }
        held.expect("held").release();
    }
}
