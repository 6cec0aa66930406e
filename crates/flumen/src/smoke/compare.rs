//! Is an event that was read the one that was sent?

use anyhow::bail;
use serde_json::Value;

/// Compares every attribute that was sent, and the data.
///
/// # Errors
/// Names the first attribute that differs, with both values.
pub(super) fn same(sent: &Value, shown: &Value) -> anyhow::Result<()> {
    let Some(sent) = sent.as_object() else {
        bail!("the event sent is not an object");
    };
    for (name, value) in sent {
        let Some(other) = shown.get(name) else {
            bail!("`{name}` is missing: {value} was sent");
        };
        let equal = match name.as_str() {
            "time" => instant(value).is_some() && instant(value) == instant(other),
            _ => value == other,
        };
        if !equal {
            bail!("`{name}` was sent as {value} and read as {other}");
        }
    }
    Ok(())
}

/// Times are equal when they are the same instant, however they are written.
fn instant(value: &Value) -> Option<jiff::Timestamp> {
    value.as_str()?.parse().ok()
}
