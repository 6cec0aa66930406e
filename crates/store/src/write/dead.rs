//! Dead letters, encoded for COPY as the rows are.

use event::Timestamp;

use super::copy::{CopyBuffer, Row, Span};
use crate::pg::PgTime;

/// Type oids of `text` and `bytea`, which array values carry on the wire.
const TEXT_OID: u32 = 25;
const BYTEA_OID: u32 = 17;
/// Longest detail kept: a server's message may quote a megabyte of JSON.
const DETAIL_BYTES: usize = 1_000;

/// Where a record was in Kafka, and why it is set aside.
pub(crate) struct Origin<'a> {
    pub(crate) topic: &'a str,
    pub(crate) partition: i32,
    pub(crate) offset: i64,
    pub(crate) timestamp: Option<Timestamp>,
    pub(crate) reason: &'a str,
    pub(crate) detail: &'a str,
}

/// Dead letters of one batch.
#[derive(Debug, Default)]
pub(crate) struct DeadRows {
    buffer: CopyBuffer,
    spans: Vec<Span>,
}

impl DeadRows {
    pub(crate) fn len(&self) -> usize {
        self.spans.len()
    }

    pub(crate) fn bytes(&self) -> usize {
        self.buffer.bytes() + self.spans.len() * size_of::<Span>()
    }

    pub(crate) fn clear(&mut self) {
        self.buffer.clear();
        self.spans.clear();
    }

    pub(crate) fn slices(&self) -> Vec<super::copy::Slice> {
        self.buffer.slices(self.spans.iter().copied())
    }

    /// Encodes one. The order of the fields is that of `sql::COPY_DEAD_LETTERS`.
    pub(crate) fn push<'h>(
        &mut self,
        origin: &Origin<'_>,
        key: Option<&[u8]>,
        headers: impl Iterator<Item = (&'h str, Option<&'h [u8]>)> + Clone,
        value: Option<&[u8]>,
    ) {
        let mut row = self.buffer.begin(&10i16.to_be_bytes());
        row.fixed(origin.offset.to_be_bytes());
        match origin.timestamp {
            Some(time) => row.fixed(PgTime::wire(time).to_be_bytes()),
            None => row.null(),
        }
        row.fixed(origin.partition.to_be_bytes());
        row.bytes(origin.topic.as_bytes());
        row.bytes(printable(origin.reason, 100).as_bytes());
        row.bytes(printable(origin.detail, DETAIL_BYTES).as_bytes());
        row.optional(key);
        array(
            &mut row,
            TEXT_OID,
            headers.clone().map(|(name, _)| Some(name.as_bytes())),
        );
        array(&mut row, BYTEA_OID, headers.map(|(_, value)| value));
        row.optional(value);
        let span = row.finish();
        self.buffer.end(span);
        self.spans.push(span);
    }
}

/// What PostgreSQL's text can hold, at most so many bytes: NUL is replaced, the end cut at a character.
fn printable(text: &str, most: usize) -> std::borrow::Cow<'_, str> {
    let cut = &text[..text.floor_char_boundary(most)];
    if cut.contains('\0') {
        cut.replace('\0', "\u{fffd}").into()
    } else {
        cut.into()
    }
}

/// A one-dimensional array; names of headers cannot hold NUL, as librdkafka's are C strings.
fn array<'v>(row: &mut Row<'_>, oid: u32, values: impl Iterator<Item = Option<&'v [u8]>> + Clone) {
    row.with(|out| {
        let count = i32::try_from(values.clone().count()).expect("a record has far fewer headers");
        let has_null = values.clone().any(|value| value.is_none());
        out.extend_from_slice(&i32::from(count > 0).to_be_bytes());
        out.extend_from_slice(&i32::from(has_null).to_be_bytes());
        out.extend_from_slice(&oid.to_be_bytes());
        if count > 0 {
            out.extend_from_slice(&count.to_be_bytes());
            out.extend_from_slice(&1i32.to_be_bytes());
        }
        for value in values {
            match value {
                Some(value) => {
                    let length = i32::try_from(value.len()).expect("a header is far below 2 GiB");
                    out.extend_from_slice(&length.to_be_bytes());
                    out.extend_from_slice(value);
                }
                None => out.extend_from_slice(&(-1i32).to_be_bytes()),
            }
        }
    });
}
