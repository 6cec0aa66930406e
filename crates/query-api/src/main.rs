//! The query-api process.

use std::process::ExitCode;

use anyhow::Context;
use clap::Parser;
use query_api::config::DEFAULT_TOML;
use query_api::{Application, Config, Listeners};
use service::cli::ServiceArgs;
use service::config::Layers;
use service::lifecycle;
use service::{http, metrics, telemetry, tls};

/// jemalloc gives memory back under many threads, which the system's allocator does not.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

const NAME: &str = "query-api";
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Serves stored events to third parties
#[derive(Debug, Parser)]
#[command(name = NAME, version)]
struct Args {
    #[command(flatten)]
    service: ServiceArgs,
}

fn main() -> ExitCode {
    tls::install_crypto_provider();
    let args = Args::parse().service;
    let loaded = match Config::load(Layers::new(NAME, DEFAULT_TOML).with_args(&args)) {
        Ok(loaded) => loaded,
        Err(error) => return service::cli::refuse(&error),
    };
    if args.check_config {
        return service::cli::show(&loaded.redacted);
    }
    service::cli::run(async move {
        let telemetry = telemetry::init(&loaded.config.telemetry, NAME, VERSION)?;
        let listeners = Listeners {
            public: http::bind(loaded.config.listen.address).context("open the public listener")?,
            admin: http::bind(loaded.config.admin.address).context("open the admin listener")?,
        };
        let registry = metrics::registry(NAME, VERSION);
        let app = Application::build(loaded, listeners, registry, Some(telemetry.level()))?;
        let shutdown = lifecycle::watch(args.exit_with_parent, app.reload())?;
        let exit = app.run(shutdown).await;
        telemetry.shutdown();
        anyhow::Ok(exit)
    })
}
