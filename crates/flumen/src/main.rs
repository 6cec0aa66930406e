//! The `flumen` binary: parse the arguments, run the subcommand, turn the outcome into an exit status.

use clap::Parser as _;
use flumen::{cli::Cli, exit};

fn main() -> std::process::ExitCode {
    // The parts that `up` starts do not outlive it.
    devstack::with_parent::intercept();
    // Already installed is fine: there is one provider in this binary, ring.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let cli = Cli::parse();
    flumen::start_logging(&cli);
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => return exit::report(&anyhow::Error::new(error).context("start the runtime")),
    };
    let outcome = runtime.block_on(cli.run());
    // A blocking read of a file must not hold the process after its command has ended.
    runtime.shutdown_background();
    match outcome {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(error) => exit::report(&error),
    }
}
