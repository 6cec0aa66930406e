//! From a Kafka record back to an event: CloudEvents Kafka binding, binary mode.
//!
//! [`decode`] is the inverse of [`Event::encode_headers`] and [`Event::value`], and takes records of other
//! producers that keep the binding too. It never looks into `data`: whether that is JSON is the store's to find out.
//! Whatever the bytes, the result is an event that fits the table's texts, or a [`RecordError`] for a dead letter.

use std::borrow::Cow;

use crate::{
    Data, Event, ExtensionValue, Extensions, Timestamp, json, limits, media, text, uuid_v7_millis,
};

/// Reads an event from a record's headers and value.
///
/// `appended_at` is the broker's or the producer's timestamp of the record. It stands in for `ce_recordedtime`, which
/// only Flumen's edge writes. Headers that the binding does not know are ignored.
///
/// # Errors
/// A [`RecordError`] if the record is no event, or one that cannot be stored.
pub fn decode<'a>(
    headers: impl Iterator<Item = (&'a str, Option<&'a [u8]>)>,
    value: Option<&'a [u8]>,
    appended_at: Option<Timestamp>,
) -> Result<Event<'a>, RecordError> {
    let mut found = Found::default();
    for (name, value) in headers {
        // A header without a value says nothing, as a JSON null does.
        if let Some(value) = value {
            found.header(name, value)?;
        }
    }
    found.finish(value, appended_at)
}

/// Why a record is not an event that can be stored; [`Self::reason`] is stable.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// No `ce_specversion`.
    #[error("the record has no ce_specversion header, so it is no CloudEvent in binary mode")]
    NotAnEvent,
    /// Another version of CloudEvents.
    #[error("ce_specversion is not 1.0")]
    UnsupportedSpecversion,
    /// A required header is missing.
    #[error("header {0} is missing")]
    MissingHeader(&'static str),
    /// The same attribute twice.
    #[error("header {0} is there twice")]
    DuplicateHeader(String),
    /// A value that PostgreSQL's text cannot hold, or that breaks a rule of length.
    #[error("header {name}: {rule}")]
    InvalidHeader {
        /// Which header.
        name: String,
        /// Which rule it breaks.
        rule: &'static str,
    },
    /// A header that no attribute can have.
    #[error("header {0} does not name an attribute")]
    InvalidName(String),
    /// A time that is no time.
    #[error("header {0} is not an RFC 3339 time")]
    InvalidTime(&'static str),
}

impl RecordError {
    /// A short stable word, as kept with a dead letter.
    #[must_use]
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::NotAnEvent => "not-an-event",
            Self::UnsupportedSpecversion => "unsupported-specversion",
            Self::MissingHeader(_) => "missing-header",
            Self::DuplicateHeader(_) => "duplicate-header",
            Self::InvalidHeader { .. } => "invalid-header",
            Self::InvalidName(_) => "invalid-name",
            Self::InvalidTime(_) => "invalid-time",
        }
    }
}

#[derive(Default)]
struct Found<'a> {
    specversion: Option<&'a str>,
    id: Option<&'a str>,
    source: Option<&'a str>,
    kind: Option<&'a str>,
    time: Option<Time<'a>>,
    recorded: Option<Time<'a>>,
    subject: Option<&'a str>,
    dataschema: Option<&'a str>,
    content_type: Option<&'a str>,
    traceparent: Option<&'a str>,
    types: Option<&'a str>,
    extensions: Vec<(&'a str, &'a str)>,
}

/// A time as it was found; one that is not of the usual form is looked at once all headers are known.
enum Time<'a> {
    Known(Timestamp),
    Text(&'a str),
}

impl<'a> Time<'a> {
    fn of(name: &'a str, value: &'a [u8]) -> Result<Self, RecordError> {
        match Timestamp::parse_usual(value) {
            Some(time) => Ok(Self::Known(time)),
            None => storable(name, value, limits::NAME_BYTES).map(Self::Text),
        }
    }

    fn parsed(self, header: &'static str) -> Result<Timestamp, RecordError> {
        match self {
            Self::Known(time) => Ok(time),
            Self::Text(text) => {
                Timestamp::parse_rfc3339(text).map_err(|_| RecordError::InvalidTime(header))
            }
        }
    }
}

impl<'a> Found<'a> {
    fn header(&mut self, name: &'a str, value: &'a [u8]) -> Result<(), RecordError> {
        let (slot, most) = match name {
            "ce_specversion" => (&mut self.specversion, limits::NAME_BYTES),
            "ce_id" => (&mut self.id, limits::NAME_BYTES),
            "ce_source" => (&mut self.source, limits::NAME_BYTES),
            "ce_type" => (&mut self.kind, limits::NAME_BYTES),
            "ce_time" => return once(name, &mut self.time, Time::of(name, value)?),
            "ce_recordedtime" => return once(name, &mut self.recorded, Time::of(name, value)?),
            "ce_subject" => (&mut self.subject, limits::SUBJECT_BYTES),
            "ce_dataschema" => (&mut self.dataschema, limits::DATASCHEMA_BYTES),
            "content-type" => (&mut self.content_type, limits::DATACONTENTTYPE_BYTES),
            "flumen_types" => (&mut self.types, usize::MAX),
            "traceparent" | "ce_traceparent" => {
                // The record may hold any tracer's header; one that is not valid is no reason to lose the event.
                let valid = std::str::from_utf8(value)
                    .ok()
                    .filter(|value| text::is_traceparent(value));
                if self.traceparent.is_none() || name == "ce_traceparent" {
                    self.traceparent = valid.or(self.traceparent);
                }
                return Ok(());
            }
            _ => return self.extension(name, value),
        };
        once(name, slot, storable(name, value, most)?)
    }

    fn extension(&mut self, header: &'a str, value: &'a [u8]) -> Result<(), RecordError> {
        let Some(name) = header.strip_prefix("ce_") else {
            return Ok(());
        };
        if !text::is_extension_name(name)
            || name == "data"
            || name == "datacontenttype"
            || limits::RESERVED_NAMES.contains(&name)
        {
            return Err(RecordError::InvalidName(shown(header)));
        }
        if self.extensions.iter().any(|(known, _)| *known == name) {
            return Err(RecordError::DuplicateHeader(shown(header)));
        }
        self.extensions
            .push((name, storable(header, value, limits::EXTENSION_BYTES)?));
        Ok(())
    }

    fn finish(
        self,
        value: Option<&'a [u8]>,
        appended_at: Option<Timestamp>,
    ) -> Result<Event<'a>, RecordError> {
        match self.specversion {
            Some("1.0") => {}
            Some(_) => return Err(RecordError::UnsupportedSpecversion),
            None => return Err(RecordError::NotAnEvent),
        }
        let required = |value: Option<&'a str>, name: &'static str| match value {
            None => Err(RecordError::MissingHeader(name)),
            Some("") => Err(RecordError::InvalidHeader {
                name: name.to_owned(),
                rule: "must not be empty",
            }),
            Some(value) => Ok(Cow::Borrowed(value)),
        };
        let id = required(self.id, "ce_id")?;
        let time = match self.time {
            Some(time) => Some(time.parsed("ce_time")?),
            None => time_of_id(&id),
        };
        let recorded = match self.recorded {
            Some(time) => time.parsed("ce_recordedtime")?,
            None => appended_at.ok_or(RecordError::MissingHeader("ce_recordedtime"))?,
        };
        // Empty says nothing, here as for every other attribute; and data of no type is JSON.
        let content_type = self.content_type.filter(|text| !text.is_empty());
        let data = match value {
            None => Data::None,
            Some(bytes) if !media::is_json(content_type) => Data::Bytes(Cow::Borrowed(bytes)),
            // An empty text is not JSON; several producers send it for "nothing".
            Some([]) => Data::None,
            Some(bytes) => Data::Json(Cow::Borrowed(bytes)),
        };
        let present =
            |value: Option<&'a str>| value.filter(|value| !value.is_empty()).map(Cow::Borrowed);
        Ok(Event {
            source: required(self.source, "ce_source")?,
            kind: required(self.kind, "ce_type")?,
            id,
            time,
            recorded,
            subject: present(self.subject),
            dataschema: present(self.dataschema),
            datacontenttype: present(content_type),
            traceparent: self.traceparent.map(Cow::Borrowed),
            extensions: typed(self.extensions, self.types),
            data,
        })
    }
}

/// Gives extensions their types back, as far as `types` (`name:n,name:b`) claims and the text bears out.
fn typed<'a>(extensions: Vec<(&'a str, &'a str)>, types: Option<&str>) -> Extensions<'a> {
    let mut out = Extensions::new();
    for (name, value) in extensions {
        let letter = types.and_then(|types| {
            types
                .split(',')
                .find_map(|claim| claim.split_once(':').filter(|claim| claim.0 == name))
        });
        let value = match (letter.map(|claim| claim.1), value) {
            (Some("n"), number) if json::is_number(number, limits::NUMBER_DIGITS) => {
                ExtensionValue::Number(Cow::Borrowed(number))
            }
            (Some("b"), "true") => ExtensionValue::Bool(true),
            (Some("b"), "false") => ExtensionValue::Bool(false),
            (_, text) => ExtensionValue::Text(Cow::Borrowed(text)),
        };
        out.push(Cow::Borrowed(name), value);
    }
    out
}

/// Puts the value of a header in its place, which must be empty.
fn once<T>(name: &str, slot: &mut Option<T>, value: T) -> Result<(), RecordError> {
    if slot.replace(value).is_some() {
        return Err(RecordError::DuplicateHeader(shown(name)));
    }
    Ok(())
}

fn time_of_id(id: &str) -> Option<Timestamp> {
    let time = Timestamp::from_millis(i64::try_from(uuid_v7_millis(id)?).ok()?);
    (time <= Timestamp::MAX_RFC3339).then_some(time)
}

fn storable<'a>(name: &str, value: &'a [u8], most: usize) -> Result<&'a str, RecordError> {
    let invalid = |rule| RecordError::InvalidHeader {
        name: shown(name),
        rule,
    };
    if value.len() > most {
        return Err(invalid("is too long"));
    }
    let is_plain = text::is_plain(value);
    let value = std::str::from_utf8(value).map_err(|_| invalid("is not UTF-8"))?;
    if !is_plain && text::has_control(value) {
        return Err(invalid("holds control characters"));
    }
    Ok(value)
}

/// As much of a header's name as an error shows, free of anything that could not be stored with it.
fn shown(name: &str) -> String {
    name.chars()
        .take(limits::EXTENSION_NAME_BYTES)
        .map(|c| if c.is_control() { '?' } else { c })
        .collect()
}

#[cfg(test)]
mod tests;
