//! Kafka away, slow, refusing or missing the topic (case 18). Faults are made with librdkafka's mock cluster.

use std::time::{Duration, Instant};

use devstack::testing::{TestTopic, brokers, eventually, unique};
use rdkafka::error::KafkaResult;
use rdkafka::mocking::MockCluster;
use rdkafka::producer::DefaultProducerContext;
use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};

use crate::harness::{Api, PATIENCE, event, read_topic};

/// Faults are noticed, and given up on, in seconds.
const QUICK: [(&str, &str); 5] = [
    ("kafka.producer.delivery_timeout", "2500ms"),
    ("kafka.producer.socket_timeout", "1s"),
    ("kafka.producer.probe_interval", "200ms"),
    ("kafka.producer.probe_timeout", "1s"),
    ("answer.ack_timeout", "3s"),
];

type Mock = MockCluster<'static, DefaultProducerContext>;

fn mock() -> KafkaResult<Mock> {
    let cluster = MockCluster::new(1)?;
    cluster.create_topic("events", 1, 1)?;
    Ok(cluster)
}

async fn start(cluster: &Mock, more: &[(&str, &str)]) -> Api {
    let api = Api::start_on(
        &cluster.bootstrap_servers(),
        "events",
        &[&QUICK[..], more].concat(),
    )
    .await;
    api.until_ready().await;
    api
}

#[tokio::test]
async fn case_18_kafka_cut_off_is_503_at_once_and_recovery_needs_no_restart() {
    let cluster = mock().expect("a mock cluster");
    // Far longer than what counts as "at once" below.
    let long = [
        ("kafka.producer.delivery_timeout", "20s"),
        ("answer.ack_timeout", "22s"),
    ];
    let api = start(&cluster, &long).await;
    assert_eq!(api.plain(event("1", "")).await.status, 202);
    cluster.broker_down(1).expect("the broker goes down");
    eventually(PATIENCE, || async { api.admin("/readyz").await.0 == 503 }).await;
    let started = Instant::now();
    let reply = api.plain(event("2", "")).await;
    assert!(
        started.elapsed() < Duration::from_secs(8),
        "{:?}",
        started.elapsed()
    );
    assert_eq!((reply.status, reply.kind()), (503, "/problems/unavailable"));
    assert_eq!(reply.header("retry-after"), "2");
    assert_eq!(
        api.admin("/livez").await.0,
        200,
        "a Kafka that is away is no reason to be killed"
    );
    cluster.broker_up(1).expect("the broker comes back");
    api.until_ready().await;
    assert_eq!(api.plain(event("2", "")).await.status, 202);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn case_18_nothing_answered_202_is_missing_when_the_broker_restarts_under_load() {
    let cluster = mock().expect("a mock cluster");
    let api = start(&cluster, &[]).await;
    let mut accepted = Vec::new();
    let mut outages = 0;
    for round in 0..60 {
        match round {
            20 => cluster.broker_down(1).expect("the broker goes down"),
            40 => {
                // Down for as long as it takes to be noticed.
                eventually(PATIENCE, || async { api.admin("/readyz").await.0 == 503 }).await;
                cluster.broker_up(1).expect("the broker comes back");
                api.until_ready().await;
            }
            _ => {}
        }
        let clients = (0..8).map(|client| {
            let id = format!("{round}-{client}");
            let api = &api;
            async move { (api.plain(event(&id, "")).await.status, id) }
        });
        for (status, id) in futures_util::future::join_all(clients).await {
            match status {
                202 => accepted.push(id),
                503 => outages += 1,
                other => panic!("{other}"),
            }
        }
    }
    assert!(
        accepted.len() >= 20 * 8 && outages > 0,
        "{} accepted, {outages} refused",
        accepted.len()
    );
    let brokers = cluster.bootstrap_servers();
    let read = tokio::task::spawn_blocking(move || read_topic(&brokers, "events"));
    let stored: std::collections::BTreeSet<_> = read
        .await
        .expect("read")
        .into_iter()
        .map(|record| record.headers["ce_id"].clone())
        .collect();
    let missing: Vec<_> = accepted.iter().filter(|id| !stored.contains(*id)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[tokio::test]
async fn case_18_nothing_at_the_address_is_503_and_not_ready() {
    let api = Api::start_on("127.0.0.1:1", "events", &QUICK).await;
    let reply = api.plain(event("1", "")).await;
    assert_eq!((reply.status, reply.kind()), (503, "/problems/unavailable"));
    let (status, report) = eventually(PATIENCE, || async {
        let (status, report) = api.admin("/readyz").await;
        report.contains("no broker").then_some((status, report))
    })
    .await;
    assert_eq!(status, 503, "{report}");
}

#[tokio::test]
async fn case_18_a_missing_topic_is_503_until_it_is_there() {
    let topic = unique("late");
    let api = Api::start_on(&brokers(), &topic, &QUICK).await;
    eventually(PATIENCE, || async {
        api.admin("/readyz").await.1.contains("topic")
    })
    .await;
    assert_eq!(
        api.plain(event("1", "")).await.kind(),
        "/problems/unavailable"
    );
    let _topic = TestTopic::create_named(topic, 1).await;
    api.until_ready().await;
    assert_eq!(api.plain(event("1", "")).await.status, 202);
}

#[tokio::test]
async fn case_18_a_full_queue_is_503_at_once_with_an_outcome_for_every_event() {
    let cluster = mock().expect("a mock cluster");
    let api = start(&cluster, &[("kafka.producer.queue_records", "1000")]).await;
    cluster
        .broker_round_trip_time(1, Duration::from_millis(900))
        .expect("slow");
    let events: Vec<_> = (0..1500).map(|id| event(&id.to_string(), "")).collect();
    let started = Instant::now();
    let reply = api.plain(format!("[{}]", events.join(","))).await;
    assert_eq!(
        (reply.status, reply.kind()),
        (503, "/problems/saturated"),
        "{:?}",
        reply.headers
    );
    assert!(
        started.elapsed() < Duration::from_secs(8),
        "{:?}",
        started.elapsed()
    );
    assert_eq!(reply.statuses().len(), 1500);
    assert_eq!(reply.outcome(1499).0, "/problems/saturated");
    assert!(!reply.header("retry-after").is_empty());
    cluster
        .broker_round_trip_time(1, Duration::ZERO)
        .expect("quick");
    eventually(PATIENCE, || async {
        api.plain(event("x", "")).await.status == 202
    })
    .await;
}

#[tokio::test]
async fn case_18_no_acknowledgement_in_time_is_503_within_the_deadline() {
    let cluster = mock().expect("a mock cluster");
    let api = start(&cluster, &[]).await;
    cluster
        .broker_round_trip_time(1, Duration::from_secs(20))
        .expect("stuck");
    let started = Instant::now();
    let reply = api.plain(event("1", "")).await;
    assert_eq!(reply.status, 503, "{reply:?}");
    assert!(
        started.elapsed() < Duration::from_secs(15),
        "{:?}",
        started.elapsed()
    );
}

#[tokio::test]
async fn a_passing_refusal_of_the_broker_is_retried_and_not_seen() {
    let cluster = mock().expect("a mock cluster");
    let api = start(&cluster, &[]).await;
    let passing = [RDKafkaRespErr::RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION; 2];
    cluster.request_errors(RDKafkaApiKey::Produce, &passing);
    assert_eq!(api.plain(event("1", "")).await.status, 202);
}

#[tokio::test]
async fn a_record_that_the_topic_does_not_take_is_413_for_that_event() {
    let cluster = mock().expect("a mock cluster");
    let api = start(&cluster, &[]).await;
    cluster.request_errors(
        RDKafkaApiKey::Produce,
        &[RDKafkaRespErr::RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE],
    );
    let reply = api.plain(event("1", "")).await;
    assert_eq!(
        (reply.status, reply.kind()),
        (413, "/problems/too-large"),
        "{reply:?}"
    );
}
