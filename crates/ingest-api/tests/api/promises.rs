//! The promises of the design that are this service's to keep; each is tried from its own side elsewhere too.

use devstack::testing::eventually;
use tokio::io::AsyncWriteExt as _;

use crate::harness::{Api, PATIENCE, event, send};

#[tokio::test]
async fn p1_every_event_answered_202_is_in_kafka() {
    let api = Api::start().await;
    let batches = (0..20).map(|batch| {
        let events: Vec<_> = (0..50)
            .map(|index| event(&format!("{batch:02}-{index:02}"), ""))
            .collect();
        api.plain(format!("[{}]", events.join(",")))
    });
    let replies = futures_util::future::join_all(batches).await;
    assert!(
        replies
            .iter()
            .all(|reply| reply.status == 202 && reply.json["accepted"] == 50)
    );
    let records = api.records(1000).await;
    let ids: std::collections::BTreeSet<_> = records
        .iter()
        .map(|record| &record.headers["ce_id"])
        .collect();
    assert_eq!(ids.len(), 1000);
}

#[tokio::test]
async fn p1_nothing_is_sent_when_nothing_is_valid() {
    let api = Api::start().await;
    let reply = api.plain(r#"[{},{"source":"s"}]"#).await;
    assert_eq!(
        (reply.status, reply.kind()),
        (422, "/problems/missing-attribute")
    );
    api.records(0).await;
}

#[tokio::test]
async fn p6_a_sender_that_trickles_large_bodies_runs_out_of_place_before_others_do() {
    let settings = [
        ("body.max_bytes", "1MiB"),
        ("body.max_in_flight_bytes", "4MiB"),
        ("body.timeout", "20s"),
    ];
    let api = Api::start_with(&settings).await;
    let head = api.head("Content-Length: 1000000\r\n\r\n{");
    let mut hogs = Vec::new();
    for _ in 0..2 {
        let mut stream = api.connect().await;
        stream.write_all(head.as_bytes()).await.expect("sent");
        hogs.push(stream);
    }
    eventually(PATIENCE, || async {
        api.metric("flumen_ingest_in_flight_bytes").await >= 2_000_000.0
    })
    .await;
    let large = event("1", &format!("\"data\":\"{}\"", "x".repeat(200 << 10)));
    let reply = api.plain(large.clone()).await;
    assert_eq!(
        (reply.status, reply.kind()),
        (503, "/problems/saturated"),
        "the hog's own share is used up"
    );
    assert!(!reply.header("retry-after").is_empty());
    let other = api
        .post_as(&api.tokens.shop)
        .header("content-type", "application/json")
        .body(large);
    assert_eq!(send(other).await.status, 202, "another key has its place");
    drop(hogs);
    eventually(PATIENCE, || async {
        api.metric("flumen_ingest_in_flight_bytes").await == 0.0
    })
    .await;
    assert_eq!(api.plain(event("2", "")).await.status, 202);
}

#[tokio::test]
async fn p7_a_key_writes_only_the_sources_it_was_given() {
    let api = Api::start().await;
    let sources = ["shop-1", "shopping", "billing", "Billing", "shop-", "*"];
    for source in sources {
        let body = format!(r#"{{"source":"{source}","type":"t","id":"{source}"}}"#);
        send(
            api.post_as(&api.tokens.shop)
                .header("content-type", "application/json")
                .body(body),
        )
        .await;
    }
    let records = api.records(3).await;
    let stored: Vec<_> = records
        .iter()
        .map(|record| record.headers["ce_source"].as_str())
        .collect();
    assert_eq!(stored, ["billing", "shop-", "shop-1"]);
}

#[tokio::test]
async fn p8_and_case_19_ingest_knows_no_postgresql() {
    // What is not linked cannot fail: neither the store nor a driver is among what this service is made of.
    let manifest = include_str!("../../Cargo.toml");
    let dependencies = manifest
        .split("[dev-dependencies]")
        .next()
        .expect("the dependencies");
    for word in ["store", "postgres", "refinery"] {
        assert!(!dependencies.contains(word), "{word}");
    }
    let api = Api::start().await;
    assert_eq!(api.plain(event("1", "")).await.status, 202);
    let (_, config) = api.admin("/config").await;
    assert!(
        !config.contains("postgres") && !config.contains("database"),
        "{config}"
    );
}
