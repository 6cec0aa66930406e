//! Rows a second from a topic that was filled beforehand into `events`, all indexes and counts kept, exactly once.
//!
//! Each round has a database of its own, and reads the same topic. After each round, of the writer as of the limit, the number of rows
//! and a checksum over all columns of all rows must be what they were the first time, and the writer's counts must add up to them.

use std::time::{Duration, Instant};

use anyhow::Context as _;

use super::Bench;
use crate::limits::copy::Rows;
use crate::progress::{say, short};
use crate::results::Figure;
use crate::rounds::Rounds;
use crate::stack::{Content, Cost, Database, Program, Service, Stack, Topic, connect};

/// The writer's `batch.lanes`.
pub(super) const LANES: usize = 2;
/// How often the checkpoints are looked at.
const LOOK: Duration = Duration::from_millis(5);
/// A round that takes longer has gone wrong.
const BUDGET: Duration = Duration::from_secs(300);

pub(super) async fn run(bench: &mut Bench) -> anyhow::Result<()> {
    let records = bench.pick(400_000, 1_500_000);
    let stack = &bench.stack;
    say(format!(
        "writer_copy: filling a topic with {} records",
        short(records as f64)
    ));
    let topic = Topic::create(stack).await?;
    topic.fill(stack, records).await?;

    // Not counted: it warms the caches, and its rows are what the limit copies.
    let database = Database::create(stack).await?;
    drain(stack, &topic, &database, records as u64).await?;
    let expected = database.content().await?;
    anyhow::ensure!(
        expected.rows == i64::try_from(records)?,
        "{} rows of {records} records",
        expected.rows
    );
    let rows = Rows::read(&database, LANES).await?;
    let table = database.event_bytes().await? / records as f64;
    let log = topic.bytes(stack) / records as f64;
    database.drop().await?;
    say(format!(
        "writer_copy: rows of {} bytes as COPY BINARY, {} in a transaction, {LANES} connections",
        rows.bytes / rows.count,
        rows.per_transaction
    ));

    for (name, bytes) in [
        ("disk_per_event_postgresql", table),
        ("disk_per_event_kafka", log),
    ] {
        let rounds = [bytes].into_iter().collect();
        bench.results.push(Figure::new(name, "B/event", &rounds));
    }
    let source = Source {
        topic,
        rows,
        expected,
    };
    let measured = alternate(bench, &source, "writer_copy", "").await?;
    let figure = Figure::new("cpu_per_event_writer", "s/million", &measured);
    bench.results.push(figure);
    // Takes as long again; a quick run has no time for it unless it is asked for.
    if !bench.stack.args.quick || !bench.stack.args.only.is_empty() {
        for (name, without) in [
            (
                "writer_copy_without_source_index",
                "DROP INDEX events_source_time",
            ),
            (
                "writer_copy_primary_key_only",
                "DROP INDEX events_source_time, events_position",
            ),
        ] {
            alternate(bench, &source, name, without).await?;
        }
    }
    source.topic.drop(&bench.stack).await
}

/// What every round reads, and what it must come to.
struct Source {
    topic: Topic,
    rows: Rows,
    expected: Content,
}

/// Measures the writer and COPY in turn, on tables that `change` was done to; returns the writer's processor seconds for a million rows.
async fn alternate(
    bench: &mut Bench,
    source: &Source,
    name: &str,
    change: &str,
) -> anyhow::Result<Rounds> {
    let stack = &bench.stack;
    let records = source.rows.count;
    let (mut ours, mut limit, mut cpu) = (Rounds::default(), Rounds::default(), Rounds::default());
    for round in 1..=stack.args.rounds() {
        let database = Database::create(stack).await?;
        database.change(change).await?;
        let drained = drain(stack, &source.topic, &database, records).await?;
        let content = database.content().await?;
        anyhow::ensure!(content == source.expected, "the writer stored other rows");
        let counted = database.counted().await?;
        anyhow::ensure!(counted == content.rows, "the counts add up to {counted}");
        database.drop().await?;

        let database = Database::create(stack).await?;
        database.change(change).await?;
        source.rows.prepare(&database).await?;
        let seconds = source.rows.copy_into(&database).await?;
        let content = database.content().await?;
        anyhow::ensure!(content == source.expected, "COPY stored other rows");
        database.drop().await?;
        let copied = records as f64 / seconds;
        say(format!(
            "{name} {round}: {} rows/s, COPY {}",
            short(drained.rate),
            short(copied)
        ));
        ours.push(drained.rate);
        limit.push(copied);
        cpu.push(drained.cost.cpu_seconds / records as f64 * 1e6);
        bench
            .usage
            .note(Program::Writer, "writer_copy", drained.cost);
    }
    let figure = Figure::new(name, "rows/s", &ours);
    bench.results.push(figure.beside(
        "COPY BINARY of the same rows from memory, same connections and transactions",
        &limit,
    ));
    Ok(cpu)
}

/// What came of draining a topic.
pub(super) struct Drained {
    /// Rows a second between the first and the last commit.
    pub(super) rate: f64,
    pub(super) cost: Cost,
}

/// Starts a writer on a full topic and waits until all of it is stored.
pub(super) async fn drain(
    stack: &Stack,
    topic: &Topic,
    database: &Database,
    records: u64,
) -> anyhow::Result<Drained> {
    let (writer, rate) = tokio::try_join!(
        Service::start(stack, Program::Writer, topic, database),
        watch(topic, database, records)
    )?;
    let cost = writer.stop().await?;
    Ok(Drained { rate, cost })
}

/// The rate from the first commit seen, whose rows do not count, to the last.
async fn watch(topic: &Topic, database: &Database, records: u64) -> anyhow::Result<f64> {
    let sql = connect(&database.url).await?;
    let deadline = Instant::now() + BUDGET;
    let mut first = None;
    loop {
        let stored = Database::stored(&sql, &topic.name).await?;
        let now = Instant::now();
        if stored > 0 {
            let (since, at) = *first.get_or_insert((now, stored));
            if stored >= records {
                let seconds = now.duration_since(since).as_secs_f64();
                return Ok((stored - at) as f64 / seconds);
            }
        }
        if now > deadline {
            return Err(anyhow::anyhow!("{stored} of {records} records are stored"))
                .context("wait for the writer");
        }
        tokio::time::sleep(LOOK).await;
    }
}
