//! Records that no ingest-api wrote (cases 24 and 25): among good neighbours, and with nothing else in the topic.

mod records;

use std::time::{Duration, Instant};

use anyhow::Context as _;
use rdkafka::ClientConfig;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};

use self::records::{Fate, Hostile};
use super::Fault;
use crate::scene::Scene;

const SECOND: Duration = Duration::from_secs(1);
const PATIENCE: Duration = Duration::from_secs(120);
/// How many hostile records are sent among good ones.
const HOSTILE: usize = 400;
/// How many records of the topic without a good one.
const RUBBISH: u32 = 3_000;
/// How many of those may be set aside in a second, and at once.
const RATE: u32 = 150;

pub(super) fn faults() -> Vec<Fault> {
    vec![
        Fault::new(
            "hostile-records",
            "24",
            "400 records that no ingest-api wrote, each wrong in a way of its own, among good ones",
            |scene| Box::pin(hostile(scene)),
        )
        .reduced(),
        Fault::new(
            "rubbish-topic",
            "25",
            "a topic of nothing but rubbish: set aside at a bounded rate, and loudly",
            |scene| Box::pin(rubbish(scene)),
        )
        .without_load()
        .set_writer("dead_letters.per_second=150")
        .set_writer("dead_letters.burst=150"),
    ]
}

async fn hostile(scene: &mut Scene) -> anyhow::Result<()> {
    let seed = rand::Rng::random(&mut scene.rng);
    let time = event::Timestamp::now().to_string();
    let records = records::records(seed, HOSTILE, &time);
    let dead = records
        .iter()
        .filter(|record| matches!(record.fate, Fate::DeadLetter(_)))
        .count();
    let (odd, reasons) = (records.len() - dead, reasons(&records));
    scene.dead_letters = Some(u64::try_from(dead)?);
    scene.inject();
    send(scene, records).await?;
    // It is over when all of them are done with; partitions without one go on meanwhile, so the sum of the checkpoints does not tell.
    let (expected, odd) = (i64::try_from(dead)?, i64::try_from(odd)?);
    let deadline = Instant::now() + PATIENCE;
    while scene.number("SELECT count(*) FROM dead_letters").await? < expected
        || scene
            .number("SELECT count(*) FROM events WHERE source = 'hostile'")
            .await?
            < odd
    {
        anyhow::ensure!(
            Instant::now() < deadline,
            "the hostile records are not done with after {} s",
            PATIENCE.as_secs()
        );
        scene.pass(SECOND / 10).await;
    }
    scene.heal();
    for (reason, expected) in reasons {
        let found = scene
            .number(&format!(
                "SELECT count(*) FROM dead_letters WHERE reason = '{reason}'"
            ))
            .await?;
        scene.require(
            found == expected,
            format!("{expected} dead letters with the reason {reason} (there are {found})"),
        );
    }
    let stored = scene
        .number("SELECT count(*) FROM events WHERE source = 'hostile'")
        .await?;
    scene.require(
        stored == odd,
        format!("what is odd, but an event, is stored: {stored} of {odd}"),
    );
    scene.notes.push(format!(
        "{dead} hostile records, one dead letter each; {stored} odd ones stored"
    ));
    Ok(())
}

/// How many records there are with each reason to be set aside.
fn reasons(records: &[Hostile]) -> std::collections::BTreeMap<&'static str, i64> {
    let mut reasons = std::collections::BTreeMap::new();
    for record in records {
        if let Fate::DeadLetter(reason) = record.fate {
            *reasons.entry(reason).or_default() += 1;
        }
    }
    reasons
}

async fn rubbish(scene: &mut Scene) -> anyhow::Result<()> {
    scene.dead_letters = Some(u64::from(RUBBISH));
    let rubbish = |number| Hostile {
        about: String::new(),
        fate: Fate::DeadLetter("not-an-event"),
        headers: Vec::new(),
        value: Some(format!("rubbish {number}").into_bytes()),
    };
    scene.inject();
    let started = Instant::now();
    send(scene, (0..RUBBISH).map(rubbish).collect()).await?;
    let mut throttled = false;
    let deadline = Instant::now() + PATIENCE;
    while scene.progress.settled() < i64::from(RUBBISH) {
        anyhow::ensure!(
            Instant::now() < deadline,
            "{} of {RUBBISH} are set aside",
            scene.progress.settled()
        );
        throttled |= scene.writers[0]
            .metric("flumen_writer_dead_letters_throttled")
            .await
            == Some(1.0);
        scene.pass(SECOND / 20).await;
    }
    let took = started.elapsed();
    scene.heal();
    // A burst is free, and reading goes on for a moment before it is stopped.
    let least = Duration::from_secs(u64::from((RUBBISH - RATE) / RATE) / 2);
    scene.require(
        took >= least,
        format!(
            "the rate is bounded: {RUBBISH} took {:.1} s, at least {:.0} s were to be expected",
            took.as_secs_f64(),
            least.as_secs_f64()
        ),
    );
    scene.require(throttled, "the metric says that reading is slowed");
    let events = scene.number("SELECT count(*) FROM events").await?;
    scene.require(events == 0, "the table of events is untouched");
    scene.notes.push(format!(
        "{RUBBISH} were set aside in {:.1} s, {RATE} a second are allowed",
        took.as_secs_f64()
    ));
    Ok(())
}

/// Writes records to the topic, to all partitions in turn, each acknowledged.
async fn send(scene: &Scene, records: Vec<Hostile>) -> anyhow::Result<()> {
    let (brokers, topic, partitions) = (
        scene.stack.brokers.clone(),
        scene.topic.clone(),
        scene.partitions,
    );
    let send = move || -> anyhow::Result<()> {
        let producer: BaseProducer = ClientConfig::new()
            .set("bootstrap.servers", &brokers)
            .set("acks", "all")
            .set("enable.idempotence", "true")
            .set("message.max.bytes", "2097152")
            .create()?;
        for (index, record) in records.iter().enumerate() {
            let mut headers = OwnedHeaders::new_with_capacity(record.headers.len());
            for (key, value) in &record.headers {
                headers = headers.insert(Header {
                    key,
                    value: Some(value),
                });
            }
            let mut message = BaseRecord::<(), [u8]>::to(&topic)
                .partition(i32::try_from(index)? % partitions)
                .headers(headers);
            message.payload = record.value.as_deref();
            producer
                .send(message)
                .map_err(|(error, _)| error)
                .with_context(|| format!("send {}", record.about))?;
            producer.poll(Duration::ZERO);
        }
        producer.flush(PATIENCE).context("have all acknowledged")
    };
    tokio::task::spawn_blocking(send).await?
}
