//! How soon the filtered page comes while half as many are asked for as the query-api can answer.

use super::Table;
use crate::figures::{Bench, page};
use crate::load::{self, Report, Spec, What};
use crate::progress::{say, short};
use crate::results::Figure;
use crate::rounds::Rounds;
use crate::stack::{Program, Service, Stack};

/// As many as the most is measured with.
const CONNECTIONS: usize = 64;

pub(super) async fn run(bench: &mut Bench, table: &Table) -> anyhow::Result<()> {
    let seconds = bench.pick(2.0, 3.0);
    let (mut p50, mut p99) = (Rounds::default(), Rounds::default());
    for round in 1..=bench.rounds() {
        let (most, _) = page::read(&bench.stack, &table.topic, &table.database, seconds).await?;
        let rate = most.request_rate() / 2.0;
        let report = at_rate(&bench.stack, table, rate, seconds).await?;
        say(format!(
            "page_half_load {round} at {} pages/s: p50 {:.1} ms, p99 {:.1} ms, max {:.1} ms",
            short(rate),
            report.latency.p50,
            report.latency.p99,
            report.latency.max
        ));
        p50.push(report.latency.p50);
        p99.push(report.latency.p99);
    }
    for (name, rounds) in [("page_half_load_p50", &p50), ("page_half_load_p99", &p99)] {
        bench.results.push(Figure::new(name, "ms", rounds));
    }
    Ok(())
}

async fn at_rate(stack: &Stack, table: &Table, rate: f64, seconds: f64) -> anyhow::Result<Report> {
    let service = Service::start(stack, Program::Query, &table.topic, &table.database).await?;
    let report = load::run(&Spec {
        address: service.address.clone(),
        token: stack.reader_key.clone(),
        connections: CONNECTIONS,
        what: What::Page,
        warm_up_seconds: 1.0,
        seconds,
        rate: Some(rate),
        first_number: 0,
    })
    .await?;
    service.stop().await?;
    // A load that falls behind is another one than was asked for.
    let sent = report.request_rate() / rate;
    anyhow::ensure!(sent > 0.9, "only {sent:.2} of the rate was answered");
    Ok(report)
}
