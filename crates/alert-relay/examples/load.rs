//! How many webhooks a second does a running alert-relay accept, each synced to disk before its answer, and how much memory does that take?
//!
//! ```text
//! cargo run --release -p alert-relay --example load -- http://127.0.0.1:8083 TOKEN [SECONDS] [CONNECTIONS] [PID]
//! ```
//! Every webhook has one new alert. With the relay's PID it also tells its memory. The last lines hold both against what is promised
//! (docs/alert-relay.md); a promise that is not kept ends it with status 1.

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Webhooks a second that are to be accepted at least.
const WEBHOOKS: f64 = 1_000.0;
/// MiB that may be resident, of a release build, with the pages of its binary.
const RESIDENT: f64 = 32.0;

#[expect(clippy::print_stdout, reason = "the figures are what it is for")]
#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<ExitCode> {
    service::tls::install_crypto_provider();
    let mut arguments = std::env::args().skip(1);
    let mut next = |otherwise: &str| arguments.next().unwrap_or_else(|| otherwise.to_owned());
    let url = format!("{}/v1/alerts", next("http://127.0.0.1:8083"));
    let token = next("");
    let span = Duration::from_secs(next("10").parse()?);
    let connections: u64 = next("64").parse()?;
    let pid = next("");
    let client = reqwest::Client::builder()
        .timeout(Duration::from_secs(30))
        .build()?;
    let number = Arc::new(AtomicU64::new(0));
    let begin = Instant::now();
    let workers: Vec<_> = (0..connections)
        .map(|_| {
            let (client, url, token, number) = (
                client.clone(),
                url.clone(),
                token.clone(),
                Arc::clone(&number),
            );
            tokio::spawn(async move {
                let (mut times, mut refused) = (Vec::new(), 0u64);
                while begin.elapsed() < span {
                    let at = number.fetch_add(1, Ordering::Relaxed);
                    let started = Instant::now();
                    let request = client.post(&url).bearer_auth(&token).body(webhook(at));
                    match request.send().await {
                        Ok(answer) if answer.status() == 200 => times.push(started.elapsed()),
                        _ => refused += 1,
                    }
                }
                (times, refused)
            })
        })
        .collect();
    let (mut times, mut refused) = (Vec::new(), 0);
    for worker in workers {
        let (some, not) = worker.await?;
        times.extend(some);
        refused += not;
    }
    let elapsed = begin.elapsed();
    times.sort_unstable();
    let part = |share: usize| {
        times
            .get(times.len() * share / 100)
            .copied()
            .unwrap_or_default()
    };
    println!(
        "{} accepted, {refused} not, in {elapsed:.1?}; p50 {:.1?}, p99 {:.1?}",
        times.len(),
        part(50),
        part(99)
    );
    let rate = times.len() as f64 / elapsed.as_secs_f64();
    let mut kept = refused == 0 && rate >= WEBHOOKS;
    println!("webhooks accepted: {rate:.0}/s (promised: {WEBHOOKS:.0}/s)");
    if let Ok(status) = std::fs::read_to_string(format!("/proc/{pid}/status")) {
        let mebibytes = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            let number = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<f64>().ok());
            number.unwrap_or_default() / 1024.0
        };
        let resident = mebibytes("VmRSS");
        kept &= resident < RESIDENT;
        println!(
            "resident: {resident:.1} MiB (promised: below {RESIDENT:.0} MiB); {:.1} MiB of it its own, {:.1} MiB at its peak",
            mebibytes("RssAnon"),
            mebibytes("VmHWM")
        );
    }
    Ok(if kept {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn webhook(at: u64) -> String {
    let seed = std::process::id();
    format!(
        r#"{{"receiver":"relay","status":"firing","alerts":[{{"status":"firing","labels":{{"alertname":"Load","severity":"warning","instance":"host-{at}:9100","job":"node","cluster":"main"}},
"annotations":{{"summary":"Load is high","description":"The load of host-{at} is high.","runbook_url":"https://docs.example.com/Load"}},
"startsAt":"2026-11-21T10:00:00.123Z","endsAt":"0001-01-01T00:00:00Z","generatorURL":"http://prometheus.example.com/graph?g0.expr=load","fingerprint":"{seed:08x}{at:08x}"}}],
"groupLabels":{{"alertname":"Load"}},"commonLabels":{{}},"commonAnnotations":{{}},"externalURL":"http://alertmanager.example.com","version":"4",
"groupKey":"{{}}:{{instance=\"host-{at}\"}}","truncatedAlerts":0}}"#
    )
}
