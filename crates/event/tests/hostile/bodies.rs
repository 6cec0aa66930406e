//! Bodies that are broken, or not what their media type says (cases 1, 2, 7, 12, 15).

use event::parse::{Limits, Mode, parse};

use crate::{NOW, read};

const GOOD: &str = r#"{"specversion":"1.0","source":"s","type":"t","id":"1"}"#;

#[test]
fn a_broken_body_is_refused_whole_with_the_byte_offset() {
    for (body, offset) in [
        ("{".to_owned(), 1),
        (format!("[{GOOD}"), 1 + GOOD.len()),
        (format!("[{GOOD},"), 2 + GOOD.len()),
        (format!("[{GOOD},]"), 2 + GOOD.len()),
        (format!("{GOOD} x"), GOOD.len() + 1),
        (format!("{GOOD}{GOOD}"), GOOD.len()),
        (format!("[{GOOD},{{\"data\":tru}}]"), GOOD.len() + 10),
        (format!("[{GOOD}]]"), GOOD.len() + 2),
        ("not json".to_owned(), 0),
        ("{\"source\":\"s".to_owned(), 12),
        ("{\"a\" 1}".to_owned(), 5),
    ] {
        let error = read(Mode::Plain, body.as_bytes()).expect_err(&body);
        assert_eq!(error.name(), "malformed-json", "{body}");
        assert!(
            error.to_string().contains(&format!("at byte {offset}:")),
            "{body}: {error}"
        );
    }
}

#[test]
fn invalid_utf_8_is_refused_with_the_byte_offset() {
    for bytes in [
        &b"{\"source\":\"\xff\"}"[..],
        b"{\"source\":\"\xc0\xa0\"}",
        b"{\"source\":\"\xed\xa0\x80\"}",
    ] {
        let error = read(Mode::Plain, bytes).expect_err("not UTF-8");
        assert_eq!(
            error.to_string(),
            "the body is not JSON at byte 11: not UTF-8"
        );
    }
}

#[test]
fn one_broken_line_of_a_thousand_costs_only_itself() {
    let mut body = String::from("\u{feff}");
    for index in 0..1000 {
        match index {
            500 => body.push_str("{\"source\":\"s\",\"type\""),
            _ => body.push_str(&format!(
                "{{\"source\":\"s\",\"type\":\"t\",\"id\":\"{index}\"}}"
            )),
        }
        body.push_str(["\n", "\r\n", "\n\n", "\n \t\r\n"][index % 4]);
    }
    let body = body.trim_end();
    let events = read(Mode::NdJson, body.as_bytes()).expect("lines");
    assert_eq!(events.len(), 1000);
    for (index, event) in events.iter().enumerate() {
        match event {
            Ok(event) => assert_eq!(event.id, index.to_string()),
            Err(rejection) => {
                assert_eq!((index, rejection.kind.name()), (500, "malformed-json"));
                assert!(
                    rejection
                        .detail
                        .starts_with("line 751 is not JSON at its byte 20"),
                    "{}",
                    rejection.detail
                );
            }
        }
    }
    assert!(events[500].is_err());
}

#[test]
fn a_line_that_is_not_utf_8_costs_only_itself() {
    let body = b"{\"source\":\"s\",\"type\":\"t\"}\n{\"source\":\"\xff\"}\n{\"source\":\"\xc3\xa9\",\"type\":\"t\"}";
    let events = read(Mode::NdJson, body).expect("lines");
    assert_eq!(
        events.iter().map(Result::is_ok).collect::<Vec<_>>(),
        [true, false, true]
    );
}

#[test]
fn sixty_thousand_brackets_are_refused_and_nothing_overflows() {
    let open = "[".repeat(60_000);
    for body in [open.clone(), format!("{{\"data\":{open}")] {
        assert_eq!(
            read(Mode::Plain, body.as_bytes())
                .expect_err("never closed")
                .name(),
            "malformed-json"
        );
    }
    let body = format!(
        "{{\"source\":\"s\",\"type\":\"t\",\"data\":{open}{}}}",
        "]".repeat(60_000)
    );
    let (kind, pointer) = crate::refusal(&body);
    assert_eq!(
        (kind, pointer),
        ("too-deep", format!("/data{}", "/0".repeat(128)))
    );
}

#[test]
fn empty_and_overfull_bodies_are_refused() {
    for (mode, body) in [
        (Mode::Plain, "[]"),
        (Mode::Batched, " [ ] "),
        (Mode::Plain, ""),
        (Mode::Structured, " "),
        (Mode::NdJson, ""),
        (Mode::NdJson, "\n\r\n \n"),
    ] {
        assert_eq!(
            read(mode, body.as_bytes()).expect_err(body).name(),
            "empty-batch",
            "{body:?}"
        );
    }
    let limits = Limits {
        max_events: 2,
        ..Limits::default()
    };
    let three = [
        format!("[{GOOD},{GOOD},{GOOD}]"),
        format!("{GOOD}\n{GOOD}\n{GOOD}"),
    ];
    for (mode, body) in [Mode::Batched, Mode::NdJson].into_iter().zip(&three) {
        let error = parse(mode, &[], body.as_bytes(), &limits, NOW, &mut String::new)
            .expect_err("too many");
        assert_eq!(error.name(), "too-many-events");
    }
}

#[test]
fn the_shape_of_the_body_must_be_that_of_its_mode() {
    for (mode, body, name) in [
        (Mode::Batched, GOOD, "not-an-array"),
        (Mode::Batched, "{", "malformed-json"),
        (Mode::Structured, "[]", "not-an-object"),
        (Mode::Structured, "1", "not-an-object"),
        (Mode::Plain, "\"event\"", "not-an-object"),
        (Mode::Plain, "null", "not-an-object"),
    ] {
        assert_eq!(
            read(mode, body.as_bytes()).expect_err(body).name(),
            name,
            "{body}"
        );
    }
}

#[test]
fn things_that_are_no_events_cost_only_themselves() {
    let body = format!("[1,{GOOD},null,[],\"x\",{{}}]");
    let events = read(Mode::Batched, body.as_bytes()).expect("an array");
    let kinds: Vec<_> = events
        .iter()
        .map(|event| event.as_ref().map_or_else(|r| r.kind.name(), |_| "ok"))
        .collect();
    assert_eq!(
        kinds,
        [
            "not-an-object",
            "ok",
            "not-an-object",
            "not-an-object",
            "not-an-object",
            "missing-attribute"
        ]
    );
}
