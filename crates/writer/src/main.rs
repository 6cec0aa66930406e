//! The writer's process: arguments, configuration, telemetry, application, exit code.

use clap::Parser;
use service::{
    admin::{ConfigView, Reload},
    cli::ServiceArgs,
    lifecycle::{self, Exit},
    telemetry,
};
use std::process::ExitCode;
use writer::{Application, Config};

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// Moves records from Kafka into PostgreSQL by COPY, each exactly once
#[derive(Debug, Parser)]
#[command(name = "writer", version)]
struct Args {
    #[command(flatten)]
    service: ServiceArgs,
}

#[expect(
    clippy::print_stderr,
    clippy::print_stdout,
    reason = "telemetry does not run yet, or shows nothing"
)]
fn main() -> ExitCode {
    service::tls::install_crypto_provider();
    let args = Args::parse().service;
    let loaded = match writer::load(&args) {
        Ok(loaded) => loaded,
        Err(error) => {
            eprintln!("writer: {error}");
            return Exit::Misconfigured.into();
        }
    };
    let view = ConfigView::new(loaded.redacted.clone());
    if args.check_config {
        println!("{:#}", loaded.redacted);
        return Exit::Clean.into();
    }
    let run = run(loaded.config, view, args.exit_with_parent);
    match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime.block_on(run),
        Err(error) => {
            eprintln!("writer: cannot start: {error}");
            Exit::Failed.into()
        }
    }
}

#[expect(clippy::print_stderr, reason = "telemetry does not run yet")]
async fn run(config: Config, view: ConfigView, with_parent: bool) -> ExitCode {
    let telemetry = match telemetry::init(&config.telemetry, "writer", env!("CARGO_PKG_VERSION")) {
        Ok(guard) => guard,
        Err(error) => {
            eprintln!("writer: {error}");
            return Exit::Misconfigured.into();
        }
    };
    let reload = Reload::new();
    let stop = match lifecycle::watch(with_parent, reload.clone()) {
        Ok(stop) => stop,
        Err(error) => {
            tracing::error!(%error, "cannot watch for signals");
            return Exit::Failed.into();
        }
    };
    let ended = match Application::build(config, view, reload) {
        Ok(application) => {
            tracing::info!(admin = %application.admin_addr(), "the writer has started");
            application.run(stop).await
        }
        Err(fault) => {
            tracing::error!(%fault, "the writer cannot start");
            Err(fault)
        }
    };
    telemetry.shutdown();
    match ended {
        Ok(exit) => exit.into(),
        Err(fault) => fault.exit_code(),
    }
}
