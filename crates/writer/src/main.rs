//! The writer's process: arguments, configuration, telemetry, application, exit code.

use std::process::ExitCode;

use clap::Parser;
use service::{
    admin::{ConfigView, Reload},
    cli::{self, ServiceArgs},
    lifecycle, telemetry,
};
use writer::Application;

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// Moves records from Kafka into PostgreSQL by COPY, each exactly once
#[derive(Debug, Parser)]
#[command(name = "writer", version)]
struct Args {
    #[command(flatten)]
    service: ServiceArgs,
}

fn main() -> ExitCode {
    service::tls::install_crypto_provider();
    let args = Args::parse().service;
    let loaded = match writer::load(&args) {
        Ok(loaded) => loaded,
        Err(error) => return cli::refuse(&error),
    };
    if args.check_config {
        return cli::show(&loaded.redacted);
    }
    cli::run(async move {
        let version = env!("CARGO_PKG_VERSION");
        let telemetry = telemetry::init(&loaded.config.telemetry, "writer", version)?;
        let reload = Reload::new();
        let stop = lifecycle::watch(args.exit_with_parent, reload.clone())?;
        let view = ConfigView::new(loaded.redacted);
        let ended = match Application::build(loaded.config, view, reload) {
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
        // Logged already; a supervisor tells by the code which fault no restart mends.
        anyhow::Ok(ended.map_or_else(|fault| fault.exit_code(), ExitCode::from))
    })
}
