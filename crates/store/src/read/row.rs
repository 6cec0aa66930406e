//! Rows as CloudEvents JSON, straight from the wire.
//!
//! `data` and `extensions` are `jsonb`, whose binary form is its text behind a version byte: they are copied, never parsed.

use std::error::Error;
use std::io::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use event::{Timestamp, Uid};
use tokio_postgres::Row;
use tokio_postgres::types::{FromSql, Type};

use crate::StoreError;
use crate::pg::EPOCH_MICROS;

/// What [`Events::push`] reads, in this order.
pub(super) const COLUMNS: &str = "time, uid, received_at, kafka_offset, kafka_partition, source, type, id, subject, \
    datacontenttype, dataschema, traceparent, extensions, data, data_bytes";

/// How many columns [`COLUMNS`] are.
pub(super) const COLUMN_COUNT: usize = 15;

/// What a page needs to know of a row besides its JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Key {
    pub(super) time: Timestamp,
    pub(super) uid: Uid,
}

/// Events as JSON objects in one buffer, with commas between them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Events {
    buffer: Vec<u8>,
    /// Where each ends, before the comma.
    ends: Vec<usize>,
    is_reversed: bool,
}

impl Events {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Says whether there are none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// How many bytes they take together.
    pub fn bytes(&self) -> usize {
        self.buffer.len()
    }

    /// The JSON object of each, in order.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        let count = self.ends.len();
        (0..count).map(move |index| {
            let index = if self.is_reversed {
                count - 1 - index
            } else {
                index
            };
            let start = index
                .checked_sub(1)
                .map_or(0, |before| self.ends[before] + 1);
            &self.buffer[start..self.ends[index]]
        })
    }

    /// The objects in order with commas between them, as they stand in a JSON array.
    pub fn into_members(self) -> Vec<u8> {
        if self.is_reversed {
            self.iter().collect::<Vec<_>>().join(&b',')
        } else {
            self.buffer
        }
    }

    /// Turns the order round.
    pub(super) fn reverse(&mut self) {
        self.is_reversed = !self.is_reversed;
    }

    /// Adds a row whose columns from `at` on are [`COLUMNS`].
    pub(super) fn push(&mut self, row: &Row, at: usize) -> Result<Key, StoreError> {
        let column = |index: usize| {
            row.try_get::<_, Raw<'_>>(at + index)
                .map(|raw| raw.0)
                .map_err(|error| StoreError::bug("read a row", error.to_string()))
        };
        let needed = |index: usize| {
            column(index)?.ok_or_else(|| StoreError::bug("read a row", "a column is null"))
        };
        let time = time(needed(0)?)?;
        let uid = Uid::from_bytes(fixed(needed(1)?)?);
        let out = &mut self.buffer;
        if !self.ends.is_empty() {
            out.push(b',');
        }
        out.extend_from_slice(br#"{"specversion":"1.0","uid":""#);
        display(out, uid);
        out.extend_from_slice(br#"","id":"#);
        string(out, needed(7)?);
        out.extend_from_slice(br#","source":"#);
        string(out, needed(5)?);
        out.extend_from_slice(br#","type":"#);
        string(out, needed(6)?);
        out.extend_from_slice(br#","time":""#);
        display(out, time);
        out.push(b'"');
        for (name, index) in [
            (&br#","subject":"#[..], 8),
            (br#","datacontenttype":"#, 9),
            (br#","dataschema":"#, 10),
        ] {
            if let Some(text) = column(index)? {
                out.extend_from_slice(name);
                string(out, text);
            }
        }
        if let Some(extensions) = column(12)?.and_then(jsonb).and_then(members) {
            out.push(b',');
            out.extend_from_slice(extensions);
        }
        if let Some(text) = column(11)? {
            out.extend_from_slice(br#","traceparent":"#);
            string(out, text);
        }
        out.extend_from_slice(br#","recordedtime":""#);
        display(out, self::time(needed(2)?)?);
        out.extend_from_slice(br#"","kafkapartition":"#);
        display(out, i32::from_be_bytes(fixed(needed(4)?)?));
        out.extend_from_slice(br#","kafkaoffset":"#);
        display(out, i64::from_be_bytes(fixed(needed(3)?)?));
        if let Some(data) = column(13)?.and_then(jsonb) {
            out.extend_from_slice(br#","data":"#);
            out.extend_from_slice(data);
        } else if let Some(bytes) = column(14)? {
            // Text comes back as the text that was sent; anything else as its bytes.
            if is_text(column(9)?, bytes) {
                out.extend_from_slice(br#","data":"#);
                string(out, bytes);
            } else {
                out.extend_from_slice(br#","data_base64":""#);
                base64(out, bytes);
                out.push(b'"');
            }
        }
        out.push(b'}');
        self.ends.push(self.buffer.len());
        Ok(Key { time, uid })
    }
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

fn fixed<const N: usize>(raw: &[u8]) -> Result<[u8; N], StoreError> {
    raw.try_into()
        .map_err(|_| StoreError::bug("read a row", "a column has an unexpected length"))
}

fn time(raw: &[u8]) -> Result<Timestamp, StoreError> {
    Ok(Timestamp::from_micros(
        i64::from_be_bytes(fixed(raw)?).saturating_add(EPOCH_MICROS),
    ))
}

/// The text of a `jsonb` value.
fn jsonb(raw: &[u8]) -> Option<&[u8]> {
    raw.strip_prefix(&[1])
}

fn is_text(content_type: Option<&[u8]>, data: &[u8]) -> bool {
    content_type
        .and_then(|content_type| std::str::from_utf8(content_type).ok())
        .is_some_and(event::is_text)
        && std::str::from_utf8(data).is_ok()
}

/// What stands between the braces of a JSON object; `None` when that is nothing.
fn members(object: &[u8]) -> Option<&[u8]> {
    let inner = object.strip_prefix(b"{")?.strip_suffix(b"}")?;
    (!inner.is_empty()).then_some(inner)
}

fn display(out: &mut Vec<u8>, value: impl std::fmt::Display) {
    // Writing to a vector cannot fail.
    let _ = write!(out, "{value}");
}

fn base64(out: &mut Vec<u8>, bytes: &[u8]) {
    let start = out.len();
    let length = bytes.len().div_ceil(3) * 4;
    out.resize(start + length, 0);
    // The buffer has exactly the length that the encoding takes.
    let _ = STANDARD.encode_slice(bytes, &mut out[start..]);
}

/// Writes a JSON string; its bytes are UTF-8, since PostgreSQL holds nothing else.
fn string(out: &mut Vec<u8>, text: &[u8]) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    out.push(b'"');
    let mut rest = text;
    while let Some(at) = rest
        .iter()
        .position(|b| matches!(b, b'"' | b'\\' | 0..=0x1f))
    {
        out.extend_from_slice(&rest[..at]);
        match rest[at] {
            byte @ (b'"' | b'\\') => out.extend_from_slice(&[b'\\', byte]),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            byte => {
                let digits = [HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]];
                out.extend_from_slice(b"\\u00");
                out.extend_from_slice(&digits);
            }
        }
        rest = &rest[at + 1..];
    }
    out.extend_from_slice(rest);
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_text_becomes_the_json_string_that_reads_back_equal() {
        for text in [
            "",
            "plain",
            "a\"b\\c",
            "\n\r\t\u{0}\u{1f}\u{7f}",
            "ä€😀\u{2028}",
        ] {
            let mut out = Vec::new();
            string(&mut out, text.as_bytes());
            assert_eq!(serde_json::from_slice::<String>(&out).expect("JSON"), text);
        }
    }

    #[test]
    fn bytes_are_padded_base64() {
        for (bytes, expected) in [
            (&b""[..], ""),
            (b"a", "YQ=="),
            (b"ab", "YWI="),
            (b"abc", "YWJj"),
        ] {
            let mut out = b"x".to_vec();
            base64(&mut out, bytes);
            assert_eq!(out, format!("x{expected}").into_bytes());
        }
    }

    #[test]
    fn an_object_without_members_adds_none() {
        assert_eq!(members(b"{}"), None);
        assert_eq!(members(br#"{"a": 1}"#), Some(&br#""a": 1"#[..]));
    }

    #[test]
    fn reversed_events_come_last_first() {
        let mut events = Events {
            buffer: b"aa,bbb".to_vec(),
            ends: vec![2, 6],
            is_reversed: false,
        };
        assert_eq!(events.clone().into_members(), b"aa,bbb");
        events.reverse();
        assert_eq!(events.clone().into_members(), b"bbb,aa");
        assert_eq!(events.iter().collect::<Vec<_>>(), [&b"bbb"[..], b"aa"]);
    }
}
