//! Rows that are JSON: NDJSON, arrays, features.

use std::{
    borrow::Cow,
    fmt,
    io::BufRead,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use anyhow::anyhow;
use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};
use serde_json::value::RawValue;

use super::{
    row::{Field, Kind, ReadError, Reader, Row, Wanted, write_string},
    split::{Layout, SplitError, Splitter},
};

/// Reads rows of JSON text. A row that is not JSON is rejected; its neighbours are read.
pub(super) struct JsonReader {
    splitter: Splitter,
    wanted: Wanted,
    text: Vec<u8>,
    row: u64,
    consumed: Arc<AtomicU64>,
}

impl JsonReader {
    pub(super) fn lines(
        text: Box<dyn BufRead + Send>,
        wanted: &Wanted,
        consumed: Arc<AtomicU64>,
    ) -> Self {
        Self::new(Splitter::new(text, Layout::Lines), wanted, consumed)
    }

    pub(super) fn array(
        text: Box<dyn BufRead + Send>,
        wanted: &Wanted,
        consumed: Arc<AtomicU64>,
    ) -> Self {
        Self::new(Splitter::new(text, Layout::Array), wanted, consumed)
    }

    pub(super) fn features(
        text: Box<dyn BufRead + Send>,
        wanted: &Wanted,
        consumed: Arc<AtomicU64>,
    ) -> Self {
        Self::new(Splitter::new(text, Layout::Features), wanted, consumed)
    }

    fn new(splitter: Splitter, wanted: &Wanted, consumed: Arc<AtomicU64>) -> Self {
        Self {
            splitter,
            wanted: wanted.clone(),
            text: Vec::new(),
            row: 0,
            consumed,
        }
    }

    /// The next value; counts it even when it is too long.
    fn advance(&mut self) -> Result<bool, ReadError> {
        match self.splitter.next(&mut self.text) {
            Ok(more) => {
                self.row += u64::from(more);
                Ok(more)
            }
            Err(error @ SplitError::TooLong) => {
                self.row += 1;
                Err(ReadError::Row {
                    reason: "row-too-long",
                    detail: error.to_string(),
                    raw: String::new(),
                })
            }
            Err(error) => Err(ReadError::File(anyhow!("row {}: {error}", self.row + 1))),
        }
    }
}

impl Reader for JsonReader {
    fn next(&mut self, row: &mut Row) -> Result<bool, ReadError> {
        let more = self.advance();
        row.number = self.row;
        if !more? {
            return Ok(false);
        }
        let bad = |detail: String| ReadError::Row {
            reason: "malformed-json",
            detail,
            raw: String::from_utf8_lossy(&self.text).trim().to_owned(),
        };
        let text = std::str::from_utf8(&self.text).map_err(|error| bad(error.to_string()))?;
        let text = text.trim_start_matches('\u{feff}').trim();
        let members: Members<'_> =
            serde_json::from_str(text).map_err(|error| bad(error.to_string()))?;
        for (field, path) in row.fields.iter_mut().zip(&self.wanted.columns) {
            match lookup(&members, path) {
                Some(raw) => set(field, &raw),
                None => field.set_null(),
            }
        }
        row.data.clear();
        write_data(&mut row.data, text, &members, &self.wanted);
        Ok(true)
    }

    fn skip(&mut self, rows: u64) -> Result<(), ReadError> {
        for _ in 0..rows {
            match self.advance() {
                Ok(true) | Err(ReadError::Row { .. }) => {}
                Ok(false) => break,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn consumed(&self) -> u64 {
        self.consumed.load(Ordering::Relaxed)
    }
}

/// The members of an object, in their order, each value still text.
#[derive(Debug)]
pub(super) struct Members<'a>(pub(super) Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Collect;
        impl<'de> Visitor<'de> for Collect {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::with_capacity(16);
                while let Some(Key(key)) = map.next_key()? {
                    members.push((key, map.next_value()?));
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Collect)
    }
}

/// A key that is borrowed unless it has escapes.
struct Key<'a>(Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Key<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl<'de> Visitor<'de> for Text {
            type Value = Key<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a key")
            }

            fn visit_borrowed_str<E>(self, key: &'de str) -> Result<Self::Value, E> {
                Ok(Key(Cow::Borrowed(key)))
            }

            fn visit_str<E>(self, key: &str) -> Result<Self::Value, E> {
                Ok(Key(Cow::Owned(key.to_owned())))
            }
        }
        deserializer.deserialize_str(Text)
    }
}

/// The value at a path: the member of that name, else of each part between dots in turn.
fn lookup<'a>(members: &Members<'a>, path: &str) -> Option<Cow<'a, str>> {
    if let Some((_, raw)) = members.0.iter().find(|(key, _)| key == path) {
        return Some(Cow::Borrowed(raw.get()));
    }
    let (head, rest) = path.split_once('.')?;
    let (_, raw) = members.0.iter().find(|(key, _)| key == head)?;
    let inner: Members<'a> = serde_json::from_str(raw.get()).ok()?;
    lookup(&inner, rest)
}

fn set(field: &mut Field, raw: &str) {
    match raw.as_bytes().first() {
        Some(b'"') => match serde_json::from_str::<Cow<'_, str>>(raw) {
            Ok(text) => field.set(Kind::Text, &text),
            Err(_) => field.set_null(),
        },
        Some(b'{' | b'[') => field.set(Kind::Json, raw),
        Some(b't' | b'f') => field.set(Kind::Bool, raw),
        Some(b'n') | None => field.set_null(),
        Some(_) => field.set(Kind::Number, raw),
    }
}

fn write_data(out: &mut Vec<u8>, text: &str, members: &Members<'_>, wanted: &Wanted) {
    let shape = &wanted.shape;
    match shape.only.as_slice() {
        [] if shape.drop.is_empty() => out.extend_from_slice(text.as_bytes()),
        [] => {
            let drop: Vec<&str> = shape.drop.iter().map(String::as_str).collect();
            write_without(out, members, &drop);
        }
        [one] => {
            let raw = lookup(members, one).unwrap_or(Cow::Borrowed("null"));
            out.extend_from_slice(raw.as_bytes());
        }
        several => {
            out.push(b'{');
            for (index, path) in several.iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                write_string(out, path);
                out.push(b':');
                let raw = lookup(members, path).unwrap_or(Cow::Borrowed("null"));
                out.extend_from_slice(raw.as_bytes());
            }
            out.push(b'}');
        }
    }
}

/// The object without the members at these paths.
fn write_without(out: &mut Vec<u8>, members: &Members<'_>, drop: &[&str]) {
    out.push(b'{');
    let mut first = true;
    for (key, raw) in &members.0 {
        if drop.contains(&key.as_ref()) {
            continue;
        }
        if !first {
            out.push(b',');
        }
        first = false;
        write_string(out, key);
        out.push(b':');
        let below: Vec<&str> = drop
            .iter()
            .filter_map(|path| path.strip_prefix(key.as_ref())?.strip_prefix('.'))
            .collect();
        match serde_json::from_str::<Members<'_>>(raw.get()) {
            Ok(inner) if !below.is_empty() => write_without(out, &inner, &below),
            _ => out.extend_from_slice(raw.get().as_bytes()),
        }
    }
    out.push(b'}');
}
