//! Brokers that take records and give them back, also after a crash.

use std::time::Duration;

use devstack::testing::eventually;
use devstack::{Kafka, KafkaConfig, Progress, Purpose, is_running, probe};
use rdkafka::ClientConfig;
use rdkafka::Message as _;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::producer::{FutureProducer, FutureRecord};

use crate::folder;

const PATIENCE: Duration = Duration::from_secs(60);

async fn create_topic(brokers: &str, topic: &str, replicas: i32) {
    let admin: AdminClient<_> = ClientConfig::new()
        .set("bootstrap.servers", brokers)
        .create()
        .expect("make an admin client");
    let new = NewTopic::new(topic, 1, TopicReplication::Fixed(replicas));
    let results = admin
        .create_topics([&new], &AdminOptions::new())
        .await
        .expect("create the topic");
    for result in results {
        result.expect("create the topic");
    }
}

async fn produce(brokers: &str, topic: &str, value: &str) {
    let producer: FutureProducer = ClientConfig::new()
        .set("bootstrap.servers", brokers)
        .set("acks", "all")
        .create()
        .expect("make a producer");
    producer
        .send(FutureRecord::<(), _>::to(topic).payload(value), PATIENCE)
        .await
        .expect("produce");
}

async fn first_value(brokers: &str, topic: &str) -> Vec<u8> {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", brokers)
        .set("group.id", "test")
        .set("auto.offset.reset", "earliest")
        .create()
        .expect("make a consumer");
    consumer.subscribe(&[topic]).expect("subscribe");
    eventually(PATIENCE, || async {
        // Nothing while the group is formed, errors while leaders are elected.
        let record = consumer.poll(Duration::from_millis(100))?.ok()?;
        record.payload().map(<[u8]>::to_vec)
    })
    .await
}

#[tokio::test]
async fn a_broker_keeps_records_through_a_crash() {
    let folder = folder();
    let config = KafkaConfig::new(folder.path().join("kafka"), Purpose::Test);
    let mut kafka = Kafka::start(config, &Progress::silent())
        .await
        .expect("start");
    let brokers = kafka.bootstrap();
    create_topic(&brokers, "kept", 1).await;
    produce(&brokers, "kept", "before the crash").await;

    kafka.kill_broker(0).await;
    assert!(kafka.pids().is_empty());
    assert!(probe::kafka(&brokers).await.is_err(), "nobody listens");
    kafka.start_broker(0).await.expect("start again");

    assert_eq!(kafka.bootstrap(), brokers, "the address stays");
    let value = first_value(&brokers, "kept").await;
    assert_eq!(value, b"before the crash");
    let pids = kafka.pids();
    kafka.stop().await;
    assert!(!pids.into_iter().any(is_running));
}

#[tokio::test]
async fn a_kept_cluster_continues_after_a_stop_on_other_ports() {
    let folder = folder();
    let config = KafkaConfig::new(folder.path().join("kafka"), Purpose::Keep);
    let kafka = Kafka::start(config.clone(), &Progress::silent())
        .await
        .expect("start");
    create_topic(&kafka.bootstrap(), "kept", 1).await;
    produce(&kafka.bootstrap(), "kept", "yesterday").await;
    kafka.stop().await;

    let kafka = Kafka::start(config, &Progress::silent())
        .await
        .expect("continue");
    let value = first_value(&kafka.bootstrap(), "kept").await;
    assert_eq!(value, b"yesterday");
    kafka.stop().await;
}

#[tokio::test]
async fn three_brokers_take_records_with_one_of_them_dead() {
    let folder = folder();
    let config = KafkaConfig {
        brokers: 3,
        ..KafkaConfig::new(folder.path().join("kafka"), Purpose::Test)
    };
    let mut kafka = Kafka::start(config, &Progress::silent())
        .await
        .expect("start");
    assert_eq!(kafka.pids().len(), 3);
    assert!(kafka.controller().await.is_some_and(|index| index < 3));
    create_topic(&kafka.bootstrap(), "kept", 3).await;

    kafka.kill_broker(2).await;
    assert_eq!(kafka.pids().len(), 2);
    produce(&kafka.bootstrap(), "kept", "two of three").await;

    kafka.start_broker(2).await.expect("start the third again");
    eventually(PATIENCE, || async {
        probe::kafka(&kafka.bootstrap()).await.ok() == Some(3)
    })
    .await;
    kafka.stop().await;
}

#[tokio::test]
async fn a_broker_that_dies_is_noticed_and_started_again() {
    let folder = folder();
    let config = KafkaConfig::new(folder.path().join("kafka"), Purpose::Test);
    let mut kafka = Kafka::start(config, &Progress::silent())
        .await
        .expect("start");
    let pid = i32::try_from(kafka.pids()[0]).expect("a process id");
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), devstack::Signal::SIGKILL)
        .expect("kill the broker");
    let dead = tokio::time::timeout(PATIENCE, kafka.died()).await;
    assert_eq!(dead.expect("noticed in time"), [0]);
    kafka.start_dead().await.expect("start again");
    assert_eq!(probe::kafka(&kafka.bootstrap()).await.ok(), Some(1));
    kafka.stop().await;
}
