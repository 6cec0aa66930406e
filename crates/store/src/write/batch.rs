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
        match self
            .advances
            .binary_search_by_key(&advance.partition, |known| known.partition)
        {
            Ok(at) => self.advances[at].next = advance.next,
            Err(at) => self.advances.insert(at, advance),
        }
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
    }
}
