//! `flumen status`: what of a pipeline on this machine runs, and how it is.

use std::io::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use serde::Serialize;
use store::Pool;

use crate::exit::Exit;
use crate::stack::DEFAULT_STATE;
use crate::up::stack_file::StackFile;
use crate::up::state::State;

/// How long one part has to answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// Arguments of the subcommand.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  flumen status\n  flumen status --json | jq '.parts[] | select(.ready | not)'\n\nExit status: 0 when everything is ready, else 1."
)]
pub struct Args {
    /// The state folder of the pipeline.
    #[arg(long, value_name = "DIR", default_value = DEFAULT_STATE)]
    pub state: PathBuf,

    /// Prints JSON instead of a table.
    #[arg(long)]
    pub json: bool,
}

/// How one part is.
#[derive(Debug, Serialize)]
struct Part {
    name: String,
    ready: bool,
    address: String,
    pids: Vec<u32>,
    /// What it said when it is not ready, or is worth knowing.
    detail: String,
}

#[derive(Debug, Serialize)]
struct Report {
    running: bool,
    ready: bool,
    supervisor: Option<u32>,
    parts: Vec<Part>,
}

/// Runs the subcommand.
///
/// # Errors
/// When something is not ready: that is the exit status.
pub async fn run(args: Args) -> anyhow::Result<()> {
    let state = State::at(&args.state)?;
    let supervisor = state.holder();
    let stack = match supervisor {
        Some(_) => StackFile::read(state.folder())?,
        None => None,
    };
    let parts = match &stack {
        Some(stack) => look(stack).await?,
        None => Vec::new(),
    };
    let report = Report {
        running: supervisor.is_some(),
        ready: !parts.is_empty() && parts.iter().all(|part| part.ready),
        supervisor,
        parts,
    };
    if args.json {
        print(&serde_json::to_string_pretty(&report).context("write JSON")?);
    } else {
        print(&table(&report, &state));
    }
    if report.ready {
        Ok(())
    } else {
        // The report has said it all.
        Err(Exit::error(1, ""))
    }
}

async fn look(stack: &StackFile) -> anyhow::Result<Vec<Part>> {
    let http = reqwest::Client::builder()
        .no_proxy()
        .timeout(PATIENCE)
        .build()
        .context("make an HTTP client")?;
    let mut parts = vec![kafka(stack).await, postgres(stack).await];
    let ingest = ("ingest-api", &stack.ingest_api);
    let query = ("query-api", &stack.query_api);
    let mut services = vec![(
        ingest.0.to_owned(),
        &ingest.1.url,
        &ingest.1.admin,
        ingest.1.pid,
    )];
    for (index, writer) in stack.writers.iter().enumerate() {
        let name = format!("writer-{}", index + 1);
        services.push((name, &writer.admin, &writer.admin, writer.pid));
    }
    services.push((
        query.0.to_owned(),
        &query.1.url,
        &query.1.admin,
        query.1.pid,
    ));
    for (name, address, admin, pid) in services {
        let (ready, detail) = readyz(&http, admin).await;
        parts.push(Part {
            name,
            ready,
            address: address.clone(),
            pids: pid.into_iter().collect(),
            detail,
        });
    }
    Ok(parts)
}

async fn kafka(stack: &StackFile) -> Part {
    let expected = stack.kafka.brokers.split(',').count();
    let (ready, detail) = match devstack::probe::kafka(&stack.kafka.brokers).await {
        Ok(alive) => (
            stack.kafka.pids.is_empty() || alive >= expected,
            format!("{alive} of {expected} brokers alive"),
        ),
        Err(error) => (false, error.to_string()),
    };
    Part {
        name: "kafka".to_owned(),
        ready,
        address: stack.kafka.brokers.clone(),
        pids: stack.kafka.pids.clone(),
        detail,
    }
}

async fn postgres(stack: &StackFile) -> Part {
    let config = store::Config {
        url: stack.postgres.url.clone().into(),
        application_name: "flumen status".to_owned(),
        pool_size: 1,
        connect_timeout: PATIENCE,
        acquire_timeout: PATIENCE,
        ..store::Config::default()
    };
    let health = match Pool::new(&config) {
        Ok(pool) => pool.health().await,
        Err(error) => Err(error),
    };
    let (ready, detail) = match health {
        Ok(health) if !health.migrated => (false, "the schema is not there".to_owned()),
        Ok(health) if health.read_only => (false, "read-only".to_owned()),
        Ok(health) => (true, format!("version {}", health.version)),
        Err(error) => (false, error.to_string()),
    };
    Part {
        name: "postgres".to_owned(),
        ready,
        address: without_password(&stack.postgres.url),
        pids: stack.postgres.pid.into_iter().collect(),
        detail,
    }
}

async fn readyz(http: &reqwest::Client, admin: &str) -> (bool, String) {
    match http.get(format!("{admin}/readyz")).send().await {
        Ok(answer) if answer.status().is_success() => (true, String::new()),
        Ok(answer) => (false, answer.text().await.unwrap_or_default()),
        Err(error) if error.is_connect() => (false, "nothing listens there".to_owned()),
        Err(error) => (false, error.to_string()),
    }
}

/// An address that may be shown.
fn without_password(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else {
        return String::new();
    };
    let server = rest.rsplit_once('@').map_or(rest, |(_, server)| server);
    let server = server.split_once('?').map_or(server, |(server, _)| server);
    format!("{scheme}://{server}")
}

fn table(report: &Report, state: &State) -> String {
    let folder = state.folder().display();
    let Some(supervisor) = report.supervisor else {
        return format!("nothing runs in {folder}; start it with `flumen up`");
    };
    if report.parts.is_empty() {
        return format!("starting in {folder} (process {supervisor})");
    }
    let width = |text: &dyn Fn(&Part) -> usize, least: usize| {
        report.parts.iter().map(text).max().unwrap_or(0).max(least)
    };
    let name = width(&|part| part.name.len(), 4);
    let address = width(&|part| part.address.len(), 7);
    let mut lines = vec![format!(
        "{:name$}  {:9}  {:address$}  {:>8}  detail",
        "part", "state", "address", "pid"
    )];
    for part in &report.parts {
        let state = if part.ready { "ready" } else { "NOT READY" };
        let pids: Vec<String> = part.pids.iter().map(ToString::to_string).collect();
        let line = format!(
            "{:name$}  {state:9}  {:address$}  {:>8}  {}",
            part.name,
            part.address,
            pids.join(","),
            part.detail
        );
        lines.push(line.trim_end().to_owned());
    }
    lines.join("\n")
}

fn print(text: &str) {
    // Whoever read it may have seen enough.
    let _ = writeln!(std::io::stdout(), "{text}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_password_is_not_shown() {
        assert_eq!(
            without_password("postgres://u:s3c@ret@127.0.0.1:5432/flumen?sslmode=disable"),
            "postgres://127.0.0.1:5432/flumen"
        );
    }
}
