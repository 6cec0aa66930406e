//! How soon an event can be read: from the beginning of its POST until `GET /v1/events/{uid}?wait=5s` has answered with it, while the
//! pipeline carries half of what it can sustain.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use event::Timestamp;
use flumen::histogram::Histogram;

use super::Bench;
use super::ingest::BATCH_CONNECTIONS;
use crate::load::{self, Latency, Spec, What};
use crate::progress::{say, short};
use crate::results::Figure;
use crate::rounds::Rounds;
use crate::stack::{Database, Program, Service, Stack, Topic, get, post};

/// Between two probes.
const PAUSE: Duration = Duration::from_millis(20);
/// The load settles before anything counts.
const SETTLE: Duration = Duration::from_millis(500);

/// Measures it at so many events a second.
pub(super) async fn run(bench: &mut Bench, rate: f64) -> anyhow::Result<()> {
    let seconds = bench.pick(3.0, 8.0);
    let (mut p50, mut p99) = (Rounds::default(), Rounds::default());
    for round in 1..=bench.rounds() {
        let latency = probe(&bench.stack, rate, seconds).await?;
        say(format!(
            "freshness {round} at {} events/s: p50 {:.0} ms, p99 {:.0} ms, max {:.0} ms",
            short(rate),
            latency.p50,
            latency.p99,
            latency.max
        ));
        p50.push(latency.p50);
        p99.push(latency.p99);
    }
    bench.results.push(Figure::new("freshness_p50", "ms", &p50));
    bench.results.push(Figure::new("freshness_p99", "ms", &p99));
    Ok(())
}

async fn probe(stack: &Stack, rate: f64, seconds: f64) -> anyhow::Result<Latency> {
    let topic = Topic::create(stack).await?;
    let database = Database::create(stack).await?;
    let (ingest, writer, query) = tokio::try_join!(
        Service::start(stack, Program::Ingest, &topic, &database),
        Service::start(stack, Program::Writer, &topic, &database),
        Service::start(stack, Program::Query, &topic, &database)
    )?;
    let spec = Spec {
        address: ingest.address.clone(),
        token: stack.producer_key.clone(),
        connections: BATCH_CONNECTIONS,
        what: What::Events(100),
        warm_up_seconds: 0.0,
        seconds: seconds + SETTLE.as_secs_f64(),
        rate: Some(rate / 100.0),
        first_number: 0,
    };
    let probes = async {
        tokio::time::sleep(SETTLE).await;
        let ends = Instant::now() + Duration::from_secs_f64(seconds);
        let mut histogram = Histogram::default();
        let mut number = 0;
        while Instant::now() < ends {
            histogram.record(one(stack, &ingest.address, &query.address, number).await?);
            number += 1;
            tokio::time::sleep(PAUSE).await;
        }
        anyhow::Ok(histogram)
    };
    let (report, histogram) = tokio::try_join!(load::run(&spec), probes)?;
    // A load that falls behind is another one than was asked for.
    let sent = report.event_rate() / rate;
    anyhow::ensure!(sent > 0.9, "only {sent:.2} of the rate was accepted");
    tokio::try_join!(ingest.stop(), writer.stop(), query.stop())?;
    database.drop().await?;
    topic.drop(stack).await?;
    Ok(Latency::of(&histogram))
}

async fn one(stack: &Stack, ingest: &str, query: &str, number: u64) -> anyhow::Result<Duration> {
    let event = format!(
        r#"{{"specversion":"1.0","id":"probe-{number}","source":"probe","type":"probe","time":"{}","data":{{"n":{number}}}}}"#,
        Timestamp::now()
    );
    let started = Instant::now();
    let (status, body) = post(ingest, &stack.producer_key, &event).await?;
    anyhow::ensure!(status == 202, "a probe was answered {status}: {body}");
    let answer: serde_json::Value = serde_json::from_str(&body).context("understand the answer")?;
    let uid = answer["events"][0]["uid"]
        .as_str()
        .context("the answer tells no uid")?;
    let path = format!("/v1/events/{uid}?wait=5s");
    let (status, body) = get(query, &path, Some(&stack.reader_key)).await?;
    anyhow::ensure!(status == 200, "a probe was not found: {status} {body}");
    Ok(started.elapsed())
}
