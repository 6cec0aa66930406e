//! Rows of `events`, encoded for COPY BINARY as they arrive.

use event::{Data, Event};

use super::{
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
    /// Key and headers of every record as they were, should the row turn out bad. The value is in the row itself.
    aside: Vec<u8>,
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
            + self.aside.len()
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

        let mut row = self.buffer.begin(FIELDS);
        row.fixed(PgTime::wire(time).to_be_bytes());
        row.fixed(*uid.as_bytes());
        row.fixed(PgTime::wire(event.recorded).to_be_bytes());
        row.fixed(record.offset.to_be_bytes());
        row.fixed(record.partition.to_be_bytes());
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
            aside_at: u32::try_from(self.aside.len()).expect("a batch is far below 4 GiB"),
        });
        self.keep(record);
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

    /// Lays key and headers aside: each a length (-1 for null) and its bytes.
    fn keep(&mut self, record: &Record<'_>) {
        let aside = &mut self.aside;
        put(aside, record.key);
        aside.extend_from_slice(&length_of(record.headers.len()).to_le_bytes());
        for (name, value) in record.headers {
            put(aside, Some(name.as_bytes()));
            put(aside, *value);
        }
    }

    /// The record of a row, as it was.
    pub(crate) fn kept(&self, row: usize) -> Kept<'_> {
        let meta = &self.meta[row];
        let mut aside = &self.aside[meta.aside_at as usize..];
        let key = take(&mut aside);
        let count = take_length(&mut aside);
        let headers = (0..count)
            .map(|_| {
                let name = take(&mut aside).unwrap_or_default();
                let value = take(&mut aside);
                (std::str::from_utf8(name).expect("kept from a str"), value)
            })
            .collect();
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
    length_of(bytes.len())
}

fn length_of(bytes: usize) -> i32 {
    i32::try_from(bytes).expect("a record is far below 2 GiB")
}

fn put(out: &mut Vec<u8>, value: Option<&[u8]>) {
    match value {
        Some(value) => {
            out.extend_from_slice(&length(value).to_le_bytes());
            out.extend_from_slice(value);
        }
        None => out.extend_from_slice(&(-1i32).to_le_bytes()),
    }
}

fn take_length(from: &mut &[u8]) -> i32 {
    let (head, rest) = from.split_first_chunk::<4>().expect("written by put");
    *from = rest;
    i32::from_le_bytes(*head)
}

fn take<'a>(from: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = usize::try_from(take_length(from)).ok()?;
    let (value, rest) = from.split_at(length);
    *from = rest;
    Some(value)
}
