//! `flumen check-config`: is the configuration of a service right, as the service itself sees it?
//!
//! The services are binaries of their own, found beside this one; each checks its configuration
//! with `--check-config` and its answer is passed on.

use std::{path::PathBuf, process::Stdio};

use anyhow::Context as _;

use crate::exit::{self, Exit};

const EXAMPLES: &str = "\
Examples:
  flumen check-config                                        all services, defaults and environment
  flumen check-config ingest-api --config ingest.toml
  flumen check-config writer --set kafka.brokers=kafka:9092

Exit status: 0 right; 2 wrong, and the message names the key and where its value came from.";

/// A service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Service {
    /// Takes events in.
    IngestApi,
    /// Moves them into PostgreSQL.
    Writer,
    /// Serves them.
    QueryApi,
    /// Mails alerts.
    AlertRelay,
}

impl Service {
    const ALL: [Self; 4] = [
        Self::IngestApi,
        Self::Writer,
        Self::QueryApi,
        Self::AlertRelay,
    ];

    fn binary(self) -> &'static str {
        match self {
            Self::IngestApi => "ingest-api",
            Self::Writer => "writer",
            Self::QueryApi => "query-api",
            Self::AlertRelay => "alert-relay",
        }
    }
}

/// Arguments of `check-config`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The service; all that are installed when none is named.
    #[arg(value_enum)]
    pub service: Option<Service>,

    /// Configuration file.
    #[arg(long, value_name = "FILE", requires = "service")]
    pub config: Option<PathBuf>,

    /// One setting (repeatable).
    #[arg(long, value_name = "SECTION.KEY=VALUE", requires = "service")]
    pub set: Vec<String>,
}

/// Runs the check.
///
/// # Errors
/// When a configuration is wrong (status 2), or a service cannot be asked.
pub async fn run(args: Args) -> anyhow::Result<()> {
    let services = match args.service {
        Some(service) => vec![(service, find(service)?.with_context(|| missing(service))?)],
        None => {
            let mut found = Vec::new();
            for service in Service::ALL {
                if let Some(path) = find(service)? {
                    found.push((service, path));
                }
            }
            anyhow::ensure!(!found.is_empty(), missing(Service::IngestApi));
            found
        }
    };
    let mut wrong = Vec::new();
    for (service, path) in services {
        if !check(service, &path, &args).await? {
            wrong.push(service.binary());
        }
    }
    if wrong.is_empty() {
        return Ok(());
    }
    let message = format!("wrong configuration: {}", wrong.join(", "));
    Err(Exit::error(exit::USAGE, message))
}

/// Where the binary of a service is: beside this one.
fn find(service: Service) -> anyhow::Result<Option<PathBuf>> {
    let own = std::env::current_exe().context("find this binary")?;
    let name = format!("{}{}", service.binary(), std::env::consts::EXE_SUFFIX);
    Ok(Some(own.with_file_name(name)).filter(|path| path.is_file()))
}

fn missing(service: Service) -> String {
    let name = service.binary();
    format!("`{name}` is not installed beside this `flumen`; in a checkout: cargo build -p {name}")
}

#[expect(
    clippy::print_stdout,
    reason = "the verdict is what the command prints"
)]
async fn check(service: Service, path: &PathBuf, args: &Args) -> anyhow::Result<bool> {
    let mut command = tokio::process::Command::new(path);
    command.arg("--check-config").stdin(Stdio::null());
    if let Some(file) = &args.config {
        command.arg("--config").arg(file);
    }
    for set in &args.set {
        command.arg("--set").arg(set);
    }
    let output = command
        .output()
        .await
        .with_context(|| format!("run {}", path.display()))?;
    let verdict = if output.status.success() {
        "ok"
    } else {
        "wrong"
    };
    println!("{}: {verdict}", service.binary());
    for text in [&output.stdout, &output.stderr] {
        for line in String::from_utf8_lossy(text).lines() {
            println!("  {line}");
        }
    }
    Ok(output.status.success())
}
