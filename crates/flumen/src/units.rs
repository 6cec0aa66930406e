//! How people write and read durations, rates and counts on the command line.

use std::time::Duration;

/// Reads `250ms`, `5s`, `10m`, `2h` or `7d`; a bare number is seconds.
///
/// # Errors
/// Says what a duration looks like.
pub fn duration(text: &str) -> Result<Duration, String> {
    let text = text.trim();
    let split = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let seconds = match unit.trim() {
        "ms" => 0.001,
        "" | "s" => 1.0,
        "m" | "min" => 60.0,
        "h" => 3600.0,
        "d" => 86_400.0,
        _ => return Err(teach(text)),
    };
    let number: f64 = number.parse().map_err(|_| teach(text))?;
    Duration::try_from_secs_f64(number * seconds).map_err(|_| teach(text))
}

fn teach(text: &str) -> String {
    format!("`{text}` is not a duration; write 250ms, 5s, 10m, 2h or 7d")
}

/// How long to keep trying.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Patience {
    /// Until this much time has passed since the first attempt.
    For(Duration),
    /// Without end.
    Forever,
}

/// Reads a duration, or `forever`.
///
/// # Errors
/// Says what is possible.
pub fn patience(text: &str) -> Result<Patience, String> {
    if text == "forever" {
        return Ok(Patience::Forever);
    }
    duration(text)
        .map(Patience::For)
        .map_err(|error| format!("{error}, or forever"))
}

/// Events per second.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Rate {
    /// As fast as the other side takes them.
    Max,
    /// This many a second.
    PerSecond(f64),
}

/// Reads a number above zero, or `max`.
///
/// # Errors
/// Says what is possible.
pub fn rate(text: &str) -> Result<Rate, String> {
    if text == "max" {
        return Ok(Rate::Max);
    }
    match text.parse::<f64>() {
        Ok(rate) if rate.is_finite() && rate > 0.0 => Ok(Rate::PerSecond(rate)),
        _ => Err(format!(
            "`{text}` is not a rate; write events per second (1000), or max"
        )),
    }
}

/// `1234567` as `1 234 567`.
pub fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(' ');
        }
        out.push(digit);
    }
    out
}

/// A duration with the precision a reader needs: `870 µs`, `12.3 ms`, `4.2 s`, `3m 20s`, `2h 05m`.
pub fn short(duration: Duration) -> String {
    let seconds = duration.as_secs_f64();
    if seconds < 0.001 {
        format!("{} µs", duration.as_micros())
    } else if seconds < 1.0 {
        format!("{:.1} ms", seconds * 1e3)
    } else if seconds < 60.0 {
        format!("{seconds:.1} s")
    } else if seconds < 3600.0 {
        format!(
            "{}m {:02}s",
            duration.as_secs() / 60,
            duration.as_secs() % 60
        )
    } else {
        let minutes = duration.as_secs() / 60;
        format!("{}h {:02}m", minutes / 60, minutes % 60)
    }
}

/// Events per second over a span, as a whole number.
pub fn per_second(events: u64, span: Duration) -> u64 {
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a figure for people"
    )]
    let rate = (events as f64 / span.as_secs_f64().max(1e-9)) as u64;
    rate
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_units_people_write() {
        assert_eq!(duration("250ms"), Ok(Duration::from_millis(250)));
        assert_eq!(duration("5s"), Ok(Duration::from_secs(5)));
        assert_eq!(duration("1.5h"), Ok(Duration::from_secs(5400)));
        assert_eq!(duration("7d"), Ok(Duration::from_secs(604_800)));
        assert_eq!(duration("30"), Ok(Duration::from_secs(30)));
        for wrong in [
            "",
            "s",
            "5 parsecs",
            "-5s",
            "1e400s",
            "99999999999999999999d",
        ] {
            assert!(duration(wrong).is_err(), "{wrong} was read as a duration");
        }
    }

    #[test]
    fn patience_may_be_endless() {
        assert_eq!(patience("forever"), Ok(Patience::Forever));
        assert_eq!(patience("2m"), Ok(Patience::For(Duration::from_secs(120))));
        assert!(patience("long").is_err());
    }

    #[test]
    fn a_rate_is_above_zero_or_max() {
        assert_eq!(rate("max"), Ok(Rate::Max));
        assert_eq!(rate("0.5"), Ok(Rate::PerSecond(0.5)));
        for wrong in ["0", "-1", "NaN", "inf", "fast"] {
            assert!(rate(wrong).is_err(), "{wrong} was read as a rate");
        }
    }

    #[test]
    fn figures_are_readable() {
        assert_eq!(thousands(0), "0");
        assert_eq!(thousands(999), "999");
        assert_eq!(thousands(1_234_567), "1 234 567");
        assert_eq!(short(Duration::from_micros(870)), "870 µs");
        assert_eq!(short(Duration::from_secs(200)), "3m 20s");
        assert_eq!(per_second(100, Duration::from_millis(500)), 200);
    }
}
