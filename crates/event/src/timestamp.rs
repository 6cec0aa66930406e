//! Points in time, read from and shown as RFC 3339.

use std::fmt;
use std::str::FromStr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const MICROS_PER_SECOND: i64 = 1_000_000;
const SECONDS_PER_DAY: i64 = 86_400;

/// A point in time: whole microseconds since the Unix epoch, UTC.
///
/// Its text form is RFC 3339 with `Z` and the shortest fraction, such as `2026-11-21T11:41:28.5Z`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The first moment of the year 1, the earliest that RFC 3339 can write and [`Self::parse_rfc3339`] accepts.
    pub const MIN_RFC3339: Self = Self(-62_135_596_800 * MICROS_PER_SECOND);
    /// The last microsecond of the year 9999.
    pub const MAX_RFC3339: Self = Self(253_402_300_800 * MICROS_PER_SECOND - 1);

    /// The time of the system's clock.
    #[must_use]
    pub fn now() -> Self {
        let now = SystemTime::now();
        match now.duration_since(UNIX_EPOCH) {
            Ok(since) => Self(saturating_micros(since)),
            Err(before) => Self(-saturating_micros(before.duration())),
        }
    }

    /// Takes microseconds since the Unix epoch.
    #[must_use]
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// Takes milliseconds since the Unix epoch; saturates at the ends of the range.
    #[must_use]
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis.saturating_mul(1000))
    }

    /// Microseconds since the Unix epoch.
    #[must_use]
    pub const fn as_micros(self) -> i64 {
        self.0
    }

    /// Whole milliseconds since the Unix epoch, rounded towards the past.
    #[must_use]
    pub const fn as_millis(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// This time moved by `span` into the future; stops at the end of the range.
    #[must_use]
    pub fn saturating_add(self, span: Duration) -> Self {
        Self(self.0.saturating_add(saturating_micros(span)))
    }

    /// This time moved by `span` into the past; stops at the start of the range.
    #[must_use]
    pub fn saturating_sub(self, span: Duration) -> Self {
        Self(self.0.saturating_sub(saturating_micros(span)))
    }

    /// Reads the `date-time` of RFC 3339, strictly.
    ///
    /// A zone is required, `T` separates date and time, days and hours must exist (`2026-02-30` and `24:00` do
    /// not), years run from 0001 to 9999 in UTC. Digits beyond the microsecond are cut off. A leap second (`:60`)
    /// is refused: neither PostgreSQL nor most clocks can tell it from the second after it, so which of the two
    /// is meant is the sender's to say.
    ///
    /// # Errors
    /// The [`TimestampError`] says what to send instead.
    pub fn parse_rfc3339(text: &str) -> Result<Self, TimestampError> {
        match Self::parse_usual(text.as_bytes()) {
            Some(time) => Ok(time),
            None => Self::parse_any(text.as_bytes()),
        }
    }

    fn parse_any(bytes: &[u8]) -> Result<Self, TimestampError> {
        if bytes.len() < 10 || bytes.get(4) != Some(&b'-') || bytes.get(7) != Some(&b'-') {
            return Err(TimestampError::Form);
        }
        let year = i64::from(digits(bytes, 0, 4)?);
        let month = digits(bytes, 5, 2)?;
        let day = digits(bytes, 8, 2)?;
        if year == 0 {
            return Err(TimestampError::Year);
        }
        if !(1..=12).contains(&month) || day == 0 || day > days_in_month(year, month) {
            return Err(TimestampError::NoSuchDay);
        }
        if !matches!(bytes.get(10), Some(b'T' | b't')) {
            return Err(TimestampError::Form);
        }
        if bytes.get(13) != Some(&b':') || bytes.get(16) != Some(&b':') {
            return Err(TimestampError::Form);
        }
        let hour = digits(bytes, 11, 2)?;
        let minute = digits(bytes, 14, 2)?;
        let second = digits(bytes, 17, 2)?;
        if hour > 23 || minute > 59 || second > 60 {
            return Err(TimestampError::NoSuchTime);
        }
        if second == 60 {
            return Err(TimestampError::LeapSecond);
        }
        let (micros, at) = fraction(bytes, 19)?;
        let offset_seconds = zone(bytes, at)?;

        let seconds = days_from_civil(year, month, day) * SECONDS_PER_DAY
            + i64::from(hour) * 3600
            + i64::from(minute) * 60
            + i64::from(second)
            - offset_seconds;
        let time = Self(seconds * MICROS_PER_SECOND + i64::from(micros));
        if time < Self::MIN_RFC3339 || time > Self::MAX_RFC3339 {
            return Err(TimestampError::Year);
        }
        Ok(time)
    }

    /// Reads the form that Flumen writes itself, and most producers with it: `2026-11-21T11:41:28Z`, with up to six digits of a fraction.
    ///
    /// None for anything else, be it valid or not: [`Self::parse_rfc3339`] judges.
    pub(crate) fn parse_usual(bytes: &[u8]) -> Option<Self> {
        let (head, rest) = bytes.split_first_chunk::<19>()?;
        let digit = |at: usize| u32::from(head[at].wrapping_sub(b'0'));
        let pair = |at: usize| digit(at) * 10 + digit(at + 1);
        let are_digits = [0, 1, 2, 3, 5, 6, 8, 9, 11, 12, 14, 15, 17, 18]
            .into_iter()
            .fold(true, |all, at| all & (digit(at) < 10));
        let separators = [head[4], head[7], head[10], head[13], head[16]];
        if !are_digits || separators != *b"--T::" {
            return None;
        }
        let (year, month, day) = (i64::from(pair(0) * 100 + pair(2)), pair(5), pair(8));
        let (hour, minute, second) = (pair(11), pair(14), pair(17));
        let exists = year > 0
            && month.wrapping_sub(1) < 12
            && day > 0
            && day <= days_in_month(year, month)
            && hour < 24
            && minute < 60
            && second < 60;
        if !exists {
            return None;
        }
        let micros = match rest {
            [b'Z'] => 0,
            [b'.', digits @ .., b'Z'] if (1..=6).contains(&digits.len()) => {
                let mut micros = 0;
                for at in 0..6 {
                    let digit = digits.get(at).map_or(0, |byte| byte.wrapping_sub(b'0'));
                    if digit > 9 {
                        return None;
                    }
                    micros = micros * 10 + i64::from(digit);
                }
                micros
            }
            _ => return None,
        };
        let seconds = i64::from(hour * 3600 + minute * 60 + second);
        let days = days_from_civil(year, month, day);
        Some(Self(
            (days * SECONDS_PER_DAY + seconds) * MICROS_PER_SECOND + micros,
        ))
    }

    /// Writes the text form into `buffer` and returns it; never allocates.
    pub(crate) fn format_into(self, buffer: &mut [u8; TEXT_BYTES]) -> &str {
        let days = self.0.div_euclid(SECONDS_PER_DAY * MICROS_PER_SECOND);
        let micros_of_day = self.0.rem_euclid(SECONDS_PER_DAY * MICROS_PER_SECOND);
        let (year, month, day) = civil_from_days(days);
        let second_of_day = micros_of_day / MICROS_PER_SECOND;
        let micros = micros_of_day % MICROS_PER_SECOND;

        let mut out = Cursor { buffer, len: 0 };
        if (0..=9999).contains(&year) {
            out.pair(year / 100);
            out.pair(year % 100);
        } else {
            // Outside RFC 3339; the expanded years of ISO 8601, so that Display is total and unambiguous.
            out.byte(if year < 0 { b'-' } else { b'+' });
            let year = year.abs();
            out.pair(year / 10_000);
            out.pair(year / 100 % 100);
            out.pair(year % 100);
        }
        out.byte(b'-');
        out.pair(month);
        out.byte(b'-');
        out.pair(day);
        out.byte(b'T');
        out.pair(second_of_day / 3600);
        out.byte(b':');
        out.pair(second_of_day / 60 % 60);
        out.byte(b':');
        out.pair(second_of_day % 60);
        if micros != 0 {
            out.byte(b'.');
            out.pair(micros / 10_000);
            out.pair(micros / 100 % 100);
            out.pair(micros % 100);
            while out.buffer[out.len - 1] == b'0' {
                out.len -= 1;
            }
        }
        out.byte(b'Z');
        let len = out.len;
        std::str::from_utf8(&buffer[..len]).expect("only ASCII was written")
    }
}

/// Room for the longest text form, `+294247-01-10T04:00:54.775807Z`.
pub(crate) const TEXT_BYTES: usize = 32;

struct Cursor<'a> {
    buffer: &'a mut [u8; TEXT_BYTES],
    len: usize,
}

impl Cursor<'_> {
    fn byte(&mut self, byte: u8) {
        self.buffer[self.len] = byte;
        self.len += 1;
    }

    /// Two digits of a value from 0 to 99.
    fn pair(&mut self, value: i64) {
        const PAIRS: [[u8; 2]; 100] = {
            let mut pairs = [[b'0'; 2]; 100];
            let mut value = 0;
            while value < 100 {
                pairs[value] = [b'0' + (value / 10) as u8, b'0' + (value % 10) as u8];
                value += 1;
            }
            pairs
        };
        let pair = usize::try_from(value).ok().and_then(|at| PAIRS.get(at));
        self.buffer[self.len..self.len + 2].copy_from_slice(pair.expect("two digits"));
        self.len += 2;
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.format_into(&mut [0; TEXT_BYTES]))
    }
}

impl FromStr for Timestamp {
    type Err = TimestampError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse_rfc3339(text)
    }
}

impl serde::Serialize for Timestamp {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.format_into(&mut [0; TEXT_BYTES]))
    }
}

impl<'de> serde::Deserialize<'de> for Timestamp {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Self::parse_rfc3339(&text).map_err(serde::de::Error::custom)
    }
}

/// Why a text is not a time, with the way out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TimestampError {
    /// Not of the form of RFC 3339.
    #[error("not an RFC 3339 time; send one such as 2026-11-21T11:41:28.123Z")]
    Form,
    /// Date and time without a zone.
    #[error("has no time zone; append Z for UTC or an offset such as +01:00")]
    NoZone,
    /// A month or a day that the calendar does not have.
    #[error("names a day that does not exist")]
    NoSuchDay,
    /// An hour, minute, second or offset that does not exist.
    #[error("names a time of day that does not exist; the last second of a day is 23:59:59")]
    NoSuchTime,
    /// `:60`.
    #[error("is a leap second, which cannot be stored; send second 59 or the second after it")]
    LeapSecond,
    /// Before the year 1 or after the year 9999, in UTC.
    #[error("lies outside the years 0001 to 9999")]
    Year,
}

fn digits(bytes: &[u8], at: usize, count: usize) -> Result<u32, TimestampError> {
    let slice = bytes.get(at..at + count).ok_or(TimestampError::Form)?;
    let mut value = 0;
    for byte in slice {
        if !byte.is_ascii_digit() {
            return Err(TimestampError::Form);
        }
        value = value * 10 + u32::from(byte - b'0');
    }
    Ok(value)
}

/// Microseconds of an optional fraction at `at`, and where it ends.
fn fraction(bytes: &[u8], at: usize) -> Result<(u32, usize), TimestampError> {
    if bytes.get(at) != Some(&b'.') {
        return Ok((0, at));
    }
    let mut end = at + 1;
    let mut micros = 0;
    let mut scale = 100_000;
    while let Some(byte) = bytes.get(end).filter(|byte| byte.is_ascii_digit()) {
        micros += u32::from(byte - b'0') * scale;
        scale /= 10;
        end += 1;
    }
    if end == at + 1 {
        return Err(TimestampError::Form);
    }
    Ok((micros, end))
}

/// Seconds east of UTC from the zone at `at`, which must end the text.
fn zone(bytes: &[u8], at: usize) -> Result<i64, TimestampError> {
    let sign = match bytes.get(at) {
        None => return Err(TimestampError::NoZone),
        Some(b'Z' | b'z') if bytes.len() == at + 1 => return Ok(0),
        Some(b'+') => 1,
        Some(b'-') => -1,
        Some(_) => return Err(TimestampError::Form),
    };
    if bytes.len() != at + 6 || bytes.get(at + 3) != Some(&b':') {
        return Err(TimestampError::Form);
    }
    let hours = digits(bytes, at + 1, 2)?;
    let minutes = digits(bytes, at + 4, 2)?;
    if hours > 23 || minutes > 59 {
        return Err(TimestampError::NoSuchTime);
    }
    Ok(sign * i64::from(hours * 3600 + minutes * 60))
}

fn days_in_month(year: i64, month: u32) -> u32 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        _ => 31,
    }
}

/// Days from 1970-01-01 in the proleptic Gregorian calendar, counted in eras of 400 years that start in March.
fn days_from_civil(year: i64, month: u32, day: u32) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let month_from_march = i64::from((month + 9) % 12);
    let day_of_year = (153 * month_from_march + 2) / 5 + i64::from(day) - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

/// The inverse of [`days_from_civil`]: year, month, day.
fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = (month_from_march + 2) % 12 + 1;
    let year = era * 400 + year_of_era + i64::from(month <= 2);
    (year, month, day)
}

fn saturating_micros(span: Duration) -> i64 {
    i64::try_from(span.as_micros()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
