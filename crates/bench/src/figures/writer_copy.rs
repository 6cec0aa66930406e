//! Rows a second from a topic that was filled beforehand into `events`, all indexes and counts kept, exactly once.
//!
//! Twice: the benchmark's usual events into Flumen's own table, and narrow ones beside COPY into the narrow table that others are measured with.
//!
//! Each round has a database of its own, and reads the same topic. After each round, of the writer as of the limit, the number of rows
//! and a checksum over all columns of all rows must be what they were the first time, and the writer's counts must add up to them.

use std::time::{Duration, Instant};

use anyhow::Context as _;

use super::Bench;
use crate::fixture::Size;
use crate::limits::copy::{EVENTS, NARROW, Rows, Target};
use crate::progress::{say, short};
use crate::results::Figure;
use crate::rounds::Rounds;
use crate::stack::{Content, Cost, Database, Program, Service, Stack, Topic, connect};

/// The writer's `batch.lanes`.
pub(super) const LANES: usize = 2;
/// How often the checkpoints are looked at: seldom enough to cost nothing.
const LOOK: Duration = Duration::from_millis(20);
/// A round that takes longer has gone wrong.
const BUDGET: Duration = Duration::from_secs(300);

/// What is different about a figure.
struct Variant {
    name: &'static str,
    /// Done to `events` before the writer starts.
    ours: &'static str,
    /// Done to the limit's table.
    limit: &'static str,
    /// Which runs have time for it.
    when: When,
}

/// Runs in which a figure is measured. All are when their group is asked for by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum When {
    Always,
    InFull,
    OnlyWhenAsked,
}

const WITHOUT_SOURCE: &str = "DROP INDEX events_source_time";
const PRIMARY_KEY_ONLY: &str = "DROP INDEX events_source_time, events_position";

const USUAL: [Variant; 3] = [
    Variant {
        name: "writer_copy",
        ours: "",
        limit: "",
        when: When::Always,
    },
    Variant {
        name: "writer_copy_without_source_index",
        ours: WITHOUT_SOURCE,
        limit: WITHOUT_SOURCE,
        when: When::InFull,
    },
    Variant {
        name: "writer_copy_primary_key_only",
        ours: PRIMARY_KEY_ONLY,
        limit: PRIMARY_KEY_ONLY,
        when: When::OnlyWhenAsked,
    },
];

const OF_OTHERS: [Variant; 2] = [
    Variant {
        name: "writer_copy_narrow",
        ours: PRIMARY_KEY_ONLY,
        limit: "",
        when: When::Always,
    },
    Variant {
        name: "writer_copy_narrow_source_index",
        ours: "DROP INDEX events_position",
        limit: "CREATE INDEX ON narrow_events (source, time, uid)",
        when: When::InFull,
    },
];

pub(super) async fn run(bench: &mut Bench) -> anyhow::Result<()> {
    let records = bench.pick(300_000, 500_000);
    let source = Source::make(bench, records, Size::Usual, &EVENTS).await?;
    for variant in &USUAL {
        let cpu = source.alternate(bench, variant).await?;
        if let (Some(cpu), "writer_copy") = (cpu, variant.name) {
            let figure = Figure::new("cpu_per_event_writer", "s/million", &cpu);
            bench.results.push(figure);
        }
    }
    source.topic.drop(&bench.stack).await?;

    let source = Source::make(bench, records, Size::Narrow, &NARROW).await?;
    for variant in &OF_OTHERS {
        source.alternate(bench, variant).await?;
    }
    source.topic.drop(&bench.stack).await
}

/// What every round reads, and what it must come to.
struct Source {
    topic: Topic,
    rows: Rows,
    expected: Content,
}

impl Source {
    /// Fills a topic, and stores it once to know what every round must come to.
    async fn make(
        bench: &mut Bench,
        records: usize,
        size: Size,
        target: &'static Target,
    ) -> anyhow::Result<Self> {
        let stack = &bench.stack;
        say(format!(
            "writer_copy: filling a topic with {} records",
            short(records as f64)
        ));
        let topic = Topic::create(stack).await?;
        topic.fill(stack, records, size).await?;
        // Not counted: it warms the caches, and its rows are what the limit copies.
        let database = Database::create(stack).await?;
        drain(stack, &topic, &database, records as u64).await?;
        let expected = database.content(EVENTS.table, target.columns).await?;
        anyhow::ensure!(
            expected.rows == i64::try_from(records)?,
            "{} rows of {records} records",
            expected.rows
        );
        let rows = Rows::read(&database, LANES, target).await?;
        let table = database.event_bytes().await? / records as f64;
        let log = topic.bytes(stack) / records as f64;
        database.drop().await?;
        say(format!(
            "writer_copy: rows of {} bytes as COPY BINARY, {} in a transaction, {LANES} connections",
            rows.bytes / rows.count,
            rows.per_transaction
        ));
        if size == Size::Usual {
            for (name, bytes) in [
                ("disk_per_event_postgresql", table),
                ("disk_per_event_kafka", log),
            ] {
                let rounds = [bytes].into_iter().collect();
                bench.results.push(Figure::new(name, "B/event", &rounds));
            }
        }
        Ok(Self {
            topic,
            rows,
            expected,
        })
    }

    /// Measures the writer and COPY in turn; returns the writer's processor seconds for a million rows, unless there is no time for it.
    async fn alternate(
        &self,
        bench: &mut Bench,
        variant: &Variant,
    ) -> anyhow::Result<Option<Rounds>> {
        let stack = &bench.stack;
        let has_time = match variant.when {
            When::Always => true,
            When::InFull => !stack.args.quick,
            When::OnlyWhenAsked => false,
        };
        if stack.args.only.is_empty() && !has_time {
            return Ok(None);
        }
        let (name, columns) = (variant.name, self.rows.target.columns);
        let records = self.rows.count;
        let (mut ours, mut limit) = (Rounds::default(), Rounds::default());
        let mut cpu = Rounds::default();
        for round in 1..=stack.args.rounds() {
            let database = Database::create(stack).await?;
            database.change(variant.ours).await?;
            let drained = drain(stack, &self.topic, &database, records).await?;
            let content = database.content(EVENTS.table, columns).await?;
            anyhow::ensure!(content == self.expected, "the writer stored other rows");
            let counted = database.counted().await?;
            anyhow::ensure!(counted == content.rows, "the counts add up to {counted}");
            database.drop().await?;

            let database = Database::create(stack).await?;
            self.rows.prepare(&database, variant.limit).await?;
            let seconds = self.rows.copy_into(&database).await?;
            let content = database.content(self.rows.target.table, columns).await?;
            anyhow::ensure!(content == self.expected, "COPY stored other rows");
            database.drop().await?;
            let copied = records as f64 / seconds;
            say(format!(
                "{name} {round}: {} rows/s ({:.2} s of processor a million, {:.0} MiB), COPY {}",
                short(drained.rate),
                drained.cost.cpu_seconds / records as f64 * 1e6,
                drained.cost.peak_mib,
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
        Ok(Some(cpu))
    }
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
