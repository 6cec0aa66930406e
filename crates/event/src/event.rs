//! The event itself and its form as a Kafka record.

use std::borrow::Cow;

use crate::timestamp::TEXT_BYTES;
use crate::{ExtensionValue, Extensions, IdHash, Timestamp, Uid, limits};

/// An event whose attributes keep the rules of the format; what it borrows is the body or the record it was read from.
#[derive(Clone, Debug, PartialEq)]
pub struct Event<'a> {
    /// Who it comes from, the unit of authorisation.
    pub source: Cow<'a, str>,
    /// What happened: the attribute `type`.
    pub kind: Cow<'a, str>,
    /// The producer's own name for it, unique within `source`.
    pub id: Cow<'a, str>,
    /// Its own time: the attribute `time`, else the time inside a UUIDv7 `id`.
    pub time: Option<Timestamp>,
    /// When the edge received it.
    pub recorded: Timestamp,
    /// What it is about.
    pub subject: Option<Cow<'a, str>>,
    /// Where the schema of `data` is.
    pub dataschema: Option<Cow<'a, str>>,
    /// The media type of `data`.
    pub datacontenttype: Option<Cow<'a, str>>,
    /// The trace it belongs to (W3C Trace Context).
    pub traceparent: Option<Cow<'a, str>>,
    /// All other attributes.
    pub extensions: Extensions<'a>,
    /// What it carries.
    pub data: Data<'a>,
}

/// What an event carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Data<'a> {
    /// Nothing.
    None,
    /// JSON text, byte for byte as it was sent.
    Json(Cow<'a, [u8]>),
    /// Anything else.
    Bytes(Cow<'a, [u8]>),
}

impl Event<'_> {
    /// When it happened, as far as is known: its own time, else when it was received.
    #[must_use]
    pub fn occurred(&self) -> Timestamp {
        self.time.unwrap_or(self.recorded)
    }

    /// Its key, made of [`Self::occurred`], `source` and `id`.
    #[must_use]
    pub fn uid(&self) -> Uid {
        Uid::of_hash(self.occurred(), self.id_hash())
    }

    /// What recognises it whatever its time.
    #[must_use]
    pub fn id_hash(&self) -> IdHash {
        IdHash::of(&self.source, &self.id)
    }

    /// The key of its Kafka record: the extension `partitionkey`, else none.
    #[must_use]
    pub fn key(&self) -> Option<&[u8]> {
        self.extensions
            .get("partitionkey")
            .map(|value| value.as_text().as_bytes())
    }

    /// The value of its Kafka record: the bytes of `data`.
    #[must_use]
    pub fn value(&self) -> Option<&[u8]> {
        match &self.data {
            Data::None => None,
            Data::Json(bytes) | Data::Bytes(bytes) => Some(bytes),
        }
    }

    /// Hands the headers of its Kafka record to `put`, one by one.
    pub fn encode_headers(&self, mut put: impl FnMut(&str, &[u8])) {
        put("ce_specversion", b"1.0");
        put("ce_id", self.id.as_bytes());
        put("ce_source", self.source.as_bytes());
        put("ce_type", self.kind.as_bytes());
        let mut text = [0; TEXT_BYTES];
        if let Some(time) = self.time {
            put("ce_time", time.format_into(&mut text).as_bytes());
        }
        if let Some(subject) = &self.subject {
            put("ce_subject", subject.as_bytes());
        }
        if let Some(dataschema) = &self.dataschema {
            put("ce_dataschema", dataschema.as_bytes());
        }
        if let Some(content_type) = &self.datacontenttype {
            put("content-type", content_type.as_bytes());
        }
        self.encode_extensions(&mut put);
        put(
            "ce_recordedtime",
            self.recorded.format_into(&mut text).as_bytes(),
        );
        if let Some(traceparent) = &self.traceparent {
            put("traceparent", traceparent.as_bytes());
        }
    }

    fn encode_extensions(&self, put: &mut impl FnMut(&str, &[u8])) {
        const PREFIX: &[u8] = b"ce_";
        let mut header = [0; PREFIX.len() + limits::EXTENSION_NAME_BYTES];
        header[..PREFIX.len()].copy_from_slice(PREFIX);
        let mut types = String::new();
        for (name, value) in self.extensions.iter() {
            let Some(room) = header.get_mut(PREFIX.len()..PREFIX.len() + name.len()) else {
                continue;
            };
            room.copy_from_slice(name.as_bytes());
            let header = std::str::from_utf8(&header[..PREFIX.len() + name.len()])
                .expect("two texts joined");
            put(header, value.as_text().as_bytes());
            let letter = match value {
                ExtensionValue::Text(_) => continue,
                ExtensionValue::Number(_) => ":n",
                ExtensionValue::Bool(_) => ":b",
            };
            if !types.is_empty() {
                types.push(',');
            }
            types.push_str(name);
            types.push_str(letter);
        }
        if !types.is_empty() {
            put("flumen_types", types.as_bytes());
        }
    }

    /// The same event, holding on to nothing.
    #[must_use]
    pub fn into_owned(self) -> Event<'static> {
        let own = |text: Cow<'_, str>| -> Cow<'static, str> { Cow::Owned(text.into_owned()) };
        Event {
            source: own(self.source),
            kind: own(self.kind),
            id: own(self.id),
            time: self.time,
            recorded: self.recorded,
            subject: self.subject.map(own),
            dataschema: self.dataschema.map(own),
            datacontenttype: self.datacontenttype.map(own),
            traceparent: self.traceparent.map(own),
            extensions: self.extensions.into_owned(),
            data: match self.data {
                Data::None => Data::None,
                Data::Json(bytes) => Data::Json(Cow::Owned(bytes.into_owned())),
                Data::Bytes(bytes) => Data::Bytes(Cow::Owned(bytes.into_owned())),
            },
        }
    }
}
