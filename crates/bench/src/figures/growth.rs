//! What a large table costs: the writer and the pages over 50 million rows, beside the same over one million.
//!
//! Both tables are filled first and are there together, and take turns: the same server, the same minutes.

use super::writer_copy::drain;
use super::{Bench, page, table};
use crate::fixture::Size;
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
    let mut small = AtSize::fill(&bench.stack, SMALL).await?;
    let mut grown = AtSize::fill(&bench.stack, large).await?;
    for round in 1..=bench.rounds() {
        small.measure(&bench.stack, round).await?;
        grown.measure(&bench.stack, round).await?;
    }
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
        of_growth: true,
        title: "Rows stored by the size of the table".to_owned(),
        x: "million rows".to_owned(),
        y: "rows/s".to_owned(),
        scale: Scale::LogX,
        series: vec![("writer".to_owned(), points(|at| &at.rows))],
    });
    bench.charts.push(Chart {
        name: "query-by-table-size",
        of_growth: true,
        title: "Pages of 100 by the size of the table".to_owned(),
        x: "million rows".to_owned(),
        y: "pages/s".to_owned(),
        scale: Scale::LogX,
        series: vec![("query-api".to_owned(), points(|at| &at.pages))],
    });
    let per_row = grown.database.event_bytes().await? / grown.database.events().await? as f64;
    bench.results.push(Figure::new(
        "growth_disk_per_event",
        "B/event",
        &[per_row].into_iter().collect(),
    ));
    small.database.drop().await?;
    grown.database.drop().await
}

/// A table of a size, and what was measured over it.
struct AtSize {
    size: u64,
    database: Database,
    rows: Rounds,
    pages: Rounds,
}

impl AtSize {
    async fn fill(stack: &Stack, size: u64) -> anyhow::Result<Self> {
        let database = Database::create(stack).await?;
        table::fill(stack, &database, size).await?;
        Ok(Self {
            size,
            database,
            rows: Rounds::default(),
            pages: Rounds::default(),
        })
    }

    async fn measure(&mut self, stack: &Stack, round: usize) -> anyhow::Result<()> {
        let topic = Topic::create(stack).await?;
        let (report, _) = page::read(stack, &topic, &self.database, 4.0, None).await?;
        topic
            .fill_from(stack, ADDED, Size::Usual, (ADDED * round) as u64)
            .await?;
        self.database.settle().await?;
        let drained = drain(stack, &topic, &self.database, ADDED as u64).await?;
        topic.drop(stack).await?;
        say(format!(
            "growth {round} at {} rows: {} rows/s, {} pages/s",
            short(self.size as f64),
            short(drained.rate),
            short(report.request_rate())
        ));
        self.pages.push(report.request_rate());
        self.rows.push(drained.rate);
        Ok(())
    }
}
