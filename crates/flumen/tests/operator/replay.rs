//! Dead letters: listed, shown, and produced again byte for byte.

use std::time::Duration;

use devstack::testing::{TestTopic, brokers, eventually};
use kafka::{Consumer, ConsumerConfig, ConsumerMetrics, Polled};
use store::{
    Config, Pool, checkpoints,
    write::{Advance, Batch, Record, Sink},
};

use crate::support::Operator;

const HEADERS: [(&str, Option<&[u8]>); 3] = [
    ("ce_id", Some(b"\xff\x00")),
    ("nothing", None),
    ("ce_id", Some(b"again")),
];

/// Three dead letters of the topic: two of one reason, one of another.
async fn three(operator: &Operator) -> Pool {
    operator.succeed(&["migrate"]).await;
    let config = Config::with_url(operator.database.url());
    let pool = Pool::new(&config).expect("a pool");
    checkpoints::load_or_create(&pool, "cluster", &operator.topic, &[(0, 0)])
        .await
        .expect("a checkpoint");
    let mut batch = Batch::new("cluster", operator.topic.as_str());
    for (offset, reason) in ["bad-utf8", "bad-time", "bad-utf8"].into_iter().enumerate() {
        let record = Record {
            partition: 0,
            offset: offset as i64,
            timestamp: None,
            key: Some(b"key"),
            headers: &HEADERS,
            value: Some(b"\x00value"),
        };
        batch.push_dead_letter(&record, reason, "what was wrong");
    }
    batch.advance(Advance {
        partition: 0,
        expected: 0,
        next: 3,
    });
    Sink::new(pool.clone(), &config)
        .flush(&batch)
        .await
        .expect("flush");
    pool
}

/// Waits for so many records of the topic and answers with key, headers and value of each.
#[expect(clippy::type_complexity, reason = "a record, spelled out")]
fn read(topic: &str, count: usize) -> Vec<(Vec<u8>, Vec<(String, Option<Vec<u8>>)>, Vec<u8>)> {
    let config = kafka::Config {
        brokers: brokers(),
        topic: topic.to_owned(),
        consumer: ConsumerConfig {
            group: format!("group-{topic}"),
            ..ConsumerConfig::default()
        },
        ..kafka::Config::default()
    };
    let consumer = Consumer::new(&config, ConsumerMetrics::default()).expect("a consumer");
    let deadline = std::time::Instant::now() + Duration::from_secs(60);
    let mut records = Vec::new();
    while records.len() < count {
        assert!(
            std::time::Instant::now() < deadline,
            "only {} records came",
            records.len()
        );
        match consumer.poll(Duration::from_millis(100)) {
            Polled::Event(kafka::Event::Assigned(partitions)) => {
                let positions: Vec<(i32, i64)> =
                    partitions.iter().map(|partition| (*partition, 0)).collect();
                consumer.assign(&positions).expect("assign");
            }
            Polled::Record(record) => records.push((
                record.key().unwrap_or_default().to_vec(),
                record
                    .headers()
                    .into_iter()
                    .map(|(name, value)| (name.to_owned(), value.map(<[u8]>::to_vec)))
                    .collect(),
                record.value().unwrap_or_default().to_vec(),
            )),
            _ => {}
        }
    }
    records
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replayed_record_is_the_same_byte_for_byte_and_is_replayed_once() {
    let topic = TestTopic::create(1).await;
    let operator = Operator::on(&topic).await;
    let pool = three(&operator).await;
    let dry = operator
        .succeed(&["dead-letters", "replay", "--all", "--dry-run"])
        .await;
    assert!(
        dry.contains("would replay 2") && dry.contains("would replay 1"),
        "{dry}"
    );

    let args = ["dead-letters", "replay", "--all", "--reason", "bad-utf8"];
    assert_eq!(operator.succeed(&args).await.trim(), "replayed 2");
    assert_eq!(operator.succeed(&args).await.trim(), "replayed 0");
    assert_eq!(
        operator
            .succeed(&["dead-letters", "replay", "2"])
            .await
            .trim(),
        "replayed 1"
    );
    assert_eq!(
        operator.succeed(&["dead-letters", "list"]).await.trim(),
        "no dead letters"
    );
    eventually(Duration::from_secs(5), || async {
        store::dead_letters::show(&pool, 2)
            .await
            .ok()
            .flatten()?
            .replayed_at
    })
    .await;

    let name = topic.name().to_owned();
    let records = tokio::task::spawn_blocking(move || read(&name, 3))
        .await
        .expect("the reader");
    let headers: Vec<(String, Option<Vec<u8>>)> = HEADERS
        .iter()
        .map(|(name, value)| ((*name).to_owned(), value.map(<[u8]>::to_vec)))
        .collect();
    for record in records {
        assert_eq!(
            record,
            (b"key".to_vec(), headers.clone(), b"\x00value".to_vec())
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_counts_the_reasons_and_pages_and_one_can_be_shown_whole() {
    let topic = TestTopic::create(1).await;
    let operator = Operator::on(&topic).await;
    three(&operator).await;
    let list = operator
        .succeed(&["dead-letters", "list", "--limit", "2"])
        .await;
    assert!(
        list.contains("2  bad-utf8") && list.contains("list --after 2"),
        "{list}"
    );
    let json = operator
        .succeed(&["dead-letters", "list", "--json", "--after", "2"])
        .await;
    let letter: serde_json::Value = serde_json::from_str(&json).expect("one line of JSON");
    assert_eq!(
        (letter["id"].as_i64(), letter["headers"][0]["hex"].as_str()),
        (Some(3), Some("ff00"))
    );
    let shown = operator.succeed(&["dead-letters", "show", "1"]).await;
    assert!(
        shown.contains("what was wrong") && shown.contains("ce_id: hex ff00"),
        "{shown}"
    );
    let output = operator.run(&["dead-letters", "show", "99"]).await;
    assert_eq!(output.status.code(), Some(2));
}
