//! Reads the many ways files write a time.

use jiff::{civil::DateTime, fmt::strtime, tz::TimeZone};

use super::row::{Field, Kind};

/// How times are written.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum TimeFormat {
    /// `2026-11-21T08:15:30Z`; without a zone that of `--time-zone` holds. Time columns of Parquet too.
    #[default]
    Rfc3339,
    /// A number since 1970-01-01T00:00:00Z, of which one second holds this many.
    Unix(i64),
    /// A strptime pattern.
    Pattern(String),
}

impl TimeFormat {
    /// Reads the value of `--time-format`.
    ///
    /// # Errors
    /// Says what is possible.
    pub fn parse(text: &str) -> Result<Self, String> {
        Ok(match text {
            "rfc3339" => Self::Rfc3339,
            "unix" => Self::Unix(1),
            "unix-ms" => Self::Unix(1_000),
            "unix-us" => Self::Unix(1_000_000),
            "unix-ns" => Self::Unix(1_000_000_000),
            pattern if pattern.contains('%') => Self::Pattern(pattern.to_owned()),
            _ => {
                return Err(
                    "write rfc3339, unix, unix-ms, unix-us, unix-ns, or a pattern such as '%Y-%m-%d %H:%M:%S'"
                        .to_owned(),
                );
            }
        })
    }
}

/// Reads times of one format and zone.
#[derive(Debug, Clone)]
pub(super) struct Clock {
    pub(super) format: TimeFormat,
    pub(super) zone: TimeZone,
}

impl Clock {
    /// Microseconds since the epoch of the fields taken together.
    ///
    /// # Errors
    /// Says what could not be read, and how it was tried.
    pub(super) fn read(&self, fields: &[&Field]) -> Result<i64, String> {
        if let [field] = fields {
            match field.kind {
                Kind::Instant(micros) => return Ok(micros),
                Kind::Local(micros) => return self.local(micros),
                Kind::Null => return Err("there is no time in the row".to_owned()),
                Kind::Json => return Err("an object or array is not a time".to_owned()),
                Kind::Text | Kind::Number | Kind::Bool => return self.text(field.text.trim()),
            }
        }
        let mut joined = String::new();
        for field in fields {
            let text = field
                .plain()
                .ok_or("one of the columns of the time is empty")?;
            if !joined.is_empty() {
                joined.push(' ');
            }
            joined.push_str(text.trim());
        }
        self.text(&joined)
    }

    fn text(&self, text: &str) -> Result<i64, String> {
        match &self.format {
            TimeFormat::Unix(per_second) => unix(text, *per_second)
                .ok_or_else(|| format!("`{text}` is not a number of time units since 1970")),
            TimeFormat::Rfc3339 => {
                if let Ok(timestamp) = text.parse::<jiff::Timestamp>() {
                    return Ok(floor(timestamp));
                }
                let local: DateTime = text.parse().map_err(|_| {
                    format!(
                        "`{text}` is not RFC 3339; say how times are written with --time-format"
                    )
                })?;
                self.zoned(local)
            }
            TimeFormat::Pattern(pattern) => {
                let parts = strtime::parse(pattern, text)
                    .map_err(|error| format!("`{text}` does not fit `{pattern}`: {error}"))?;
                if let Ok(timestamp) = parts.to_timestamp() {
                    return Ok(floor(timestamp));
                }
                let local = parts
                    .to_datetime()
                    .or_else(|_| parts.to_date().map(DateTime::from))
                    .map_err(|error| format!("`{text}` as `{pattern}` is not a time: {error}"))?;
                self.zoned(local)
            }
        }
    }

    fn local(&self, micros: i64) -> Result<i64, String> {
        // Most zones most files use.
        if self.zone == TimeZone::UTC {
            return Ok(micros);
        }
        let local = jiff::Timestamp::from_microsecond(micros)
            .map_err(|error| error.to_string())?
            .to_zoned(TimeZone::UTC)
            .datetime();
        self.zoned(local)
    }

    /// A time that a clock shows twice is the first of the two; one it skips is after the gap.
    fn zoned(&self, local: DateTime) -> Result<i64, String> {
        self.zone
            .to_timestamp(local)
            .map(floor)
            .map_err(|error| error.to_string())
    }
}

/// The whole microsecond a time is in.
fn floor(timestamp: jiff::Timestamp) -> i64 {
    i64::try_from(timestamp.as_nanosecond().div_euclid(1000)).unwrap_or_default()
}

/// A decimal number of units as microseconds, exactly.
fn unix(text: &str, per_second: i64) -> Option<i64> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    if whole.is_empty() || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        // Perhaps 1.5e9, as some tools write large numbers.
        return float_unix(text, per_second);
    }
    let Ok(whole) = whole.parse::<i128>() else {
        return float_unix(text, per_second);
    };
    let mut nanos = 0_i128;
    let mut scale = 100_000_000_i128;
    for byte in fraction.bytes().take(9) {
        nanos += i128::from(byte - b'0') * scale;
        scale /= 10;
    }
    // In billionths of the unit, then to microseconds.
    let billionths = whole.checked_mul(1_000_000_000)? + nanos;
    let billionths = if negative { -billionths } else { billionths };
    let micros = billionths
        .checked_mul(1_000_000)?
        .div_euclid(i128::from(per_second) * 1_000_000_000);
    i64::try_from(micros).ok()
}

fn float_unix(text: &str, per_second: i64) -> Option<i64> {
    let number: f64 = text.parse().ok()?;
    let micros = (number * 1e6 / per_second as f64).floor();
    (micros.abs() < 9e18).then_some(micros as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(kind: Kind, text: &str) -> Field {
        Field {
            kind,
            text: text.to_owned(),
        }
    }

    fn read(format: &str, zone: &str, texts: &[&str]) -> Result<String, String> {
        let clock = Clock {
            format: TimeFormat::parse(format)?,
            zone: TimeZone::get(zone).expect("a known zone"),
        };
        let fields: Vec<Field> = texts.iter().map(|text| field(Kind::Text, text)).collect();
        let fields: Vec<&Field> = fields.iter().collect();
        clock.read(&fields).map(|micros| {
            jiff::Timestamp::from_microsecond(micros)
                .expect("in range")
                .to_string()
        })
    }

    #[test]
    fn reads_what_files_write() {
        let cases: [(&str, &str, &[&str], &str); 12] = [
            (
                "rfc3339",
                "UTC",
                &["2026-11-21T08:15:30.25+01:00"],
                "2026-11-21T07:15:30.25Z",
            ),
            (
                "rfc3339",
                "Europe/Zurich",
                &["2026-11-21T08:15:30"],
                "2026-11-21T07:15:30Z",
            ),
            (
                "rfc3339",
                "America/New_York",
                &["2026-07-01 08:00:00"],
                "2026-07-01T12:00:00Z",
            ),
            ("rfc3339", "UTC", &["2026-11-21"], "2026-11-21T00:00:00Z"),
            ("unix", "UTC", &["1517966773"], "2018-02-07T01:26:13Z"),
            ("unix", "UTC", &["1517966773.84"], "2018-02-07T01:26:13.84Z"),
            ("unix", "UTC", &["-1.5"], "1969-12-31T23:59:58.5Z"),
            (
                "unix-ms",
                "UTC",
                &["1517966773840"],
                "2018-02-07T01:26:13.84Z",
            ),
            (
                "unix-us",
                "UTC",
                &["1517966773840001"],
                "2018-02-07T01:26:13.840001Z",
            ),
            (
                "unix-ns",
                "UTC",
                &["1517966773840001999"],
                "2018-02-07T01:26:13.840001Z",
            ),
            (
                "%d.%m.%Y %H:%M",
                "Europe/Zurich",
                &["21.11.2026", "08:15"],
                "2026-11-21T07:15:00Z",
            ),
            (
                "%d/%b/%Y:%H:%M:%S %z",
                "Asia/Tokyo",
                &["21/Nov/2026:08:15:30 +0100"],
                "2026-11-21T07:15:30Z",
            ),
        ];
        for (format, zone, texts, want) in cases {
            assert_eq!(
                read(format, zone, texts).as_deref(),
                Ok(want),
                "{format} {texts:?}"
            );
        }
    }

    #[test]
    fn says_what_it_could_not_read() {
        for (format, texts, part) in [
            ("rfc3339", &["1517966773840"][..], "--time-format"),
            ("unix", &["yesterday"], "since 1970"),
            ("%Y-%m-%d", &["21.11.2026"], "does not fit"),
            ("%Y %H:%M", &["2026", ""], "empty"),
        ] {
            let error = read(format, "UTC", texts).expect_err("not a time");
            assert!(error.contains(part), "{error}");
        }
        assert!(TimeFormat::parse("whenever").is_err());
    }

    #[test]
    fn columns_that_are_times_need_no_format() {
        let clock = Clock {
            format: TimeFormat::Rfc3339,
            zone: TimeZone::get("America/New_York").expect("a known zone"),
        };
        assert_eq!(clock.read(&[&field(Kind::Instant(5), "")]), Ok(5));
        // 2001-01-01T00:01 in New York is five hours later in UTC.
        assert_eq!(
            clock.read(&[&field(Kind::Local(978_307_260_000_000), "")]),
            Ok(978_325_260_000_000)
        );
    }
}
