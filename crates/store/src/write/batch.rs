//! What is flushed at once.

use event::{Event, Timestamp};

use super::{
    dead::{DeadRows, Origin},
    rows::EventRows,
};

/// A Kafka record, borrowed for as long as it takes to push it.
#[derive(Debug, Clone, Copy)]
pub struct Record<'a> {
    /// Its partition.
    pub partition: i32,
    /// Its offset.
    pub offset: i64,
    /// Its timestamp in Kafka, if it has one.
    pub timestamp: Option<Timestamp>,
    /// Its key.
    pub key: Option<&'a [u8]>,
    /// Its headers, in order.
    pub headers: &'a [(&'a str, Option<&'a [u8]>)],
    /// Its value.
    pub value: Option<&'a [u8]>,
}

/// How far a batch moves the checkpoint of one Kafka partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Advance {
    /// The Kafka partition.
    pub partition: i32,
    /// The next offset the checkpoint must hold: what this writer loaded or last committed.
    pub expected: i64,
    /// The next offset it will hold.
    pub next: i64,
}

/// Where a log ended when somebody looked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogEnd {
    /// The offset that the next record will get.
    pub offset: i64,
    /// When that was asked, from before the question.
    pub seen_at: Timestamp,
}

/// What is known of the log of a partition that a batch moves on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Known {
    /// When the latest of the batch's records was appended.
    appended: Option<Timestamp>,
    pub(crate) end: Option<LogEnd>,
}

impl Known {
    /// The moment before which everything accepted is stored once the checkpoint is at `next`.
    ///
    /// What comes behind a record was appended after it, and accepted after that; and while nothing was behind `next`, nothing was
    /// missing. A record whose clock is ahead says no more than that it is there now.
    pub(crate) fn as_of(&self, next: i64, now: Timestamp) -> Option<Timestamp> {
        let appended = self.appended.map(|appended| appended.min(now));
        let complete = self.end.filter(|end| end.offset <= next);
        appended.max(complete.map(|end| end.seen_at))
    }
}

/// Rows, dead letters and the checkpoints they move: all committed at once, or none.
///
/// Fill it, [`flush`](super::Sink::flush) it, [`clear`](Self::clear) it and use it again; the memory stays. A flush does not
/// change it, so after an outage the same batch is flushed again.
#[derive(Debug)]
pub struct Batch {
    pub(crate) cluster_id: String,
    pub(crate) topic: String,
    pub(crate) rows: EventRows,
    pub(crate) dead: DeadRows,
    /// Sorted by partition.
    advances: Vec<Advance>,
    /// For each of them.
    known: Vec<Known>,
}

impl Batch {
    /// An empty batch of records of one topic.
    pub fn new(cluster_id: impl Into<String>, topic: impl Into<String>) -> Self {
        Self {
            cluster_id: cluster_id.into(),
            topic: topic.into(),
            rows: EventRows::default(),
            dead: DeadRows::default(),
            advances: Vec::new(),
            known: Vec::new(),
        }
    }

    /// Adds the event that was decoded from the record.
    pub fn push_event(&mut self, event: &Event<'_>, record: &Record<'_>) {
        self.rows.push(event, record);
    }

    /// Sets the record aside, as it is, under a stable short word and a text for people.
    pub fn push_dead_letter(&mut self, record: &Record<'_>, reason: &str, detail: &str) {
        let origin = Origin {
            topic: &self.topic,
            partition: record.partition,
            offset: record.offset,
            timestamp: record.timestamp,
            reason,
            detail,
        };
        self.dead.push(
            &origin,
            record.key,
            record.headers.iter().copied(),
            record.value,
        );
    }

    /// Says how far the batch moves a partition. Said again, the first `expected` stays and the last `next` counts.
    pub fn advance(&mut self, advance: Advance) {
        self.advance_by(advance, None);
    }

    /// The same by a record that was appended then, which tells how fresh the data is once the batch is stored.
    pub fn advance_by(&mut self, advance: Advance, appended: Option<Timestamp>) {
        let at = match self.place(advance.partition) {
            Ok(at) => {
                self.advances[at].next = advance.next;
                at
            }
            Err(at) => {
                self.advances.insert(at, advance);
                self.known.insert(at, Known::default());
                at
            }
        };
        self.known[at].appended = self.known[at].appended.max(appended);
    }

    /// Says where the log of a partition ended; of one that the batch does not move on, nothing is kept.
    pub fn saw_end(&mut self, partition: i32, end: LogEnd) {
        if let Ok(at) = self.place(partition) {
            self.known[at].end = Some(end);
        }
    }

    fn place(&self, partition: i32) -> Result<usize, usize> {
        self.advances
            .binary_search_by_key(&partition, |advance| advance.partition)
    }

    pub(crate) fn known(&self) -> impl Iterator<Item = (&Advance, &Known)> {
        self.advances.iter().zip(&self.known)
    }

    /// What the batch moves, by partition.
    #[must_use]
    pub fn advances(&self) -> &[Advance] {
        &self.advances
    }

    /// Number of records: events and dead letters.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.len() + self.dead.len()
    }

    /// Number of dead letters pushed.
    #[must_use]
    pub fn dead_letters(&self) -> usize {
        self.dead.len()
    }

    /// Whether flushing would do nothing at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0 && self.advances.is_empty()
    }

    /// Memory it takes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.rows.bytes() + self.dead.bytes()
    }

    /// The Kafka cluster's id.
    #[must_use]
    pub fn cluster_id(&self) -> &str {
        &self.cluster_id
    }

    /// The topic.
    #[must_use]
    pub fn topic(&self) -> &str {
        &self.topic
    }

    /// Forgets everything and keeps the memory.
    pub fn clear(&mut self) {
        self.rows.clear();
        self.dead.clear();
        self.advances.clear();
        self.known.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_tells_how_fresh_the_data_is_once_it_is_stored() {
        let time = Timestamp::from_millis;
        let mut batch = Batch::new("cluster", "events");
        let to = |next| Advance {
            partition: 3,
            expected: 5,
            next,
        };
        let as_of = |batch: &Batch| {
            let (advance, known) = batch.known().next().expect("a partition");
            known.as_of(advance.next, time(10_000))
        };
        batch.advance(to(6));
        assert_eq!(as_of(&batch), None, "nothing is known");
        batch.advance_by(to(7), Some(time(1_000)));
        batch.advance_by(to(8), Some(time(900)));
        assert_eq!(as_of(&batch), Some(time(1_000)), "whatever the order");
        let end = |offset| LogEnd {
            offset,
            seen_at: time(2_000),
        };
        batch.saw_end(3, end(9));
        assert_eq!(as_of(&batch), Some(time(1_000)), "one record is missing");
        batch.saw_end(3, end(8));
        assert_eq!(as_of(&batch), Some(time(2_000)), "it was all there was");
        batch.advance_by(to(9), Some(time(20_000)));
        assert_eq!(as_of(&batch), Some(time(10_000)), "a clock that is ahead");
        batch.saw_end(1, end(1));
        assert_eq!(batch.advances().len(), 1);
        batch.clear();
        assert!(batch.known().next().is_none() && batch.is_empty());
    }
}
