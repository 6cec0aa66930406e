//! Writes instants as RFC 3339 without going through a formatter: both `generate` and `import` do it
//! for every event.

const MICROS_A_DAY: i64 = 86_400_000_000;

/// Appends `2026-11-21T08:15:30.25Z`: UTC, the shortest fraction.
pub(crate) fn write_utc(out: &mut Vec<u8>, micros: i64) {
    write_local(out, micros);
    out.push(b'Z');
}

/// Appends `2026-11-21T08:15:30.25`, a date and time of no particular zone.
pub(crate) fn write_local(out: &mut Vec<u8>, micros: i64) {
    let day = micros.div_euclid(MICROS_A_DAY);
    let of_day = micros.rem_euclid(MICROS_A_DAY);
    write_date(out, day);
    out.push(b'T');
    write_time(out, of_day);
}

/// Appends `2026-11-21` for a number of days since 1970-01-01.
pub(crate) fn write_date(out: &mut Vec<u8>, day: i64) {
    let (year, month, day) = civil(day);
    if (0..=9999).contains(&year) {
        digits(out, year.unsigned_abs(), 4);
    } else {
        out.extend_from_slice(format!("{year:+07}").as_bytes());
    }
    out.push(b'-');
    digits(out, month, 2);
    out.push(b'-');
    digits(out, day, 2);
}

/// Appends `08:15:30.25` for microseconds since midnight.
pub(crate) fn write_time(out: &mut Vec<u8>, micros: i64) {
    let micros = micros.unsigned_abs();
    let seconds = micros / 1_000_000;
    digits(out, seconds / 3600, 2);
    out.push(b':');
    digits(out, seconds / 60 % 60, 2);
    out.push(b':');
    digits(out, seconds % 60, 2);
    let fraction = micros % 1_000_000;
    if fraction > 0 {
        out.push(b'.');
        digits(out, fraction, 6);
        while out.last() == Some(&b'0') {
            out.pop();
        }
    }
}

/// Appends a number in exactly `width` decimal digits.
pub(crate) fn digits(out: &mut Vec<u8>, mut number: u64, width: usize) {
    let start = out.len();
    out.resize(start + width, b'0');
    for place in out[start..].iter_mut().rev() {
        *place = b'0' + (number % 10) as u8;
        number /= 10;
    }
}

/// Year, month and day of a day number (Hinnant's `civil_from_days`).
fn civil(day: i64) -> (i64, u64, u64) {
    let day = day + 719_468;
    let era = day.div_euclid(146_097);
    let of_era = day.rem_euclid(146_097).unsigned_abs();
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day_of_month = of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 {
        shifted + 3
    } else {
        shifted - 9
    };
    let year = era * 400 + year_of_era.cast_signed() + i64::from(month <= 2);
    (year, month, day_of_month)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn utc(micros: i64) -> String {
        let mut out = Vec::new();
        write_utc(&mut out, micros);
        String::from_utf8(out).expect("digits are text")
    }

    #[test]
    fn agrees_with_a_calendar_library() {
        // Steps of a prime number of microseconds meet every kind of fraction and day.
        let mut micros = -62_135_596_800_000_000;
        while micros < 253_402_300_799_000_000 {
            let timestamp = jiff::Timestamp::from_microsecond(micros).expect("in range");
            assert_eq!(utc(micros), timestamp.to_string());
            micros += 7_919_123_456_789;
        }
    }

    #[test]
    fn fractions_are_as_short_as_they_can_be() {
        assert_eq!(utc(0), "1970-01-01T00:00:00Z");
        assert_eq!(utc(1_500_000), "1970-01-01T00:00:01.5Z");
        assert_eq!(utc(1), "1970-01-01T00:00:00.000001Z");
        assert_eq!(utc(-1), "1969-12-31T23:59:59.999999Z");
    }
}
