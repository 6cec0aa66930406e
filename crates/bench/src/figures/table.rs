//! A table that was filled beforehand, for the figures of reading.

use anyhow::Context as _;
use event::Timestamp;
use store::write::{Advance, Batch, Record, Sink};
use store::{Config, Pool, checkpoints};
use tokio_postgres::Client;

use crate::fixture::{Size, shapes};
use crate::progress::{say, short};
use crate::stack::{Database, Stack, Topic, connect};

/// Rows in one transaction while a table is filled.
const BATCH: u64 = 10_000;
/// Transactions at the same time while a table is filled.
const LANES: u64 = 2;
/// The times of the rows lie this far apart: 20 million span a week.
const STEP_MICROS: u64 = 30_000;

/// What is read, and the topic of the services that read it.
pub(super) struct Table {
    pub(super) topic: Topic,
    pub(super) database: Database,
    pub(super) rows: u64,
}

impl Table {
    /// Makes one of so many rows.
    pub(super) async fn filled(stack: &Stack, rows: u64) -> anyhow::Result<Self> {
        let table = Self {
            topic: Topic::create(stack).await?,
            database: Database::create(stack).await?,
            rows,
        };
        fill(stack, &table.database, rows).await?;
        Ok(table)
    }

    pub(super) async fn drop(self, stack: &Stack) -> anyhow::Result<()> {
        self.database.drop().await?;
        self.topic.drop(stack).await
    }
}

/// Fills a table through the writer's own encoder and transaction, without Kafka, and lets PostgreSQL tidy up. Its indexes are made at the
/// end, which takes half the time.
pub(super) async fn fill(stack: &Stack, database: &Database, rows: u64) -> anyhow::Result<()> {
    say(format!("filling a table with {} rows", short(rows as f64)));
    // Filling is not measured: pages that go to the log whole need not be packed, and nobody waits for the disk at each commit.
    let relaxed = ["wal_compression", "synchronous_commit"];
    for setting in relaxed {
        let relax = format!("ALTER DATABASE {} SET {setting} = off", database.name);
        database.change(&relax).await?;
    }
    // After that, since it holds for sessions that begin afterwards.
    let sql = connect(&database.url).await?;
    let config = Config::with_url(&database.url);
    let pool = Pool::new(&config).context("reach the database")?;
    let sink = Sink::new(pool.clone(), &config);
    let topic = stack.unique("filled");
    let starts: Vec<(i32, i64)> = (0..i32::try_from(LANES)?).map(|lane| (lane, 0)).collect();
    checkpoints::load_or_create(&pool, &stack.cluster_id, &topic, &starts).await?;
    let first = Timestamp::now().as_micros() - i64::try_from(rows * STEP_MICROS)?;
    let indexes = drop_indexes(&sql).await?;
    let lanes = (0..LANES).map(|lane| {
        let (sink, batch) = (sink.clone(), Batch::new(&stack.cluster_id, &topic));
        tokio::spawn(fill_lane(sink, batch, lane, rows, first))
    });
    for lane in futures_util::future::join_all(lanes).await {
        lane??;
    }
    pool.close();
    say("its rows are there; making its indexes");
    sql.batch_execute(
        "SET maintenance_work_mem = '512MB'; SET max_parallel_maintenance_workers = 2",
    )
    .await
    .context("get ready for the indexes")?;
    for statement in &indexes {
        sql.batch_execute(statement)
            .await
            .with_context(|| format!("make an index: {statement}"))?;
    }
    say("its indexes are there; tidying up");
    sql.batch_execute("VACUUM (ANALYZE) events")
        .await
        .context("tidy the table up")?;
    for setting in relaxed {
        let reset = format!("ALTER DATABASE {} RESET {setting}", database.name);
        database.change(&reset).await?;
    }
    database.settle().await?;
    let filled = database.events().await?;
    anyhow::ensure!(filled == rows, "{filled} of {rows} rows are there");
    Ok(())
}

/// Drops the indexes of `events` and returns the statements that make them again.
async fn drop_indexes(sql: &Client) -> anyhow::Result<Vec<String>> {
    let indexes = sql
        .query(
            "SELECT indexrelid::regclass::text, indisprimary, pg_get_indexdef(indexrelid), coalesce(pg_get_constraintdef(c.oid), '') \
             FROM pg_index LEFT JOIN pg_constraint c ON c.conindid = indexrelid AND c.contype = 'p' \
             WHERE indrelid = 'events'::regclass",
            &[],
        )
        .await
        .context("look at the indexes")?;
    let mut again = Vec::new();
    for index in indexes {
        let name: String = index.get(0);
        let is_primary: bool = index.get(1);
        let (drop, make) = if is_primary {
            let key: String = index.get(3);
            (
                format!("ALTER TABLE events DROP CONSTRAINT {name}"),
                format!("ALTER TABLE events ADD CONSTRAINT {name} {key}"),
            )
        } else {
            // Of a partitioned table the definition says ONLY, which would leave the partitions out.
            let definition: String = index.get(2);
            (
                format!("DROP INDEX {name}"),
                definition.replace(" ON ONLY ", " ON "),
            )
        };
        sql.batch_execute(&drop).await.context("drop an index")?;
        again.push(make);
    }
    Ok(again)
}

async fn fill_lane(
    sink: Sink,
    mut batch: Batch,
    lane: u64,
    rows: u64,
    first: i64,
) -> anyhow::Result<()> {
    let mut shapes = shapes(Size::Usual);
    let places = shapes.len();
    let partition = i32::try_from(lane)?;
    let mut number = lane;
    let mut offset = 0;
    while number < rows {
        batch.clear();
        let expected = offset;
        for _ in 0..BATCH {
            if number >= rows {
                break;
            }
            let time = Timestamp::from_micros(first + i64::try_from(number * STEP_MICROS)?);
            // Apart from the numbers of every other figure.
            let event = shapes[usize::try_from(number)? % places].event(
                10_000_000_000 + number,
                time,
                time,
            );
            let record = Record {
                partition,
                offset,
                timestamp: None,
                key: None,
                headers: &[],
                value: event.value(),
            };
            batch.push_event(&event, &record);
            number += LANES;
            offset += 1;
        }
        batch.advance(Advance {
            partition,
            expected,
            next: offset,
        });
        sink.flush(&batch).await?;
    }
    Ok(())
}
