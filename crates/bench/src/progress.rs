//! What the one who waits gets to see.

use std::sync::OnceLock;
use std::time::Instant;

static STARTED: OnceLock<Instant> = OnceLock::new();

/// Prints one line to standard error, with the time since the start.
#[expect(clippy::print_stderr, reason = "progress for the one who waits")]
pub(crate) fn say(line: impl AsRef<str>) {
    let seconds = STARTED.get_or_init(Instant::now).elapsed().as_secs_f64();
    eprintln!("{seconds:>7.1} s  {}", line.as_ref());
}

/// A number for people: three digits that count, thousands apart.
pub(crate) fn short(value: f64) -> String {
    if value.abs() >= 1000.0 {
        let digits = format!("{value:.0}");
        let mut out = String::new();
        for (at, digit) in digits.chars().enumerate() {
            if at > 0 && (digits.len() - at) % 3 == 0 && digit.is_ascii_digit() {
                out.push(' ');
            }
            out.push(digit);
        }
        out
    } else if value.abs() >= 100.0 {
        format!("{value:.0}")
    } else if value.abs() >= 10.0 {
        format!("{value:.1}")
    } else {
        format!("{value:.2}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short_and_grouped() {
        assert_eq!(short(1_234_567.8), "1 234 568");
        assert_eq!(short(999.4), "999");
        assert_eq!(short(42.42), "42.4");
        assert_eq!(short(0.857), "0.86");
    }
}
