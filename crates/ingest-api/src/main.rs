//! The process: arguments, configuration, telemetry, application, exit code.

use std::process::ExitCode;

use anyhow::Context as _;
use clap::Parser;
use ingest_api::{Application, Config, DEFAULT_TOML};
use service::admin::Reload;
use service::cli::ServiceArgs;
use service::config::{Layers, Loaded};
use service::lifecycle::{self, Exit};
use service::telemetry;

/// Counts librdkafka's memory too: it replaces `malloc` itself.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// Accepts events over HTTP and puts them into Kafka
#[derive(Debug, Parser)]
#[command(name = "ingest-api", version)]
struct Args {
    #[command(flatten)]
    service: ServiceArgs,
}

fn main() -> ExitCode {
    service::tls::install_crypto_provider();
    let args = Args::parse().service;
    let layers = Layers::new("ingest-api", DEFAULT_TOML).with_args(&args);
    let loaded = match Config::load(layers) {
        Ok(loaded) => loaded,
        Err(error) => return fail(Exit::Misconfigured, &error.into()),
    };
    if args.check_config {
        return show(&loaded);
    }
    match run(loaded, args.exit_with_parent) {
        Ok(exit) => exit.into(),
        Err(error) => fail(Exit::Failed, &error),
    }
}

/// Serves until the end.
#[tokio::main(flavor = "current_thread")]
async fn run(loaded: Loaded<Config>, with_parent: bool) -> anyhow::Result<Exit> {
    let config = &loaded.config.telemetry;
    let telemetry = telemetry::init(config, "ingest-api", env!("CARGO_PKG_VERSION"))
        .context("start telemetry")?;
    let reload = Reload::new();
    let shutdown = lifecycle::watch(with_parent, reload.clone()).context("watch for signals")?;
    let application = Application::build(loaded, reload, Some(telemetry.level()))
        .await
        .context("start")?;
    let exit = application.run(shutdown).await.context("serve")?;
    // Blocks while the last spans go out.
    tokio::task::spawn_blocking(move || telemetry.shutdown())
        .await
        .context("end telemetry")?;
    Ok(exit)
}

#[expect(clippy::print_stdout, reason = "the answer to --check-config")]
fn show(loaded: &Loaded<Config>) -> ExitCode {
    println!("{:#}", loaded.redacted);
    ExitCode::SUCCESS
}

#[expect(clippy::print_stderr, reason = "telemetry may not run yet")]
fn fail(exit: Exit, error: &anyhow::Error) -> ExitCode {
    eprintln!("ingest-api: {error:#}");
    exit.into()
}
