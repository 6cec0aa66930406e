//! Quiet hours: a span of the day, in a time zone, that alerts of some severities wait out.

use jiff::civil::{Time, Weekday};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan, Zoned};

use crate::config;

/// One span.
#[derive(Debug)]
pub(crate) struct Quiet {
    severities: Vec<String>,
    from: Time,
    to: Time,
    /// Days on which it begins.
    days: Vec<Weekday>,
    zone: TimeZone,
}

impl Quiet {
    pub(crate) fn of(hours: &config::QuietHours) -> Result<Self, String> {
        let (from, to) = (time(&hours.from)?, time(&hours.to)?);
        if from == to {
            return Err(format!(
                "quiet hours from {} to the same time are none",
                hours.from
            ));
        }
        let zone = TimeZone::get(&hours.time_zone).map_err(|_| {
            format!(
                "`{}` is not a time zone; write one such as Europe/Berlin",
                hours.time_zone
            )
        })?;
        let days = hours
            .days
            .iter()
            .map(|day| weekday(day))
            .collect::<Result<_, _>>()?;
        if hours.severities.is_empty() {
            return Err("quiet hours need severities".to_owned());
        }
        let severities = hours
            .severities
            .iter()
            .map(|severity| severity.to_lowercase())
            .collect();
        Ok(Self {
            severities,
            from,
            to,
            days,
            zone,
        })
    }

    /// The end of the span that this time is in, for this severity. Unix milliseconds.
    pub(crate) fn until(&self, severity: &str, now_ms: u64) -> Option<u64> {
        if !self.severities.iter().any(|known| known == severity) {
            return None;
        }
        let now = Timestamp::from_millisecond(i64::try_from(now_ms).ok()?)
            .ok()?
            .to_zoned(self.zone.clone());
        // It began today, or yesterday and goes over midnight.
        let end = [now.clone(), now.checked_sub(1.day()).ok()?]
            .iter()
            .find_map(|day| self.span(day, &now))?;
        u64::try_from(end.timestamp().as_millisecond()).ok()
    }

    /// The end of the span that begins on `day`, if `now` is in it.
    fn span(&self, day: &Zoned, now: &Zoned) -> Option<Zoned> {
        if !self.days.is_empty() && !self.days.contains(&day.weekday()) {
            return None;
        }
        let begin = self.zone.to_zoned(day.date().to_datetime(self.from)).ok()?;
        let last = if self.to > self.from {
            day.date()
        } else {
            day.date().tomorrow().ok()?
        };
        let end = self.zone.to_zoned(last.to_datetime(self.to)).ok()?;
        (begin <= *now && *now < end).then_some(end)
    }
}

fn time(text: &str) -> Result<Time, String> {
    let wrong = || format!("`{text}` is not a time of day; write HH:MM");
    let (hour, minute) = text.split_once(':').ok_or_else(wrong)?;
    let number = |part: &str| part.parse::<i8>().map_err(|_| wrong());
    Time::new(number(hour)?, number(minute)?, 0, 0).map_err(|_| wrong())
}

fn weekday(text: &str) -> Result<Weekday, String> {
    Ok(match text.to_lowercase().get(..3).unwrap_or_default() {
        "mon" => Weekday::Monday,
        "tue" => Weekday::Tuesday,
        "wed" => Weekday::Wednesday,
        "thu" => Weekday::Thursday,
        "fri" => Weekday::Friday,
        "sat" => Weekday::Saturday,
        "sun" => Weekday::Sunday,
        _ => {
            return Err(format!(
                "`{text}` is not a day; write mon, tue, wed, thu, fri, sat or sun"
            ));
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quiet(from: &str, to: &str, days: &[&str], zone: &str) -> Quiet {
        Quiet::of(&config::QuietHours {
            severities: vec!["Warning".to_owned()],
            from: from.to_owned(),
            to: to.to_owned(),
            days: days.iter().map(|day| (*day).to_owned()).collect(),
            time_zone: zone.to_owned(),
        })
        .expect("quiet hours")
    }

    fn until(quiet: &Quiet, at: &str) -> Option<String> {
        let at: Timestamp = at.parse().expect("a time");
        let end = quiet.until(
            "warning",
            u64::try_from(at.as_millisecond()).expect("after 1970"),
        )?;
        Some(
            Timestamp::from_millisecond(i64::try_from(end).expect("small"))
                .expect("a time")
                .to_string(),
        )
    }

    #[test]
    fn a_span_over_midnight_is_told_in_its_own_zone() {
        let berlin = quiet("20:00", "07:00", &[], "Europe/Berlin");
        // Winter: UTC+1.
        assert_eq!(
            until(&berlin, "2026-11-21T19:00:00Z").as_deref(),
            Some("2026-11-22T06:00:00Z")
        );
        assert_eq!(
            until(&berlin, "2026-11-22T05:59:59Z").as_deref(),
            Some("2026-11-22T06:00:00Z")
        );
        assert_eq!(until(&berlin, "2026-11-22T06:00:00Z"), None);
        assert_eq!(until(&berlin, "2026-11-21T18:59:59Z"), None);
        // Summer: UTC+2.
        assert_eq!(
            until(&berlin, "2026-07-21T18:00:00Z").as_deref(),
            Some("2026-07-22T05:00:00Z")
        );
    }

    #[test]
    fn the_night_of_a_change_of_clocks_ends_at_the_same_time_of_day() {
        let berlin = quiet("20:00", "07:00", &[], "Europe/Berlin");
        // 2026-10-25 03:00 becomes 02:00.
        assert_eq!(
            until(&berlin, "2026-10-24T20:00:00Z").as_deref(),
            Some("2026-10-25T06:00:00Z")
        );
        // 2026-03-29 02:00 becomes 03:00.
        assert_eq!(
            until(&berlin, "2026-03-28T20:00:00Z").as_deref(),
            Some("2026-03-29T05:00:00Z")
        );
    }

    #[test]
    fn days_say_when_it_begins() {
        let friday = quiet("20:00", "07:00", &["fri"], "UTC");
        assert!(
            until(&friday, "2026-11-20T21:00:00Z").is_some(),
            "Friday night"
        );
        assert!(
            until(&friday, "2026-11-21T06:00:00Z").is_some(),
            "and the morning after"
        );
        assert_eq!(
            until(&friday, "2026-11-21T21:00:00Z"),
            None,
            "not Saturday night"
        );
    }

    #[test]
    fn other_severities_do_not_wait() {
        let all_day = quiet("00:00", "23:59", &[], "UTC");
        assert!(all_day.until("critical", 1_800_000_000_000).is_none());
    }
}
