//! The clients against a real broker; outages and injected errors against librdkafka's mock cluster, which can be told to fail.

mod admin;
mod consumer;
mod iam;
mod producer;
#[expect(dead_code, reason = "what is left over serves the unit tests")]
#[path = "../../src/aws/stub.rs"]
mod stub;

use kafka::{
    Admin, Config, Consumer, Countdown, Event, Headers, Outcome, Polled, Producer, Record,
    TopicSpec,
};
use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicU32, Ordering},
    time::{Duration, Instant, SystemTime},
};

/// The real broker to test against.
fn brokers() -> String {
    std::env::var("FLUMEN_TEST_KAFKA").expect(
        "FLUMEN_TEST_KAFKA is not set: run `make test`, or `cargo run -p devstack -- run -- cargo nextest run -p kafka`",
    )
}

/// A name nobody else uses.
fn unique(what: &str) -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let nanos = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .expect("after 1970")
        .as_nanos();
    format!(
        "{what}-{nanos:x}-{}-{}",
        std::process::id(),
        NEXT.fetch_add(1, Ordering::Relaxed)
    )
}

fn admin() -> Admin {
    let config = Config {
        brokers: brokers(),
        ..Config::default()
    };
    Admin::new(&config, Duration::from_secs(20)).expect("an administrative client")
}

fn spec(name: &str, partitions: i32) -> TopicSpec {
    TopicSpec {
        name: name.to_owned(),
        partitions,
        replication: 1,
        settings: BTreeMap::new(),
    }
}

/// The settings for a new topic with so many partitions, on the real broker.
async fn topic(partitions: i32) -> Config {
    let mut config = Config {
        brokers: brokers(),
        topic: unique("kafka-test"),
        ..Config::default()
    };
    config.consumer.group = unique("group");
    config.consumer.session_timeout = Duration::from_secs(6);
    config.producer.probe_interval = Duration::from_millis(200);
    admin()
        .create(&spec(&config.topic, partitions))
        .await
        .expect("a topic");
    config
}

/// Asks again and again until the answer is yes.
fn eventually(what: &str, timeout: Duration, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + timeout;
    while !holds() {
        assert!(Instant::now() < deadline, "not within {timeout:?}: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn available(config: &Config) -> Producer {
    let producer = Producer::new(config, kafka::ProducerMetrics::default()).expect("a producer");
    eventually("the producer is available", Duration::from_secs(20), || {
        producer.is_available()
    });
    producer
}

/// Sends so many records, `value-0` and on, to one partition, and waits until all are acknowledged.
async fn fill(producer: &Producer, partition: i32, records: usize) {
    let countdown = Countdown::new(records);
    for index in 0..records {
        let mut headers = Headers::default();
        headers.push("index", index.to_string().as_bytes());
        producer
            .send(
                Record {
                    key: Some(b"key"),
                    value: Some(format!("value-{index}").as_bytes()),
                    headers,
                    timestamp_millis: Some(1_700_000_000_000),
                    partition: Some(partition),
                },
                &countdown,
                index,
            )
            .expect("accepted by the queue");
    }
    tokio::time::timeout(Duration::from_secs(30), countdown.wait())
        .await
        .expect("every record is settled");
    assert!(
        countdown
            .outcomes()
            .all(|outcome| outcome == Outcome::Acked)
    );
}

/// Polls until the next assignment.
fn assigned(consumer: &Consumer) -> Vec<i32> {
    let mut found = None;
    eventually("an assignment", Duration::from_secs(40), || {
        match consumer.poll(Duration::from_millis(50)) {
            Polled::Event(Event::Assigned(partitions)) => found = Some(partitions),
            Polled::Event(Event::Revoked { .. }) => consumer.release().expect("released"),
            _ => {}
        }
        found.is_some()
    });
    found.expect("the loop ends with one")
}
