//! The campaign of faults: breaks every part of a running pipeline, under load, and looks for what was lost or doubled.
//!
//! A [`stack`] is a real Kafka of three brokers and a real PostgreSQL, with a proxy in every connection. Each fault ([`faults`]) plays in a
//! [`scene`] of its own: a topic, a database, the services as processes, and a [`client`] that remembers every event and its answer. When
//! the fault is over and everything has settled, the [`audit`] compares what was answered 2xx, what is in Kafka, what is in `events` and what
//! is in `dead_letters`. `flumen-faults soak` plays random faults for an hour and plots what the processes cost.

mod args;
mod audit;
mod campaign;
mod client;
mod faults;
mod proxy;
mod report;
mod scene;
mod soak;
mod stack;
mod watch;

use std::process::ExitCode;

use clap::Parser as _;

#[expect(clippy::print_stderr, reason = "this is a program for the terminal")]
fn main() -> ExitCode {
    devstack::with_parent::intercept();
    service::tls::install_crypto_provider();
    let args = args::Args::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("cannot start a runtime: {error}");
            return ExitCode::FAILURE;
        }
    };
    let outcome = runtime.block_on(async {
        match &args.command {
            Some(args::Command::Soak(soak)) => soak::run(&args, soak).await,
            None => campaign::run(&args).await,
        }
    });
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(2)
        }
    }
}
