//! Dead letters as people and scripts see them.

use serde_json::{Map, Value, json};
use store::dead_letters::DeadLetter;

/// Longest reason text in a list.
const LINE_CHARS: usize = 60;

/// One line of a list.
pub(super) fn line(letter: &DeadLetter) -> String {
    let detail: String = letter.detail.chars().take(LINE_CHARS).map(calm).collect();
    format!(
        "{:>8}  {}  {}[{}]@{}  {}: {detail}",
        letter.id, letter.failed_at, letter.topic, letter.partition, letter.offset, letter.reason
    )
}

/// All of it, for reading.
pub(super) fn whole(letter: &DeadLetter) -> String {
    let replayed = letter
        .replayed_at
        .map_or_else(|| "no".to_owned(), |time| time.to_string());
    let appended = letter
        .timestamp
        .map_or_else(|| "unknown".to_owned(), |time| time.to_string());
    let mut lines = vec![
        format!("id         {}", letter.id),
        format!("reason     {}", letter.reason),
        format!(
            "detail     {}",
            letter.detail.chars().map(calm).collect::<String>()
        ),
        format!("set aside  {}", letter.failed_at),
        format!("replayed   {replayed}"),
        format!(
            "record     {}[{}]@{}, appended {appended}",
            letter.topic, letter.partition, letter.offset
        ),
        format!("key        {}", text(letter.key.as_deref())),
        "headers".to_owned(),
    ];
    for (name, value) in &letter.headers {
        let name: String = name.chars().map(calm).collect();
        lines.push(format!("  {name}: {}", text(value.as_deref())));
    }
    lines.push("value".to_owned());
    lines.push(format!("  {}", text(letter.value.as_deref())));
    lines.join("\n")
}

/// All of it on one line of JSON. Bytes are text where they are UTF-8, else hexadecimal.
pub(super) fn json(letter: &DeadLetter) -> String {
    let headers: Vec<Value> = letter
        .headers
        .iter()
        .map(|(name, value)| {
            let mut header = bytes(value.as_deref());
            header.insert("name".to_owned(), json!(name));
            Value::Object(header)
        })
        .collect();
    json!({
        "id": letter.id,
        "reason": letter.reason,
        "detail": letter.detail,
        "failed_at": letter.failed_at.to_string(),
        "replayed_at": letter.replayed_at.map(|time| time.to_string()),
        "topic": letter.topic,
        "partition": letter.partition,
        "offset": letter.offset,
        "timestamp": letter.timestamp.map(|time| time.to_string()),
        "key": bytes(letter.key.as_deref()),
        "headers": headers,
        "value": bytes(letter.value.as_deref()),
    })
    .to_string()
}

fn bytes(value: Option<&[u8]>) -> Map<String, Value> {
    let (name, value) = match value.map(|value| (value, std::str::from_utf8(value))) {
        None => ("text", Value::Null),
        Some((_, Ok(text))) => ("text", json!(text)),
        Some((value, Err(_))) => ("hex", json!(hex(value))),
    };
    Map::from_iter([(name.to_owned(), value)])
}

fn text(value: Option<&[u8]>) -> String {
    match value.map(|value| (value, std::str::from_utf8(value))) {
        None => "(none)".to_owned(),
        Some((_, Ok(text))) => text.chars().map(calm).collect(),
        Some((value, Err(_))) => format!("hex {}", hex(value)),
    }
}

fn hex(value: &[u8]) -> String {
    value.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A record may hold what would move the cursor or turn the terminal's text around.
fn calm(character: char) -> char {
    let turns = matches!(character, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    if (character.is_control() && character != '\n') || turns {
        '\u{fffd}'
    } else {
        character
    }
}

#[cfg(test)]
mod tests {
    use event::Timestamp;

    use super::*;

    fn letter() -> DeadLetter {
        DeadLetter {
            id: 7,
            topic: "events".to_owned(),
            partition: 1,
            offset: 42,
            timestamp: None,
            key: None,
            headers: vec![
                ("ce_id".to_owned(), Some(b"\xff\x00".to_vec())),
                ("x".to_owned(), None),
            ],
            value: Some(b"\x1b[2J{}".to_vec()),
            reason: "bad-utf8".to_owned(),
            detail: "ce_id is not UTF-8".to_owned(),
            failed_at: Timestamp::from_micros(0),
            replayed_at: None,
        }
    }

    #[test]
    fn nothing_a_record_holds_reaches_the_terminal_as_a_command() {
        let shown = whole(&letter());
        assert!(!shown.contains('\u{1b}'), "{shown}");
        assert!(
            shown.contains("ce_id: hex ff00") && shown.contains("x: (none)"),
            "{shown}"
        );
    }

    #[test]
    fn json_keeps_every_byte() {
        let value: Value = serde_json::from_str(&json(&letter())).expect("JSON");
        assert_eq!(value["headers"][0], json!({"name": "ce_id", "hex": "ff00"}));
        assert_eq!(value["headers"][1], json!({"name": "x", "text": null}));
        assert_eq!(value["value"]["text"], "\u{1b}[2J{}");
        assert_eq!(value["offset"], 42);
    }
}
