//! A row of `events` as it came over the wire, and what stands in it.

use std::error::Error;

use event::{Timestamp, Uid};
use tokio_postgres::Row;
use tokio_postgres::types::{FromSql, Type};

use crate::StoreError;
use crate::pg::EPOCH_MICROS;

/// What [`EventRow::of`] reads, in this order.
pub(super) const COLUMNS: &str = "time, uid, received_at, kafka_offset, kafka_partition, source, type, id, subject, \
    datacontenttype, dataschema, traceparent, extensions, data, data_bytes";

/// The same without the payload, for those who do not want it: the server need not turn it into text.
pub(super) const COLUMNS_WITHOUT_DATA: &str = "time, uid, received_at, kafka_offset, kafka_partition, source, type, id, subject, \
    datacontenttype, dataschema, traceparent, extensions, NULL::jsonb AS data, NULL::bytea AS data_bytes";

/// How many columns [`COLUMNS`] are.
pub(super) const COLUMN_COUNT: usize = 15;

/// What a page needs to know of a row besides its JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Key {
    pub(super) time: Timestamp,
    pub(super) uid: Uid,
}

/// One stored event, borrowed from the row that the server sent.
#[derive(Debug, Clone, Copy)]
pub struct EventRow<'a> {
    columns: [Option<&'a [u8]>; COLUMN_COUNT],
}

impl<'a> EventRow<'a> {
    /// Takes the row's columns from `at` on, which are [`COLUMNS`].
    pub(super) fn of(row: &'a Row, at: usize) -> Result<Self, StoreError> {
        let mut columns = [None; COLUMN_COUNT];
        for (index, column) in columns.iter_mut().enumerate() {
            let Raw(raw) = row
                .try_get(at + index)
                .map_err(|error| wrong(&error.to_string()))?;
            *column = raw;
        }
        // What may not be null, and has one length, so that reading it later cannot fail.
        let lengths = [8, 16, 8, 8, 4];
        let is_whole = columns
            .iter()
            .zip(lengths)
            .all(|(column, length)| column.is_some_and(|raw| raw.len() == length))
            && columns[5..8].iter().all(Option::is_some);
        if !is_whole {
            return Err(wrong("a column is null or has an unexpected length"));
        }
        Ok(Self { columns })
    }

    /// When it happened.
    pub fn time(&self) -> Timestamp {
        time(self.fixed(0))
    }

    /// Flumen's key.
    pub fn uid(&self) -> Uid {
        Uid::from_bytes(self.fixed(1))
    }

    /// When it was received.
    pub fn recorded(&self) -> Timestamp {
        time(self.fixed(2))
    }

    /// The offset of its record.
    pub fn offset(&self) -> i64 {
        i64::from_be_bytes(self.fixed(3))
    }

    /// The Kafka partition of its record.
    pub fn partition(&self) -> i32 {
        i32::from_be_bytes(self.fixed(4))
    }

    /// The application, as UTF-8.
    pub fn source(&self) -> &'a [u8] {
        self.columns[5].unwrap_or_default()
    }

    /// What kind of event, as UTF-8.
    pub fn kind(&self) -> &'a [u8] {
        self.columns[6].unwrap_or_default()
    }

    /// The producer's id, as UTF-8.
    pub fn id(&self) -> &'a [u8] {
        self.columns[7].unwrap_or_default()
    }

    /// What it is about, as UTF-8.
    pub fn subject(&self) -> Option<&'a [u8]> {
        self.columns[8]
    }

    /// The media type of the data, as UTF-8.
    pub fn content_type(&self) -> Option<&'a [u8]> {
        self.columns[9]
    }

    /// The schema of the data, as UTF-8.
    pub fn schema(&self) -> Option<&'a [u8]> {
        self.columns[10]
    }

    /// The trace context, as UTF-8.
    pub fn trace_parent(&self) -> Option<&'a [u8]> {
        self.columns[11]
    }

    /// The extension attributes: the text of a JSON object.
    pub fn extensions(&self) -> Option<&'a [u8]> {
        self.columns[12].and_then(jsonb)
    }

    /// The payload.
    pub fn data(&self) -> Payload<'a> {
        if let Some(json) = self.columns[13].and_then(jsonb) {
            return Payload::Json(json);
        }
        match self.columns[14] {
            None => Payload::None,
            Some(bytes) if is_text(self.columns[9], bytes) => Payload::Text(bytes),
            Some(bytes) => Payload::Bytes(bytes),
        }
    }

    pub(super) fn key(&self) -> Key {
        Key {
            time: self.time(),
            uid: self.uid(),
        }
    }

    fn fixed<const N: usize>(&self, index: usize) -> [u8; N] {
        let raw = self.columns[index].unwrap_or_default();
        // `of` has looked at the lengths.
        raw.try_into().unwrap_or([0; N])
    }
}

/// The payload of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Payload<'a> {
    /// There is none, or it was not asked for.
    None,
    /// JSON text.
    Json(&'a [u8]),
    /// Text that is not JSON, as UTF-8: it comes back as the text that was sent.
    Text(&'a [u8]),
    /// Anything else.
    Bytes(&'a [u8]),
}

/// A value as it came, of whatever type.
struct Raw<'a>(Option<&'a [u8]>);

impl<'a> FromSql<'a> for Raw<'a> {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        Ok(Self(Some(raw)))
    }

    fn from_sql_null(_: &Type) -> Result<Self, Box<dyn Error + Sync + Send>> {
        Ok(Self(None))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

fn wrong(why: &str) -> StoreError {
    StoreError::bug("read a row", why.to_owned())
}

fn time(raw: [u8; 8]) -> Timestamp {
    Timestamp::from_micros(i64::from_be_bytes(raw).saturating_add(EPOCH_MICROS))
}

/// The text of a `jsonb` value: its binary form is that behind a version byte.
fn jsonb(raw: &[u8]) -> Option<&[u8]> {
    raw.strip_prefix(&[1])
}

fn is_text(content_type: Option<&[u8]>, data: &[u8]) -> bool {
    content_type
        .and_then(|content_type| std::str::from_utf8(content_type).ok())
        .is_some_and(event::is_text)
        && std::str::from_utf8(data).is_ok()
}
