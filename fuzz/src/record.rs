//! The decoder of Kafka records: whatever the bytes, an event that fits the tables or a reason why not.
//!
//! The input is a list of headers, each a byte that selects a known name (or gives the length of another), a length byte (255: null) and
//! the value; the byte 255 in place of a name ends the list, and what is left is the record's value.

use event::{Data, Event, Timestamp, record};

const NAMES: [&str; 17] = [
    "ce_specversion",
    "ce_id",
    "ce_source",
    "ce_type",
    "ce_time",
    "ce_recordedtime",
    "ce_subject",
    "ce_dataschema",
    "content-type",
    "flumen_types",
    "traceparent",
    "ce_traceparent",
    "ce_partitionkey",
    "ce_data",
    "ce_uid",
    "ce_n",
    "ce_",
];

/// Decodes, and asserts what must hold.
///
/// # Panics
/// On a finding.
pub(crate) fn run(bytes: &[u8]) {
    let mut rest = bytes;
    let mut owned: Vec<(String, Option<Vec<u8>>)> = Vec::new();
    loop {
        let selector = match take(&mut rest, 1) {
            [255] | [] => break,
            [selector, ..] => usize::from(*selector),
        };
        let name = match NAMES.get(selector) {
            Some(name) => (*name).to_owned(),
            None => String::from_utf8_lossy(take(&mut rest, selector - NAMES.len())).into_owned(),
        };
        let value = match take(&mut rest, 1) {
            [255] => None,
            [length, ..] => Some(take(&mut rest, usize::from(*length)).to_vec()),
            [] => break,
        };
        owned.push((name, value));
    }
    let value = (!rest.is_empty()).then_some(rest);
    let headers = || {
        owned
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_deref()))
    };
    for appended_at in [None, Some(Timestamp::from_micros(1_772_323_200_000_000))] {
        match record::decode(headers(), value, appended_at) {
            Ok(event) => fits(&event),
            Err(error) => {
                let text = error.to_string();
                assert!(
                    !error.reason().is_empty() && !text.contains('\0'),
                    "{text:?}"
                );
                assert!(text.len() < 1_000, "a dead letter's detail is short");
            }
        }
    }
}

fn take<'a>(rest: &mut &'a [u8], count: usize) -> &'a [u8] {
    let (taken, left) = rest.split_at(count.min(rest.len()));
    *rest = left;
    taken
}

fn fits(event: &Event<'_>) {
    let texts = [
        (Some(&event.source), 255),
        (Some(&event.kind), 255),
        (Some(&event.id), 255),
        (event.subject.as_ref(), 1024),
        (event.dataschema.as_ref(), 2048),
        (event.datacontenttype.as_ref(), 255),
        (event.traceparent.as_ref(), 255),
    ];
    for (text, most) in texts {
        if let Some(text) = text {
            assert!((1..=most).contains(&text.len()), "{text:?}");
            assert!(!text.chars().any(char::is_control), "{text:?}");
        }
    }
    let mut json = Vec::new();
    event.extensions.write_json(&mut json);
    serde_json::from_slice::<&serde_json::value::RawValue>(&json)
        .expect("extensions are stored as JSON");
    let mut headers = Vec::new();
    event.encode_headers(|name, value| headers.push((name.to_owned(), value.to_vec())));
    let headers = headers
        .iter()
        .map(|(name, value)| (name.as_str(), Some(value.as_slice())));
    let back = record::decode(headers, event.value(), None).expect("an event can be written again");
    // Bytes that are nothing under a JSON type are nothing when read again, too.
    assert!(!matches!(&event.data, Data::Json(text) if text.is_empty()));
    assert_eq!(&back, event);
    assert_eq!(back.uid(), event.uid());
}
