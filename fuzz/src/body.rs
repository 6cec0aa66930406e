//! The parser of request bodies, in every mode: what must hold whatever the bytes.
//!
//! First byte: the mode, and by its highest bit whether the limits are the default ones or small. For the binary mode the rest up to
//! an empty line are headers, one `name: value` a line.

use event::parse::{self, Limits, Mode};
use event::{Data, Event, Timestamp, record};

/// 2026-03-01T00:00:00Z.
const NOW: Timestamp = Timestamp::from_micros(1_772_323_200_000_000);
/// A UUIDv7 of that moment.
const ID: &str = "019ca665-2400-7000-8000-000000000001";

/// Parses, and asserts what must hold.
///
/// # Panics
/// On a finding.
pub(crate) fn run(bytes: &[u8]) {
    let Some((first, rest)) = bytes.split_first() else {
        return;
    };
    let mode = match first & 0x7f {
        b'p' | 0 => Mode::Plain,
        b's' | 1 => Mode::Structured,
        b'b' | 2 => Mode::Batched,
        b'n' | 3 => Mode::NdJson,
        _ => Mode::Binary,
    };
    let limits = if first & 0x80 == 0 {
        Limits::default()
    } else {
        Limits {
            max_events: 3,
            max_data_bytes: 64,
            max_depth: 4,
            max_number_digits: 12,
            max_extensions: 2,
            ..Limits::default()
        }
    };
    let (headers, body) = match mode {
        Mode::Binary => headers(rest),
        _ => (Vec::new(), rest),
    };
    match parse::parse(mode, &headers, body, &limits, NOW, &mut || ID.to_owned()) {
        Err(fault) => {
            assert!(!fault.name().is_empty() && !fault.to_string().is_empty());
            if let parse::BodyError::MalformedJson { offset, .. } = fault {
                assert!(offset <= body.len(), "the byte it names is in the body");
            }
        }
        Ok(events) => {
            assert!((1..=limits.max_events).contains(&events.len()));
            for event in events {
                match event {
                    Ok(event) => accepted(&event, &limits),
                    Err(rejection) => {
                        assert!(!rejection.detail.is_empty() && !rejection.kind.name().is_empty());
                        if let Some(pointer) = rejection.pointer {
                            assert!(pointer.is_empty() || pointer.starts_with('/'), "{pointer}");
                        }
                    }
                }
            }
        }
    }
}

fn headers(bytes: &[u8]) -> (Vec<(&str, &[u8])>, &[u8]) {
    let mut headers = Vec::new();
    let mut rest = bytes;
    loop {
        let end = rest.iter().position(|byte| *byte == b'\n');
        let (line, after) = match end {
            Some(end) => (&rest[..end], &rest[end + 1..]),
            None => (rest, &rest[rest.len()..]),
        };
        rest = after;
        if line.is_empty() {
            return (headers, rest);
        }
        let Some(colon) = line.iter().position(|byte| *byte == b':') else {
            continue;
        };
        // An HTTP server hands on names in lower case and values without line ends.
        if let Ok(name) = std::str::from_utf8(&line[..colon])
            && name
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        {
            headers.push((name, line[colon + 1..].trim_ascii()));
        }
    }
}

/// What the edge accepts can be stored, and the writer reads it back as it was.
fn accepted(event: &Event<'_>, limits: &Limits) {
    for (text, most) in [(&event.source, 255), (&event.kind, 255), (&event.id, 255)] {
        assert!((1..=most).contains(&text.len()), "{text:?}");
        assert!(!text.chars().any(char::is_control), "{text:?}");
    }
    let (from, to) = (
        NOW.saturating_sub(limits.max_age),
        NOW.saturating_add(limits.max_ahead),
    );
    assert!(
        (from..=to).contains(&event.occurred()),
        "{}",
        event.occurred()
    );
    assert!(event.extensions.iter().count() <= limits.max_extensions);
    match &event.data {
        Data::None => {}
        Data::Bytes(bytes) => assert!(bytes.len() <= limits.max_data_bytes),
        Data::Json(text) => {
            assert!(text.len() <= limits.max_data_bytes);
            std::str::from_utf8(text).expect("JSON is UTF-8");
            serde_json::from_slice::<&serde_json::value::RawValue>(text)
                .expect("JSON by another parser's judgement");
        }
    }
    let mut headers = Vec::new();
    event.encode_headers(|name, value| headers.push((name.to_owned(), value.to_vec())));
    let headers = headers
        .iter()
        .map(|(name, value)| (name.as_str(), Some(value.as_slice())));
    let back = record::decode(headers, event.value(), None)
        .expect("what the edge accepts, the writer can read");
    assert_eq!(&back, event, "as it was");
    assert_eq!(back.uid(), event.uid());
}
