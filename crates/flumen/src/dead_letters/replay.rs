//! `flumen dead-letters replay`: produces records again and marks them.
//!
//! A record is marked after Kafka acknowledged it. Should this end in between, the next run produces it again, and the
//! same event is stored once.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use kafka::{Countdown, Headers, Outcome, Producer, ProducerMetrics, Record};
use store::{
    Pool,
    dead_letters::{self, DeadLetter, Filter},
};

use super::{Replay, open};
use crate::operator::say;

/// Records sent before their acknowledgements are awaited.
const PAGE: u32 = 500;
/// How long Kafka has to be there.
const PATIENCE: Duration = Duration::from_secs(30);

pub(super) async fn run(args: Replay) -> anyhow::Result<()> {
    let (config, pool) = open(&args.operator).await?;
    let mut filter = Filter {
        ids: args.ids.clone(),
        ..args.which.filter()
    };
    if args.dry_run {
        let summary = dead_letters::summary(&pool, &filter).await?;
        for (topic, reason, count) in &summary {
            say(format_args!("would replay {count} to {topic} ({reason})"));
        }
        if summary.is_empty() {
            say("nothing to replay");
        }
        return Ok(());
    }
    // What is set aside while this runs, perhaps by this, is not replayed.
    let end = dead_letters::newest(&pool).await?;
    let mut producers: Vec<(String, Producer)> = Vec::new();
    let (mut replayed, mut failed) = (0, 0);
    loop {
        let mut letters = dead_letters::list(&pool, &filter, PAGE).await?;
        letters.retain(|letter| letter.id <= end);
        let Some(last) = letters.last() else { break };
        filter.after = last.id;
        for letters in by_topic(&letters) {
            let topic = &letters[0].topic;
            let producer = match producers.iter().position(|(known, _)| known == topic) {
                Some(at) => &producers[at].1,
                None => {
                    producers.push((topic.clone(), producer(&config.kafka, topic).await?));
                    &producers[producers.len() - 1].1
                }
            };
            let (sent, refused) = page(&pool, producer, &letters).await?;
            replayed += sent;
            failed += refused;
        }
    }
    say(format_args!("replayed {replayed}"));
    anyhow::ensure!(
        failed == 0,
        "{failed} could not be produced and are not marked; run this again"
    );
    Ok(())
}

fn by_topic(letters: &[DeadLetter]) -> Vec<Vec<&DeadLetter>> {
    let mut topics: Vec<Vec<&DeadLetter>> = Vec::new();
    for letter in letters {
        match topics.iter_mut().find(|of| of[0].topic == letter.topic) {
            Some(of) => of.push(letter),
            None => topics.push(vec![letter]),
        }
    }
    topics
}

async fn producer(config: &kafka::Config, topic: &str) -> anyhow::Result<Producer> {
    let config = kafka::Config {
        topic: topic.to_owned(),
        ..config.clone()
    };
    let producer = Producer::new(&config, ProducerMetrics::default()).context("read [kafka]")?;
    let started = Instant::now();
    while !producer.is_available() {
        anyhow::ensure!(
            started.elapsed() < PATIENCE,
            "kafka is not available for topic {topic}: {}",
            producer.availability().reason()
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Ok(producer)
}

/// Sends the records, waits for all of them, marks those that are in Kafka. Answers how many are and how many are not.
async fn page(
    pool: &Pool,
    producer: &Producer,
    letters: &[&DeadLetter],
) -> anyhow::Result<(usize, usize)> {
    let countdown = Countdown::new(letters.len());
    for (index, letter) in letters.iter().enumerate() {
        let record = Record {
            key: letter.key.as_deref(),
            value: letter.value.as_deref(),
            headers: headers(letter),
            // Now: with its old time the log's retention could drop it at once.
            timestamp_millis: None,
            partition: None,
        };
        // A refusal settles its slot of the countdown.
        let _ = producer.send(record, &countdown, index);
    }
    countdown.wait().await;
    let mut sent = Vec::with_capacity(letters.len());
    for (letter, outcome) in letters.iter().zip(countdown.outcomes()) {
        match outcome {
            Outcome::Acked => sent.push(letter.id),
            Outcome::Failed(error) => say(format_args!("{}: not replayed: {error}", letter.id)),
            Outcome::Pending => say(format_args!("{}: not replayed: no answer", letter.id)),
        }
    }
    dead_letters::mark_replayed(pool, &sent).await?;
    Ok((sent.len(), letters.len() - sent.len()))
}

fn headers(letter: &DeadLetter) -> Headers {
    let mut headers = Headers::with_capacity(letter.headers.len());
    for (name, value) in &letter.headers {
        match value {
            Some(value) => headers.push(name, value),
            None => headers.push_null(name),
        }
    }
    headers
}
