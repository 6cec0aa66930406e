//! `x-flumen-as-of`: how fresh the data is, as the writers say it in the checkpoints.

use devstack::testing::eventually;
use tokio_postgres::Client;

use crate::seed::{self, CLUSTER, NOON, Row, TOPIC};
use crate::support::{Answer, PATIENCE, TestApp, answer};

const AS_OF: &str = "x-flumen-as-of";

/// What the writer of a partition says.
async fn report(client: &Client, partition: i32, next: i64, end: i64, as_of: Option<&str>) {
    client
        .execute(
            "INSERT INTO checkpoints (cluster_id, topic, kafka_partition, next_offset, end_offset, seen_at, as_of) \
             VALUES ($1, $2, $3, $4, $5, now(), $6::text::timestamptz) \
             ON CONFLICT (cluster_id, topic, kafka_partition) DO UPDATE SET next_offset = excluded.next_offset, \
             end_offset = excluded.end_offset, seen_at = excluded.seen_at, as_of = excluded.as_of",
            &[&CLUSTER, &TOPIC, &partition, &next, &end, &as_of],
        )
        .await
        .expect("reported");
}

async fn shows(app: &TestApp, expected: &str) {
    eventually(PATIENCE, async || {
        let shown = app.get("/v1").await.header(AS_OF).to_owned();
        if shown == expected {
            Ok(())
        } else {
            Err(shown)
        }
    })
    .await;
}

#[tokio::test]
async fn every_answer_tells_the_time_of_the_partition_that_is_furthest_behind() {
    let app = TestApp::start().await;
    seed::store(app.database.url(), &[Row::new("other", "a", NOON)]).await;
    assert_eq!(
        app.get("/v1/events").await.header(AS_OF),
        "",
        "nobody has told it"
    );
    let client = seed::connect(app.database.url()).await;
    report(&client, 0, 1, 1, Some("2026-01-15T12:00:03.5Z")).await;
    report(&client, 1, 0, 0, Some("2026-01-15T12:00:02Z")).await;
    shows(&app, "2026-01-15T12:00:02Z").await;
    let fresh = |found: &Answer, what: &str| {
        assert_eq!(found.header(AS_OF), "2026-01-15T12:00:02Z", "{what}");
    };
    for (key, path) in [
        (&app.reader, "/v1/events"),
        (&app.reader, "/v1/feed"),
        (&app.reader, "/v1/stats"),
        (&app.reader, "/v1/sources"),
        (&app.reader, "/v1/export"),
        (&app.reader, "/v1/whoami"),
        // A key with few sources is told the same, and so is who is refused.
        (&app.shop, "/v1/events"),
        (&app.reader, "/v1/events?nonsense=1"),
        (&app.shop, "/v1/operator/lag"),
        (&app.operator, "/v1/operator/lag"),
        (&app.reader, "/v1/none"),
    ] {
        fresh(&app.get_as(key, path).await, path);
    }
    let head = app.request("HEAD", "/v1/events").bearer_auth(&app.reader);
    fresh(&answer(head).await, "HEAD");
    let tail = app.request("GET", "/v1/tail").bearer_auth(&app.reader);
    let tail = tail.send().await.expect("answered");
    assert_eq!(tail.headers()[AS_OF], "2026-01-15T12:00:02Z");
    assert_eq!(
        app.get("/").await.header(AS_OF),
        "",
        "the page holds no data"
    );
    // It moves on with the one that was behind.
    report(&client, 1, 0, 0, Some("2026-01-15T12:00:04Z")).await;
    shows(&app, "2026-01-15T12:00:03.5Z").await;
}

#[tokio::test]
async fn the_time_stands_still_while_a_writer_is_silent() {
    let app = TestApp::start().await;
    let client = seed::connect(app.database.url()).await;
    report(&client, 0, 0, 0, Some("2026-01-15T12:00:00Z")).await;
    shows(&app, "2026-01-15T12:00:00Z").await;
    // A partition is new and nobody has told about it: what was readable before still is, and no more is claimed.
    report(&client, 1, 0, 0, None).await;
    report(&client, 0, 0, 0, Some("2026-01-15T13:00:00Z")).await;
    eventually(PATIENCE, async || {
        let lag = app.get_as(&app.operator, "/v1/operator/lag").await.json();
        lag["partitions"]
            .as_array()
            .is_some_and(|all| all.len() == 2)
    })
    .await;
    shows(&app, "2026-01-15T12:00:00Z").await;
    report(&client, 1, 0, 0, Some("2026-01-15T12:30:00Z")).await;
    shows(&app, "2026-01-15T12:30:00Z").await;
}

#[tokio::test]
async fn a_page_of_a_named_origin_may_read_it() {
    let app = TestApp::start_with(&[("listen.cors_origins", "[\"https://app.example\"]")]).await;
    let asked = app
        .request("GET", "/v1/events")
        .bearer_auth(&app.reader)
        .header("origin", "https://app.example");
    let found = answer(asked).await;
    assert!(
        found
            .header("access-control-expose-headers")
            .contains(AS_OF)
    );
}

#[tokio::test]
async fn lag_is_what_the_writers_have_told() {
    let app = TestApp::start().await;
    let client = seed::connect(app.database.url()).await;
    report(&client, 0, 90, 100, Some("2026-01-15T12:00:00Z")).await;
    // Stored further than where the end was when it was looked for.
    report(&client, 1, 50, 40, Some("2026-01-15T11:00:00Z")).await;
    let lag = app.get_as(&app.operator, "/v1/operator/lag").await.json();
    assert_eq!(
        (&lag["total"], &lag["as_of"]),
        (&10.into(), &"2026-01-15T11:00:00Z".into())
    );
    assert!(
        lag["oldest_unwritten_seconds"]
            .as_f64()
            .is_some_and(|age| age > 3600.0),
        "{lag}"
    );
    let of = |at: usize, name: &str| lag["partitions"][at][name].clone();
    assert_eq!((of(0, "end_offset"), of(0, "lag")), (100.into(), 10.into()));
    assert_eq!((of(1, "end_offset"), of(1, "lag")), (50.into(), 0.into()));
    assert!(of(0, "seen_at").is_string());
    // Of one partition nothing is known, so there is no total.
    client
        .execute(
            "UPDATE checkpoints SET end_offset = NULL, seen_at = NULL WHERE kafka_partition = 1",
            &[],
        )
        .await
        .expect("forgotten");
    let lag = app.get_as(&app.operator, "/v1/operator/lag").await.json();
    assert_eq!(
        (&lag["total"], &lag["partitions"][1]["lag"]),
        (&().into(), &().into())
    );
}
