//! The page of the 100 newest events of one source, by 64 connections.

use super::Bench;
use super::table::Table;
use crate::limits::page::Tool;
use crate::load::{self, Report, Spec, What};
use crate::progress::{say, short};
use crate::report::{Chart, Scale};
use crate::results::Figure;
use crate::rounds::Rounds;
use crate::stack::{Cost, Database, Program, Service, Stack, Topic};

/// Connections, of HTTP as of the limit.
const CONNECTIONS: usize = 64;

/// Pages a second, and their latency, under the name of a figure, and into `sizes` for the plot; what they cost is told of the first
/// table alone.
pub(super) async fn run(
    bench: &mut Bench,
    table: &Table,
    name: &str,
    sizes: &mut Vec<(u64, Figure)>,
) -> anyhow::Result<()> {
    let seconds = bench.pick(2.0, 4.0);
    let tool = Tool::find().await;
    let stack = &bench.stack;
    let (mut ours, mut limit) = (Rounds::default(), Rounds::default());
    let (mut p99, mut cpu) = (Rounds::default(), Rounds::default());
    for round in 1..=stack.args.rounds() {
        let (report, cost) = read(stack, &table.topic, &table.database, seconds, None).await?;
        let alone = tool
            .run(stack, &table.database, CONNECTIONS, seconds)
            .await?;
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
    let latency = Figure::new(format!("{name}_p99"), "ms", &p99);
    bench.results.push(latency);
    if name == "page_filtered" {
        let figure = Figure::new("cpu_per_event_query_api", "s/million", &cpu);
        bench.results.push(figure);
    }
    let figure = Figure::new(name, "requests/s", &ours).beside(tool.name(), &limit);
    bench.results.push(figure.clone());
    sizes.push((table.rows, figure));
    Ok(())
}

/// The plot of pages by the size of the table, of tables and what was measured over them.
pub(super) fn chart(sizes: &[(u64, Figure)]) -> Chart {
    let points = |value: fn(&Figure) -> f64| {
        let point = |(rows, figure): &(u64, Figure)| (*rows as f64 / 1e6, value(figure));
        sizes.iter().map(point).collect()
    };
    Chart {
        name: "pages-by-table-size",
        of_growth: false,
        title: "Pages of 100 by the size of the table, 64 connections".to_owned(),
        x: "million rows".to_owned(),
        y: "pages/s".to_owned(),
        scale: Scale::LogX,
        series: vec![
            ("query-api".to_owned(), points(|figure| figure.value)),
            (
                "prepared statements".to_owned(),
                points(|figure| figure.limit.unwrap_or(f64::NAN)),
            ),
        ],
    }
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
