//! The record form, byte for byte: a change of these files is a change of what is in everybody's topics.

use event::Timestamp;
use event::parse::{Limits, Mode, parse};

const NOW: Timestamp = Timestamp::from_micros(1_795_261_288_000_000);

fn record_of(body: &str) -> String {
    let events = parse(
        Mode::Plain,
        &[],
        body.as_bytes(),
        &Limits::default(),
        NOW,
        &mut || "01a1fde9-4e40-721c-bab7-4a992b57afce".to_owned(),
    );
    let mut text = String::new();
    for event in events.expect("a body") {
        let event = event.expect("an event");
        let line =
            |name: &str, value: &[u8]| format!("{name}: {}\n", String::from_utf8_lossy(value));
        text += &line("uid", event.uid().to_string().as_bytes());
        text += &line("key", event.key().unwrap_or(b"(none)"));
        event.encode_headers(|name, value| text += &line(name, value));
        text += &line("value", event.value().unwrap_or(b"(null)"));
        text.push('\n');
    }
    text
}

#[test]
fn records_are_written_as_in_the_golden_file() {
    let actual = record_of(include_str!("golden/events.json"));
    let expected = include_str!("golden/records.txt");
    assert_eq!(
        actual, expected,
        "the record form changed; it is now:\n{actual}"
    );
}
