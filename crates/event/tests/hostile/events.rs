//! Events that break a rule, each with the kind and the pointer of its refusal (cases 8 to 12, 15).

use event::Data;
use event::parse::{Limits, Mode, parse};

use crate::{NOW, read, refusal};

fn event(members: &str) -> String {
    format!(r#"{{"source":"s","type":"t","id":"1",{members}}}"#)
}

#[test]
fn data_that_jsonb_refuses_is_refused_at_its_place() {
    let digits = "9".repeat(10_000);
    for (members, kind, pointer) in [
        (r#""data":{"a":1e131000}"#, "number-too-long", "/data/a"),
        (r#""data":[1,1e-2000]"#, "number-too-long", "/data/1"),
        (
            &format!(r#""data":{{"n":{digits}}}"#),
            "number-too-long",
            "/data/n",
        ),
        (r#""data":NaN"#, "not-a-number", "/data"),
        (r#""data":{"x":[Infinity]}"#, "not-a-number", "/data/x/0"),
        (r#""data":{"x":-Infinity}"#, "not-a-number", "/data/x"),
        (r#""data":{"a":"\u0000"}"#, "nul-character", "/data/a"),
        (r#""data":{"a\u0000":1}"#, "nul-character", "/data/a\0"),
        (r#""data":{"a":["\ud800"]}"#, "lone-surrogate", "/data/a/0"),
        (r#""data":"\udc00\ud800""#, "lone-surrogate", "/data"),
        ("\"data\":\"a\u{1}b\"", "control-character", "/data"),
        (
            r#""data":{"a/b":{"c~d":"\u0000"}}"#,
            "nul-character",
            "/data/a~1b/c~0d",
        ),
    ] {
        assert_eq!(
            refusal(&event(members)),
            (kind, pointer.to_owned()),
            "{members}"
        );
    }
}

#[test]
fn big_integers_are_kept_to_the_last_digit() {
    let digits = "123456789".repeat(100);
    let body = event(&format!(r#""data":{digits}"#));
    let events = read(Mode::Plain, body.as_bytes()).expect("a body");
    assert_eq!(
        events[0].as_ref().expect("an event").value(),
        Some(digits.as_bytes())
    );
}

#[test]
fn attributes_are_held_against_the_rules() {
    let (long, huge) = ("x".repeat(256), "x".repeat(5000));
    let many: Vec<_> = (0..65).map(|index| format!(r#""x{index}":1"#)).collect();
    for (body, kind, pointer) in [
        (r#"{"type":"t"}"#, "missing-attribute", "/source"),
        (r#"{"source":"s"}"#, "missing-attribute", "/type"),
        (
            r#"{"source":null,"type":"t"}"#,
            "missing-attribute",
            "/source",
        ),
        (
            r#"{"source":"","type":"t"}"#,
            "invalid-attribute",
            "/source",
        ),
        (r#"{"source":1,"type":"t"}"#, "wrong-type", "/source"),
        (r#"{"source":"s","type":["t"]}"#, "wrong-type", "/type"),
        (r#"{"source":"s","type":"t","id":7}"#, "wrong-type", "/id"),
        (
            r#"{"source":"s","type":"t","id":""}"#,
            "invalid-attribute",
            "/id",
        ),
        (
            &format!(r#"{{"source":"{long}","type":"t"}}"#),
            "invalid-attribute",
            "/source",
        ),
        (
            r#"{"source":"a\nb","type":"t"}"#,
            "invalid-attribute",
            "/source",
        ),
        (
            r#"{"source":"a\u0085b","type":"t"}"#,
            "invalid-attribute",
            "/source",
        ),
        (
            r#"{"source":"a\u0000b","type":"t"}"#,
            "nul-character",
            "/source",
        ),
        (
            &event(r#""specversion":"0.3""#),
            "unsupported-specversion",
            "/specversion",
        ),
        (&event(r#""specversion":1.0"#), "wrong-type", "/specversion"),
        (&event(r#""subject":"""#), "invalid-attribute", "/subject"),
        (
            &event(r#""datacontenttype":"json""#),
            "invalid-attribute",
            "/datacontenttype",
        ),
        (&event(r#""Trace":"x""#), "invalid-attribute-name", "/Trace"),
        (
            &event(r#""user_id":"x""#),
            "invalid-attribute-name",
            "/user_id",
        ),
        (&event(r#""":"x""#), "invalid-attribute-name", "/"),
        (&event(r#""a/b":null"#), "invalid-attribute-name", "/a~1b"),
        (&event(r#""x":{}"#), "wrong-type", "/x"),
        (&event(r#""x":[1]"#), "wrong-type", "/x"),
        (
            &event(&format!(r#""x":"{huge}""#)),
            "invalid-attribute",
            "/x",
        ),
        (
            &event(r#""traceparent":"nonsense""#),
            "invalid-attribute",
            "/traceparent",
        ),
        (&event(r#""uid":"x""#), "reserved-attribute", "/uid"),
        (
            &event(r#""kafkaoffset":1"#),
            "reserved-attribute",
            "/kafkaoffset",
        ),
        (&event(r#""id":"2""#), "duplicate-attribute", "/id"),
        (&event(r#""x":1,"\u0078":2"#), "duplicate-attribute", "/x"),
        (
            &event(r#""data":1,"data":2"#),
            "duplicate-attribute",
            "/data",
        ),
        (&event(&many.join(",")), "too-many-extensions", ""),
    ] {
        assert_eq!(refusal(body), (kind, pointer.to_owned()), "{body}");
    }
}

#[test]
fn a_wrong_name_is_answered_with_the_right_one() {
    let body = event(r#""user_ID":"x""#);
    let events = read(Mode::Plain, body.as_bytes()).expect("a body");
    let rejection = events[0].as_ref().expect_err("a wrong name");
    assert!(
        rejection.detail.contains("write `userid`"),
        "{}",
        rejection.detail
    );
}

#[test]
fn times_must_be_times_and_in_range() {
    for time in [
        "now",
        "2026-02-30T00:00:00Z",
        "2026-11-21T11:41:28",
        "0000-01-01T00:00:00Z",
        "",
        "2026-11-21",
        "2016-12-31T23:59:60Z",
    ] {
        assert_eq!(
            refusal(&event(&format!(r#""time":"{time}""#))),
            ("time-invalid", "/time".into()),
            "{time}"
        );
    }
    for time in [
        "2036-11-21T11:41:28Z",
        "2026-11-21T11:51:29Z",
        "2020-01-01T00:00:00Z",
        "0001-01-01T00:00:00Z",
    ] {
        assert_eq!(
            refusal(&event(&format!(r#""time":"{time}""#))),
            ("time-out-of-range", "/time".into()),
            "{time}"
        );
    }
    // A UUIDv7 of the year 2036.
    let body = r#"{"source":"s","type":"t","id":"01eb4a48-0000-7000-8000-000000000000"}"#;
    assert_eq!(refusal(body), ("time-out-of-range", "/id".into()));
    for time in ["2026-11-21T11:51:28Z", "2025-12-01T00:00:00+14:00"] {
        let body = event(&format!(r#""time":"{time}""#));
        assert!(
            read(Mode::Plain, body.as_bytes()).expect("a body")[0].is_ok(),
            "{time}"
        );
    }
}

#[test]
fn cloud_events_must_say_so_and_the_mode_is_named() {
    for (mode, body, word) in [
        (Mode::Structured, r#"{"source":"s","type":"t","id":"1"}"#.to_owned(), "structured"),
        (Mode::Batched, r#"[{"source":"s","type":"t","id":"1"}]"#.to_owned(), "batched"),
        (Mode::Structured, r#"{"specversion":"1.0","source":"s","type":"t","id":"1","data":1,"data_base64":"AA=="}"#.to_owned(), "structured"),
    ] {
        let events = read(mode, body.as_bytes()).expect("a body");
        let rejection = events[0].as_ref().expect_err(&body);
        assert!(matches!(rejection.kind.name(), "missing-attribute" | "data-conflict"));
        assert!(rejection.detail.contains(word), "{}", rejection.detail);
    }
    let body = br#"{"specversion":"1.0","source":"s","type":"t"}"#;
    assert_eq!(
        read(Mode::Structured, body).expect("a body")[0]
            .as_ref()
            .expect_err("no id")
            .pointer
            .as_deref(),
        Some("/id")
    );
}

#[test]
fn binary_data_is_decoded_or_refused() {
    for (members, kind) in [
        (r#""data_base64":"!!""#, "invalid-base64"),
        (r#""data_base64":7"#, "wrong-type"),
        (
            r#""datacontenttype":"application/json","data_base64":"AA==""#,
            "invalid-base64",
        ),
        // {"a":NaN}
        (
            r#""datacontenttype":"application/json","data_base64":"eyJhIjpOYU59""#,
            "not-a-number",
        ),
        (r#""data":{},"data_base64":"AA==""#, "data-conflict"),
    ] {
        assert_eq!(
            refusal(&event(members)),
            (kind, "/data_base64".to_owned()),
            "{members}"
        );
    }
    for (members, content_type, data) in [
        (
            r#""data_base64":"AP8=""#,
            Some("application/octet-stream"),
            &b"\0\xff"[..],
        ),
        (
            r#""datacontenttype":"text/plain","data":"a\n\"b\"""#,
            Some("text/plain"),
            b"a\n\"b\"",
        ),
        (
            r#""datacontenttype":"text/xml","data":{"a": 1}"#,
            Some("text/xml"),
            b"{\"a\": 1}",
        ),
    ] {
        let body = event(members);
        let events = read(Mode::Plain, body.as_bytes()).expect("a body");
        let event = events[0].as_ref().expect("an event");
        assert_eq!(event.datacontenttype.as_deref(), content_type);
        assert!(
            matches!(&event.data, Data::Bytes(bytes) if bytes.as_ref() == data),
            "{members}"
        );
    }
    let json = event(r#""datacontenttype":"application/json","data_base64":"eyJhIjoxfQ==""#);
    let events = read(Mode::Plain, json.as_bytes()).expect("a body");
    assert_eq!(
        events[0].as_ref().expect("an event").data,
        Data::Json(b"{\"a\":1}"[..].into())
    );
}

#[test]
fn one_event_above_the_limit_costs_only_itself() {
    let limits = Limits {
        max_data_bytes: 10,
        ..Limits::default()
    };
    let body = format!(
        "[{},{}]",
        event(r#""data":"12345678""#),
        event(r#""data":"123456789""#)
    );
    let events = parse(
        Mode::Plain,
        &[],
        body.as_bytes(),
        &limits,
        NOW,
        &mut String::new,
    )
    .expect("a body");
    assert!(events[0].is_ok());
    assert_eq!(
        events[1].as_ref().expect_err("too large").kind.name(),
        "too-large"
    );
}

#[test]
fn attributes_in_headers_keep_the_same_rules() {
    let least = [
        ("ce-specversion", "1.0"),
        ("ce-source", "s"),
        ("ce-type", "t"),
        ("ce-id", "1"),
    ];
    let read = |extra: &[(&'static str, &'static [u8])], body: &'static [u8]| {
        let mut headers: Vec<_> = least
            .iter()
            .map(|(name, value)| (*name, value.as_bytes()))
            .collect();
        headers.extend_from_slice(extra);
        parse(
            Mode::Binary,
            &headers,
            body,
            &Limits::default(),
            NOW,
            &mut String::new,
        )
    };
    for (name, value, kind, pointer) in [
        ("ce-subject", &b"%C0%A0"[..], "invalid-encoding", "/subject"),
        ("ce-subject", b"\xff", "invalid-encoding", "/subject"),
        ("ce-subject", b"a%00b", "invalid-attribute", "/subject"),
        (
            "ce-datacontenttype",
            b"text/plain",
            "invalid-attribute-name",
            "/datacontenttype",
        ),
        ("ce-data", b"x", "invalid-attribute-name", "/data"),
        ("ce-uid", b"x", "reserved-attribute", "/uid"),
        ("CE-ID", b"x", "duplicate-attribute", "/id"),
        ("ce-time", b"now", "time-invalid", "/time"),
        ("ce-user_id", b"7", "invalid-attribute-name", "/user_id"),
    ] {
        let events = read(&[(name, value)], b"").expect("a body");
        let rejection = events[0].as_ref().expect_err(name);
        assert_eq!(
            (rejection.kind.name(), rejection.pointer.as_deref()),
            (kind, Some(pointer)),
            "{name}"
        );
    }
    let json = ("content-type", &b"application/json"[..]);
    assert_eq!(
        read(&[json], b"{\"a\":").expect_err("cut off").name(),
        "malformed-json"
    );
    assert_eq!(
        read(&[json], b"\xff").expect_err("not UTF-8").name(),
        "malformed-json"
    );
    let events = read(&[json], b" {\"a\":[\"\\u0000\"]}").expect("a body");
    assert_eq!(
        events[0].as_ref().expect_err("NUL").pointer.as_deref(),
        Some("/data/a/0")
    );
    let events = read(
        &[
            ("content-type", b"image/png"),
            ("ce-Shop", b"%22caf%C3%A9%22"),
        ],
        b"\xff",
    )
    .expect("a body");
    let event = events[0].as_ref().expect("an event");
    assert_eq!(
        event.extensions.get("shop").map(|value| value.as_text()),
        Some("\"caf\u{e9}\"")
    );
    assert!(matches!(&event.data, Data::Bytes(bytes) if bytes.as_ref() == b"\xff"));
}
