//! Measures the writer: fills a topic, starts the release binary on it and tells the rate at which it drains, with the memory it took.
//!
//! ```text
//! cargo build --release -p writer --bin writer --example drain
//! cargo run -p devstack -- run -- target/release/examples/drain [records=1000000] [partitions=4] [key=value]...
//! ```
//!
//! Kafka, PostgreSQL and the writer share the machine. The rate is that from the first stored event to the last, read from the checkpoints.

use devstack::testing::{TestDatabase, TestTopic, brokers, unique};
use event::{Data, Event, Extensions, Timestamp};
use kafka::{Config, Countdown, Headers, Producer, ProducerMetrics, Record};
use std::{
    process::{Child, Command},
    time::{Duration, Instant},
};

/// Records in one countdown.
const CHUNK: usize = 10_000;

#[tokio::main]
async fn main() {
    let mut arguments = std::env::args().skip(1);
    let mut number = |default: usize| {
        arguments
            .next()
            .map_or(default, |text| text.parse().expect("a number"))
    };
    let (records, partitions) = (number(1_000_000), number(4));
    let settings: Vec<String> = arguments.collect();

    let topic = TestTopic::create(partitions).await;
    let database = TestDatabase::migrated().await;
    let bytes = fill(topic.name(), records, partitions).await;
    tell(format_args!(
        "{records} records of {} bytes (headers and value) in {partitions} partitions",
        bytes / records
    ));

    let (sql, connection) = tokio_postgres::connect(database.url(), tokio_postgres::NoTls)
        .await
        .expect("a connection");
    tokio::spawn(async move { drop(connection.await) });
    let settled = async || -> i64 {
        sql.query_one(
            "SELECT coalesce(sum(next_offset), 0)::bigint FROM checkpoints",
            &[],
        )
        .await
        .expect("the checkpoints")
        .get(0)
    };
    let mut writer = start(&topic, &database, &settings);
    let target = i64::try_from(records).expect("fits");
    let mut first = None;
    let mut peak_kib = 0;
    let (ended, seen) = loop {
        let seen = settled().await;
        if seen > 0 && first.is_none() {
            first = Some((Instant::now(), seen));
        }
        if let Ok(Some(status)) = writer.try_wait() {
            panic!("the writer ended: {status}");
        }
        peak_kib = peak_kib.max(resident_kib(&writer));
        if seen >= target {
            break (Instant::now(), seen);
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    let (began, at) = first.expect("something was stored");
    let seconds = ended.duration_since(began).as_secs_f64();
    #[expect(clippy::cast_precision_loss, reason = "a rate")]
    let rate = (seen - at) as f64 / seconds;
    let processor = processor_seconds(&writer);
    tell(format_args!(
        "{rate:.0} events/s over {seconds:.1} s; writer: {processor:.1} s of processor, {} MiB resident at most",
        peak_kib / 1024
    ));
    let stored: i64 = sql
        .query_one("SELECT count(*) FROM events", &[])
        .await
        .expect("a count")
        .get(0);
    assert_eq!(stored, target, "every event once");
    writer.kill().expect("killed");
    writer.wait().expect("reaped");
}

async fn fill(topic: &str, records: usize, partitions: usize) -> usize {
    let mut config = Config {
        brokers: brokers(),
        topic: topic.to_owned(),
        ..Config::default()
    };
    config.producer.linger = Duration::from_millis(50);
    let producer = Producer::new(&config, ProducerMetrics::default()).expect("a producer");
    while !producer.is_available() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let now = Timestamp::now();
    let mut bytes = 0;
    let mut number = 0;
    while number < records {
        let size = CHUNK.min(records - number);
        let countdown = Countdown::new(size);
        for index in 0..size {
            bytes += send(
                &producer,
                &event(number, now),
                number % partitions,
                &countdown,
                index,
            );
            number += 1;
        }
        countdown.wait().await;
    }
    bytes
}

fn send(
    producer: &Producer,
    event: &Event<'_>,
    partition: usize,
    countdown: &Countdown,
    index: usize,
) -> usize {
    let mut headers = Headers::default();
    let mut bytes = event.value().map_or(0, <[u8]>::len);
    event.encode_headers(|name, value| {
        bytes += name.len() + value.len();
        headers.push(name, value);
    });
    let record = Record {
        value: event.value(),
        headers,
        partition: i32::try_from(partition).ok(),
        ..Record::default()
    };
    producer
        .send(record, countdown, index)
        .expect("room in the queue");
    bytes
}

fn event(number: usize, now: Timestamp) -> Event<'static> {
    let millis = now.as_millis() - 3_600_000 + i64::try_from(number / 1_000).expect("fits");
    Event {
        source: format!("shop-{}", number % 20).into(),
        kind: ["order.created", "order.paid", "order.shipped"][number % 3].into(),
        id: format!("order-{number:012}").into(),
        time: Some(Timestamp::from_millis(millis)),
        recorded: now,
        subject: Some(format!("customer-{}", number % 9_973).into()),
        dataschema: None,
        datacontenttype: None,
        traceparent: None,
        extensions: Extensions::new(),
        data: Data::Json(
            format!(
                r#"{{"order":{number},"total":{}.{:02},"currency":"EUR","lines":{},"note":"left at the door"}}"#,
                number % 1_000,
                number % 100,
                number % 9
            )
            .into_bytes()
            .into(),
        ),
    }
}

fn start(topic: &TestTopic, database: &TestDatabase, settings: &[String]) -> Child {
    let binary = std::env::current_exe()
        .expect("this program's path")
        .parent()
        .and_then(std::path::Path::parent)
        .expect("target/release")
        .join("writer");
    let mut command = Command::new(binary);
    let own = [
        format!("kafka.brokers={}", brokers()),
        format!("kafka.topic={}", topic.name()),
        format!("kafka.consumer.group={}", unique("group")),
        format!("database.url={}", database.url()),
        "admin.address=127.0.0.1:0".to_owned(),
        "telemetry.log=warn".to_owned(),
    ];
    for setting in own.iter().chain(settings) {
        command.arg("--set").arg(setting);
    }
    command
        .spawn()
        .expect("the writer's binary, built with --release")
}

fn resident_kib(process: &Child) -> u64 {
    let status =
        std::fs::read_to_string(format!("/proc/{}/status", process.id())).unwrap_or_default();
    status
        .lines()
        .find_map(|line| {
            line.strip_prefix("VmHWM:")?
                .split_whitespace()
                .next()?
                .parse()
                .ok()
        })
        .unwrap_or(0)
}

/// User and system time; a tick is 1/100 s on every Linux there is.
fn processor_seconds(process: &Child) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", process.id())).unwrap_or_default();
    let fields = stat
        .rsplit(')')
        .next()
        .unwrap_or_default()
        .split_whitespace();
    fields
        .skip(11)
        .take(2)
        .filter_map(|ticks| ticks.parse::<f64>().ok())
        .sum::<f64>()
        / 100.0
}

#[expect(clippy::print_stdout, reason = "its result")]
fn tell(line: std::fmt::Arguments<'_>) {
    println!("{line}");
}
