//! What a soak leaves behind: `soak.json`, plots, a table, and the page with them.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;

use anyhow::Context as _;

use super::Outcome;
use super::plot::{self, Series};
use super::sample::{Cost, Sample};
use crate::args::Args;
use crate::report::{renew, say};

const BEGIN: &str = "<!-- begin: written by `make soak` -->";
const END: &str = "<!-- end: written by `make soak` -->";
/// The folder of the plots, beside the page.
const FOLDER: &str = "reliability";
/// The share of the time at either end that is compared.
const SHARE: usize = 6;

/// Writes everything; the page only when it is given.
pub(super) fn write(args: &Args, outcome: &Outcome) -> anyhow::Result<()> {
    fs::create_dir_all(&args.out).with_context(|| format!("create {}", args.out.display()))?;
    let json = serde_json::to_string(outcome).context("write the outcome")?;
    let table = markdown(outcome);
    let plots = plots(&outcome.samples);
    let mut files = vec![
        ("soak.json".to_owned(), json),
        ("soak.md".to_owned(), table.clone()),
    ];
    files.extend(
        plots
            .iter()
            .map(|(name, _, svg)| (name.clone(), svg.clone())),
    );
    for (name, content) in &files {
        let path = args.out.join(name);
        fs::write(&path, content).with_context(|| format!("write {}", path.display()))?;
    }
    say(&table);
    let Some(page) = &args.docs else {
        return Ok(());
    };
    let folder = page.with_file_name(FOLDER);
    fs::create_dir_all(&folder).with_context(|| format!("create {}", folder.display()))?;
    let mut block = table;
    for (name, title, svg) in &plots {
        let path = folder.join(name);
        fs::write(&path, svg).with_context(|| format!("write {}", path.display()))?;
        // Writing to a string cannot fail.
        let _ = write!(block, "\n![{title}]({FOLDER}/{name})\n");
    }
    renew(page, BEGIN, END, &block)
}

fn names(samples: &[Sample]) -> Vec<String> {
    let names: BTreeSet<&String> = samples
        .iter()
        .flat_map(|sample| sample.processes.keys())
        .collect();
    names.into_iter().cloned().collect()
}

fn plots(samples: &[Sample]) -> Vec<(String, String, String)> {
    let names = names(samples);
    let by_process = |keep: fn(&str) -> bool, value: fn(&Cost) -> f64| -> Vec<Series> {
        names
            .iter()
            .filter(|name| keep(name))
            .map(|name| {
                let points = samples
                    .iter()
                    .map(|sample| (sample.at / 60.0, sample.processes.get(name).map(value)));
                (name.clone(), points.collect())
            })
            .collect()
    };
    let one = |name: &str, value: fn(&Sample) -> Option<f64>| -> Series {
        let points = samples
            .iter()
            .map(|sample| (sample.at / 60.0, value(sample)));
        (name.to_owned(), points.collect())
    };
    let services: fn(&str) -> bool = |name| name != "postgres" && !name.starts_with("broker");
    let draw = |name: &str, title: &str, series: &[Series]| {
        (
            format!("soak-{name}.svg"),
            title.to_owned(),
            plot::svg(title, series),
        )
    };
    vec![
        draw(
            "memory",
            "Resident memory, MiB",
            &by_process(services, |cost| cost.memory_mib),
        ),
        draw(
            "handles",
            "Open file handles",
            &by_process(services, |cost| cost.handles as f64),
        ),
        draw(
            "connections",
            "Open sockets",
            &by_process(services, |cost| cost.sockets as f64),
        ),
        draw(
            "latency",
            "Latency of accepted requests, ms",
            &[
                one("p50", |sample| Some(sample.p50)),
                one("p99", |sample| Some(sample.p99)),
            ],
        ),
        draw(
            "rate",
            "Events a second",
            &[
                one("accepted", |sample| Some(sample.accepted)),
                one("stored", |sample| Some(sample.settled)),
            ],
        ),
        draw(
            "lag",
            "Records in Kafka that are not stored",
            &[one("lag", |sample| sample.lag.map(|lag| lag as f64))],
        ),
    ]
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

fn markdown(outcome: &Outcome) -> String {
    let mut out = String::new();
    // Writing to a string cannot fail.
    let _ = writeln!(
        out,
        "{:.0} minutes at {:.0} events/s (half of the {:.0} events/s that a calibration showed; 0 when the rate was given), seed {}, binaries `{}`. {}\n",
        outcome.minutes,
        outcome.rate,
        outcome.capacity,
        outcome.seed,
        outcome.binaries,
        outcome.remark
    );
    out.push_str("| | |\n|---|---:|\n");
    for (what, count) in [
        ("sent", outcome.sent),
        ("accepted", outcome.accepted),
        ("in Kafka", outcome.in_kafka),
        ("stored", outcome.stored),
        ("distinct", outcome.distinct),
        ("dead-lettered", outcome.dead_lettered),
        ("**lost**", outcome.lost),
        ("**doubled**", outcome.doubled),
        ("seen by a reader of the feed", outcome.read),
        ("seen by it more than once", outcome.read_twice),
        (
            "faults",
            outcome.faults.values().map(|n| u64::from(*n)).sum(),
        ),
    ] {
        let _ = writeln!(out, "| {what} | {count} |");
    }
    let faults: Vec<String> = outcome
        .faults
        .iter()
        .map(|(name, count)| format!("{count} `{name}`"))
        .collect();
    let _ = writeln!(out, "\nFaults: {}.\n", faults.join(", "));
    for complaint in &outcome.complaints {
        let _ = writeln!(out, "- complaint: {complaint}");
    }
    let samples = &outcome.samples;
    let edge = (samples.len() / SHARE).max(1).min(samples.len());
    let (first, last) = (&samples[..edge], &samples[samples.len() - edge..]);
    let _ = writeln!(
        out,
        "Medians of the first and of the last {:.0} minutes:\n",
        outcome.minutes / SHARE as f64
    );
    out.push_str("| process | memory, MiB | | most | handles | | sockets | | starts |\n");
    out.push_str("|---|---:|---:|---:|---:|---:|---:|---:|---:|\n");
    for name in names(samples) {
        let of = |samples: &[Sample], value: fn(&Cost) -> f64| {
            median(
                samples
                    .iter()
                    .filter_map(|sample| sample.processes.get(&name).map(value))
                    .collect(),
            )
        };
        let costs = || {
            samples
                .iter()
                .filter_map(|sample| sample.processes.get(&name))
        };
        let most = costs().map(|cost| cost.memory_mib).fold(0.0, f64::max);
        let pids: BTreeSet<u32> = costs().map(|cost| cost.pid).collect();
        let _ = writeln!(
            out,
            "| `{name}` | {:.0} | {:.0} | {most:.0} | {:.0} | {:.0} | {:.0} | {:.0} | {} |",
            of(first, |cost| cost.memory_mib),
            of(last, |cost| cost.memory_mib),
            of(first, |cost| cost.handles as f64),
            of(last, |cost| cost.handles as f64),
            of(first, |cost| cost.sockets as f64),
            of(last, |cost| cost.sockets as f64),
            pids.len(),
        );
    }
    let over =
        |samples: &[Sample], value: fn(&Sample) -> f64| median(samples.iter().map(value).collect());
    let _ = writeln!(
        out,
        "\nLatency of accepted requests: p50 {:.0} ms at first, {:.0} ms at last; p99 {:.0} ms and {:.0} ms (medians of samples of 5 s).",
        over(first, |sample| sample.p50),
        over(last, |sample| sample.p50),
        over(first, |sample| sample.p99),
        over(last, |sample| sample.p99),
    );
    out
}
