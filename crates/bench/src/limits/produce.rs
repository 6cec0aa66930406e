//! The limit of accepting events: librdkafka alone, producing the records that the ingest-api would produce.
//!
//! The same headers and values, the same compression and batching, acknowledged by all in-sync replicas, idempotent. No HTTP, nothing
//! to parse, and a queue that is always full.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use event::Timestamp;
use rdkafka::ClientConfig;
use rdkafka::client::ClientContext;
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::message::{DeliveryResult, Header, OwnedHeaders};
use rdkafka::producer::{BaseRecord, Producer as _, ProducerContext, ThreadedProducer};
use serde::{Deserialize, Serialize};

use crate::fixture;
use crate::load::child;

/// What is to be produced.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Spec {
    pub(crate) brokers: String,
    pub(crate) topic: String,
    /// How long nothing is counted.
    pub(crate) warm_up_seconds: f64,
    /// How long it counts.
    pub(crate) seconds: f64,
    /// Instead: exactly so many, all of them counted.
    pub(crate) count: Option<u64>,
}

/// What came of it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Report {
    /// Acknowledged while it counted.
    pub(crate) acked: u64,
    /// Acknowledged in all.
    pub(crate) all_acked: u64,
    pub(crate) failed: u64,
    pub(crate) seconds: f64,
}

impl Report {
    /// Records a second.
    pub(crate) fn rate(&self) -> f64 {
        self.acked as f64 / self.seconds
    }
}

/// Runs it in a process of its own.
pub(crate) async fn run(spec: &Spec) -> anyhow::Result<Report> {
    let report: Report = child("produce", spec).await?;
    anyhow::ensure!(
        report.failed == 0,
        "{} records were not acknowledged",
        report.failed
    );
    Ok(report)
}

#[derive(Default)]
struct Counts {
    acked: AtomicU64,
    failed: AtomicU64,
}

struct Context(Arc<Counts>);

impl ClientContext for Context {}

impl ProducerContext for Context {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        let count = if result.is_ok() {
            &self.0.acked
        } else {
            &self.0.failed
        };
        count.fetch_add(1, Ordering::Relaxed);
    }
}

/// Produces and prints the report.
#[expect(clippy::print_stdout, reason = "the report is for the parent")]
pub(crate) fn main(spec: &str) -> anyhow::Result<()> {
    let spec: Spec = serde_json::from_str(spec).context("understand the specification")?;
    let counts = Arc::new(Counts::default());
    let producer = producer(&spec, &counts)?;
    let mut shapes = fixture::shapes(fixture::Size::Usual);
    let places = shapes.len();
    let started = Instant::now();
    let counts_from = started + Duration::from_secs_f64(spec.warm_up_seconds);
    let ends = counts_from + Duration::from_secs_f64(spec.seconds);
    let (mut before, mut number) = (None, 0);
    let mut now = Timestamp::now();
    loop {
        // The clock is looked at as often as a request of a hundred events would.
        if number % 100 == 0 {
            let at = Instant::now();
            now = Timestamp::now();
            match spec.count {
                Some(count) if number >= count => break,
                None if at >= ends => break,
                _ => {}
            }
            if before.is_none() && at >= counts_from {
                before = Some(counts.acked.load(Ordering::Relaxed));
            }
        }
        send(
            &producer,
            &spec.topic,
            &mut shapes[number as usize % places],
            number,
            now,
        )?;
        number += 1;
    }
    let at_end = counts.acked.load(Ordering::Relaxed);
    producer
        .flush(Duration::from_secs(60))
        .context("wait for the last records")?;
    let all_acked = counts.acked.load(Ordering::Relaxed);
    let (acked, seconds) = match spec.count {
        Some(_) => (all_acked, started.elapsed().as_secs_f64()),
        None => (at_end - before.unwrap_or(0), spec.seconds),
    };
    let report = Report {
        acked,
        all_acked,
        failed: counts.failed.load(Ordering::Relaxed),
        seconds,
    };
    println!("{}", serde_json::to_string(&report)?);
    Ok(())
}

/// With the settings of the ingest-api (`kafka.producer`), but for a queue that never holds it up, and a linger that lets batches fill.
fn producer(spec: &Spec, counts: &Arc<Counts>) -> anyhow::Result<ThreadedProducer<Context>> {
    ClientConfig::new()
        .set("bootstrap.servers", &spec.brokers)
        .set("acks", "all")
        .set("enable.idempotence", "true")
        .set("linger.ms", "5")
        .set("batch.size", (1 << 20).to_string())
        .set("compression.type", "lz4")
        .set("queue.buffering.max.kbytes", (64 << 10).to_string())
        .set("queue.buffering.max.messages", "100000")
        .set("partitioner", "murmur2_random")
        .create_with_context(Context(Arc::clone(counts)))
        .context("make a producer")
}

fn send(
    producer: &ThreadedProducer<Context>,
    topic: &str,
    shape: &mut fixture::Shape,
    number: u64,
    now: Timestamp,
) -> anyhow::Result<()> {
    let event = shape.event(number, now, now);
    let mut headers = Some(OwnedHeaders::new_with_capacity(8));
    event.encode_headers(|key, value| {
        let value = Some(value);
        let before = headers.take().unwrap_or_default();
        headers = Some(before.insert(Header { key, value }));
    });
    let mut record = BaseRecord::<[u8], [u8]>::to(topic);
    record.headers = headers;
    record.payload = event.value();
    while let Err((error, again)) = producer.send(record) {
        anyhow::ensure!(
            error.rdkafka_error_code() == Some(RDKafkaErrorCode::QueueFull),
            "the producer refuses a record: {error}"
        );
        std::thread::sleep(Duration::from_micros(500));
        record = again;
    }
    Ok(())
}
