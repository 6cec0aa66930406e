//! A thousand tails, all of them following everything, while a thousand events a second are written: how many events are handed out a
//! second, how late the slowest tail is, and the query-api's memory.
//!
//! A round in which a single tail missed an event, had one twice or was cut off is void.

mod client;

use std::time::Duration;

use anyhow::Context as _;
use nix::sys::resource::{Resource, getrlimit, setrlimit};

use self::client::{Seen, Tails};
use super::Bench;
use crate::load::{self, Spec, What};
use crate::progress::{say, short};
use crate::results::Figure;
use crate::rounds::Rounds;
use crate::stack::{Cost, Database, Program, Service, Stack, Topic};

/// Events written a second.
const RATE: f64 = 1_000.0;
/// Events in one request: a hundred requests a second cost next to nothing.
const BATCH: usize = 10;
const CONNECTIONS: usize = 16;
/// File handles that neither side needs for its tails.
const OTHER_HANDLES: u64 = 500;
/// How long the last events may take before the round is given up.
const PATIENCE: Duration = Duration::from_secs(60);

pub(super) async fn run(bench: &mut Bench) -> anyhow::Result<()> {
    let seconds = bench.pick(3.0, 6.0);
    let tails = bench.stack.args.tails;
    let most = bench.stack.tail_keys.len() * 100;
    anyhow::ensure!(
        (1..=most).contains(&tails),
        "--tails must be between 1 and {most}"
    );
    allow_handles(tails as u64 + OTHER_HANDLES)?;
    let (mut rates, mut delays, mut memory) =
        (Rounds::default(), Rounds::default(), Rounds::default());
    // Each round makes all services anew and opens all tails: three of them say enough.
    for round in 1..=3 {
        let (outcome, cost) = follow(&bench.stack, tails, seconds).await?;
        say(format!(
            "tails {round}: {} events/s to {tails} tails, the slowest one's p99 {:.0} ms late, {:.0} MiB",
            short(outcome.rate),
            outcome.slowest_p99,
            cost.peak_mib
        ));
        rates.push(outcome.rate);
        delays.push(outcome.slowest_p99);
        memory.push(cost.peak_mib);
    }
    bench.results.push(Figure::new("tails", "events/s", &rates));
    for (name, unit, rounds) in [
        ("tails_delay_p99", "ms", &delays),
        ("tails_memory", "MiB", &memory),
    ] {
        bench.results.push(Figure::new(name, unit, rounds));
    }
    Ok(())
}

/// What came of a round.
#[derive(Debug)]
struct Outcome {
    /// Events handed to all tails a second.
    rate: f64,
    /// The 99th percentile of the tail where it is greatest, in milliseconds.
    slowest_p99: f64,
}

async fn follow(stack: &Stack, tails: usize, seconds: f64) -> anyhow::Result<(Outcome, Cost)> {
    let topic = Topic::create(stack).await?;
    let database = Database::create(stack).await?;
    let (ingest, writer, query) = tokio::try_join!(
        Service::start(stack, Program::Ingest, &topic, &database),
        Service::start(stack, Program::Writer, &topic, &database),
        Service::start(stack, Program::Query, &topic, &database)
    )?;
    let tails = Tails::open(&query.address, &stack.tail_keys, tails).await?;
    let started = std::time::Instant::now();
    let report = load::run(&Spec {
        address: ingest.address.clone(),
        token: stack.producer_key.clone(),
        connections: CONNECTIONS,
        what: What::Events(BATCH),
        warm_up_seconds: 0.0,
        seconds,
        rate: Some(RATE / BATCH as f64),
        first_number: 0,
    })
    .await?;
    let sent = report.event_rate() / RATE;
    anyhow::ensure!(sent > 0.9, "only {sent:.2} of the rate was accepted");
    let seen = tails.finish(report.all_events, PATIENCE).await?;
    let cost = query.stop().await?;
    tokio::try_join!(ingest.stop(), writer.stop())?;
    database.drop().await?;
    topic.drop(stack).await?;
    let outcome = judge(&seen, report.all_events, started)?;
    Ok((outcome, cost))
}

/// Every tail must have had the events 0 to `events`, each once.
fn judge(seen: &[Seen], events: u64, started: std::time::Instant) -> anyhow::Result<Outcome> {
    let expected: u64 = (0..events).sum();
    for (number, tail) in seen.iter().enumerate() {
        if let Some(end) = &tail.end {
            anyhow::bail!(
                "tail {number} ended after {} of {events} events: {end}",
                tail.events
            );
        }
        anyhow::ensure!(
            tail.events == events && tail.sum == expected,
            "tail {number} had {} events with the sum {}, where {events} with the sum {expected} were written",
            tail.events,
            tail.sum
        );
    }
    let last = seen.iter().map(|tail| tail.last).max();
    let seconds = last.context("there are no tails")?.duration_since(started);
    let p99 = |tail: &Seen| {
        let mut delays = tail.delays.clone();
        delays.sort_by(f64::total_cmp);
        let at = (delays.len() * 99).div_ceil(100).saturating_sub(1);
        delays.get(at).copied().unwrap_or(f64::NAN)
    };
    Ok(Outcome {
        rate: events as f64 * seen.len() as f64 / seconds.as_secs_f64(),
        slowest_p99: seen.iter().map(p99).fold(0.0, f64::max),
    })
}

/// Lets this process and those it starts open so many files.
fn allow_handles(count: u64) -> anyhow::Result<()> {
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).context("look at the limit of files")?;
    if soft >= count {
        return Ok(());
    }
    anyhow::ensure!(
        hard >= count,
        "{count} open files are needed and {hard} are allowed: raise the hard limit (`ulimit -Hn`)"
    );
    setrlimit(Resource::RLIMIT_NOFILE, count, hard).context("raise the limit of open files")
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    fn tail(numbers: &[u64]) -> Seen {
        Seen {
            events: numbers.len() as u64,
            sum: numbers.iter().sum(),
            delays: vec![1.0, 2.0],
            last: Instant::now(),
            end: None,
        }
    }

    #[test]
    fn a_tail_that_misses_an_event_or_has_one_twice_voids_the_round() {
        let started = Instant::now();
        let whole = || tail(&[2, 0, 1]);
        let outcome = judge(&[whole(), whole()], 3, started).expect("all there");
        assert!((outcome.slowest_p99 - 2.0).abs() < f64::EPSILON);
        for wrong in [tail(&[0, 1]), tail(&[0, 1, 2, 2]), tail(&[0, 2, 2])] {
            assert!(judge(&[whole(), wrong], 3, started).is_err());
        }
        let cut = Seen {
            end: Some("slow".to_owned()),
            ..whole()
        };
        assert!(judge(&[cut], 3, started).is_err());
        assert!(judge(&[], 3, started).is_err());
    }
}
