//! `flumen`, the operator's command line, as a library so that tests call what the binary runs.
//!
//! Each subcommand is one module with `Args` and `run`; [`cli`] lists them, [`exit`] says what the
//! exit statuses mean. [`client`] is the one HTTP client that `import`, `generate` and `smoke` share.

pub mod archive;
pub mod backup;
pub mod check_config;
mod civil;
pub mod cli;
pub mod client;
pub mod completions;
pub mod connection;
pub mod dead_letters;
pub mod down;
pub mod exit;
pub mod generate;
pub mod histogram;
pub mod import;
pub mod keys;
pub mod maintain;
pub mod migrate;
mod operator;
pub mod provision;
pub mod relay;
pub mod smoke;
pub mod stack;
pub mod status;
pub mod units;
pub mod up;
pub mod watch;

/// Sends log lines to standard error: warnings by default, more with `-v` or `RUST_LOG`.
pub fn start_logging(cli: &cli::Cli) {
    let level = match cli.verbose {
        0 => "warn",
        1 => "info",
        2 => "debug",
        _ => "trace",
    };
    let filter = tracing_subscriber::EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new(level));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .without_time()
        .init();
}
