//! Days, weeks and months of UTC.

use event::Timestamp;

use super::{DAY_MICROS, Span};
use crate::config::Interval;

/// The day, week or month of UTC that holds the moment.
pub(super) fn period(interval: Interval, micros: i64) -> Span {
    let day = micros.div_euclid(DAY_MICROS);
    let (start, end) = match interval {
        Interval::Day => (day, day + 1),
        // Day 0, 1970-01-01, was a Thursday: three days after a Monday.
        Interval::Week => {
            let monday = day - (day + 3).rem_euclid(7);
            (monday, monday + 7)
        }
        Interval::Month => {
            let (year, month) = year_and_month(day);
            let next = if month == 12 {
                (year + 1, 1)
            } else {
                (year, month + 1)
            };
            (first_of(year, month), first_of(next.0, next.1))
        }
    };
    Span {
        start: Timestamp::from_micros(start.saturating_mul(DAY_MICROS)),
        end: Timestamp::from_micros(end.saturating_mul(DAY_MICROS)),
    }
}

/// Year and month of a day since the Unix epoch, in the proleptic Gregorian calendar.
/// <https://howardhinnant.github.io/date_algorithms.html#civil_from_days>
fn year_and_month(day: i64) -> (i64, i64) {
    let shifted = day + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * day_of_year + 2) / 153;
    let month = if march_month < 10 {
        march_month + 3
    } else {
        march_month - 9
    };
    (year_of_era + era * 400 + i64::from(month <= 2), month)
}

/// The day of the first of a month, as days since the Unix epoch.
/// <https://howardhinnant.github.io/date_algorithms.html#days_from_civil>
fn first_of(year: i64, month: i64) -> i64 {
    let year = year - i64::from(month <= 2);
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let march_month = if month > 2 { month - 3 } else { month + 9 };
    let day_of_year = (153 * march_month + 2) / 5;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> i64 {
        Timestamp::parse_rfc3339(text).expect("valid").as_micros()
    }

    fn shown(interval: Interval, text: &str) -> String {
        let span = period(interval, at(text));
        format!("{} {}", span.start, span.end)
    }

    #[test]
    fn periods_are_those_of_the_calendar() {
        let table = [
            (
                Interval::Day,
                "2026-11-21T23:59:59.999999Z",
                "2026-11-21 2026-11-22",
            ),
            (
                Interval::Day,
                "1969-12-31T00:00:00Z",
                "1969-12-31 1970-01-01",
            ),
            (
                Interval::Week,
                "2026-11-21T12:00:00Z",
                "2026-11-16 2026-11-23",
            ),
            (
                Interval::Week,
                "2026-11-16T00:00:00Z",
                "2026-11-16 2026-11-23",
            ),
            (
                Interval::Week,
                "2027-01-01T00:00:00Z",
                "2026-12-28 2027-01-04",
            ),
            (
                Interval::Month,
                "2026-12-31T23:59:59.999999Z",
                "2026-12-01 2027-01-01",
            ),
            (
                Interval::Month,
                "2027-01-01T00:00:00Z",
                "2027-01-01 2027-02-01",
            ),
            (
                Interval::Month,
                "2024-02-29T00:00:00Z",
                "2024-02-01 2024-03-01",
            ),
            (
                Interval::Month,
                "1900-02-28T00:00:00Z",
                "1900-02-01 1900-03-01",
            ),
        ];
        for (interval, moment, expected) in table {
            let (start, end) = expected.split_once(' ').expect("two dates");
            assert_eq!(
                shown(interval, moment),
                format!("{start}T00:00:00Z {end}T00:00:00Z"),
                "{interval} {moment}"
            );
        }
    }

    #[test]
    fn every_day_of_eight_hundred_years_is_in_its_own_period() {
        for interval in [Interval::Day, Interval::Week, Interval::Month] {
            let mut before = period(interval, -400 * 366 * DAY_MICROS);
            for day in -400 * 366..400 * 366 {
                let span = period(interval, day * DAY_MICROS);
                assert!(span.holds(day * DAY_MICROS));
                assert!(
                    span == before || span.start == before.end,
                    "{interval} {day}"
                );
                before = span;
            }
        }
    }
}
