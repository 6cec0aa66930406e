//! `bench`: how fast Flumen is, each figure beside the limit that this machine has, measured in the same run.
//!
//! It starts a durable Kafka and PostgreSQL of its own, runs the release binaries that lie beside it as processes of their own,
//! and alternates what is measured with its limit: A B A B. What is reported is the median of the rounds and their spread.
//!
//! | module | owns |
//! |---|---|
//! | [`figures`] | one file for each group of figures: what a round is, and how it is made sure that it was honest |
//! | [`limits`] | what the parts can do without Flumen: COPY, librdkafka, actix, PostgreSQL |
//! | [`load`] | the load generator, a process of its own |
//! | [`fixture`] | the events that all figures use |
//! | [`stack`] | Kafka, PostgreSQL, the services, and what they cost |
//! | [`rounds`], [`results`], [`compare`] | from rounds to figures, to a file, and against an older one |
//! | [`report`] | the table, the plots and the page in `docs/` |
//!
//! No figure is written by hand: `docs/benchmarks.md` gets its table from here.

mod args;
mod compare;
mod figures;
mod fixture;
mod limits;
mod load;
mod progress;
mod report;
mod results;
mod rounds;
mod stack;

use std::process::ExitCode;

use clap::Parser as _;

use crate::args::{Cli, Role};

// As the services have it, so that librdkafka in the limit allocates as it does in the ingest-api.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> anyhow::Result<ExitCode> {
    // A child that is to end with this process is started through this very program.
    devstack::with_parent::intercept();
    let cli = Cli::parse();
    match cli.role {
        Some(Role::Load { spec }) => load::main(&spec).map(|()| ExitCode::SUCCESS),
        Some(Role::Produce { spec }) => limits::produce::main(&spec).map(|()| ExitCode::SUCCESS),
        Some(Role::Noop { port }) => limits::noop::main(port).map(|()| ExitCode::SUCCESS),
        None => {
            let runtime = tokio::runtime::Builder::new_multi_thread()
                .enable_all()
                .build()?;
            runtime.block_on(figures::run(cli.args))
        }
    }
}
