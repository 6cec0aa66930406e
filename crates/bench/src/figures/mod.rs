//! The figures, in groups that are measured together.
//!
//! | group | figures |
//! |---|---|
//! | [`startup`] | `startup_*` |
//! | [`writer_encode`] | `writer_encode` |
//! | [`writer_copy`] | `writer_copy*`, `cpu_per_event_writer`, `disk_per_event_*` |
//! | [`ingest`] | `ingest_batch_100`, `ingest_single_*`, `cpu_per_event_ingest_api` |
//! | [`end_to_end`] | `end_to_end`, and [`freshness`] at half of it |
//! | [`reading`] | `page_filtered`, `page_filtered_20m`, `export_*`, `page_depth`, `page_half_load_*`, `page_rare_source_*` |
//! | [`tails`] | `tails`, `tails_delay_p99`, `tails_memory` |
//! | [`growth`] | the same over a large table |
//! | [`usage`] | `memory_*`, from all of the above |

mod end_to_end;
mod freshness;
mod growth;
mod ingest;
mod page;
mod reading;
mod startup;
mod table;
mod tails;
mod usage;
mod writer_copy;
mod writer_encode;

use std::process::ExitCode;

use anyhow::Context as _;

use crate::args::{Args, Group};
use crate::compare::compare;
use crate::progress::say;
use crate::report::{self, Chart, Machine};
use crate::results::Results;
use crate::stack::Stack;
use usage::Usage;

/// Something got worse.
const WORSE: u8 = 3;

/// A run.
pub(crate) struct Bench {
    pub(crate) stack: Stack,
    pub(crate) results: Results,
    pub(crate) charts: Vec<Chart>,
    pub(crate) usage: Usage,
}

impl Bench {
    /// How many rounds each figure gets.
    fn rounds(&self) -> usize {
        self.stack.args.rounds()
    }

    /// One of two values: for a quick run, and for one for the record.
    fn pick<T>(&self, quick: T, full: T) -> T {
        if self.stack.args.quick { quick } else { full }
    }
}

/// Runs what is wanted and writes what came of it.
pub(crate) async fn run(args: Args) -> anyhow::Result<ExitCode> {
    std::fs::create_dir_all(&args.out).with_context(|| format!("create {}", args.out.display()))?;
    let before = args.compare.as_deref().map(Results::read).transpose()?;
    say("starting a durable Kafka and PostgreSQL");
    let stack = Stack::start(&args).await?;
    let machine = Machine::look(&stack).await?;
    let mut bench = Bench {
        stack,
        results: Results::default(),
        charts: Vec::new(),
        usage: Usage::default(),
    };
    let outcome = tokio::select! {
        outcome = measure(&mut bench) => outcome,
        _ = tokio::signal::ctrl_c() => Err(anyhow::anyhow!("interrupted")),
    };
    // Also after a failure: what was measured is worth keeping.
    usage::report(&mut bench);
    let docs = args.docs.as_deref().filter(|_| outcome.is_ok());
    report::write(&bench.results, &bench.charts, &machine, &args, docs)?;
    let Bench { stack, results, .. } = bench;
    stack.stop().await;
    outcome?;
    say(format!("written to {}", args.out.display()));
    let worse = before
        .map(|before| compare(&before, &results))
        .unwrap_or_default();
    if worse.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    say(format!(
        "worse by more than the noise: {}",
        worse.join(", ")
    ));
    Ok(ExitCode::from(WORSE))
}

/// Measures one group after the other. One that fails does not cost the others.
async fn measure(bench: &mut Bench) -> anyhow::Result<()> {
    let args = bench.stack.args.clone();
    let mut failures = Failures::default();
    if args.wants(Group::Startup) {
        failures.note("startup", startup::run(bench).await);
    }
    if args.wants(Group::WriterEncode) {
        failures.note("writer_encode", writer_encode::run(bench));
    }
    if args.wants(Group::WriterCopy) {
        failures.note("writer_copy", writer_copy::run(bench).await);
    }
    if args.wants(Group::IngestBatch) {
        failures.note("ingest_batch", ingest::batches(bench).await);
    }
    if args.wants(Group::IngestSingle) {
        failures.note("ingest_single", ingest::singles(bench).await);
    }
    if args.wants(Group::EndToEnd) {
        let sustained = end_to_end::run(bench).await;
        if let Some(rate) = failures.note("end_to_end", sustained) {
            failures.note("freshness", freshness::run(bench, rate / 2.0).await);
        }
    }
    if args.wants_any(&[
        Group::PageFiltered,
        Group::ExportNdjson,
        Group::PageDepth,
        Group::PageHalfLoad,
        Group::PageRareSource,
    ]) {
        failures.note("reading", reading::run(bench).await);
    }
    if args.wants(Group::Tails) {
        failures.note("tails", tails::run(bench).await);
    }
    if args.wants(Group::Growth) {
        failures.note("growth", growth::run(bench).await);
    }
    failures.into_result()
}

/// Groups that could not be measured.
#[derive(Default)]
struct Failures(Vec<&'static str>);

impl Failures {
    fn note<T>(&mut self, group: &'static str, outcome: anyhow::Result<T>) -> Option<T> {
        match outcome {
            Ok(value) => Some(value),
            Err(error) => {
                say(format!("{group} FAILED: {error:#}"));
                self.0.push(group);
                None
            }
        }
    }

    fn into_result(self) -> anyhow::Result<()> {
        anyhow::ensure!(self.0.is_empty(), "not measured: {}", self.0.join(", "));
        Ok(())
    }
}
