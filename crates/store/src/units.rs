//! Durations in the configuration: a number with a unit, such as `500ms`, `30s`, `10m`, `6h`, `7d`.

use std::time::Duration;

use serde::{Deserialize, Deserializer, Serializer, de::Error};

/// Milliseconds of each unit, the largest first, as the text is written back with the largest that fits.
const UNITS: [(&str, u64); 5] = [
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1_000),
    ("ms", 1),
];

pub(crate) fn parse(text: &str) -> Result<Duration, String> {
    let text = text.trim();
    let split = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let millis = UNITS
        .iter()
        .find(|(name, _)| *name == unit.trim())
        .map(|(_, millis)| millis);
    match (number.parse::<u64>(), millis) {
        (Ok(number), Some(millis)) => number
            .checked_mul(*millis)
            .map(Duration::from_millis)
            .ok_or_else(|| format!("`{text}` is too long")),
        _ => Err(format!(
            "`{text}` is not a duration: write a number with ms, s, m, h or d, such as \"30s\""
        )),
    }
}

pub(crate) fn format(duration: Duration) -> String {
    let total = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let (unit, millis) = UNITS
        .iter()
        .find(|(_, millis)| total != 0 && total.is_multiple_of(*millis))
        .unwrap_or(&("s", 1_000));
    format!("{}{unit}", total / millis)
}

/// For `#[serde(with = "units::duration")]`.
pub(crate) mod duration {
    use super::*;

    pub(crate) fn serialize<S: Serializer>(value: &Duration, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&format(*value))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
        parse(&String::deserialize(from)?).map_err(D::Error::custom)
    }
}

/// For `#[serde(with = "units::optional_duration")]`; an empty text means none, so that an environment variable can unset it.
pub(crate) mod optional_duration {
    use super::*;

    pub(crate) fn serialize<S: Serializer>(
        value: &Option<Duration>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        match value {
            Some(value) => to.serialize_some(&format(*value)),
            None => to.serialize_none(),
        }
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Option<Duration>, D::Error> {
        match Option::<String>::deserialize(from)?.as_deref() {
            None | Some("") => Ok(None),
            Some(text) => parse(text).map(Some).map_err(D::Error::custom),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_reads_back_as_it_was_written() {
        for text in ["1ms", "1500ms", "30s", "90s", "10m", "6h", "7d", "0s"] {
            assert_eq!(format(parse(text).expect("valid")), text);
        }
    }

    #[test]
    fn a_number_without_a_unit_is_refused() {
        for text in ["", "30", "s", "-1s", "1.5s", "1 week"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
