//! Properties that hold for every event and every input.

use std::borrow::Cow;
use std::time::Duration;

use event::parse::{Limits, Mode, parse};
use event::{Data, Event, ExtensionValue, Extensions, Timestamp, Uid, record};
use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;

type Headers = Vec<(String, Vec<u8>)>;

const MODES: [Mode; 5] = [
    Mode::Structured,
    Mode::Batched,
    Mode::Plain,
    Mode::NdJson,
    Mode::Binary,
];

fn encode(event: &Event<'_>) -> Headers {
    let mut headers = Headers::new();
    event.encode_headers(|name, value| headers.push((name.to_owned(), value.to_vec())));
    headers
}

fn decode<'a>(headers: &'a Headers, value: Option<&'a [u8]>) -> Event<'a> {
    let pairs = headers
        .iter()
        .map(|(name, value)| (name.as_str(), Some(value.as_slice())));
    record::decode(pairs, value, None).expect("what was encoded decodes")
}

fn generous() -> Limits {
    let ages = Duration::from_secs(400_000_000_000);
    Limits {
        max_age: ages,
        max_ahead: ages,
        ..Limits::default()
    }
}

fn timestamps() -> impl Strategy<Value = Timestamp> {
    (Timestamp::MIN_RFC3339.as_micros()..=Timestamp::MAX_RFC3339.as_micros())
        .prop_map(Timestamp::from_micros)
}

fn extension_values() -> impl Strategy<Value = ExtensionValue<'static>> {
    prop_oneof![
        "\\PC{0,20}".prop_map(|text| ExtensionValue::Text(text.into())),
        "-?(0|[1-9][0-9]{0,9})(\\.[0-9]{1,5})?([eE][+-]?[0-9]{1,2})?"
            .prop_map(|number| ExtensionValue::Number(number.into())),
        any::<bool>().prop_map(ExtensionValue::Bool),
    ]
}

fn bodies() -> impl Strategy<Value = (Option<&'static str>, Data<'static>)> {
    let json = prop_oneof![
        Just("null".to_owned()),
        any::<i64>().prop_map(|n| n.to_string()),
        ".*".prop_map(|text| serde_json::to_string(&text.replace('\0', "")).expect("a string")),
        vec(any::<i32>(), 0..5).prop_map(|list| serde_json::to_string(&list).expect("a list")),
    ];
    let json_types = prop_oneof![
        Just(None),
        Just(Some("application/json")),
        Just(Some("a/b+JSON; x=y"))
    ];
    prop_oneof![
        Just((None, Data::None)),
        (json_types, json)
            .prop_map(|(kind, json)| (kind, Data::Json(Cow::Owned(json.into_bytes())))),
        vec(any::<u8>(), 0..50)
            .prop_map(|bytes| (Some("image/png"), Data::Bytes(Cow::Owned(bytes)))),
    ]
}

prop_compose! {
    fn events()(
        source in "\\PC{1,60}", kind in "\\PC{1,60}", id in "[^\\pC]{1,35}", time in option::of(timestamps()),
        recorded in timestamps(), subject in option::of("\\PC{1,60}"), dataschema in option::of("\\PC{1,60}"),
        traceparent in option::of("00-[1-9a-f]{32}-[1-9a-f]{16}-0[01]"),
        extensions in btree_map("x[a-z0-9]{0,10}", extension_values(), 0..6),
        (content_type, data) in bodies(),
    ) -> Event<'static> {
        let mut out = Extensions::new();
        for (name, value) in extensions {
            out.push(name.into(), value);
        }
        Event {
            source: source.into(), kind: kind.into(), id: id.into(), time, recorded,
            subject: subject.map(Into::into), dataschema: dataschema.map(Into::into),
            datacontenttype: content_type.map(Into::into), traceparent: traceparent.map(Into::into),
            extensions: out, data,
        }
    }
}

/// The event as a structured CloudEvent.
fn to_json(event: &Event<'_>) -> Vec<u8> {
    let text = |text: &str| serde_json::to_string(text).expect("a string");
    let mut members = vec![
        "\"specversion\":\"1.0\"".to_owned(),
        format!("\"source\":{}", text(&event.source)),
        format!("\"type\":{}", text(&event.kind)),
        format!("\"id\":{}", text(&event.id)),
    ];
    let mut optional = |name: &str, value: Option<&str>| {
        members.extend(value.map(|value| format!("\"{name}\":{}", text(value))));
    };
    optional("time", event.time.map(|time| time.to_string()).as_deref());
    optional("subject", event.subject.as_deref());
    optional("dataschema", event.dataschema.as_deref());
    optional("datacontenttype", event.datacontenttype.as_deref());
    optional("traceparent", event.traceparent.as_deref());
    for (name, value) in event.extensions.iter() {
        members.push(match value {
            ExtensionValue::Text(value) => format!("\"{name}\":{}", text(value)),
            other => format!("\"{name}\":{}", other.as_text()),
        });
    }
    match &event.data {
        Data::None => {}
        Data::Json(json) => members.push(format!(
            "\"data\":{}",
            std::str::from_utf8(json).expect("JSON is UTF-8")
        )),
        Data::Bytes(bytes) => {
            use base64::Engine as _;
            let encoded = base64::engine::general_purpose::STANDARD.encode(bytes);
            members.push(format!("\"data_base64\":\"{encoded}\""));
        }
    }
    format!("{{{}}}", members.join(" , ")).into_bytes()
}

proptest! {
    #[test]
    fn an_event_comes_back_from_its_record_as_it_was(event in events()) {
        let headers = encode(&event);
        prop_assert_eq!(&decode(&headers, event.value()), &event);
    }

    #[test]
    fn an_event_comes_back_from_its_json_as_it_was(event in events()) {
        // JSON cannot tell `data: null` from no data.
        prop_assume!(event.data != Data::Json(Cow::Borrowed(b"null")));
        let json = to_json(&event);
        for mode in [Mode::Structured, Mode::Plain, Mode::NdJson] {
            let events = parse(mode, &[], &json, &generous(), event.recorded, &mut || unreachable!("has an id"));
            let events = events.expect("a body");
            prop_assert_eq!(events.len(), 1);
            prop_assert_eq!(events[0].as_ref().expect("an event"), &event);
        }
    }

    #[test]
    fn the_bytes_of_data_are_never_touched(space in "[ \n\t]{0,3}", number in "[1-9][0-9]{0,4}\\.[0-9]{1,5}0") {
        let data = format!("{{{space}\"a\"{space}:{space}{number}{space}}}");
        let body = format!("{{\"source\":\"s\",\"type\":\"t\",\"id\":\"1\",\"data\":{data}}}");
        let now = Timestamp::from_micros(0);
        let events = parse(Mode::Plain, &[], body.as_bytes(), &generous(), now, &mut String::new).expect("a body");
        prop_assert_eq!(events[0].as_ref().expect("an event").value(), Some(data.as_bytes()));
    }

    #[test]
    fn parsing_survives_any_bytes(body in vec(any::<u8>(), 0..200)) {
        for mode in MODES {
            let headers = [("ce-id", body.as_slice()), ("ce-source", body.as_slice()), ("content-type", b"application/json")];
            let _ = parse(mode, &headers, &body, &Limits::default(), Timestamp::from_micros(0), &mut || "x".into());
        }
    }

    #[test]
    fn parsing_survives_anything_that_looks_like_json(body in "[\\[\\]{}\",:\\\\u0dD8a-f1-9eE.+\\- \nNatrufls]{0,80}") {
        for mode in MODES {
            let wrapped = format!("[{{\"source\":\"s\",\"type\":\"t\",\"data\":{body}}}]");
            for body in [&body, &wrapped] {
                let limits = Limits { max_depth: 2, ..Limits::default() };
                let _ = parse(mode, &[], body.as_bytes(), &limits, Timestamp::from_micros(0), &mut || "x".into());
            }
        }
    }

    #[test]
    fn what_parses_is_json_to_others_too(body in "[\\[\\]{}\",:\\\\u0d8a1e.\\- ntrufls]{0,30}") {
        let wrapped = format!("{{\"source\":\"s\",\"type\":\"t\",\"id\":\"1\",\"data\":{body}}}");
        let parsed = parse(Mode::Plain, &[], wrapped.as_bytes(), &generous(), Timestamp::from_micros(0), &mut String::new);
        let ours = parsed.is_ok_and(|events| events[0].is_ok());
        let theirs = serde_json::from_str::<&serde_json::value::RawValue>(&body);
        prop_assert!(!ours || theirs.is_ok(), "{}", body);
    }

    #[test]
    fn decoding_survives_any_headers(
        headers in vec(("(ce_)?(id|source|type|specversion|time|x|flumen_types|content-type|\\PC{0,5})", vec(any::<u8>(), 0..20)), 0..12),
        value in option::of(vec(any::<u8>(), 0..20)),
    ) {
        let pairs = headers.iter().map(|(name, value)| (name.as_str(), Some(value.as_slice())));
        if let Err(error) = record::decode(pairs, value.as_deref(), None) {
            prop_assert!(!error.reason().is_empty());
            prop_assert!(!error.to_string().contains('\0'));
        }
    }

    #[test]
    fn the_tail_of_a_uid_is_the_same_whatever_the_time(event in events(), time in timestamps()) {
        let uid = event.uid();
        let other = Uid::of(time, &event.source, &event.id);
        prop_assert_eq!(uid.tail(), other.tail());
        prop_assert_eq!(uid.id_hash_range(), other.id_hash_range());
        let (low, high) = uid.id_hash_range();
        let hash = event.id_hash();
        prop_assert!(low <= *hash.as_bytes() && *hash.as_bytes() <= high);
        prop_assert_eq!(Uid::parse(&uid.to_string()), Ok(uid));
        let millis = event.occurred().as_millis();
        prop_assert!(!(-(1_i64 << 47)..1 << 47).contains(&millis) || uid.time_millis() == millis);
    }

    #[test]
    fn timestamps_come_back_from_their_text(time in timestamps()) {
        prop_assert_eq!(Timestamp::parse_rfc3339(&time.to_string()), Ok(time));
    }

    #[test]
    fn timestamps_survive_any_text(text in "\\PC{0,40}", micros in any::<i64>()) {
        let _ = Timestamp::parse_rfc3339(&text);
        let _ = Timestamp::from_micros(micros).to_string();
    }
}
