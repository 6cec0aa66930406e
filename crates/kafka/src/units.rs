//! Durations and sizes as people write them in a configuration file: `"250ms"`, `"30s"`, `"8MiB"`.
//!
//! A bare number is refused for a duration, because nobody can tell whether `5` meant milliseconds or seconds; for a size it is bytes.

/// Serde adapter (`#[serde(with = "kafka::units::duration")]`) for a [`std::time::Duration`] written as `"250ms"`, `"10s"`, `"5m"`, `"2h"` or `"7d"`.
pub mod duration {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};
    use std::time::Duration;

    /// Reads a duration with its unit.
    ///
    /// # Errors
    /// When the text is not a whole number followed by `ms`, `s`, `m`, `h` or `d`.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        let text = String::deserialize(deserializer)?;
        parse(&text).ok_or_else(|| {
            D::Error::custom(format!(
                "`{text}` is not a duration: write a whole number and its unit, such as \"250ms\", \"30s\", \"5m\", \"2h\" or \"7d\""
            ))
        })
    }

    /// Writes a duration in the largest unit that holds it exactly.
    ///
    /// # Errors
    /// Only those of the serializer.
    pub fn serialize<S: Serializer>(value: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&format(*value))
    }

    pub(super) fn parse(text: &str) -> Option<Duration> {
        let text = text.trim();
        let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (number, unit) = text.split_at(digits);
        let number: u64 = number.parse().ok()?;
        let millis = match unit.trim() {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            _ => return None,
        };
        number.checked_mul(millis).map(Duration::from_millis)
    }

    pub(super) fn format(value: Duration) -> String {
        let millis = value.as_millis();
        for (unit, size) in [
            ("d", 86_400_000),
            ("h", 3_600_000),
            ("m", 60_000),
            ("s", 1_000),
        ] {
            if millis >= size && millis.is_multiple_of(size) {
                return format!("{}{unit}", millis / size);
            }
        }
        format!("{millis}ms")
    }
}

/// Serde adapter (`#[serde(with = "kafka::units::bytes")]`) for a size in bytes written as `4096`, `"512KiB"`, `"8MiB"` or `"1GiB"`.
pub mod bytes {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Written {
        Number(u64),
        Text(String),
    }

    /// Reads a size, in bytes unless it names a unit.
    ///
    /// # Errors
    /// When the text is not a whole number, alone or followed by `B`, `KiB`, `MiB` or `GiB`.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<usize, D::Error> {
        let bytes = match Written::deserialize(deserializer)? {
            Written::Number(number) => Some(number),
            Written::Text(text) => match parse(&text) {
                Some(bytes) => Some(bytes),
                None => {
                    return Err(D::Error::custom(format!(
                        "`{text}` is not a size: write bytes as a number, or a whole number and its unit, such as \"512KiB\", \"8MiB\" or \"1GiB\""
                    )));
                }
            },
        };
        bytes
            .and_then(|bytes| usize::try_from(bytes).ok())
            .ok_or_else(|| D::Error::custom("the size is larger than this machine can address"))
    }

    /// Writes a size in the largest unit that holds it exactly.
    ///
    /// # Errors
    /// Only those of the serializer.
    pub fn serialize<S: Serializer>(value: &usize, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&format(*value))
    }

    pub(super) fn parse(text: &str) -> Option<u64> {
        let text = text.trim();
        let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (number, unit) = text.split_at(digits);
        let number: u64 = number.parse().ok()?;
        let unit = match unit.trim() {
            "" | "B" => 1,
            "KiB" => 1 << 10,
            "MiB" => 1 << 20,
            "GiB" => 1 << 30,
            _ => return None,
        };
        number.checked_mul(unit)
    }

    pub(super) fn format(value: usize) -> String {
        for (unit, size) in [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)] {
            if value >= size && value.is_multiple_of(size) {
                return format!("{}{unit}", value / size);
            }
        }
        format!("{value}B")
    }
}

#[cfg(test)]
mod tests {
    use super::{bytes, duration};
    use std::time::Duration;

    #[test]
    fn reads_back_what_it_writes() {
        for text in ["0ms", "250ms", "30s", "5m", "2h", "7d"] {
            let value = duration::parse(text).expect("a duration with a unit");
            assert_eq!(duration::format(value), text);
        }
        for text in ["0B", "17B", "512KiB", "8MiB", "3GiB"] {
            let value = bytes::parse(text).expect("a size with a unit");
            assert_eq!(bytes::format(usize::try_from(value).expect("fits")), text);
        }
        assert_eq!(duration::parse("90s"), Some(Duration::from_secs(90)));
    }

    #[test]
    fn refuses_a_duration_without_a_unit_and_sizes_in_powers_of_ten() {
        for text in [
            "",
            "5",
            "s",
            "-5s",
            "1.5s",
            "5 years",
            "99999999999999999999d",
        ] {
            assert_eq!(duration::parse(text), None, "{text}");
        }
        for text in ["", "MB", "8MB", "-1", "99999999999GiB9"] {
            assert_eq!(bytes::parse(text), None, "{text}");
        }
    }
}
