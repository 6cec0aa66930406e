//! The page of the 100 newest events of one source, by 64 connections, over a table of 2 million rows and one of 20 million.

use anyhow::Context as _;
use event::Timestamp;
use store::write::{Advance, Batch, Record, Sink};
use store::{Config, Pool, checkpoints};
use tokio_postgres::Client;

use super::Bench;
use crate::fixture::{Size, shapes};
use crate::limits::page::Tool;
use crate::load::{self, Report, Spec, What};
use crate::progress::{say, short};
use crate::report::{Chart, Scale};
use crate::results::Figure;
use crate::rounds::Rounds;
use crate::stack::{Cost, Database, Program, Service, Stack, Topic, connect};

/// The smaller table.
const ROWS: u64 = 2_000_000;
/// Connections, of HTTP as of the limit.
const CONNECTIONS: usize = 64;
/// Rows in one transaction while a table is filled.
const BATCH: u64 = 10_000;
/// Transactions at the same time while a table is filled.
const LANES: u64 = 2;
/// The times of the rows lie this far apart: 2 million span a week.
const STEP_MICROS: u64 = 300_000;

pub(super) async fn run(bench: &mut Bench) -> anyhow::Result<()> {
    let larger = bench.stack.args.page_rows;
    let tables: &[(u64, &str)] = if bench.stack.args.quick {
        &[(ROWS, "page_filtered")]
    } else {
        &[(ROWS, "page_filtered"), (larger, "page_filtered_20m")]
    };
    let (mut points, mut limits) = (Vec::new(), Vec::new());
    for (rows, name) in tables {
        let figure = table(bench, *rows, name).await?;
        points.push((*rows as f64 / 1e6, figure.value));
        limits.push((*rows as f64 / 1e6, figure.limit.unwrap_or(f64::NAN)));
        bench.results.push(figure);
    }
    bench.charts.push(Chart {
        name: "pages-by-table-size",
        of_growth: false,
        title: "Pages of 100 by the size of the table, 64 connections".to_owned(),
        x: "million rows".to_owned(),
        y: "pages/s".to_owned(),
        scale: Scale::LogX,
        series: vec![
            ("query-api".to_owned(), points),
            ("prepared statements".to_owned(), limits),
        ],
    });
    Ok(())
}

async fn table(bench: &mut Bench, rows: u64, name: &str) -> anyhow::Result<Figure> {
    let seconds = bench.pick(2.0, 5.0);
    let tool = Tool::find().await;
    let stack = &bench.stack;
    say(format!(
        "{name}: filling a table with {} rows",
        short(rows as f64)
    ));
    let topic = Topic::create(stack).await?;
    let database = Database::create(stack).await?;
    fill(stack, &database, rows).await?;
    let (mut ours, mut limit) = (Rounds::default(), Rounds::default());
    let (mut p99, mut cpu) = (Rounds::default(), Rounds::default());
    for round in 1..=stack.args.rounds() {
        let (report, cost) = read(stack, &topic, &database, seconds, None).await?;
        let alone = tool.run(stack, &database, CONNECTIONS, seconds).await?;
        say(format!(
            "{name} {round}: {} pages/s of {} kB (p99 {:.1} ms), limit {}",
            short(report.request_rate()),
            report.bytes / report.requests / 1000,
            report.latency.p99,
            short(alone)
        ));
        ours.push(report.request_rate());
        limit.push(alone);
        p99.push(report.latency.p99);
        cpu.push(cost.cpu_seconds / (report.request_rate() * (seconds + 1.0)) * 1e6 / 100.0);
        bench.usage.note(Program::Query, "page", cost);
    }
    bench
        .results
        .push(Figure::new(format!("{name}_p99"), "ms", &p99));
    if name == "page_filtered" {
        let figure = Figure::new("cpu_per_event_query_api", "s/million", &cpu);
        bench.results.push(figure);
    }
    database.drop().await?;
    topic.drop(&bench.stack).await?;
    Ok(Figure::new(name, "requests/s", &ours).beside(tool.name(), &limit))
}

/// One round of the query-api: as many pages as it answers, or so many a second.
pub(super) async fn read(
    stack: &Stack,
    topic: &Topic,
    database: &Database,
    seconds: f64,
    rate: Option<f64>,
) -> anyhow::Result<(Report, Cost)> {
    let service = Service::start(stack, Program::Query, topic, database).await?;
    let report = load::run(&Spec {
        address: service.address.clone(),
        token: stack.reader_key.clone(),
        connections: CONNECTIONS,
        what: What::Page,
        warm_up_seconds: 1.0,
        seconds,
        rate,
        first_number: 0,
    })
    .await?;
    Ok((report, service.stop().await?))
}

/// Fills a table through the writer's own encoder and transaction, without Kafka, and lets PostgreSQL tidy up. Its indexes are made at the
/// end, which takes half the time.
pub(super) async fn fill(stack: &Stack, database: &Database, rows: u64) -> anyhow::Result<()> {
    let config = Config::with_url(&database.url);
    let pool = Pool::new(&config).context("reach the database")?;
    let sink = Sink::new(pool.clone(), &config);
    let topic = stack.unique("filled");
    let starts: Vec<(i32, i64)> = (0..i32::try_from(LANES)?).map(|lane| (lane, 0)).collect();
    checkpoints::load_or_create(&pool, &stack.cluster_id, &topic, &starts).await?;
    let first = Timestamp::now().as_micros() - i64::try_from(rows * STEP_MICROS)?;
    let sql = connect(&database.url).await?;
    let indexes = drop_indexes(&sql).await?;
    let lanes = (0..LANES).map(|lane| {
        let (sink, batch) = (sink.clone(), Batch::new(&stack.cluster_id, &topic));
        tokio::spawn(fill_lane(sink, batch, lane, rows, first))
    });
    for lane in futures_util::future::join_all(lanes).await {
        lane??;
    }
    pool.close();
    sql.batch_execute(
        "SET maintenance_work_mem = '512MB'; SET max_parallel_maintenance_workers = 2",
    )
    .await
    .context("get ready for the indexes")?;
    for statement in indexes
        .iter()
        .map(String::as_str)
        .chain(["VACUUM (ANALYZE) events"])
    {
        sql.batch_execute(statement)
            .await
            .with_context(|| format!("tidy the table up: {statement}"))?;
    }
    sql.batch_execute("CHECKPOINT").await.context("settle")?;
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
