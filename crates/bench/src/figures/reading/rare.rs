//! The page of a source with 500 events, in a table that holds ten thousand sources besides those that have most of it: one connection, an
//! idle machine.

use std::time::Instant;

use anyhow::Context as _;
use flumen::histogram::Histogram;
use memchr::memmem;

use crate::figures::Bench;
use crate::figures::table::Table;
use crate::load::Latency;
use crate::progress::say;
use crate::results::Figure;
use crate::rounds::Rounds;
use crate::stack::{Client, Database, Program, Service, Stack, connect};

/// Sources besides the common ones.
const SOURCES: i64 = 10_000;
/// Events of most of them.
const FEW: i64 = 20;
/// The first so many of them have [`EVENTS`].
const ASKED: i64 = 20;
const EVENTS: i64 = 500;
/// One that no writer of a run has.
const KAFKA_PARTITION: i32 = 1_000;

pub(super) async fn run(bench: &mut Bench, table: &Table) -> anyhow::Result<()> {
    let requests = bench.pick(300, 1_000);
    let added = add_sources(&table.database).await?;
    say(format!(
        "page_rare_source: added {added} rows of {SOURCES} sources"
    ));
    let (mut p50, mut p99) = (Rounds::default(), Rounds::default());
    for round in 1..=bench.rounds() {
        let latency = pages(&bench.stack, table, requests).await?;
        say(format!(
            "page_rare_source {round}: p50 {:.2} ms, p99 {:.2} ms, max {:.2} ms",
            latency.p50, latency.p99, latency.max
        ));
        p50.push(latency.p50);
        p99.push(latency.p99);
    }
    for (name, rounds) in [
        ("page_rare_source_p50", &p50),
        ("page_rare_source_p99", &p99),
    ] {
        bench.results.push(Figure::new(name, "ms", rounds));
    }
    Ok(())
}

/// Spreads the sources over the time that the table spans.
async fn add_sources(database: &Database) -> anyhow::Result<u64> {
    let sql = connect(&database.url).await?;
    let add = format!(
        "INSERT INTO events (time, uid, received_at, kafka_offset, kafka_partition, source, type, id, subject, data) \
         SELECT t.low + (t.high - t.low) * ((s * 7919 + n * 104729) % 1000003 / 1000003.0), gen_random_uuid(), now(), s * {EVENTS} + n, \
         {KAFKA_PARTITION}, 'rare-' || lpad(s::text, 5, '0'), 'rare.event', s || '-' || n, 'subject', \
         jsonb_build_object('n', n, 'text', repeat('x', 200)) \
         FROM (SELECT min(time) AS low, max(time) AS high FROM events) AS t, generate_series(0, {SOURCES} - 1) AS s, \
         generate_series(1, CASE WHEN s < {ASKED} THEN {EVENTS} ELSE {FEW} END) AS n"
    );
    let added = sql.execute(&add, &[]).await.context("add the sources")?;
    for statement in ["VACUUM (ANALYZE) events", "CHECKPOINT"] {
        let done = sql.batch_execute(statement).await;
        done.context("tidy the table up")?;
    }
    Ok(added)
}

async fn pages(stack: &Stack, table: &Table, requests: i64) -> anyhow::Result<Latency> {
    let service = Service::start(stack, Program::Query, &table.topic, &table.database).await?;
    let mut client = Client::open(&service.address, &stack.reader_key).await?;
    let mut histogram = Histogram::default();
    for request in 0..requests {
        let source = format!("\"source\":\"rare-{:05}\"", request % ASKED);
        let path = format!("/v1/events?limit=100&source=rare-{:05}", request % ASKED);
        let started = Instant::now();
        let body = client.get(&path).await?;
        histogram.record(started.elapsed());
        let shown = memmem::find_iter(body, &source).count();
        anyhow::ensure!(shown == 100, "{path} shows {shown} events of its source");
    }
    drop(client);
    service.stop().await?;
    Ok(Latency::of(&histogram))
}
