use super::*;

fn micros(text: &str) -> Result<i64, TimestampError> {
    Timestamp::parse_rfc3339(text).map(Timestamp::as_micros)
}

#[test]
fn reads_rfc3339_exactly() {
    assert_eq!(micros("1970-01-01T00:00:00Z"), Ok(0));
    assert_eq!(micros("1969-12-31T23:59:59.999999Z"), Ok(-1));
    assert_eq!(
        micros("2026-11-21T12:41:28.123+01:00"),
        Ok(1_795_261_288_123_000)
    );
    assert_eq!(micros("2000-02-29t00:00:00z"), Ok(951_782_400_000_000));
    assert_eq!(
        micros("2026-11-21T11:41:28-00:00"),
        micros("2026-11-21T11:41:28Z")
    );
}

#[test]
fn the_usual_form_reads_as_any_form_does() {
    let mut texts = vec![
        "2026-11-21T11:41:28Z".to_owned(),
        "0001-01-01T00:00:00Z".to_owned(),
        "9999-12-31T23:59:59.999999Z".to_owned(),
        "2000-02-29T00:00:00.5Z".to_owned(),
        "1969-12-31T23:59:59.000001Z".to_owned(),
    ];
    for text in texts.clone() {
        let usual = Timestamp::parse_usual(text.as_bytes());
        assert_eq!(
            usual.ok_or(TimestampError::Form),
            micros(&text).map(Timestamp::from_micros)
        );
        // One byte replaced anywhere: whatever is still of the usual form is the same time, the rest is left to the general one.
        for at in 0..text.len() {
            for byte in ["0", "3", "9", "-", "T", "Z", ".", ":", "/", " "] {
                let mut other = text.clone();
                other.replace_range(at..=at, byte);
                texts.push(other);
            }
        }
    }
    for text in texts {
        if let Some(time) = Timestamp::parse_usual(text.as_bytes()) {
            assert_eq!(Timestamp::parse_any(text.as_bytes()), Ok(time), "{text}");
        }
    }
}

#[test]
fn cuts_digits_beyond_the_microsecond() {
    assert_eq!(micros("1970-01-01T00:00:00.123456999Z"), Ok(123_456));
    assert_eq!(
        micros("1970-01-01T00:00:00.12345678901234567890Z"),
        Ok(123_456)
    );
}

#[test]
fn refuses_what_is_no_time_and_says_why() {
    use TimestampError as E;
    for (text, error) in [
        ("now", E::Form),
        ("", E::Form),
        ("2026-11-21", E::Form),
        ("2026-11-21 11:41:28Z", E::Form),
        ("2026-02-30T00:00:00Z", E::NoSuchDay),
        ("2026-13-01T00:00:00Z", E::NoSuchDay),
        ("2026-00-01T00:00:00Z", E::NoSuchDay),
        ("1900-02-29T00:00:00Z", E::NoSuchDay),
        ("2026-11-21T11:41:28", E::NoZone),
        ("2026-11-21T11:41:28.5", E::NoZone),
        ("2026-11-21T11:41:28.Z", E::Form),
        ("2026-11-21T11:41:28ZZ", E::Form),
        ("2026-11-21T11:41:28+0100", E::Form),
        ("2026-11-21T11:41:28+24:00", E::NoSuchTime),
        ("2026-11-21T24:00:00Z", E::NoSuchTime),
        ("2016-12-31T23:59:60Z", E::LeapSecond),
        ("0000-01-01T00:00:00Z", E::Year),
        ("0001-01-01T00:00:00+01:00", E::Year),
        ("9999-12-31T23:59:59-01:00", E::Year),
        ("2026-1\u{661}-21T11:41:28Z", E::Form),
    ] {
        assert_eq!(micros(text), Err(error), "{text}");
    }
}

#[test]
fn shows_the_shortest_fraction() {
    for text in [
        "1970-01-01T00:00:00Z",
        "2026-11-21T11:41:28.5Z",
        "2026-11-21T11:41:28.000001Z",
        "0001-01-01T00:00:00Z",
        "9999-12-31T23:59:59.999999Z",
    ] {
        assert_eq!(
            Timestamp::parse_rfc3339(text).expect("valid").to_string(),
            text
        );
    }
    assert_eq!(
        Timestamp::from_micros(i64::MAX).to_string(),
        "+294247-01-10T04:00:54.775807Z"
    );
    assert_eq!(
        Timestamp::from_micros(i64::MIN).to_string(),
        "-290308-12-21T19:59:05.224192Z"
    );
}

#[test]
fn milliseconds_round_towards_the_past() {
    assert_eq!(Timestamp::from_micros(-1).as_millis(), -1);
    assert_eq!(Timestamp::from_micros(1_999).as_millis(), 1);
}
