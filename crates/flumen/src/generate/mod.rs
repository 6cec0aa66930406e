//! `flumen generate`: realistic audit events, at a rate or as fast as they are taken.
//!
//! It is the load generator of the benchmarks too: what it costs itself is small, and at a fixed
//! rate a latency is counted from the moment a request was due, not from when its turn came, so a
//! server that stalls cannot hide it.

mod events;
mod run;
mod stats;
mod words;

use std::{io::Write as _, time::Duration};

use anyhow::Context as _;

use self::events::{Events, Form};
use crate::{
    connection,
    units::{self, Rate},
};

const EXAMPLES: &str = "\
Examples:
  flumen generate                                  100 events a second until Ctrl-C
  flumen generate --rate max --duration 30s        load: as fast as ingest-api takes them
  flumen generate --count 100000 --since 30d       a month of history
  flumen generate --rate max --count 1e6 --connections 8 --batch 500 --json
  flumen generate --mode binary --rate 50          one event a request, attributes as headers
  flumen generate --seed 7 --count 3 --dry-run     print events instead of sending them

Exit status: 0 all accepted; 1 some could not be sent; 2 wrong arguments; 3 some were rejected.";

/// How requests carry events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Mode {
    /// Many a request, as a CloudEvents batch.
    Batched,
    /// Many a request, one a line.
    Ndjson,
    /// One a request, plain JSON.
    Single,
    /// One a request, a structured CloudEvent.
    Structured,
    /// One a request, attributes as headers.
    Binary,
}

impl Mode {
    fn content_type(self) -> &'static str {
        match self {
            Self::Batched => "application/cloudevents-batch+json",
            Self::Ndjson => "application/x-ndjson",
            Self::Single | Self::Binary => "application/json",
            Self::Structured => "application/cloudevents+json",
        }
    }

    fn is_one_a_request(self) -> bool {
        matches!(self, Self::Single | Self::Structured | Self::Binary)
    }
}

/// Arguments of `generate`.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Events per second, or `max`.
    #[arg(long, default_value = "100", value_parser = units::rate)]
    pub rate: Rate,

    /// Stop after this many events.
    #[arg(long, value_name = "EVENTS", value_parser = count)]
    pub count: Option<u64>,

    /// Stop after this long.
    #[arg(long, value_name = "DURATION", value_parser = units::duration)]
    pub duration: Option<Duration>,

    /// How many applications (sources) the events come from.
    #[arg(long, value_name = "N", default_value_t = 12, value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub applications: u16,

    /// The same seed gives the same events, their times aside [default: a random one, printed].
    #[arg(long, value_name = "NUMBER")]
    pub seed: Option<u64>,

    /// Fill the data up to this many bytes [default: about 230, as they come].
    #[arg(long, value_name = "BYTES", default_value_t = 0, hide_default_value = true, value_parser = clap::value_parser!(u32).range(0..=1_000_000))]
    pub size: u32,

    /// Spread the times from here to now: an RFC 3339 time, or how long ago (30d).
    #[arg(long, value_name = "TIME", value_parser = past)]
    pub since: Option<jiff::Timestamp>,

    /// End of the spread, instead of now; with it the same seed gives the same times too.
    #[arg(long, value_name = "TIME", value_parser = past, requires = "since")]
    pub until: Option<jiff::Timestamp>,

    /// How requests carry events.
    #[arg(long, value_enum, default_value = "batched")]
    pub mode: Mode,

    /// Events a request, where the mode has many [default: a tenth of a second's, at most 100].
    #[arg(long, value_name = "EVENTS", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub batch: Option<u32>,

    /// Requests at the same time.
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub connections: u16,

    /// Print the figures as JSON.
    #[arg(long)]
    pub json: bool,

    /// Print the events (3, or `--count`), one a line, instead of sending them.
    #[arg(long)]
    pub dry_run: bool,

    /// Where they are sent to.
    #[command(flatten)]
    pub connection: connection::Args,
}

impl Args {
    fn batch(&self) -> u32 {
        if self.mode.is_one_a_request() {
            return 1;
        }
        self.batch.unwrap_or(match self.rate {
            Rate::Max => 100,
            Rate::PerSecond(rate) => (rate / 10.0).clamp(1.0, 100.0) as u32,
        })
    }
}

/// Where in time events are.
#[derive(Debug, Clone, Copy)]
enum Times {
    Now,
    /// In order, evenly with a little disorder.
    Spread {
        from: i64,
        span: i64,
        count: u64,
    },
    /// Anywhere in the span: it is not known how many there will be.
    Scattered {
        from: i64,
        span: i64,
    },
}

impl Times {
    fn of(args: &Args) -> anyhow::Result<Self> {
        let Some(since) = args.since else {
            return Ok(Self::Now);
        };
        let from = since.as_microsecond();
        let until = args.until.unwrap_or_else(jiff::Timestamp::now);
        let span = until.as_microsecond() - from;
        if span <= 0 {
            return Err(crate::exit::Exit::error(
                crate::exit::USAGE,
                "--since must be before --until and before now",
            ));
        }
        Ok(match args.count {
            Some(count) => Self::Spread { from, span, count },
            None => Self::Scattered { from, span },
        })
    }

    /// Time of event `number`, given what time it is.
    fn at(self, events: &Events, number: u64, now: i64) -> i64 {
        match self {
            Self::Now => now,
            Self::Spread { from, span, count } => {
                let share = (number as f64 + events.share(number)) / count as f64;
                from + (span as f64 * share.min(1.0)) as i64
            }
            Self::Scattered { from, span } => from + (span as f64 * events.share(number)) as i64,
        }
    }
}

/// Runs the generator.
///
/// # Errors
/// When events could not be sent (status 1), an argument is wrong (2), events were rejected (3).
pub async fn run(args: Args) -> anyhow::Result<()> {
    let seed = args.seed.unwrap_or_else(rand::random);
    let events = Events::new(seed, args.applications, args.size as usize);
    let times = Times::of(&args)?;
    if args.dry_run {
        return dry_run(&args, &events, times);
    }
    run::run(args, events, times, seed).await
}

fn dry_run(args: &Args, events: &Events, times: Times) -> anyhow::Result<()> {
    let mut out = std::io::BufWriter::with_capacity(256 * 1024, std::io::stdout().lock());
    let mut line = Vec::with_capacity(1024);
    let mut now = 0;
    for number in 0..args.count.unwrap_or(3) {
        if number % 100 == 0 {
            now = now_micros();
        }
        line.clear();
        events.write(
            number,
            times.at(events, number, now),
            Form::CloudEvent,
            &mut line,
        );
        line.push(b'\n');
        match out.write_all(&line) {
            // `| head` has seen enough.
            Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => return Ok(()),
            written => written.context("write the events")?,
        }
    }
    out.flush().context("write the events")
}

fn now_micros() -> i64 {
    jiff::Timestamp::now().as_microsecond()
}

/// A number of events; `1e6` is one.
fn count(text: &str) -> Result<u64, String> {
    if let Ok(count) = text.replace('_', "").parse() {
        return Ok(count);
    }
    match text.parse::<f64>() {
        Ok(count) if (0.0..1e18).contains(&count) && count.fract() == 0.0 => Ok(count as u64),
        _ => Err(format!(
            "`{text}` is not a number of events; write 1000 or 1e6"
        )),
    }
}

/// A time, or how long ago.
fn past(text: &str) -> Result<jiff::Timestamp, String> {
    if let Ok(time) = text.parse::<jiff::Timestamp>() {
        return Ok(time);
    }
    let ago = units::duration(text)
        .map_err(|_| format!("`{text}` is neither an RFC 3339 time nor a duration such as 30d"))?;
    let ago = jiff::SignedDuration::try_from(ago).map_err(|error| error.to_string())?;
    jiff::Timestamp::now()
        .checked_sub(ago)
        .map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_may_be_written_short() {
        assert_eq!(count("1e6"), Ok(1_000_000));
        assert_eq!(count("2_000"), Ok(2000));
        for wrong in ["-1", "1.5", "many", "1e30"] {
            assert!(count(wrong).is_err());
        }
    }

    #[test]
    fn spread_times_are_in_order_inside_the_span_and_repeatable() {
        let events = Events::new(5, 3, 0);
        let times = Times::Spread {
            from: 1_000_000,
            span: 5_000_000,
            count: 1000,
        };
        let all: Vec<i64> = (0..1000)
            .map(|number| times.at(&events, number, 0))
            .collect();
        assert!(all.is_sorted());
        assert!(
            all.iter()
                .all(|time| (1_000_000..=6_000_000).contains(time))
        );
        let again = Events::new(5, 3, 0);
        assert!((0..1000).all(|number| times.at(&again, number, 99) == all[number as usize]));
    }
}
