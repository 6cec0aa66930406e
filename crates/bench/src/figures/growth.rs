//! What a large table costs: the writer and the pages over 50 million rows, beside the same over one million.
//!
//! A table is filled step by step and measured on the way, so that both sizes see the same server in the same run.

use super::Bench;
use super::writer_copy::drain;
use super::{page, writer_copy};
use crate::progress::{say, short};
use crate::report::{Chart, Scale};
use crate::results::Figure;
use crate::rounds::Rounds;
use crate::stack::{Database, Stack, Topic};

/// The table it is compared with.
const SMALL: u64 = 1_000_000;
/// Rows that a round of the writer adds.
const ADDED: usize = 500_000;

pub(super) async fn run(bench: &mut Bench) -> anyhow::Result<()> {
    let large = bench.stack.args.growth_rows;
    let small = at_size(&bench.stack, SMALL, bench.rounds()).await?;
    let grown = at_size(&bench.stack, large, bench.rounds()).await?;
    let what = format!("the same over {} rows", short(SMALL as f64));
    for (name, over_small, over_large) in [
        ("growth_writer_copy", &small.rows, &grown.rows),
        ("growth_page_filtered", &small.pages, &grown.pages),
    ] {
        let share = |value: &f64| value / over_small.median();
        let ours: Rounds = over_large.values().iter().map(share).collect();
        let limit: Rounds = over_small.values().iter().map(share).collect();
        let figure = Figure::new(name, "ratio", &ours);
        bench.results.push(figure.beside(&what, &limit));
    }
    let points = |pick: fn(&AtSize) -> &Rounds| {
        vec![
            (SMALL as f64 / 1e6, pick(&small).median()),
            (large as f64 / 1e6, pick(&grown).median()),
        ]
    };
    bench.charts.push(Chart {
        name: "writer-by-table-size",
        title: "Rows stored by the size of the table".to_owned(),
        x: "million rows".to_owned(),
        y: "rows/s".to_owned(),
        scale: Scale::LogX,
        series: vec![("writer".to_owned(), points(|at| &at.rows))],
    });
    Ok(())
}

struct AtSize {
    rows: Rounds,
    pages: Rounds,
}

async fn at_size(stack: &Stack, size: u64, rounds: usize) -> anyhow::Result<AtSize> {
    say(format!(
        "growth: filling a table with {} rows",
        short(size as f64)
    ));
    let database = Database::create(stack).await?;
    page::fill(stack, &database, size).await?;
    let mut at = AtSize {
        rows: Rounds::default(),
        pages: Rounds::default(),
    };
    for round in 1..=rounds {
        let topic = Topic::create(stack).await?;
        let (report, _) = page::read(stack, &topic, &database, 4.0).await?;
        at.pages.push(report.request_rate());
        topic
            .fill_from(stack, ADDED, (ADDED * round) as u64)
            .await?;
        let drained: writer_copy::Drained = drain(stack, &topic, &database, ADDED as u64).await?;
        at.rows.push(drained.rate);
        topic.drop(stack).await?;
        say(format!(
            "growth {round} at {} rows: {} rows/s, {} pages/s",
            short(size as f64),
            short(drained.rate),
            short(report.request_rate())
        ));
    }
    database.drop().await?;
    Ok(at)
}
