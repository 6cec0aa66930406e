//! How many webhooks a second does a running alert-relay accept, each synced to disk before its answer?
//!
//! ```text
//! cargo run --release -p alert-relay --example load -- http://127.0.0.1:8083 TOKEN [SECONDS] [CONNECTIONS] [PID]
//! ```
//! Every webhook has one new alert. With the relay's PID it also tells its memory, at its peak and now.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

#[expect(clippy::print_stdout, reason = "the figures are what it is for")]
#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
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
        "{} accepted, {refused} not, in {elapsed:.1?}: {:.0} a second; p50 {:.1?}, p99 {:.1?}",
        times.len(),
        times.len() as f64 / elapsed.as_secs_f64(),
        part(50),
        part(99)
    );
    if let Ok(status) = std::fs::read_to_string(format!("/proc/{pid}/status")) {
        // `RssAnon` is its own; the others count the pages of its binary too, which are many in a debug build.
        let wanted = ["VmHWM", "VmRSS", "RssAnon"];
        for line in status.lines() {
            if wanted.iter().any(|name| line.starts_with(name)) {
                println!("{line}");
            }
        }
    }
    Ok(())
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
