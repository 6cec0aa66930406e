//! Accepting events: in batches beside librdkafka alone, one by one beside an actix handler that does nothing.
//!
//! An event counts when its request was answered 202, which is after the acknowledgement by all in-sync replicas. After each round the
//! topic must hold exactly as many records as were acknowledged.

use super::Bench;
use crate::limits::noop::Noop;
use crate::limits::produce;
use crate::load::{self, Latency, Report, Spec, What};
use crate::progress::{say, short};
use crate::report::{Chart, Scale};
use crate::results::Figure;
use crate::rounds::Rounds;
use crate::stack::{Cost, Database, Program, Service, Stack, Topic};

/// Connections of the figures in batches.
pub(super) const BATCH_CONNECTIONS: usize = 64;
/// Most events under way while batch sizes are compared: larger batches come over fewer connections, or one key would hold more than
/// its share of the bytes in flight and be refused, as it should.
const IN_FLIGHT: usize = 12_800;
/// Connections of the figures one by one.
const SINGLE_CONNECTIONS: [usize; 3] = [64, 256, 512];

pub(super) async fn batches(bench: &mut Bench) -> anyhow::Result<()> {
    let seconds = bench.pick(2.0, 5.0);
    let stack = &bench.stack;
    let database = Database::create(stack).await?;
    say("ingest_batch_100: warming Kafka up");
    produce_alone(stack, bench.pick(1.5, 3.0)).await?;
    let (mut ours, mut limit, mut cpu) = (Rounds::default(), Rounds::default(), Rounds::default());
    for round in 1..=stack.args.rounds() {
        let (report, cost) = accept(
            stack,
            &database,
            What::Events(100),
            BATCH_CONNECTIONS,
            seconds,
        )
        .await?;
        let produced = produce_alone(stack, seconds).await?;
        say(format!(
            "ingest_batch_100 {round}: {} events/s, librdkafka alone {}",
            short(report.event_rate()),
            short(produced)
        ));
        ours.push(report.event_rate());
        limit.push(produced);
        cpu.push(cost.cpu_seconds / report.all_events as f64 * 1e6);
        bench.usage.note(Program::Ingest, "ingest_batch", cost);
    }
    let at_100 = ours.median();
    let figure = Figure::new("ingest_batch_100", "events/s", &ours);
    bench.results.push(figure.beside(
        "librdkafka producing the same records, acks=all, no HTTP",
        &limit,
    ));
    let figure = Figure::new("cpu_per_event_ingest_api", "s/million", &cpu);
    bench.results.push(figure);

    // Only for the plot, which a quick run is not made for.
    let sizes = bench.pick(&[][..], &[1, 10, 1000][..]);
    let mut points = vec![(100.0, at_100)];
    for &size in sizes {
        let (report, _) = accept(
            &bench.stack,
            &database,
            What::Events(size),
            BATCH_CONNECTIONS.min(IN_FLIGHT / size),
            2.0,
        )
        .await?;
        points.push((size as f64, report.event_rate()));
    }
    points.sort_by(|one, other| one.0.total_cmp(&other.0));
    bench.charts.push(Chart {
        name: "throughput-by-batch-size",
        of_growth: false,
        title: "Accepted events by batch size, up to 64 connections".to_owned(),
        x: "events in a request".to_owned(),
        y: "events/s".to_owned(),
        scale: Scale::LogX,
        series: vec![("ingest-api".to_owned(), points)],
    });
    database.drop().await
}

pub(super) async fn singles(bench: &mut Bench) -> anyhow::Result<()> {
    let seconds = bench.pick(1.5, 3.0);
    let database = Database::create(&bench.stack).await?;
    // A broker that has just been started compiles itself while it serves: its first seconds of many small requests are a third as fast.
    say("ingest_single: warming Kafka up");
    let warm_up = bench.pick(6.0, 12.0);
    accept(
        &bench.stack,
        &database,
        What::Events(1),
        SINGLE_CONNECTIONS[0],
        warm_up,
    )
    .await?;
    let mut series = Vec::new();
    for connections in SINGLE_CONNECTIONS {
        let stack = &bench.stack;
        let (mut ours, mut limit) = (Rounds::default(), Rounds::default());
        let (mut p99, mut p99_limit) = (Rounds::default(), Rounds::default());
        let mut last = Latency::default();
        for round in 1..=stack.args.rounds() {
            let (report, cost) =
                accept(stack, &database, What::Events(1), connections, seconds).await?;
            let noop = Noop::start().await?;
            let idle = load::run(&spec(
                stack,
                &noop.address,
                What::Events(1),
                connections,
                seconds,
            ))
            .await?;
            say(format!(
                "ingest_single_{connections} {round}: {} requests/s (p99 {:.1} ms), a handler that does nothing {}",
                short(report.request_rate()),
                report.latency.p99,
                short(idle.request_rate())
            ));
            ours.push(report.request_rate());
            limit.push(idle.request_rate());
            p99.push(report.latency.p99);
            p99_limit.push(idle.latency.p99);
            last = report.latency;
            bench.usage.note(Program::Ingest, "ingest_single", cost);
        }
        let what = "an actix handler that reads the body and answers 202, same load";
        let name = format!("ingest_single_{connections}");
        let figure = Figure::new(name.as_str(), "requests/s", &ours);
        bench.results.push(figure.beside(what, &limit));
        let figure = Figure::new(format!("{name}_p99"), "ms", &p99);
        bench.results.push(figure.beside(what, &p99_limit));
        series.push((format!("{connections} connections"), percentiles(last)));
    }
    bench.charts.push(Chart {
        name: "latency-percentiles",
        of_growth: false,
        title: "Latency of one event a request, acknowledged".to_owned(),
        x: "percentile".to_owned(),
        y: "ms".to_owned(),
        scale: Scale::Named(vec!["50", "90", "99", "99.9"]),
        series,
    });
    database.drop().await
}

/// One round of the ingest-api on a topic of its own.
async fn accept(
    stack: &Stack,
    database: &Database,
    what: What,
    connections: usize,
    seconds: f64,
) -> anyhow::Result<(Report, Cost)> {
    let topic = Topic::create(stack).await?;
    let service = Service::start(stack, Program::Ingest, &topic, database).await?;
    let report = load::run(&spec(stack, &service.address, what, connections, seconds)).await?;
    let cost = service.stop().await?;
    let there = topic.records(stack).await?;
    anyhow::ensure!(
        there == report.all_events,
        "{} events were acknowledged and {there} records are there",
        report.all_events
    );
    topic.drop(stack).await?;
    Ok((report, cost))
}

/// One round of librdkafka on a topic of its own.
async fn produce_alone(stack: &Stack, seconds: f64) -> anyhow::Result<f64> {
    let topic = Topic::create(stack).await?;
    let report = produce::run(&produce::Spec {
        brokers: stack.kafka.bootstrap(),
        topic: topic.name.clone(),
        warm_up_seconds: 1.0,
        seconds,
        count: None,
    })
    .await?;
    let there = topic.records(stack).await?;
    anyhow::ensure!(
        there == report.all_acked,
        "{} records were acknowledged and {there} are there",
        report.all_acked
    );
    topic.drop(stack).await?;
    Ok(report.rate())
}

fn spec(stack: &Stack, address: &str, what: What, connections: usize, seconds: f64) -> Spec {
    Spec {
        address: address.to_owned(),
        token: stack.producer_key.clone(),
        connections,
        what,
        warm_up_seconds: 1.0,
        seconds,
        rate: None,
        first_number: 0,
    }
}

fn percentiles(latency: Latency) -> Vec<(f64, f64)> {
    let values = [latency.p50, latency.p90, latency.p99, latency.p999];
    (0..).map(f64::from).zip(values).collect()
}
