use super::*;
use kafka::{Availability, ProducerMetrics, SendError};
use rdkafka::{mocking::MockCluster, producer::DefaultProducerContext, types::RDKafkaRespErr};

fn mock() -> (MockCluster<'static, DefaultProducerContext>, Config) {
    let cluster = MockCluster::new(1).expect("a mock cluster");
    let mut config = Config {
        brokers: cluster.bootstrap_servers(),
        ..Config::default()
    };
    config.producer.probe_interval = Duration::from_millis(200);
    config.producer.probe_timeout = Duration::from_secs(1);
    (cluster, config)
}

fn send(producer: &Producer, value: &[u8]) -> (Result<(), SendError>, Countdown) {
    let countdown = Countdown::new(1);
    let record = Record {
        value: Some(value),
        ..Record::default()
    };
    (producer.send(record, &countdown, 0), countdown)
}

#[tokio::test]
async fn every_acknowledged_record_is_in_the_log() {
    let config = topic(2).await;
    let producer = available(&config);
    fill(&producer, 0, 2_000).await;
    fill(&producer, 1, 10).await;
    let consumer = Consumer::new(&config, kafka::ConsumerMetrics::default()).expect("a consumer");
    let log = consumer.log();
    assert_eq!(
        log.range(0, Duration::from_secs(10)).expect("a range"),
        0..2_000
    );
    assert_eq!(
        log.range(1, Duration::from_secs(10)).expect("a range"),
        0..10
    );
    assert_eq!(producer.in_flight(), 0);
    assert!(producer.saturation() <= 0.0);
}

#[tokio::test]
async fn records_without_a_key_reach_every_partition() {
    let config = topic(3).await;
    let producer = available(&config);
    for _ in 0..6 {
        let (sent, countdown) = send(&producer, b"{}");
        sent.expect("taken");
        countdown.wait().await;
        assert_eq!(countdown.outcome(0), Outcome::Acked);
    }
    let consumer = Consumer::new(&config, kafka::ConsumerMetrics::default()).expect("a consumer");
    let log = consumer.log();
    for partition in 0..3 {
        let range = log.range(partition, Duration::from_secs(10));
        assert!(!range.expect("a range").is_empty(), "{partition} has none");
    }
    assert!(producer.saturation() <= 0.0);
}

#[tokio::test]
async fn refuses_at_once_while_no_broker_is_up() {
    let config = Config {
        brokers: "127.0.0.1:1".into(),
        ..Config::default()
    };
    let producer = Producer::new(&config, ProducerMetrics::default()).expect("a producer");
    let started = Instant::now();
    let (sent, countdown) = send(&producer, b"{}");
    assert_eq!(sent, Err(SendError::Unavailable));
    countdown.wait().await;
    assert_eq!(
        countdown.outcome(0),
        Outcome::Failed(SendError::Unavailable)
    );
    assert!(
        started.elapsed() < Duration::from_secs(3),
        "took {:?}",
        started.elapsed()
    );
    assert_eq!(producer.availability(), Availability::NoBroker);
}

#[tokio::test]
async fn finds_a_missing_topic_and_its_creation() {
    let mut config = topic(1).await;
    config.topic = unique("created-later");
    let producer = Producer::new(&config, ProducerMetrics::default()).expect("a producer");
    eventually("the topic is missed", Duration::from_secs(20), || {
        producer.availability() == Availability::TopicMissing
    });
    assert_eq!(send(&producer, b"{}").0, Err(SendError::Unavailable));
    admin()
        .create(&spec(&config.topic, 1))
        .await
        .expect("a topic");
    eventually("the topic is found", Duration::from_secs(20), || {
        producer.is_available()
    });
    fill(&producer, 0, 1).await;
}

#[tokio::test]
async fn refuses_at_once_when_the_queue_is_full() {
    let (cluster, mut config) = mock();
    config.producer.queue_bytes = 2 << 20;
    config.producer.linger = Duration::from_millis(500);
    let producer = available(&config);
    let value = vec![b'x'; 100_000];
    let mut countdowns = Vec::new();
    let refused = loop {
        let started = Instant::now();
        let (sent, countdown) = send(&producer, &value);
        if sent.is_err() {
            assert!(started.elapsed() < Duration::from_secs(3));
            break sent;
        }
        countdowns.push(countdown);
        assert!(countdowns.len() < 1_000, "the queue has no bound");
    };
    assert_eq!(refused, Err(SendError::QueueFull));
    // What was accepted arrives all the same, and then there is room again.
    for countdown in &countdowns {
        countdown.wait().await;
        assert_eq!(countdown.outcome(0), Outcome::Acked);
    }
    assert_eq!(send(&producer, &value).0, Ok(()));
    drop(cluster);
}

#[tokio::test]
async fn refuses_a_record_larger_than_the_limit_for_good() {
    let mut config = topic(1).await;
    config.topic = unique("small-records");
    let mut small = spec(&config.topic, 1);
    small
        .settings
        .insert("max.message.bytes".into(), "1000000".into());
    admin().create(&small).await.expect("a topic");
    let producer = available(&config);
    let (sent, countdown) = send(&producer, &vec![b'x'; config.producer.record_bytes + 1]);
    assert_eq!(sent, Err(SendError::TooLarge));
    assert!(!SendError::TooLarge.is_retriable());
    assert_eq!(countdown.remaining(), 0);
    // Below the producer's own limit, above that of the topic: the broker says no.
    let (sent, countdown) = send(&producer, &incompressible(1_500_000));
    assert_eq!(sent, Ok(()));
    countdown.wait().await;
    assert_eq!(countdown.outcome(0), Outcome::Failed(SendError::TooLarge));
}

fn incompressible(length: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        u8::try_from(state & 0xff).expect("masked")
    })
    .take(length)
    .collect()
}

#[tokio::test]
async fn notices_an_outage_and_its_end_without_a_restart() {
    let (cluster, config) = mock();
    let producer = available(&config);
    let (sent, countdown) = send(&producer, b"before");
    assert_eq!(sent, Ok(()));
    countdown.wait().await;
    cluster.broker_down(1).expect("down");
    eventually("the outage is noticed", Duration::from_secs(5), || {
        !producer.is_available()
    });
    assert_eq!(send(&producer, b"during").0, Err(SendError::Unavailable));
    cluster.broker_up(1).expect("up");
    eventually("the recovery is noticed", Duration::from_secs(10), || {
        producer.is_available()
    });
    let (sent, countdown) = send(&producer, b"after");
    assert_eq!(sent, Ok(()));
    countdown.wait().await;
    assert_eq!(countdown.outcome(0), Outcome::Acked);
}

#[tokio::test]
async fn a_record_that_no_broker_acknowledges_fails_after_the_delivery_timeout() {
    let (cluster, mut config) = mock();
    config.producer.socket_timeout = Duration::from_secs(1);
    config.producer.delivery_timeout = Duration::from_millis(1_500);
    let producer = available(&config);
    cluster.broker_down(1).expect("down");
    // Accepted just before the outage is noticed, or refused after: never a silent loss.
    let (sent, countdown) = send(&producer, b"lost");
    tokio::time::timeout(Duration::from_secs(10), countdown.wait())
        .await
        .expect("settled in time");
    match sent {
        Ok(()) => assert_eq!(countdown.outcome(0), Outcome::Failed(SendError::TimedOut)),
        Err(error) => assert_eq!(error, SendError::Unavailable),
    }
}

#[tokio::test]
async fn is_replaced_after_a_fatal_error_and_goes_on() {
    let (cluster, config) = mock();
    cluster.request_errors(
        rdkafka::types::RDKafkaApiKey::InitProducerId,
        &[RDKafkaRespErr::RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED],
    );
    let metrics = ProducerMetrics::default();
    let producer = Producer::new(&config, metrics.clone()).expect("a producer");
    let mut sent_ok = 0;
    eventually(
        "a record is acknowledged by the new producer",
        Duration::from_secs(20),
        || {
            let (sent, countdown) = send(&producer, b"{}");
            if sent.is_ok() {
                sent_ok += 1;
                eventually("the record is settled", Duration::from_secs(10), || {
                    countdown.remaining() == 0
                });
            }
            countdown.outcome(0) == Outcome::Acked
        },
    );
    let mut registry = prometheus_client::registry::Registry::default();
    metrics.register(&mut registry);
    let mut text = String::new();
    prometheus_client::encoding::text::encode(&mut text, &registry).expect("encoded");
    assert!(
        text.contains("flumen_kafka_producer_rebuilds_total 1"),
        "{text}"
    );
    assert!(text.contains("flumen_kafka_queue_records 0"), "{text}");
}

#[tokio::test]
async fn a_request_that_went_away_disturbs_nobody() {
    let config = topic(1).await;
    let producer = available(&config);
    drop(send(&producer, b"nobody waits for this").1);
    fill(&producer, 0, 10).await;
    assert_eq!(producer.flush(Duration::from_secs(10)), 0);
}
