//! Events a second from the first POST until the last row is visible, in batches of 100, everything at its defaults.
//!
//! The limit is the lower of the two others when both run at the same time: librdkafka producing as many records, and COPY of as many
//! rows. After each round the table must hold exactly the events that were answered 202.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use event::Timestamp;

use super::Bench;
use super::ingest::BATCH_CONNECTIONS;
use super::writer_copy::LANES;
use crate::limits::copy::{EVENTS, Rows};
use crate::limits::produce;
use crate::load::{self, Spec, What};
use crate::progress::{say, short};
use crate::report::{Chart, Scale};
use crate::results::Figure;
use crate::rounds::Rounds;
use crate::stack::{Cost, Database, Program, Service, Stack, Topic, connect, resident_mib};

/// How often the checkpoints are looked at.
const LOOK: Duration = Duration::from_millis(10);
/// How often rate and memory are noted for the plot.
const SAMPLE: Duration = Duration::from_millis(250);
/// Longer than any backlog takes.
const BUDGET: Duration = Duration::from_secs(300);

/// Measures it and returns the sustained rate.
pub(super) async fn run(bench: &mut Bench) -> anyhow::Result<f64> {
    let seconds = bench.pick(3.0, 6.0);
    let stack = &bench.stack;
    let (mut ours, mut limit) = (Rounds::default(), Rounds::default());
    let mut rows = None;
    let mut samples = Vec::new();
    for round in 1..=stack.args.rounds() {
        let passed = pass(stack, seconds).await?;
        if rows.is_none() {
            rows = Some(Rows::read(&passed.database, LANES, &EVENTS).await?);
        }
        passed.database.drop().await?;
        bench
            .usage
            .note(Program::Ingest, "end_to_end", passed.ingest);
        bench
            .usage
            .note(Program::Writer, "end_to_end", passed.writer);
        samples = passed.samples;
        let together = match &rows {
            Some(rows) => limits_together(stack, rows).await?,
            None => f64::NAN,
        };
        say(format!(
            "end_to_end {round}: {} events/s, both limits together {}",
            short(passed.rate),
            short(together)
        ));
        ours.push(passed.rate);
        limit.push(together);
    }
    let sustained = ours.median();
    let figure = Figure::new("end_to_end", "events/s", &ours);
    bench.results.push(figure.beside(
        "the lower of librdkafka and COPY BINARY, both running together",
        &limit,
    ));
    chart(bench, &samples);
    Ok(sustained)
}

struct Passed {
    rate: f64,
    database: Database,
    ingest: Cost,
    writer: Cost,
    samples: Vec<Sample>,
}

/// The pipeline at one moment.
#[derive(Debug, Clone, Copy)]
struct Sample {
    seconds: f64,
    stored: u64,
    ingest_mib: f64,
    writer_mib: f64,
}

async fn pass(stack: &Stack, seconds: f64) -> anyhow::Result<Passed> {
    let topic = Topic::create(stack).await?;
    let database = Database::create(stack).await?;
    let (ingest, writer) = tokio::try_join!(
        Service::start(stack, Program::Ingest, &topic, &database),
        Service::start(stack, Program::Writer, &topic, &database)
    )?;
    let samples = Arc::new(Mutex::new(Vec::new()));
    let sampling = tokio::spawn(sample(
        (ingest.pid(), writer.pid()),
        database.url.clone(),
        topic.name.clone(),
        Arc::clone(&samples),
    ));
    let report = load::run(&Spec {
        address: ingest.address.clone(),
        token: stack.producer_key.clone(),
        connections: BATCH_CONNECTIONS,
        what: What::Events(100),
        warm_up_seconds: 0.0,
        seconds,
        rate: None,
        first_number: 0,
    })
    .await?;
    let sql = connect(&database.url).await?;
    let deadline = Instant::now() + BUDGET;
    while Database::stored(&sql, &topic.name).await? < report.all_events {
        writer.check()?;
        anyhow::ensure!(Instant::now() < deadline, "the backlog does not end");
        tokio::time::sleep(LOOK).await;
    }
    let micros = Timestamp::now().as_micros() - report.started_micros;
    sampling.abort();
    let there = database.events().await?;
    anyhow::ensure!(
        there == report.all_events,
        "{} events were accepted and {there} rows are there",
        report.all_events
    );
    let (ingest, writer) = tokio::try_join!(ingest.stop(), writer.stop())?;
    topic.drop(stack).await?;
    let samples = samples
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .clone();
    Ok(Passed {
        rate: report.all_events as f64 / (micros as f64 / 1e6),
        database,
        ingest,
        writer,
        samples,
    })
}

/// Notes how it goes until it is aborted.
async fn sample(
    (ingest, writer): (u32, u32),
    url: String,
    topic: String,
    into: Arc<Mutex<Vec<Sample>>>,
) -> anyhow::Result<()> {
    let sql = connect(&url).await?;
    let started = Instant::now();
    loop {
        let sample = Sample {
            seconds: started.elapsed().as_secs_f64(),
            stored: Database::stored(&sql, &topic).await?,
            ingest_mib: resident_mib(ingest),
            writer_mib: resident_mib(writer),
        };
        into.lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(sample);
        tokio::time::sleep(SAMPLE).await;
    }
}

/// The rate of the slower of the two, for as many records as rows.
async fn limits_together(stack: &Stack, rows: &Rows) -> anyhow::Result<f64> {
    let topic = Topic::create(stack).await?;
    let database = Database::create(stack).await?;
    rows.prepare(&database, "").await?;
    let spec = produce::Spec {
        brokers: stack.kafka.bootstrap(),
        topic: topic.name.clone(),
        warm_up_seconds: 0.0,
        seconds: 0.0,
        count: Some(rows.count),
    };
    let (produced, copied) = tokio::try_join!(produce::run(&spec), rows.copy_into(&database))?;
    let there = database.events().await?;
    anyhow::ensure!(there == rows.count, "COPY stored {there} rows");
    database.drop().await?;
    topic.drop(stack).await?;
    Ok(rows.count as f64 / produced.seconds.max(copied))
}

fn chart(bench: &mut Bench, samples: &[Sample]) {
    let rate = samples
        .windows(2)
        .map(|pair| {
            let seconds = pair[1].seconds - pair[0].seconds;
            (
                pair[1].seconds,
                (pair[1].stored - pair[0].stored) as f64 / seconds,
            )
        })
        .collect();
    let of = |pick: fn(&Sample) -> f64| samples.iter().map(|at| (at.seconds, pick(at))).collect();
    bench.charts.push(Chart {
        name: "throughput-by-time",
        of_growth: false,
        title: "Rows that became visible, end to end".to_owned(),
        x: "seconds".to_owned(),
        y: "events/s".to_owned(),
        scale: Scale::Linear,
        series: vec![("rows".to_owned(), rate)],
    });
    bench.charts.push(Chart {
        name: "memory-by-time",
        of_growth: false,
        title: "Resident memory, end to end".to_owned(),
        x: "seconds".to_owned(),
        y: "MiB".to_owned(),
        scale: Scale::Linear,
        series: vec![
            ("ingest-api".to_owned(), of(|at| at.ingest_mib)),
            ("writer".to_owned(), of(|at| at.writer_mib)),
        ],
    });
}
