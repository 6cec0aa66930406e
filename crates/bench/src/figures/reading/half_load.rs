//! How soon the filtered page comes while half as many are asked for as the query-api can answer.

use crate::figures::table::Table;
use crate::figures::{Bench, page};
use crate::progress::{say, short};
use crate::results::Figure;
use crate::rounds::Rounds;

pub(super) async fn run(bench: &mut Bench, table: &Table) -> anyhow::Result<()> {
    let seconds = bench.pick(2.0, 3.0);
    let (mut p50, mut p99) = (Rounds::default(), Rounds::default());
    for round in 1..=bench.rounds() {
        let read = |rate| page::read(&bench.stack, &table.topic, &table.database, seconds, rate);
        let (most, _) = read(None).await?;
        let rate = most.request_rate() / 2.0;
        let (report, _) = read(Some(rate)).await?;
        // A load that falls behind is another one than was asked for.
        let sent = report.request_rate() / rate;
        anyhow::ensure!(sent > 0.9, "only {sent:.2} of the rate was answered");
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
