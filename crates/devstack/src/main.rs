//! `devstack run -- CMD`: a real Kafka and a real PostgreSQL for as long as a command runs.

mod run;

use clap::Parser;

/// A real Kafka and a real PostgreSQL, started and stopped on this machine.
#[derive(Debug, Parser)]
#[command(name = "devstack", version)]
enum Cli {
    /// Starts both, runs a command with their addresses in FLUMEN_TEST_KAFKA and
    /// FLUMEN_TEST_POSTGRES, stops both, and ends as the command did.
    Run(run::Args),
}

fn main() -> std::process::ExitCode {
    devstack::with_parent::intercept();
    let Cli::Run(args) = Cli::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build();
    let outcome = match runtime {
        Ok(runtime) => runtime.block_on(run::run(args)),
        Err(error) => Err(error.into()),
    };
    outcome.unwrap_or_else(|error| {
        run::say(&format!("{error:#}"));
        std::process::ExitCode::FAILURE
    })
}
