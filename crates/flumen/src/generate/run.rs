//! Sends generated events over several connections and measures.

use std::{
    io::IsTerminal as _,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use bytes::Bytes;
use indicatif::{ProgressBar, ProgressDrawTarget};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::{
    Args, Mode, Times,
    events::{Events, Form},
    now_micros,
    stats::Stats,
};
use crate::{
    client::{Client, Request},
    exit::{self, Exit},
    units::{Rate, per_second, thousands},
};

/// Without a terminal, progress is one line this often.
const LINE_EVERY: Duration = Duration::from_secs(10);

/// What all connections share.
struct Shared {
    args: Args,
    events: Events,
    times: Times,
    batch: u64,
    started: Instant,
    /// Number of the first event nobody has taken yet.
    next: AtomicU64,
    accepted: AtomicU64,
    stop: CancellationToken,
    /// Set when going on makes no sense: every request would be refused.
    refused: AtomicBool,
}

pub(super) async fn run(args: Args, events: Events, times: Times, seed: u64) -> anyhow::Result<()> {
    let connections = args.connections;
    let client = args.connection.client(usize::from(connections))?;
    let json = args.json;
    if !json {
        note(&format!(
            "sends to {}, seed {seed}{}",
            client.url(),
            match (args.count, args.duration) {
                (None, None) => "; Ctrl-C ends it",
                _ => "",
            }
        ));
    }
    let stop = CancellationToken::new();
    let shared = Arc::new(Shared {
        batch: u64::from(args.batch()),
        args,
        events,
        times,
        started: Instant::now(),
        next: AtomicU64::new(0),
        accepted: AtomicU64::new(0),
        stop: stop.clone(),
        refused: AtomicBool::new(false),
    });
    let ending = tokio::spawn(end(shared.args.duration, stop.clone()));
    let telling = (!json).then(|| tokio::spawn(tell(Arc::clone(&shared))));
    let mut workers = JoinSet::new();
    for _ in 0..connections {
        workers.spawn(connection(Arc::clone(&shared), client.clone()));
    }
    let mut stats = Stats::default();
    while let Some(worker) = workers.join_next().await {
        stats.merge(worker?);
    }
    let elapsed = shared.started.elapsed();
    ending.abort();
    stop.cancel();
    if let Some(telling) = telling {
        let _ = telling.await;
    }
    print(&stats, elapsed, seed, json);
    if let Some(failure) = stats.failures.first() {
        anyhow::bail!(
            "{} events were not sent: {failure}",
            thousands(stats.unsent)
        );
    }
    if stats.rejected > 0 {
        return Err(Exit::error(exit::REJECTS, ""));
    }
    Ok(())
}

/// Ends the run when its time is over or the operator says so.
async fn end(duration: Option<Duration>, stop: CancellationToken) {
    let time = async {
        match duration {
            Some(duration) => tokio::time::sleep(duration).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        () = time => {}
        _ = tokio::signal::ctrl_c() => {}
    }
    stop.cancel();
}

/// One connection: takes the next numbers, writes the events, sends them, until there are none.
async fn connection(shared: Arc<Shared>, client: Client) -> Stats {
    let mut stats = Stats::default();
    let count = shared.args.count.unwrap_or(u64::MAX);
    let mut size = 0;
    while !shared.stop.is_cancelled() {
        let first = shared.next.fetch_add(shared.batch, Ordering::Relaxed);
        if first >= count {
            break;
        }
        let due = match shared.args.rate {
            Rate::Max => Instant::now(),
            Rate::PerSecond(rate) => {
                let due = shared.started + Duration::from_secs_f64(first as f64 / rate);
                tokio::select! {
                    () = tokio::time::sleep_until(due.into()) => due,
                    () = shared.stop.cancelled() => break,
                }
            }
        };
        let numbers = first..(first + shared.batch).min(count);
        let events = numbers.end - numbers.start;
        let request = write(&shared, numbers, &mut size);
        let sent = tokio::select! {
            sent = client.send(&request, |attempt| stats.saw(attempt)) => Some(sent),
            () = interrupted(&shared) => None,
        };
        match sent {
            Some(Ok(answer)) => {
                stats.latency.record(due.elapsed());
                stats.accepted += u64::from(answer.accepted);
                shared
                    .accepted
                    .fetch_add(u64::from(answer.accepted), Ordering::Relaxed);
                stats.rejected += answer.rejected.len() as u64;
                for outcome in answer.rejected {
                    let reason = outcome.reason().to_owned();
                    *stats.reasons.entry(reason).or_default() += 1;
                }
            }
            Some(Err(error)) => {
                stats.unsent += events;
                if stats.failures.is_empty() {
                    stats.failures.push(error.to_string());
                }
                // Refused for good, or given up after all the patience it was given: no other batch would fare better.
                shared.refused.store(true, Ordering::Relaxed);
                shared.stop.cancel();
            }
            None => {
                stats.unsent += events;
                if stats.failures.is_empty() && !shared.refused.load(Ordering::Relaxed) {
                    let message = "ended before they were answered for".to_owned();
                    stats.failures.push(message);
                }
            }
        }
    }
    stats
}

/// After the end, what is under way has as long as one request may take.
async fn interrupted(shared: &Shared) {
    shared.stop.cancelled().await;
    tokio::time::sleep(shared.args.connection.timeout.min(Duration::from_secs(10))).await;
}

fn write(shared: &Shared, numbers: std::ops::Range<u64>, size: &mut usize) -> Request {
    let mode = shared.args.mode;
    let count = u32::try_from(numbers.end - numbers.start).unwrap_or(u32::MAX);
    let now = now_micros();
    // The last body tells how long this one gets: one allocation each.
    let mut body = Vec::with_capacity(*size + *size / 16 + 64);
    let mut headers = None;
    let at = |number| shared.times.at(&shared.events, number, now);
    match mode {
        Mode::Batched => {
            body.push(b'[');
            for number in numbers {
                if body.len() > 1 {
                    body.push(b',');
                }
                shared
                    .events
                    .write(number, at(number), Form::CloudEvent, &mut body);
            }
            body.push(b']');
        }
        Mode::Ndjson => {
            for number in numbers {
                shared
                    .events
                    .write(number, at(number), Form::Plain, &mut body);
                body.push(b'\n');
            }
        }
        Mode::Single => {
            shared
                .events
                .write(numbers.start, at(numbers.start), Form::Plain, &mut body);
        }
        Mode::Structured => {
            shared.events.write(
                numbers.start,
                at(numbers.start),
                Form::CloudEvent,
                &mut body,
            );
        }
        Mode::Binary => {
            headers = Some(
                shared
                    .events
                    .write_binary(numbers.start, at(numbers.start), &mut body),
            );
        }
    }
    *size = body.len();
    let mut request = Request::new(mode.content_type(), Bytes::from(body), count);
    if let Some(headers) = headers {
        request.headers = headers;
    }
    request
}

/// Tells how it goes: a line that is redrawn on a terminal, else one now and then.
async fn tell(shared: Arc<Shared>) {
    let bar = std::io::stderr()
        .is_terminal()
        .then(|| ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(4)));
    let pause = if bar.is_some() {
        Duration::from_millis(250)
    } else {
        LINE_EVERY
    };
    let (mut before, mut at) = (0, Instant::now());
    loop {
        tokio::select! {
            () = shared.stop.cancelled() => break,
            () = tokio::time::sleep(pause) => {}
        }
        let accepted = shared.accepted.load(Ordering::Relaxed);
        let line = format!(
            "{} events accepted, {}/s",
            thousands(accepted),
            thousands(per_second(accepted - before, at.elapsed()))
        );
        (before, at) = (accepted, Instant::now());
        match &bar {
            Some(bar) => bar.set_message(line),
            None => note(&line),
        }
    }
    if let Some(bar) = bar {
        bar.finish_and_clear();
    }
}

#[expect(clippy::print_stderr, reason = "notes for the one who waits")]
fn note(line: &str) {
    eprintln!("{line}");
}

#[expect(
    clippy::print_stdout,
    reason = "the figures are what the command prints"
)]
fn print(stats: &Stats, elapsed: Duration, seed: u64, json: bool) {
    if json {
        println!("{}", stats.json(elapsed, seed));
    } else {
        print!("{}", stats.text(elapsed));
    }
}
