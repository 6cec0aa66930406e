//! How people write and read durations, rates and counts on the command line.

use std::time::Duration;

pub use ::units::parse_duration as duration;

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
    (events as f64 / span.as_secs_f64().max(1e-9)) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

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
