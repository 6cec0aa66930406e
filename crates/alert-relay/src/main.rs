//! The alert-relay process.

use std::process::ExitCode;

use alert_relay::{Application, Config, DEFAULT_TOML};
use anyhow::Context as _;
use clap::Parser;
use service::admin::Reload;
use service::cli::ServiceArgs;
use service::config::Layers;
use service::{lifecycle, telemetry, tls};

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

const NAME: &str = "alert-relay";
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Turns alerts from Alertmanager and Grafana into mails
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
        let reload = Reload::new();
        let shutdown = lifecycle::watch(args.exit_with_parent, reload.clone())?;
        let app = Application::build(loaded, reload, Some(telemetry.level()))
            .await
            .context("start")?;
        let exit = app.run(shutdown).await.context("serve")?;
        telemetry.shutdown();
        anyhow::Ok(exit)
    })
}
