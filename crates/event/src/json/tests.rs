use super::*;

const BOUNDS: Bounds = Bounds {
    depth: 4,
    digits: 20,
};

fn scan(text: &str) -> Result<Option<Fault>, Malformed> {
    let mut scanner = Scanner::new(text, BOUNDS);
    scanner.skip_space();
    scanner.value()?;
    scanner.end()?;
    Ok(scanner.fault)
}

fn fault_at(text: &str) -> Option<(FaultKind, String)> {
    let fault = scan(text).expect("well-formed")?;
    Some((fault.kind, pointer_to(text, fault.offset, BOUNDS.depth, "")))
}

#[test]
fn accepts_what_rfc_8259_accepts() {
    for text in [
        "{}",
        "[]",
        "0",
        "-0",
        "1.5e+3",
        "1E-2",
        "\"\"",
        "true",
        "false",
        "null",
        " [ 1 , 2 ] ",
        "{\"a\":{\"b\":[{}]}}",
        "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\"",
        "\"\\ud83d\\ude00\"",
        "\"1234567\\u00e9 exactly around the eight\"",
        "[[],{},[[]]]",
        "\"\u{7f}\u{80}\"",
        "{\"\":0}",
    ] {
        assert_eq!(scan(text), Ok(None), "{text}");
    }
}

#[test]
fn refuses_what_is_not_json_at_the_byte_where_it_stops_being_json() {
    for (text, offset) in [
        ("", 0),
        ("{", 1),
        ("[", 1),
        ("[1", 2),
        ("[1,", 3),
        ("[1,]", 3),
        ("{\"a\"}", 4),
        ("{\"a\":}", 5),
        ("{\"a\":1,}", 7),
        ("{a:1}", 1),
        ("{'a':1}", 1),
        ("01", 2),
        ("-", 1),
        ("1.", 2),
        ("1.e3", 2),
        ("1e", 2),
        ("+1", 0),
        (".5", 0),
        ("tru", 0),
        ("nulll", 4),
        ("\"abc", 4),
        ("\"\\x\"", 1),
        ("\"\\u12g4\"", 1),
        ("\"\\", 1),
        ("1 2", 2),
        ("{}}", 2),
        ("[}", 1),
        ("{]", 1),
        ("[1}", 2),
        ("{\"a\":1]", 6),
        ("Nan", 0),
    ] {
        assert_eq!(scan(text).expect_err(text).offset, offset, "{text}");
    }
}

#[test]
fn points_at_what_cannot_be_stored() {
    use FaultKind as K;
    for (text, kind, pointer) in [
        (r#""\u0000""#, K::Nul, ""),
        (r#"{"a":[1,{"b":"x\u0000"}]}"#, K::Nul, "/a/1/b"),
        (r#"[[],{"k":1},"\ud800"]"#, K::LoneSurrogate, "/2"),
        (r#"["\ud800\u0041"]"#, K::LoneSurrogate, "/0"),
        (r#"["\udc00"]"#, K::LoneSurrogate, "/0"),
        (r#"{"a/b":{"c~d":1e21}}"#, K::NumberTooLong, "/a~1b/c~0d"),
        (r#"{"n":123456789012345678901}"#, K::NumberTooLong, "/n"),
        (r#"{"n":1e99999999999999999999}"#, K::NumberTooLong, "/n"),
        (r#"{"n":1e-131000}"#, K::NumberTooLong, "/n"),
        (r#"[1,NaN]"#, K::NotANumber, "/1"),
        (r#"[-Infinity]"#, K::NotANumber, "/0"),
        ("{\"a\":\"tab\there\"}", K::ControlCharacter, "/a"),
        (r#"[0,[[[[]]]]]"#, K::TooDeep, "/1/0/0/0"),
        (r#"{"a":{"b":{"c":{"d":{}}}}}"#, K::TooDeep, "/a/b/c/d"),
        (r#"{"ok":{},"bad\u0000":1}"#, K::Nul, "/bad\0"),
        (r#"{"a":{"\udfff":1}}"#, K::LoneSurrogate, "/a/\u{fffd}"),
    ] {
        assert_eq!(fault_at(text), Some((kind, pointer.to_owned())), "{text}");
    }
}

#[test]
fn the_first_fault_is_the_one_reported() {
    assert_eq!(
        fault_at(r#"{"a":NaN,"b":"\u0000"}"#),
        Some((FaultKind::NotANumber, "/a".into()))
    );
}

#[test]
fn a_million_open_brackets_neither_overflow_nor_pass() {
    let text = "[".repeat(1_000_000);
    assert_eq!(scan(&text).expect_err("never closed").offset, text.len());
    let text = format!("{}{}", "[".repeat(300_000), "]".repeat(300_000));
    assert_eq!(
        fault_at(&text),
        Some((FaultKind::TooDeep, "/0/0/0/0".into()))
    );
    let text = format!("{}1{}", "{\"a\":[".repeat(1000), "]}".repeat(1000));
    assert_eq!(
        fault_at(&text),
        Some((FaultKind::TooDeep, "/a/0/a/0".into()))
    );
    assert!(
        scan(&text.replace("]}]}", "]]}}")).is_err(),
        "kinds of brackets are kept apart below 128 levels"
    );
}

#[test]
fn pointers_have_a_bound() {
    let long = "k".repeat(2000);
    let text = format!(r#"{{"short":{{"{long}":NaN}}}}"#);
    assert_eq!(
        fault_at(&text),
        Some((FaultKind::NotANumber, "/short".into()))
    );
}

#[test]
fn unescaping_is_exact_and_total() {
    for (raw, plain) in [
        ("plain", "plain"),
        (r#"a\"b\\c\/d\b\f\n\r\t"#, "a\"b\\c/d\u{8}\u{c}\n\r\t"),
        (r"\u00e9\ud83d\ude00!", "\u{e9}\u{1f600}!"),
        (r"\ud800x", "\u{fffd}x"),
        (r"\ud800\u0041", "\u{fffd}A"),
        (r"\q\u12", r"\q\u12"),
        ("\\", "\\"),
    ] {
        assert_eq!(unescape(raw), plain, "{raw}");
    }
}

#[test]
fn strings_are_written_so_that_they_read_back() {
    for text in ["", "a\"\\\n\r\t\u{1}\u{1f}", "\u{e9}\u{1f600}\u{7f}"] {
        let mut out = Vec::new();
        write_string(&mut out, text);
        let json = String::from_utf8(out).expect("UTF-8");
        assert_eq!(scan(&json), Ok(None));
        assert_eq!(unescape(&json[1..json.len() - 1]), text);
    }
}

#[test]
fn numbers_are_recognised() {
    for good in ["0", "-1.5", "1e10"] {
        assert!(is_number(good, 20), "{good}");
    }
    for bad in [
        "",
        "-",
        "1 ",
        "x",
        "NaN",
        "-Infinity",
        "1e21",
        "\"1\"",
        "[1]",
    ] {
        assert!(!is_number(bad, 20), "{bad}");
    }
}
