//! One event by its uid (case 34), and waiting for it.

use std::time::{Duration, Instant};

use crate::seed::{NOON, Row, commit, connect, make_partitions, store};
use crate::support::TestApp;

#[tokio::test]
async fn an_event_is_found_by_its_uid_and_a_malformed_one_is_refused() {
    let app = TestApp::start().await;
    let row = Row {
        micros: NOON * 1_000_000 + 123_999,
        ..Row::new("a", "1", NOON)
    };
    store(app.database.url(), std::slice::from_ref(&row)).await;
    let answer = app.get(&format!("/v1/events/{}", row.uid())).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(answer.json()["time"], "2026-01-15T12:00:00.123999Z");
    app.get(&format!("/v1/events/{}", Row::new("a", "2", NOON).uid()))
        .await
        .is_problem(404, "not-found");
    for malformed in [
        "1",
        "not-a-uuid",
        "00000000-0000-8000-8000-00000000000g",
        "%20",
    ] {
        app.get(&format!("/v1/events/{malformed}"))
            .await
            .is_problem(400, "invalid-parameter");
    }
    app.get("/v1/events/00000000-0000-0000-0000-000000000000")
        .await;
}

#[tokio::test]
async fn the_uid_of_a_retry_without_a_time_finds_the_event_that_was_stored_first() {
    let app = TestApp::start().await;
    let stored = Row::new("a", "order-7", NOON);
    store(app.database.url(), std::slice::from_ref(&stored)).await;
    let hash = event::IdHash::of("a", "order-7");
    let client = connect(app.database.url()).await;
    client
        .execute(
            "INSERT INTO recent_ids (id_hash, time, uid) VALUES ($1, now(), $2)",
            &[
                &uuid::Uuid::from_bytes(*hash.as_bytes()),
                &uuid::Uuid::from_bytes(*stored.uid().as_bytes()),
            ],
        )
        .await
        .expect("inserted");
    let retried = Row::new("a", "order-7", NOON + 3_600).uid();
    assert_ne!(retried, stored.uid());
    let found = app.get(&format!("/v1/events/{retried}")).await;
    assert_eq!(found.status, 200, "{}", found.body);
    assert_eq!(found.json()["uid"], stored.uid().to_string());
    app.get_as(&app.shop, &format!("/v1/events/{retried}"))
        .await
        .is_problem(404, "not-found");
}

#[tokio::test]
async fn waiting_for_an_event_ends_when_it_is_stored_and_no_later_than_asked() {
    let app = TestApp::start().await;
    let row = Row::new("a", "1", NOON);
    let path = format!("/v1/events/{}?wait=20s", row.uid());
    let mut client = connect(app.database.url()).await;
    make_partitions(&client, [NOON]).await;
    let started = Instant::now();
    let (answer, ()) = tokio::join!(
        app.get(&path),
        commit(&mut client, 0, std::slice::from_ref(&row), 0.3)
    );
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert!(
        started.elapsed() < Duration::from_secs(10),
        "{:?}",
        started.elapsed()
    );

    let started = Instant::now();
    let unknown = Row::new("a", "2", NOON).uid();
    app.get(&format!("/v1/events/{unknown}?wait=200ms"))
        .await
        .is_problem(404, "not-found");
    assert!(started.elapsed() >= Duration::from_millis(200));
}
