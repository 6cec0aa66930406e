//! Rows of `events`, encoded for COPY BINARY as they arrive.

use event::{Data, Event};

use super::{
    aside::{self, Aside},
    batch::Record,
    copy::{CopyBuffer, Slice, Span},
    counts::Counts,
};
use crate::pg::PgTime;

/// Columns of `sql::COPY_EVENTS`.
const FIELDS: i16 = 15;
/// Marks a row whose event has a time of its own.
pub(crate) const NO_SLOT: u32 = u32::MAX;
const DAY_MICROS: i64 = 86_400_000_000;

/// Encoded rows with what a flush has to know of each.
///
/// Pushing allocates nothing per row once the buffers have grown to the size of a batch; clearing keeps them.
#[derive(Debug, Default)]
pub struct EventRows {
    buffer: CopyBuffer,
    pub(crate) meta: Vec<RowMeta>,
    pub(crate) timeless: Vec<Timeless>,
    pub(crate) counts: Counts,
    /// Days (since the epoch) that have a row, sorted: what the partitions must cover.
    days: Vec<i64>,
    last_day: Option<i64>,
    aside: Aside,
}

/// What a flush has to know of a row.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RowMeta {
    pub(crate) offset: i64,
    pub(crate) appended: i64,
    pub(crate) span: Span,
    pub(crate) partition: i32,
    /// The entry of `counts` it was counted in.
    pub(crate) count: u32,
    /// The entry of `timeless`, or [`NO_SLOT`].
    pub(crate) slot: u32,
    /// Where the record's value is within the row; its length is negative when there is none.
    value_at: u32,
    value_length: i32,
    aside_at: u32,
}

/// An event with an id but without a time of its own.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Timeless {
    pub(crate) id_hash: [u8; 16],
    pub(crate) uid: [u8; 16],
    pub(crate) micros: i64,
}

/// A record as it was, put together again.
pub(crate) struct Kept<'a> {
    pub(crate) key: Option<&'a [u8]>,
    pub(crate) headers: Vec<(&'a str, Option<&'a [u8]>)>,
    pub(crate) value: Option<&'a [u8]>,
}

/// A record without a timestamp of its own in Kafka.
pub(crate) const NEVER: i64 = i64::MIN;

impl EventRows {
    /// Number of rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.meta.len()
    }

    /// Whether there is no row.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.meta.is_empty()
    }

    /// Memory the rows take, with all that is kept beside them.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.buffer.bytes()
            + self.aside.bytes()
            + self.meta.len() * size_of::<RowMeta>()
            + self.timeless.len() * size_of::<Timeless>()
    }

    /// The days that have a row, as days since the Unix epoch, ascending.
    #[must_use]
    pub fn days(&self) -> &[i64] {
        &self.days
    }

    /// Forgets the rows and keeps the memory.
    pub fn clear(&mut self) {
        self.buffer.clear();
        self.meta.clear();
        self.timeless.clear();
        self.counts.clear();
        self.days.clear();
        self.last_day = None;
        self.aside.clear();
    }

    /// Encodes one event. The order of the fields is that of `sql::COPY_EVENTS`.
    pub fn push(&mut self, event: &Event<'_>, record: &Record<'_>) {
        let time = event.occurred();
        let micros = time.as_micros();
        let hash = event.id_hash();
        let uid = event::Uid::of_hash(time, hash);

        // What has a fixed width, each with its length, in one piece.
        let mut head = [0; HEAD_BYTES];
        let mut put = Put {
            into: &mut head,
            at: 0,
        };
        put.bytes(FIELDS.to_be_bytes());
        put.field(PgTime::wire(time).to_be_bytes());
        put.field(*uid.as_bytes());
        put.field(PgTime::wire(event.recorded).to_be_bytes());
        put.field(record.offset.to_be_bytes());
        put.field(record.partition.to_be_bytes());
        let mut row = self.buffer.begin(&head);
        row.bytes(event.source.as_bytes());
        row.bytes(event.kind.as_bytes());
        row.bytes(event.id.as_bytes());
        for text in [
            &event.subject,
            &event.datacontenttype,
            &event.dataschema,
            &event.traceparent,
        ] {
            row.optional(text.as_deref().map(str::as_bytes));
        }
        if event.extensions.is_empty() {
            row.null();
        } else {
            row.with(|out| {
                out.push(1);
                event.extensions.write_json(out);
            });
        }
        let (value_at, value_length) = match &event.data {
            Data::None => {
                row.null();
                row.null();
                (0, -1)
            }
            Data::Json(text) => {
                // Behind the field's length and jsonb's version byte.
                let at = row.position() + 5;
                row.jsonb(text);
                row.null();
                (at, length(text))
            }
            Data::Bytes(bytes) => {
                row.null();
                let at = row.position() + 4;
                row.bytes(bytes);
                (at, length(bytes))
            }
        };
        let span = row.finish();
        self.buffer.end(span);

        let slot = if event.time.is_some() {
            NO_SLOT
        } else {
            self.timeless.push(Timeless {
                id_hash: *hash.as_bytes(),
                uid: *uid.as_bytes(),
                micros,
            });
            u32::try_from(self.timeless.len() - 1).expect("a batch has far fewer than 2^32 rows")
        };
        let count = self
            .counts
            .add(micros, &event.source, &event.kind, record.partition);
        self.note_day(micros.div_euclid(DAY_MICROS));
        self.meta.push(RowMeta {
            offset: record.offset,
            appended: record.timestamp.map_or(NEVER, event::Timestamp::as_micros),
            span,
            partition: record.partition,
            count,
            slot,
            value_at,
            value_length,
            aside_at: self.aside.push(record),
        });
    }

    fn note_day(&mut self, day: i64) {
        if self.last_day == Some(day) {
            return;
        }
        self.last_day = Some(day);
        if let Err(at) = self.days.binary_search(&day) {
            self.days.insert(at, day);
        }
    }

    /// The record of a row, as it was.
    pub(crate) fn kept(&self, row: usize) -> Kept<'_> {
        let meta = &self.meta[row];
        let aside::Kept { key, headers } = self.aside.get(meta.aside_at);
        let value = usize::try_from(meta.value_length).ok().map(|length| {
            let at = meta.value_at as usize;
            &self.buffer.row(meta.span)[at..at + length]
        });
        Kept {
            key,
            headers,
            value,
        }
    }

    /// The encoded rows of these numbers, in order.
    pub(crate) fn slices(&self, rows: impl Iterator<Item = usize>) -> Vec<Slice> {
        self.buffer.slices(rows.map(|row| self.meta[row].span))
    }
}

fn length(bytes: &[u8]) -> i32 {
    i32::try_from(bytes.len()).expect("a record is far below 2 GiB")
}

/// Count of fields, then `time`, `uid`, `received_at`, `kafka_offset` and `kafka_partition`, each behind its length.
const HEAD_BYTES: usize = 2 + (4 + 8) + (4 + 16) + (4 + 8) + (4 + 8) + (4 + 4);

/// Fills the head of a row; all widths are known, so what is left of it after inlining are stores.
struct Put<'a> {
    into: &'a mut [u8; HEAD_BYTES],
    at: usize,
}

impl Put<'_> {
    #[inline(always)]
    fn bytes<const N: usize>(&mut self, value: [u8; N]) {
        self.into[self.at..self.at + N].copy_from_slice(&value);
        self.at += N;
    }

    #[inline(always)]
    fn field<const N: usize>(&mut self, value: [u8; N]) {
        self.bytes((N as i32).to_be_bytes());
        self.bytes(value);
    }
}
