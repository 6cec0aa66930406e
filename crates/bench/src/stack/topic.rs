//! Topics: made, filled, counted.

use std::time::Duration;

use anyhow::Context as _;
use event::Timestamp;
use kafka::{Countdown, Headers, Producer, ProducerMetrics, Record, TopicSpec};
use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer as _};

use super::{PARTITIONS, Stack};
use crate::fixture::{Size, shapes};

/// Records in one countdown.
const CHUNK: usize = 10_000;
/// Events of a filled topic lie this far apart.
const STEP_MICROS: i64 = 500;

/// A topic of its own.
#[derive(Debug, Clone)]
pub(crate) struct Topic {
    pub(crate) name: String,
}

impl Topic {
    /// Makes a topic as `flumen up` does.
    pub(crate) async fn create(stack: &Stack) -> anyhow::Result<Self> {
        let name = stack.unique("events");
        let spec = TopicSpec {
            name: name.clone(),
            partitions: PARTITIONS,
            replication: 1,
            settings: [("max.message.bytes".to_owned(), "2097152".to_owned())].into(),
        };
        stack.admin.create(&spec).await.context("make a topic")?;
        Ok(Self { name })
    }

    /// Removes it with its records.
    pub(crate) async fn drop(self, stack: &Stack) -> anyhow::Result<()> {
        let deleted = stack.admin.delete(&self.name).await;
        deleted.context("delete a topic")
    }

    /// Fills it with so many events, in the order of their times, the last one a moment old. Partitions take turns by
    /// ten records, as they do when requests fill them.
    pub(crate) async fn fill(
        &self,
        stack: &Stack,
        records: usize,
        size: Size,
    ) -> anyhow::Result<()> {
        self.fill_from(stack, records, size, 0).await
    }

    /// The same with event numbers from `first_number` on.
    pub(crate) async fn fill_from(
        &self,
        stack: &Stack,
        records: usize,
        size: Size,
        first_number: u64,
    ) -> anyhow::Result<()> {
        let mut config = kafka::Config {
            brokers: stack.kafka.bootstrap(),
            topic: self.name.clone(),
            ..kafka::Config::default()
        };
        config.producer.linger = Duration::from_millis(50);
        let producer = Producer::new(&config, ProducerMetrics::default())?;
        while !producer.is_available() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let mut shapes = shapes(size);
        let places = shapes.len();
        let now = Timestamp::now();
        let first = now.as_micros() - STEP_MICROS * i64::try_from(records)?;
        let mut number = 0;
        while number < records {
            let size = CHUNK.min(records - number);
            let countdown = Countdown::new(size);
            for index in 0..size {
                let time = Timestamp::from_micros(first + STEP_MICROS * i64::try_from(number)?);
                let shape = &mut shapes[number % places];
                let event = shape.event(first_number + number as u64, time, now);
                let mut headers = Headers::with_capacity(8);
                event.encode_headers(|name, value| headers.push(name, value));
                let record = Record {
                    value: event.value(),
                    headers,
                    partition: Some(i32::try_from(number / 10)? % PARTITIONS),
                    ..Record::default()
                };
                producer.send(record, &countdown, index)?;
                number += 1;
            }
            countdown.wait().await;
        }
        let there = self.records(stack).await?;
        anyhow::ensure!(
            there == records as u64,
            "{there} of {records} records are in the topic"
        );
        Ok(())
    }

    /// Bytes of its segments on disk.
    pub(crate) fn bytes(&self, stack: &Stack) -> f64 {
        segments(&stack.path("kafka"), &format!("{}-", self.name))
    }

    /// How many records are in it.
    pub(crate) async fn records(&self, stack: &Stack) -> anyhow::Result<u64> {
        let (brokers, name) = (stack.kafka.bootstrap(), self.name.clone());
        let count = move || -> anyhow::Result<u64> {
            let consumer: BaseConsumer = ClientConfig::new()
                .set("bootstrap.servers", brokers)
                .set("group.id", "bench-count")
                .create()?;
            let mut sum = 0;
            for partition in 0..PARTITIONS {
                let (low, high) =
                    consumer.fetch_watermarks(&name, partition, Duration::from_secs(10))?;
                sum += u64::try_from(high - low)?;
            }
            Ok(sum)
        };
        tokio::task::spawn_blocking(count)
            .await?
            .context("count the records")
    }
}

/// Bytes of the segments in folders whose names begin so, however deep.
fn segments(folder: &std::path::Path, prefix: &str) -> f64 {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .filter(|entry| entry.path().is_dir())
        .map(|entry| {
            let path = entry.path();
            if !entry.file_name().to_string_lossy().starts_with(prefix) {
                return segments(&path, prefix);
            }
            let files = std::fs::read_dir(&path).into_iter().flatten().flatten();
            files
                .filter(|file| file.path().extension().is_some_and(|kind| kind == "log"))
                .filter_map(|file| file.metadata().ok())
                .map(|file| file.len() as f64)
                .sum()
        })
        .sum()
}
