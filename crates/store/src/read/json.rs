//! Rows as CloudEvents JSON, straight from the wire.
//!
//! `data` and `extensions` are copied as the text that the server sends, never parsed.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use event::{Timestamp, Uid};

use super::fields::{Field, Fields};
use super::row::{EventRow, Key, Payload};
use crate::StoreError;

/// Most texts are free of what must be escaped; so many bytes are looked at together.
const STRIDE: usize = 16;

/// Writes events as JSON objects, one after another.
#[derive(Debug, Clone, Default)]
pub struct JsonWriter {
    fields: Fields,
    clock: Clock,
}

impl JsonWriter {
    /// Shows these fields.
    pub fn new(fields: Fields) -> Self {
        Self {
            fields,
            clock: Clock::default(),
        }
    }

    /// Adds one object.
    pub fn write(&mut self, out: &mut Vec<u8>, row: &EventRow<'_>) {
        let start = out.len();
        let fields = self.fields;
        if fields.has(Field::SpecVersion) {
            out.extend_from_slice(br#","specversion":"1.0""#);
        }
        if fields.has(Field::Uid) {
            out.extend_from_slice(br#","uid":""#);
            write_uid(out, row.uid());
            out.push(b'"');
        }
        if fields.has(Field::Id) {
            member(out, br#","id":"#, Some(row.id()));
        }
        if fields.has(Field::Source) {
            member(out, br#","source":"#, Some(row.source()));
        }
        if fields.has(Field::Type) {
            member(out, br#","type":"#, Some(row.kind()));
        }
        if fields.has(Field::Time) {
            out.extend_from_slice(br#","time":""#);
            self.clock.write(out, row.time());
            out.push(b'"');
        }
        if fields.has(Field::Subject) {
            member(out, br#","subject":"#, row.subject());
        }
        if fields.has(Field::DataContentType) {
            member(out, br#","datacontenttype":"#, row.content_type());
        }
        if fields.has(Field::DataSchema) {
            member(out, br#","dataschema":"#, row.schema());
        }
        if fields.has(Field::Extensions)
            && let Some(extensions) = row.extensions().and_then(members)
        {
            out.push(b',');
            out.extend_from_slice(extensions);
        }
        if fields.has(Field::TraceParent) {
            member(out, br#","traceparent":"#, row.trace_parent());
        }
        if fields.has(Field::RecordedTime) {
            out.extend_from_slice(br#","recordedtime":""#);
            self.clock.write(out, row.recorded());
            out.push(b'"');
        }
        if fields.has(Field::KafkaPartition) {
            out.extend_from_slice(br#","kafkapartition":"#);
            write_number(out, i64::from(row.partition()));
        }
        if fields.has(Field::KafkaOffset) {
            out.extend_from_slice(br#","kafkaoffset":"#);
            write_number(out, row.offset());
        }
        if fields.has(Field::Data) {
            match row.data() {
                Payload::None => {}
                Payload::Json(json) => {
                    out.extend_from_slice(br#","data":"#);
                    out.extend_from_slice(json);
                }
                Payload::Text(text) => member(out, br#","data":"#, Some(text)),
                Payload::Bytes(bytes) => {
                    out.extend_from_slice(br#","data_base64":""#);
                    write_base64(out, bytes);
                    out.push(b'"');
                }
            }
        }
        // Every member began with a comma; the first one's is where the brace belongs.
        match out.get_mut(start) {
            Some(comma) => *comma = b'{',
            None => out.push(b'{'),
        }
        out.push(b'}');
    }
}

/// Events as JSON objects in one buffer, with commas between them.
#[derive(Debug, Clone, Default)]
pub struct Events {
    buffer: Vec<u8>,
    /// Where each ends, before the comma.
    ends: Vec<usize>,
    is_reversed: bool,
    writer: JsonWriter,
}

impl PartialEq for Events {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for Events {}

impl Events {
    /// None yet, of which these fields will be shown.
    pub(super) fn showing(fields: Fields) -> Self {
        Self {
            writer: JsonWriter::new(fields),
            ..Self::default()
        }
    }

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

    /// Adds a row whose columns from `at` on are [`super::row::COLUMNS`].
    pub(super) fn push(&mut self, row: &tokio_postgres::Row, at: usize) -> Result<Key, StoreError> {
        let row = EventRow::of(row, at)?;
        if !self.ends.is_empty() {
            self.buffer.push(b',');
        }
        self.writer.write(&mut self.buffer, &row);
        self.ends.push(self.buffer.len());
        Ok(row.key())
    }
}

/// Writes times; of those in the same second all but the fraction is remembered.
#[derive(Debug, Clone, Default)]
pub struct Clock {
    second: Option<i64>,
    text: Vec<u8>,
}

impl Clock {
    /// Adds a time as RFC 3339 in UTC with the shortest fraction.
    pub fn write(&mut self, out: &mut Vec<u8>, time: Timestamp) {
        let micros = time.as_micros();
        let second = micros.div_euclid(1_000_000);
        if self.second != Some(second) {
            let Some(whole) = second.checked_mul(1_000_000) else {
                // The very first second there is begins before what a time can hold.
                return out.extend_from_slice(time.to_string().as_bytes());
            };
            self.text = Timestamp::from_micros(whole).to_string().into_bytes();
            // The zone, which follows the fraction.
            self.text.pop();
            self.second = Some(second);
        }
        out.extend_from_slice(&self.text);
        let mut fraction = micros.rem_euclid(1_000_000);
        if fraction != 0 {
            let mut digits = *b".000000";
            for digit in digits[1..].iter_mut().rev() {
                *digit = b'0' + (fraction % 10) as u8;
                fraction /= 10;
            }
            let zeros = digits.iter().rev().take_while(|b| **b == b'0').count();
            out.extend_from_slice(&digits[..digits.len() - zeros]);
        }
        out.push(b'Z');
    }
}

/// Adds a uid as text.
pub fn write_uid(out: &mut Vec<u8>, uid: Uid) {
    out.extend_from_slice(uid.format_into(&mut [0; 36]).as_bytes());
}

/// Adds a number in decimal.
pub fn write_number(out: &mut Vec<u8>, value: i64) {
    let mut digits = [0; 20];
    let mut at = digits.len();
    let mut rest = value.unsigned_abs();
    loop {
        at -= 1;
        digits[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    if value < 0 {
        out.push(b'-');
    }
    out.extend_from_slice(&digits[at..]);
}

/// Adds padded base64.
pub fn write_base64(out: &mut Vec<u8>, bytes: &[u8]) {
    let start = out.len();
    let length = bytes.len().div_ceil(3) * 4;
    out.resize(start + length, 0);
    // The buffer has exactly the length that the encoding takes.
    let _ = STANDARD.encode_slice(bytes, &mut out[start..]);
}

/// What stands between the braces of a JSON object; `None` when that is nothing.
fn members(object: &[u8]) -> Option<&[u8]> {
    let inner = object.strip_prefix(b"{")?.strip_suffix(b"}")?;
    (!inner.is_empty()).then_some(inner)
}

fn member(out: &mut Vec<u8>, name: &[u8], text: Option<&[u8]>) {
    if let Some(text) = text {
        out.extend_from_slice(name);
        string(out, text);
    }
}

fn must_be_escaped(byte: u8) -> bool {
    (byte < 0x20) | (byte == b'"') | (byte == b'\\')
}

/// Writes a JSON string; its bytes are UTF-8, since PostgreSQL holds nothing else.
fn string(out: &mut Vec<u8>, text: &[u8]) {
    out.push(b'"');
    let mut chunks = text.chunks_exact(STRIDE);
    for chunk in &mut chunks {
        if chunk.iter().fold(false, |any, b| any | must_be_escaped(*b)) {
            escaped(out, chunk);
        } else {
            out.extend_from_slice(chunk);
        }
    }
    escaped(out, chunks.remainder());
    out.push(b'"');
}

fn escaped(out: &mut Vec<u8>, text: &[u8]) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let mut rest = text;
    while let Some(at) = rest.iter().position(|b| must_be_escaped(*b)) {
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
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn bytes_are_padded_base64() {
        for (bytes, expected) in [
            (&b""[..], ""),
            (b"a", "YQ=="),
            (b"ab", "YWI="),
            (b"abc", "YWJj"),
        ] {
            let mut out = b"x".to_vec();
            write_base64(&mut out, bytes);
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
            ..Events::default()
        };
        assert_eq!(events.clone().into_members(), b"aa,bbb");
        events.reverse();
        assert_eq!(events.clone().into_members(), b"bbb,aa");
        assert_eq!(events.iter().collect::<Vec<_>>(), [&b"bbb"[..], b"aa"]);
    }

    proptest! {
        #[test]
        fn any_text_becomes_the_json_string_that_reads_back_equal(text in "(?s)[\\x00-\\x7f\"\\\\\n äß€😀\u{2028}]{0,80}") {
            let mut out = Vec::new();
            string(&mut out, text.as_bytes());
            prop_assert_eq!(serde_json::from_slice::<String>(&out).expect("JSON"), text);
        }

        #[test]
        fn times_and_numbers_are_written_as_they_are_shown(times in proptest::collection::vec(any::<i64>(), 1..4)) {
            let mut clock = Clock::default();
            for micros in times {
                // Near each other as well, where a second is remembered.
                for micros in [micros, micros.saturating_add(500), micros] {
                    let (mut out, time) = (Vec::new(), Timestamp::from_micros(micros));
                    clock.write(&mut out, time);
                    prop_assert_eq!(String::from_utf8(out).expect("text"), time.to_string());
                    let mut out = Vec::new();
                    write_number(&mut out, micros);
                    prop_assert_eq!(String::from_utf8(out).expect("text"), micros.to_string());
                }
            }
        }
    }
}
