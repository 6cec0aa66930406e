//! One countdown for all the records of a request, instead of a future for each.
//!
//! The poll thread of the producer settles one atomic slot per record and wakes the waiting task once, at zero. The countdown is shared by
//! reference count: a request that gives up (its client went away, its deadline passed) just drops its handle, and the acknowledgements
//! that still come settle slots nobody reads any more.

use crate::{
    metrics::ProducerMetrics,
    spread::{Hold, Spread},
};
use prometheus_client::metrics::gauge::Gauge;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use std::{
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, AtomicI64, AtomicU8, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::sync::Notify;

/// Why a record was not accepted by Kafka.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[repr(u8)]
pub enum SendError {
    /// The local queue is at its limit of bytes or records; sending is worth another try after a moment.
    #[error("the producer's queue is full")]
    QueueFull = 2,
    /// No broker is up, the topic is missing, or the producer is being replaced; worth another try later.
    #[error("kafka is not available")]
    Unavailable = 3,
    /// Not acknowledged within the delivery timeout. The record may be in the log all the same; sending it again is harmless because
    /// the same event has the same uid.
    #[error("not acknowledged in time")]
    TimedOut = 4,
    /// The record is larger than the producer or the topic allows; it will never be accepted.
    #[error("the record is larger than the topic allows")]
    TooLarge = 5,
    /// Any other refusal by the brokers, such as a missing right to write.
    #[error("kafka refused the record")]
    Refused = 6,
}

impl SendError {
    /// Whether the same record may be accepted later, unchanged.
    #[must_use]
    pub fn is_retriable(self) -> bool {
        !matches!(self, Self::TooLarge)
    }

    pub(crate) fn of(error: &KafkaError) -> Self {
        match error.rdkafka_error_code() {
            Some(RDKafkaErrorCode::QueueFull) => Self::QueueFull,
            Some(
                RDKafkaErrorCode::MessageSizeTooLarge
                | RDKafkaErrorCode::InvalidMessageSize
                | RDKafkaErrorCode::InvalidMessage,
            ) => Self::TooLarge,
            Some(
                RDKafkaErrorCode::MessageTimedOut
                | RDKafkaErrorCode::OperationTimedOut
                | RDKafkaErrorCode::RequestTimedOut,
            ) => Self::TimedOut,
            Some(
                RDKafkaErrorCode::PurgeQueue
                | RDKafkaErrorCode::PurgeInflight
                | RDKafkaErrorCode::Fatal
                | RDKafkaErrorCode::AllBrokersDown
                | RDKafkaErrorCode::BrokerTransportFailure
                | RDKafkaErrorCode::NotEnoughReplicas
                | RDKafkaErrorCode::NotEnoughReplicasAfterAppend
                | RDKafkaErrorCode::LeaderNotAvailable
                | RDKafkaErrorCode::NotLeaderForPartition
                | RDKafkaErrorCode::UnknownTopicOrPartition
                | RDKafkaErrorCode::UnknownTopic
                | RDKafkaErrorCode::UnknownPartition,
            ) => Self::Unavailable,
            _ => Self::Refused,
        }
    }
}

/// What became of one record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Not known yet. After a deadline this means: possibly written.
    Pending,
    /// On all in-sync replicas.
    Acked,
    /// Refused, or not acknowledged in time.
    Failed(SendError),
}

impl Outcome {
    fn encode(self) -> u8 {
        match self {
            Self::Pending => 0,
            Self::Acked => 1,
            Self::Failed(error) => error as u8,
        }
    }

    fn decode(code: u8) -> Self {
        match code {
            0 => Self::Pending,
            1 => Self::Acked,
            2 => Self::Failed(SendError::QueueFull),
            3 => Self::Failed(SendError::Unavailable),
            4 => Self::Failed(SendError::TimedOut),
            5 => Self::Failed(SendError::TooLarge),
            _ => Self::Failed(SendError::Refused),
        }
    }
}

/// Counts the records of one request down to zero and keeps the outcome of each.
///
/// Cloning shares it. Every index from 0 to `records - 1` is settled once: by [`crate::Producer::send`] (at once when it fails, else by
/// the delivery report), or by [`Countdown::fail`] for a record that was never sent.
#[derive(Debug, Clone)]
pub struct Countdown(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    slots: Box<[AtomicU8]>,
    remaining: AtomicUsize,
    zero: Notify,
    started: Instant,
    /// From its first record on.
    stay: OnceLock<Stay>,
}

/// What the records of one request take up in a producer until all of them are settled.
#[derive(Debug)]
struct Stay {
    /// Where those without a key go; none while the partitions are not known.
    hold: Option<Hold>,
    records: AtomicI64,
    bytes: AtomicI64,
    queue_records: Gauge,
    queue_bytes: Gauge,
    ended: AtomicBool,
}

impl Stay {
    fn end(&self) {
        if self.ended.swap(true, Ordering::AcqRel) {
            return;
        }
        if let Some(hold) = &self.hold {
            hold.release();
        }
        self.queue_records
            .dec_by(self.records.load(Ordering::Acquire));
        self.queue_bytes.dec_by(self.bytes.load(Ordering::Acquire));
    }
}

impl Drop for Stay {
    /// For a caller that sent fewer records than it had announced.
    fn drop(&mut self) {
        self.end();
    }
}

impl Countdown {
    /// Starts a countdown for `records` records; with none it is at zero already.
    #[must_use]
    pub fn new(records: usize) -> Self {
        Self(Arc::new(Shared {
            slots: (0..records).map(|_| AtomicU8::new(0)).collect(),
            remaining: AtomicUsize::new(records),
            zero: Notify::new(),
            started: Instant::now(),
            stay: OnceLock::new(),
        }))
    }

    /// Waits until every record is settled. Cancel safe: dropping the future loses nothing, and waiting again is fine.
    pub async fn wait(&self) {
        loop {
            // Registered before the check: a wake-up between the two is then not lost.
            let zero = self.0.zero.notified();
            tokio::pin!(zero);
            zero.as_mut().enable();
            if self.remaining() == 0 {
                return;
            }
            zero.await;
        }
    }

    /// How many records are still unsettled.
    #[must_use]
    pub fn remaining(&self) -> usize {
        self.0.remaining.load(Ordering::Acquire)
    }

    /// What became of the record with this index; `Pending` for an index outside the countdown.
    #[must_use]
    pub fn outcome(&self, index: usize) -> Outcome {
        self.0.slots.get(index).map_or(Outcome::Pending, |slot| {
            Outcome::decode(slot.load(Ordering::Acquire))
        })
    }

    /// The outcomes of all records, in order.
    pub fn outcomes(&self) -> impl Iterator<Item = Outcome> + '_ {
        (0..self.0.slots.len()).map(|index| self.outcome(index))
    }

    /// Settles a record that was never sent, so that the countdown can reach zero.
    pub fn fail(&self, index: usize, error: SendError) {
        self.settle(index, Outcome::Failed(error));
    }

    /// Settles one slot; true when it was the last. A slot is settled once: later outcomes for it change nothing.
    pub(crate) fn settle(&self, index: usize, outcome: Outcome) -> bool {
        let Some(slot) = self.0.slots.get(index) else {
            return false;
        };
        if slot
            .compare_exchange(0, outcome.encode(), Ordering::AcqRel, Ordering::Acquire)
            .is_err()
        {
            return false;
        }
        let last = self.0.remaining.fetch_sub(1, Ordering::AcqRel) == 1;
        if last {
            if let Some(stay) = self.0.stay.get() {
                stay.end();
            }
            self.0.zero.notify_waiters();
        }
        last
    }

    /// Counts a record of so many bytes as waiting, until all records of the countdown are settled: the thread that reports deliveries then touches
    /// the gauges once for a request. Returns the partition for it if it has no key; none while the partitions are not known.
    ///
    /// To be called before the record is sent, since it may be settled before that returns.
    pub(crate) fn enter(
        &self,
        index: usize,
        bytes: i64,
        spread: &Spread,
        metrics: &ProducerMetrics,
    ) -> Option<i32> {
        let stay = self.0.stay.get_or_init(|| Stay {
            hold: spread.hold(self.0.started),
            records: AtomicI64::new(0),
            bytes: AtomicI64::new(0),
            queue_records: metrics.queue_records.clone(),
            queue_bytes: metrics.queue_bytes.clone(),
            ended: AtomicBool::new(false),
        });
        stay.records.fetch_add(1, Ordering::AcqRel);
        stay.bytes.fetch_add(bytes, Ordering::AcqRel);
        metrics.queue_records.inc();
        metrics.queue_bytes.inc_by(bytes);
        stay.hold.as_ref().map(|hold| hold.partition(index))
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.0.started.elapsed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn wakes_its_waiter_at_zero_with_every_outcome() {
        let countdown = Countdown::new(3);
        let waiter = tokio::spawn({
            let countdown = countdown.clone();
            async move { countdown.wait().await }
        });
        assert!(!countdown.settle(0, Outcome::Acked));
        assert!(!countdown.settle(2, Outcome::Failed(SendError::TimedOut)));
        assert_eq!(countdown.remaining(), 1);
        assert!(countdown.settle(1, Outcome::Failed(SendError::QueueFull)));
        waiter.await.expect("the waiter ends");
        assert_eq!(
            countdown.outcomes().collect::<Vec<_>>(),
            [
                Outcome::Acked,
                Outcome::Failed(SendError::QueueFull),
                Outcome::Failed(SendError::TimedOut)
            ]
        );
    }

    #[tokio::test]
    async fn an_empty_countdown_is_at_zero() {
        Countdown::new(0).wait().await;
    }

    #[test]
    fn a_slot_is_settled_once_and_a_foreign_index_not_at_all() {
        let countdown = Countdown::new(1);
        assert!(!countdown.settle(1, Outcome::Acked));
        assert!(countdown.settle(0, Outcome::Acked));
        assert!(!countdown.settle(0, Outcome::Failed(SendError::TimedOut)));
        assert_eq!(countdown.outcome(0), Outcome::Acked);
        assert_eq!(countdown.remaining(), 0);
    }

    #[tokio::test]
    async fn settling_after_the_request_went_away_is_harmless() {
        let countdown = Countdown::new(1);
        let report = countdown.clone();
        let waiting = tokio::time::timeout(Duration::from_millis(1), countdown.wait()).await;
        assert!(waiting.is_err());
        drop(countdown);
        assert!(report.settle(0, Outcome::Acked));
    }

    #[test]
    fn every_outcome_survives_its_slot() {
        use SendError::{QueueFull, Refused, TimedOut, TooLarge, Unavailable};
        let failures = [QueueFull, Unavailable, TimedOut, TooLarge, Refused].map(Outcome::Failed);
        for outcome in failures
            .into_iter()
            .chain([Outcome::Pending, Outcome::Acked])
        {
            assert_eq!(Outcome::decode(outcome.encode()), outcome);
        }
    }
}
