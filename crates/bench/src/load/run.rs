//! Inside the load generator's process.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use event::Timestamp;
use flumen::histogram::Histogram;
use tokio::task::JoinSet;

use super::connection::Connection;
use super::{Latency, Report, Spec, What};
use crate::fixture::{Body, FIRST_SOURCE, SOURCES};

/// Two, as there is a server to be kept busy: one would be the limit itself on fast machines.
const THREADS: usize = 2;

/// Sends what the specification says and prints the report.
#[expect(clippy::print_stdout, reason = "the report is for the parent")]
pub(crate) fn main(spec: &str) -> anyhow::Result<()> {
    let spec: Spec = serde_json::from_str(spec).context("understand the specification")?;
    let shared = Arc::new(Shared {
        next: AtomicU64::new(spec.first_number),
        started: Instant::now(),
        spec,
    });
    let started_micros = Timestamp::now().as_micros();
    let threads: Vec<_> = (0..THREADS)
        .map(|thread| {
            let shared = Arc::clone(&shared);
            std::thread::spawn(move || run_thread(&shared, thread))
        })
        .collect();
    let mut sum = Sum::default();
    for thread in threads {
        let part = thread
            .join()
            .map_err(|_| anyhow::anyhow!("a thread panicked"))?;
        sum.merge(&part?);
    }
    let report = Report {
        seconds: shared.spec.seconds,
        latency: Latency::of(&sum.latency),
        started_micros,
        ..sum.report
    };
    println!("{}", serde_json::to_string(&report)?);
    Ok(())
}

struct Shared {
    spec: Spec,
    started: Instant,
    next: AtomicU64,
}

#[derive(Default)]
struct Sum {
    report: Report,
    latency: Histogram,
}

impl Sum {
    fn merge(&mut self, other: &Self) {
        let (mine, theirs) = (&mut self.report, &other.report);
        mine.requests += theirs.requests;
        mine.events += theirs.events;
        mine.all_events += theirs.all_events;
        mine.failed += theirs.failed;
        mine.bytes += theirs.bytes;
        if mine.failure.is_none() {
            mine.failure.clone_from(&theirs.failure);
        }
        self.latency.merge(&other.latency);
    }
}

fn run_thread(shared: &Arc<Shared>, thread: usize) -> anyhow::Result<Sum> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let mut tasks = JoinSet::new();
        for number in (thread..shared.spec.connections).step_by(THREADS) {
            let shared = Arc::clone(shared);
            tasks.spawn(async move { drive(&shared, number as u64).await });
        }
        let mut sum = Sum::default();
        while let Some(part) = tasks.join_next().await {
            sum.merge(&part??);
        }
        Ok(sum)
    })
}

/// One connection until the time is over.
async fn drive(shared: &Shared, number: u64) -> anyhow::Result<Sum> {
    let spec = &shared.spec;
    let counts_from = shared.started + Duration::from_secs_f64(spec.warm_up_seconds);
    let ends = counts_from + Duration::from_secs_f64(spec.seconds);
    let pause = spec
        .rate
        .map(|rate| Duration::from_secs_f64(spec.connections as f64 / rate));
    // The connections take turns within the pause.
    let share = number as f64 / spec.connections as f64;
    let mut due = shared.started + pause.unwrap_or_default().mul_f64(share);
    let mut requests = Requests::new(spec, number);
    let mut connection = Connection::open(&spec.address).await?;
    let mut sum = Sum::default();
    loop {
        match pause {
            Some(pause) => {
                tokio::time::sleep_until(due.into()).await;
                due += pause;
            }
            None => due = Instant::now(),
        }
        let sent_for = match pause {
            Some(pause) => due - pause,
            None => due,
        };
        if Instant::now() >= ends {
            return Ok(sum);
        }
        let events = requests.events();
        let request = requests.next(shared.next.fetch_add(events, Ordering::Relaxed));
        let outcome = connection.exchange(request).await;
        let answered = Instant::now();
        match outcome {
            Ok(answer) if matches!(answer.status, 200 | 202) => {
                sum.report.all_events += events;
                if answered >= counts_from && answered < ends {
                    sum.report.requests += 1;
                    sum.report.events += events;
                    sum.report.bytes += answer.bytes as u64;
                    sum.latency.record(answered - sent_for);
                }
            }
            Ok(_) => {
                sum.report.failed += 1;
                let shown = || connection.shown();
                sum.report.failure.get_or_insert_with(shown);
            }
            Err(error) => {
                sum.report.failed += 1;
                sum.report.failure.get_or_insert(format!("{error:#}"));
                connection = Connection::open(&spec.address).await?;
            }
        }
    }
}

/// The requests of one connection.
enum Requests {
    Events {
        body: Body,
        /// The head, then the body.
        request: Vec<u8>,
        head: usize,
    },
    Pages {
        requests: Vec<Vec<u8>>,
        at: usize,
    },
}

impl Requests {
    fn new(spec: &Spec, number: u64) -> Self {
        let token = &spec.token;
        match spec.what {
            What::Events(count) => {
                let body = Body::new(count, number);
                let mut request = format!(
                    "POST /v1/events HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {token}\r\ncontent-type: {}\r\n\
                     prefer: return=minimal\r\ncontent-length: {}\r\n\r\n",
                    spec.address,
                    body.content_type(),
                    body.bytes().len()
                )
                .into_bytes();
                let head = request.len();
                request.extend_from_slice(body.bytes());
                Self::Events {
                    body,
                    request,
                    head,
                }
            }
            What::Page => Self::Pages {
                requests: (0..SOURCES)
                    .map(|source| {
                        format!(
                            "GET /v1/events?source=shop-{}&limit=100 HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {token}\r\n\r\n",
                            FIRST_SOURCE + source,
                            spec.address
                        )
                        .into_bytes()
                    })
                    .collect(),
                at: usize::try_from(number).unwrap_or_default(),
            },
        }
    }

    /// How many events one request carries.
    fn events(&self) -> u64 {
        match self {
            Self::Events { body, .. } => body.events() as u64,
            Self::Pages { .. } => 0,
        }
    }

    /// The next request, with event numbers from `first` on.
    fn next(&mut self, first: u64) -> &[u8] {
        match self {
            Self::Events {
                body,
                request,
                head,
            } => {
                request[*head..].copy_from_slice(body.fill(first, Timestamp::now()));
                request
            }
            Self::Pages { requests, at } => {
                *at = (*at + 1) % requests.len();
                &requests[*at]
            }
        }
    }
}
