use super::*;

type Headers = Vec<(String, Vec<u8>)>;

fn headers(pairs: &[(&str, &str)]) -> Headers {
    pairs
        .iter()
        .map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec()))
        .collect()
}

fn read<'a>(headers: &'a Headers, value: Option<&'a [u8]>) -> Result<Event<'a>, RecordError> {
    let appended = Some(Timestamp::from_micros(7));
    decode(
        headers
            .iter()
            .map(|(name, value)| (name.as_str(), Some(value.as_slice()))),
        value,
        appended,
    )
}

const LEAST: [(&str, &str); 4] = [
    ("ce_specversion", "1.0"),
    ("ce_id", "1"),
    ("ce_source", "shop"),
    ("ce_type", "sold"),
];

fn with(extra: &[(&str, &str)]) -> Headers {
    headers(&[&LEAST[..], extra].concat())
}

#[test]
fn the_least_a_foreign_record_must_have_is_enough() {
    let headers = headers(&LEAST);
    let event = read(&headers, Some(b"{}")).expect("an event");
    assert_eq!((event.time, event.recorded.as_micros()), (None, 7));
    assert_eq!(event.data, Data::Json(Cow::Borrowed(b"{}")));
}

#[test]
fn every_fault_has_its_reason() {
    let long = "x".repeat(256);
    for (headers, reason) in [
        (headers(&[]), "not-an-event"),
        (
            headers(&[("content-type", "application/cloudevents+json")]),
            "not-an-event",
        ),
        (
            headers(&[("ce_specversion", "0.3")]),
            "unsupported-specversion",
        ),
        (headers(&LEAST[..3]), "missing-header"),
        (with(&[("ce_id", "2")]), "duplicate-header"),
        (with(&[("ce_x", "2"), ("ce_x", "2")]), "duplicate-header"),
        (with(&[("ce_Upper", "2")]), "invalid-name"),
        (with(&[("ce_uid", "2")]), "invalid-name"),
        (with(&[("ce_time", "yesterday")]), "invalid-time"),
        (with(&[("ce_recordedtime", "")]), "invalid-time"),
        (with(&[("ce_subject", "a\0b")]), "invalid-header"),
        (
            headers(&[LEAST[0], ("ce_id", ""), LEAST[2], LEAST[3]]),
            "invalid-header",
        ),
        (
            headers(&[LEAST[0], ("ce_id", &long), LEAST[2], LEAST[3]]),
            "invalid-header",
        ),
    ] {
        assert_eq!(
            read(&headers, None).expect_err(reason).reason(),
            reason,
            "{headers:?}"
        );
    }
    let mut not_utf8 = with(&[]);
    not_utf8.push(("ce_x".into(), vec![0xff]));
    assert_eq!(
        read(&not_utf8, None).expect_err("not UTF-8").reason(),
        "invalid-header"
    );
}

#[test]
fn a_record_without_timestamps_is_refused() {
    let headers = headers(&LEAST);
    let pairs = headers
        .iter()
        .map(|(name, value)| (name.as_str(), Some(value.as_slice())));
    assert_eq!(
        decode(pairs, None, None),
        Err(RecordError::MissingHeader("ce_recordedtime"))
    );
}

#[test]
fn the_time_inside_a_uuid_v7_is_the_events_own() {
    let headers = headers(&[
        LEAST[0],
        ("ce_id", "01995e6a-1c2d-7a3b-9f00-112233445566"),
        LEAST[2],
        LEAST[3],
    ]);
    let event = read(&headers, None).expect("an event");
    assert_eq!(event.time, Some(Timestamp::from_millis(0x0199_5e6a_1c2d)));
    assert_eq!(event.data, Data::None);
}

#[test]
fn claims_about_types_are_held_against_the_text() {
    let headers = with(&[
        ("ce_a", "12"),
        ("ce_b", "true"),
        ("ce_c", "x"),
        ("ce_d", "yes"),
        ("ce_e", "5"),
        ("flumen_types", "a:n,b:b,c:n,d:b,zz,:,"),
    ]);
    let event = read(&headers, None).expect("an event");
    let mut json = Vec::new();
    event.extensions.write_json(&mut json);
    assert_eq!(
        String::from_utf8(json).expect("UTF-8"),
        r#"{"a":12,"b":true,"c":"x","d":"yes","e":"5"}"#
    );
}

#[test]
fn headers_of_others_are_ignored_and_null_headers_too() {
    let headers = with(&[("x-trace", "1"), ("traceparent", "rubbish")]);
    let pairs = headers
        .iter()
        .map(|(name, value)| (name.as_str(), Some(value.as_slice())));
    let pairs = pairs.chain([("ce_subject", None), ("ce_time", None)]);
    let event = decode(pairs, None, Some(Timestamp::from_micros(0))).expect("an event");
    assert_eq!(
        (event.traceparent, event.subject, event.extensions.len()),
        (None, None, 0)
    );
}

/// Found by fuzzing: it was stored as bytes of no type, which is what JSON is stored as.
#[test]
fn an_empty_content_type_says_nothing_so_data_is_json() {
    let headers = with(&[("content-type", "")]);
    let event = read(&headers, Some(b"{}")).expect("an event");
    assert_eq!(event.datacontenttype, None);
    assert_eq!(event.data, Data::Json(Cow::Borrowed(b"{}")));
}
