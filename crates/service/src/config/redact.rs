//! What may be shown of a configuration.

use figment::Figment;
use serde_json::Value;

/// What stands in the place of a secret.
pub const MASK: &str = "********";

/// Says whether a key of this name holds a secret.
pub fn is_secret_key(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    // A name that ends so says where a secret is, not what it is.
    if key.ends_with("_file") || key.ends_with("_path") {
        return false;
    }
    [
        "password",
        "passwd",
        "passphrase",
        "secret",
        "token",
        "credential",
        "private_key",
    ]
    .iter()
    .any(|word| key.contains(word))
}

/// Masks the password of every URL, and of every `password=..` as connection strings have it, within a text.
pub fn redact_text(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("://") {
        let (before, after) = rest.split_at(at + 3);
        out.push_str(before);
        let end = after
            .find(|c: char| c == '/' || c.is_whitespace())
            .unwrap_or(after.len());
        // The last `@`: a password that was not encoded may hold one.
        let authority = &after[..end];
        match (authority.rfind('@'), authority.find(':')) {
            (Some(host), Some(colon)) if colon < host => {
                out.push_str(&authority[..=colon]);
                out.push_str(MASK);
                out.push_str(&authority[host..]);
            }
            _ => out.push_str(authority),
        }
        rest = &after[end..];
    }
    out.push_str(rest);
    redact_pairs(&out)
}

/// Masks `password=..`, up to the next blank, `&` or the closing quote.
fn redact_pairs(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.to_ascii_lowercase().find("password=") {
        let (before, after) = rest.split_at(at + "password=".len());
        out.push_str(before);
        out.push_str(MASK);
        let end = match after.strip_prefix('\'') {
            Some(quoted) => quoted.find('\'').map_or(after.len(), |end| end + 2),
            None => after
                .find(|c: char| c.is_whitespace() || c == '&')
                .unwrap_or(after.len()),
        };
        rest = &after[end..];
    }
    out.push_str(rest);
    out
}

/// The merged tree with its secrets masked.
pub(super) fn tree(figment: &Figment) -> Value {
    let mut tree = figment.extract::<Value>().unwrap_or(Value::Null);
    mask(&mut tree, false);
    tree
}

fn mask(value: &mut Value, secret: bool) {
    match value {
        Value::Object(map) => map
            .iter_mut()
            .for_each(|(key, value)| mask(value, secret || is_secret_key(key))),
        Value::Array(items) => items.iter_mut().for_each(|item| mask(item, secret)),
        // An empty secret is no secret, and that it is empty is worth seeing.
        Value::String(text) if text.is_empty() => {}
        Value::Null => {}
        Value::String(text) if !secret => *text = redact_text(text),
        other if secret => *other = Value::String(MASK.to_owned()),
        _ => {}
    }
}
