//! The cost of a row in the writer, on one core, without Kafka and without a database: from a record's headers and value to the
//! bytes that COPY sends. Beside it, for the record, what it costs to copy those bytes once more.

use std::hint::black_box;

use anyhow::Context as _;
use event::Timestamp;
use store::write::{Batch, Record};

use super::Bench;
use crate::fixture::{Size, shapes};
use crate::progress::say;
use crate::results::Figure;
use crate::rounds::Rounds;

/// As the writer flushes them.
const BATCH: usize = 10_000;

type Header = (String, Vec<u8>);

pub(super) fn run(bench: &mut Bench) -> anyhow::Result<()> {
    let batches = bench.pick(50, 200);
    let mut shapes = shapes(Size::Usual);
    let places = shapes.len();
    let now = Timestamp::now();
    let records: Vec<(Vec<Header>, Vec<u8>)> = (0..BATCH)
        .map(|number| {
            let event = shapes[number % places].event(number as u64, now, now);
            let mut headers = Vec::new();
            event.encode_headers(|name, value| headers.push((name.to_owned(), value.to_vec())));
            (headers, event.value().unwrap_or_default().to_vec())
        })
        .collect();
    let size: usize = records
        .iter()
        .map(|(headers, value)| {
            let headers = headers.iter().map(|(name, value)| name.len() + value.len());
            headers.sum::<usize>() + value.len()
        })
        .sum();
    say(format!(
        "writer_encode: records of {} bytes, headers and value",
        size / BATCH
    ));
    let bytes: Vec<Vec<u8>> = records
        .iter()
        .map(|(headers, value)| {
            let mut all: Vec<u8> = headers
                .iter()
                .flat_map(|(_, value)| value.clone())
                .collect();
            all.extend_from_slice(value);
            all
        })
        .collect();

    let mut batch = Batch::new("cluster", "events");
    let (mut ours, mut limit) = (Rounds::default(), Rounds::default());
    for round in 0..=bench.rounds() {
        let started = processor_seconds()?;
        for _ in 0..batches {
            encode(&records, &mut batch)?;
            black_box(batch.bytes());
        }
        let encoded = processor_seconds()? - started;
        let mut buffer = Vec::new();
        let started = processor_seconds()?;
        for _ in 0..batches {
            buffer.clear();
            for row in &bytes {
                buffer.extend_from_slice(black_box(row));
            }
            black_box(&buffer);
        }
        let copied = processor_seconds()? - started;
        // The first round warms the caches.
        if round > 0 {
            let rows = (batches * BATCH) as f64;
            ours.push(encoded * 1e9 / rows);
            limit.push(copied * 1e9 / rows);
        }
    }
    let figure = Figure::new("writer_encode", "ns/row", &ours);
    bench
        .results
        .push(figure.beside("memcpy of the same bytes", &limit));
    Ok(())
}

/// Processor time of this thread: one core's, whoever else wants it meanwhile.
fn processor_seconds() -> anyhow::Result<f64> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat")
        .context("ask the kernel for the time of this thread")?;
    let nanoseconds = text.split_whitespace().next().unwrap_or_default();
    let nanoseconds: f64 = nanoseconds
        .parse()
        .context("understand the time of this thread")?;
    Ok(nanoseconds / 1e9)
}

fn encode(records: &[(Vec<Header>, Vec<u8>)], batch: &mut Batch) -> anyhow::Result<()> {
    batch.clear();
    let mut borrowed: Vec<(&str, Option<&[u8]>)> = Vec::with_capacity(12);
    for (offset, (headers, value)) in (0..).zip(records) {
        borrowed.clear();
        let all = headers.iter();
        borrowed.extend(all.map(|(name, value)| (name.as_str(), Some(value.as_slice()))));
        let event = event::record::decode(borrowed.iter().copied(), Some(value), None)?;
        let record = Record {
            partition: 0,
            offset,
            timestamp: None,
            key: None,
            headers: &borrowed,
            value: Some(value),
        };
        batch.push_event(&event, &record);
    }
    Ok(())
}
