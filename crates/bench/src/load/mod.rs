//! The load generator, in a process of its own: keep-alive connections on raw sockets, requests that are written beforehand.
//!
//! At a fixed rate a latency counts from the moment a request was due, so that a server that stalls cannot hide it.

mod connection;
mod run;

pub(crate) use run::main;

use std::process::Stdio;

use anyhow::Context as _;
use flumen::histogram::Histogram;
use serde::{Deserialize, Serialize};
use tokio::process::Command;

/// What is to be sent.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Spec {
    /// Host and port.
    pub(crate) address: String,
    /// The key.
    pub(crate) token: String,
    /// How many connections, each with one request at a time.
    pub(crate) connections: usize,
    /// What each request is.
    pub(crate) what: What,
    /// How long nothing is counted.
    pub(crate) warm_up_seconds: f64,
    /// How long it counts.
    pub(crate) seconds: f64,
    /// Requests a second of all connections; absent, as fast as they are answered.
    pub(crate) rate: Option<f64>,
    /// The number of the first event.
    pub(crate) first_number: u64,
}

/// One request.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) enum What {
    /// `POST /v1/events` with so many events.
    Events(usize),
    /// `GET /v1/events?source=..&limit=100`, the newest of one source after the other.
    Page,
}

/// What came of it.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Report {
    /// Requests answered well while it counted.
    pub(crate) requests: u64,
    /// Events in them.
    pub(crate) events: u64,
    /// Events accepted in all, warming up included.
    pub(crate) all_events: u64,
    /// Requests answered with another status, or not at all. A round with any is void.
    pub(crate) failed: u64,
    /// The first failure, for people.
    pub(crate) failure: Option<String>,
    /// How long it counted.
    pub(crate) seconds: f64,
    /// Bytes of the answers that counted.
    pub(crate) bytes: u64,
    /// Milliseconds of all requests that counted.
    pub(crate) latency: Latency,
    /// When the first request was sent, in microseconds since the Unix epoch.
    pub(crate) started_micros: i64,
}

/// Percentiles, in milliseconds.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub(crate) struct Latency {
    pub(crate) p50: f64,
    pub(crate) p90: f64,
    pub(crate) p99: f64,
    pub(crate) p999: f64,
    pub(crate) max: f64,
}

impl Latency {
    /// The percentiles of a histogram.
    pub(crate) fn of(histogram: &Histogram) -> Self {
        let at = |share| histogram.percentile(share).as_secs_f64() * 1e3;
        Self {
            p50: at(0.5),
            p90: at(0.9),
            p99: at(0.99),
            p999: at(0.999),
            max: at(1.0),
        }
    }
}

impl Report {
    /// Events a second.
    pub(crate) fn event_rate(&self) -> f64 {
        self.events as f64 / self.seconds
    }

    /// Requests a second.
    pub(crate) fn request_rate(&self) -> f64 {
        self.requests as f64 / self.seconds
    }
}

/// Runs one in a process of its own.
///
/// # Errors
/// When a single request failed: what is measured then is not the service.
pub(crate) async fn run(spec: &Spec) -> anyhow::Result<Report> {
    let report: Report = child("load", spec).await?;
    anyhow::ensure!(
        report.failed == 0 && report.requests > 0,
        "{} requests failed, {} did not: {}",
        report.failed,
        report.requests,
        report.failure.unwrap_or_default()
    );
    Ok(report)
}

/// Runs a role of this program as a process, gives it a specification and reads its report.
pub(crate) async fn child<R: for<'de> Deserialize<'de>>(
    role: &str,
    spec: &impl Serialize,
) -> anyhow::Result<R> {
    let output = Command::new(std::env::current_exe().context("find this executable")?)
        .arg(role)
        .arg(serde_json::to_string(spec).context("write the specification")?)
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .kill_on_drop(true)
        .output()
        .await
        .with_context(|| format!("run `{role}`"))?;
    anyhow::ensure!(output.status.success(), "`{role}` failed");
    serde_json::from_slice(&output.stdout).with_context(|| format!("understand `{role}`"))
}
