//! `GET /v1/export` of the whole table as NDJSON, beside COPY of the same columns; and what memory the query-api takes for it.

use std::time::Instant;

use anyhow::Context as _;

use crate::figures::Bench;
use crate::figures::table::Table;
use crate::limits;
use crate::progress::{say, short};
use crate::results::Figure;
use crate::rounds::Rounds;
use crate::stack::{Client, Cost, Program, Service, Stack};

pub(super) async fn run(bench: &mut Bench, table: &Table) -> anyhow::Result<()> {
    let (mut ours, mut limit, mut memory) =
        (Rounds::default(), Rounds::default(), Rounds::default());
    for round in 1..=bench.rounds() {
        let (rate, cost) = export(&bench.stack, table).await?;
        let alone = limits::export::run(&table.database, table.rows).await?;
        say(format!(
            "export_ndjson {round}: {} events/s in {:.0} MiB, limit {}",
            short(rate),
            cost.peak_mib,
            short(alone)
        ));
        ours.push(rate);
        limit.push(alone);
        memory.push(cost.peak_mib);
    }
    let figure = Figure::new("export_ndjson", "events/s", &ours);
    bench
        .results
        .push(figure.beside(limits::export::NAME, &limit));
    bench
        .results
        .push(Figure::new("export_memory", "MiB", &memory));
    Ok(())
}

/// One round: by a query-api that has done nothing else, so that its peak of memory is that of the export.
async fn export(stack: &Stack, table: &Table) -> anyhow::Result<(f64, Cost)> {
    let service = Service::start(stack, Program::Query, &table.topic, &table.database).await?;
    let client = Client::open(&service.address, &stack.reader_key).await?;
    let started = Instant::now();
    let mut chunks = client.stream("/v1/export?format=ndjson").await?;
    let mut lines = 0;
    let count = |lines: &mut u64, bytes: &[u8]| {
        *lines += memchr::memchr_iter(b'\n', bytes).count() as u64;
    };
    while chunks
        .next(|bytes| count(&mut lines, bytes))
        .await
        .context("read the export")?
    {}
    let seconds = started.elapsed().as_secs_f64();
    anyhow::ensure!(
        lines == table.rows,
        "the export holds {lines} of {} events",
        table.rows
    );
    Ok((table.rows as f64 / seconds, service.stop().await?))
}
