//! Settings as people write them: durations (`"250ms"`, `"10s"`, `"400d"`) and sizes (`"8MiB"`) as people write them.
//!
//! A bare number is refused: nobody should have to guess whether it is seconds or milliseconds.

use std::fmt;
use std::time::Duration;

use serde::de::{self, Deserialize, Deserializer, Visitor};
use serde::ser::{Serialize, Serializer};

const DURATIONS: [(&str, u64); 7] = [
    ("us", 1),
    ("ms", 1_000),
    ("s", 1_000_000),
    ("m", 60_000_000),
    ("h", 3_600_000_000),
    ("d", 86_400_000_000),
    ("w", 604_800_000_000),
];

const SIZES: [(&str, u64); 9] = [
    ("B", 1),
    ("kB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("KB", 1_000),
    ("kiB", 1 << 10),
];

/// Reads a duration such as `250ms`, `10s`, `5m`, `12h`, `400d` or `1m30s`.
///
/// # Errors
/// A sentence that says how to write it.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let wrong = || {
        format!(
            "`{text}` is not a duration: write a number and a unit (us, ms, s, m, h, d, w), such as \"10s\""
        )
    };
    let mut rest = text.trim();
    if rest.is_empty() {
        return Err(wrong());
    }
    let mut micros = 0u64;
    while !rest.is_empty() {
        let (part, after) = amount(rest, &DURATIONS).ok_or_else(wrong)?;
        micros = micros.checked_add(part).ok_or_else(wrong)?;
        rest = after;
    }
    Ok(Duration::from_micros(micros))
}

/// Reads a size such as `64kB`, `8MiB` or `1GiB`.
///
/// # Errors
/// A sentence that says how to write it.
pub fn parse_size(text: &str) -> Result<u64, String> {
    let wrong = || {
        format!(
            "`{text}` is not a size: write a number and a unit (B, kB, MB, GB, KiB, MiB, GiB), such as \"8MiB\""
        )
    };
    match amount(text.trim(), &SIZES) {
        Some((size, "")) => Ok(size),
        _ => Err(wrong()),
    }
}

/// Reads one number with its unit off the front of a text.
fn amount<'a>(text: &'a str, units: &[(&str, u64)]) -> Option<(u64, &'a str)> {
    let digits = text.find(|c: char| !c.is_ascii_digit())?;
    let number: u64 = text[..digits].parse().ok()?;
    let unit = text[digits..].trim_start();
    let end = unit
        .find(|c: char| !c.is_ascii_alphabetic())
        .unwrap_or(unit.len());
    let (name, after) = unit.split_at(end);
    let factor = units.iter().find(|(unit, _)| *unit == name)?.1;
    Some((number.checked_mul(factor)?, after.trim_start()))
}

fn format_amount(value: u64, zero: &str, units: &[(&str, u64)]) -> String {
    if value == 0 {
        return zero.to_owned();
    }
    let mut best = (value, units[0].0);
    for (name, factor) in units {
        if value.is_multiple_of(*factor) && value / factor < best.0 {
            best = (value / factor, name);
        }
    }
    format!("{}{}", best.0, best.1)
}

/// Writes a duration as [`parse_duration`] reads it.
pub fn format_duration(duration: Duration) -> String {
    let micros = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
    format_amount(micros, "0s", &DURATIONS)
}

/// A number of bytes, written with its unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct ByteSize(pub u64);

impl ByteSize {
    /// The number of bytes, for what lives in memory.
    pub fn as_usize(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&format_amount(self.0, "0B", &SIZES[..7]))
    }
}

impl std::str::FromStr for ByteSize {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        parse_size(text).map(Self)
    }
}

impl<'de> Deserialize<'de> for ByteSize {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer
            .deserialize_str(Amount {
                what: "a size with its unit, such as \"8MiB\"",
                read: parse_size,
            })
            .map(Self)
    }
}

impl Serialize for ByteSize {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// `#[serde(with = "units::bytes")]` for a size that is kept as a `usize`.
pub mod bytes {
    use serde::de::Error as _;

    use super::{ByteSize, Deserialize, Deserializer, Serialize, Serializer};

    /// Reads `"8MiB"`.
    ///
    /// # Errors
    /// When it is not a size, or larger than this machine can address.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<usize, D::Error> {
        let size = ByteSize::deserialize(deserializer)?;
        usize::try_from(size.0)
            .map_err(|_| D::Error::custom(format!("{size} is more than this machine can address")))
    }

    /// Writes `"8MiB"`.
    ///
    /// # Errors
    /// When the serializer does.
    pub fn serialize<S: Serializer>(bytes: &usize, serializer: S) -> Result<S::Ok, S::Error> {
        ByteSize(*bytes as u64).serialize(serializer)
    }
}

struct Amount<T> {
    what: &'static str,
    read: fn(&str) -> Result<T, String>,
}

impl<T> Visitor<'_> for Amount<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.what)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<T, E> {
        (self.read)(text).map_err(E::custom)
    }
}

/// `#[serde(with = "units::duration")]` for a [`Duration`].
pub mod duration {
    use super::{Amount, Deserializer, Duration, Serializer, format_duration, parse_duration};

    /// Reads `"10s"`.
    ///
    /// # Errors
    /// When it is not a duration.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        deserializer.deserialize_str(Amount {
            what: "a duration with its unit, such as \"10s\"",
            read: parse_duration,
        })
    }

    /// Writes `"10s"`.
    ///
    /// # Errors
    /// When the serializer does.
    pub fn serialize<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&format_duration(*duration))
    }
}

/// `#[serde(default, with = "units::optional_duration")]` for an `Option<Duration>`.
pub mod optional_duration {
    use serde::de::Error as _;

    use super::{Deserialize, Deserializer, Duration, Serializer, format_duration, parse_duration};

    /// Reads `"10s"` or nothing; an empty text is nothing, so that an environment variable can unset it.
    ///
    /// # Errors
    /// When it is not a duration.
    pub fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Duration>, D::Error> {
        match Option::<String>::deserialize(deserializer)?.as_deref() {
            None | Some("") => Ok(None),
            Some(text) => parse_duration(text).map(Some).map_err(D::Error::custom),
        }
    }

    /// Writes `"10s"` or nothing.
    ///
    /// # Errors
    /// When the serializer does.
    pub fn serialize<S: Serializer>(
        duration: &Option<Duration>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match duration {
            Some(duration) => serializer.serialize_some(&format_duration(*duration)),
            None => serializer.serialize_none(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_and_sizes_need_their_unit_and_come_back_as_written() {
        let seconds = |text| parse_duration(text).map(|d| d.as_secs_f64());
        assert_eq!(seconds("250ms"), Ok(0.25));
        assert_eq!(seconds("1m30s"), Ok(90.0));
        assert_eq!(seconds("400d"), Ok(34_560_000.0));
        for bad in [
            "",
            "10",
            "s",
            "-1s",
            "1.5s",
            "10 parsecs",
            "99999999999999999w",
        ] {
            assert!(parse_duration(bad).is_err(), "{bad}");
        }
        for bad in ["", "8", "MiB", "8 XiB", "8MiB8", "99999999999999GiB"] {
            assert!(parse_size(bad).is_err(), "{bad}");
        }
        for text in ["250ms", "10s", "5m", "12h", "400d", "0s", "90s"] {
            assert_eq!(format_duration(parse_duration(text).expect("valid")), text);
        }
        for text in ["8MiB", "64kB", "1GiB", "1000000001B"] {
            assert_eq!(ByteSize(parse_size(text).expect("valid")).to_string(), text);
        }
    }
}
