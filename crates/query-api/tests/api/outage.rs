//! PostgreSQL away, busy or slow (cases 35 and 41).

use std::time::{Duration, Instant};

use devstack::testing::{TestDatabase, eventually};
use tokio_postgres::Client;

use crate::proxy::Proxy;
use crate::seed::{NOON, Row, connect, store};
use crate::support::{PATIENCE, TestApp};

/// Holds the table so that every query waits.
async fn lock(client: &Client) {
    client
        .batch_execute("BEGIN; LOCK TABLE events IN ACCESS EXCLUSIVE MODE")
        .await
        .expect("locked");
}

async fn unlock(client: &Client) {
    client.batch_execute("ROLLBACK").await.expect("unlocked");
}

/// Statements of the service that are at work. To be asked outside of a transaction, in which the first answer would stand.
async fn active(client: &Client) -> i64 {
    client
        .query_one(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'flumen-query-api' \
             AND state = 'active' AND wait_event_type = 'Lock'",
            &[],
        )
        .await
        .expect("counted")
        .get(0)
}

#[tokio::test]
async fn reading_fails_plainly_while_the_database_is_away_and_recovers_without_a_restart() {
    let database = TestDatabase::migrated().await;
    let url = database.url().to_owned();
    store(&url, &[Row::new("a", "1", NOON)]).await;
    let (server, rest) = url
        .split_once("://")
        .expect("a URL")
        .1
        .split_once('/')
        .expect("a database");
    let (user, address) = server.rsplit_once('@').unwrap_or(("", server));
    let proxy = Proxy::start(address.to_owned()).await;
    let through = format!("postgres://{user}@127.0.0.1:{}/{rest}", proxy.port);
    let app = TestApp::start_at(database, &through, &[("database.acquire_timeout", "500ms")]).await;
    eventually(PATIENCE, async || {
        app.admin_get("/readyz").await.status == 200
    })
    .await;
    assert_eq!(app.get("/v1/events").await.ids(), ["1"]);

    proxy.cut();
    for path in [
        "/v1/events",
        "/v1/feed",
        "/v1/stats",
        "/v1/events/00000000-0000-8000-8000-000000000000",
    ] {
        let answer = app.get(path).await;
        answer.is_problem(503, "unavailable");
        assert_eq!(answer.header("retry-after"), "2");
    }
    eventually(PATIENCE, async || {
        app.admin_get("/readyz").await.status == 503
    })
    .await;
    assert!(app.admin_get("/readyz").await.body.contains("database"));
    assert_eq!(
        app.admin_get("/livez").await.status,
        200,
        "nothing that a restart would mend"
    );

    proxy.mend();
    eventually(PATIENCE, async || {
        app.admin_get("/readyz").await.status == 200
    })
    .await;
    assert_eq!(app.get("/v1/events").await.ids(), ["1"]);
}

#[tokio::test]
async fn a_pool_that_is_used_up_is_told_at_once_and_is_free_again_afterwards() {
    let app = TestApp::start_with(&[
        ("database.pool_size", "1"),
        ("database.acquire_timeout", "200ms"),
    ])
    .await;
    store(app.database.url(), &[Row::new("a", "1", NOON)]).await;
    let client = connect(app.database.url()).await;
    let locker = connect(app.database.url()).await;
    lock(&locker).await;
    let request = app.request("GET", "/v1/events").bearer_auth(&app.reader);
    let first = tokio::spawn(crate::support::answer(request));
    eventually(PATIENCE, async || active(&client).await == 1).await;
    app.get("/v1/events").await.is_problem(503, "unavailable");
    eventually(PATIENCE, async || {
        app.admin_get("/readyz").await.status == 503
    })
    .await;
    unlock(&locker).await;
    assert_eq!(
        first.await.expect("answered").ids(),
        ["1"],
        "who has a connection gets an answer"
    );
    assert_eq!(app.get("/v1/events").await.ids(), ["1"]);
    eventually(PATIENCE, async || {
        app.admin_get("/readyz").await.status == 200
    })
    .await;
}

#[tokio::test]
async fn a_query_past_its_time_is_ended_by_the_server_and_answered_with_advice() {
    let settings = [
        ("page.timeout", "300ms"),
        ("feed.timeout", "300ms"),
        ("page.lookup_timeout", "300ms"),
        ("database.pool_size", "1"),
    ];
    let app = TestApp::start_with(&settings).await;
    store(app.database.url(), &[Row::new("a", "1", NOON)]).await;
    let client = connect(app.database.url()).await;
    let locker = connect(app.database.url()).await;
    lock(&locker).await;
    for path in [
        "/v1/events",
        "/v1/feed",
        "/v1/events/00000000-0000-8000-8000-000000000000",
    ] {
        let started = Instant::now();
        let answer = app.get(path).await;
        answer.is_problem(504, "query-timeout");
        assert!(
            answer.body.contains("narrow the time window"),
            "{}",
            answer.body
        );
        assert!(
            started.elapsed() < Duration::from_secs(15),
            "{:?}",
            started.elapsed()
        );
    }
    assert_eq!(active(&client).await, 0);
    unlock(&locker).await;
    assert_eq!(
        app.get("/v1/events").await.ids(),
        ["1"],
        "the connection is clean"
    );
    assert!(
        app.admin_get("/metrics")
            .await
            .body
            .contains("flumen_query_failures_total{reason=\"timeout\"} 3")
    );
}

#[tokio::test]
async fn the_statement_of_a_client_that_goes_away_is_cancelled_within_a_second() {
    let app = TestApp::start_with(&[("database.pool_size", "1"), ("page.timeout", "60s")]).await;
    store(app.database.url(), &[Row::new("a", "1", NOON)]).await;
    let client = connect(app.database.url()).await;
    let locker = connect(app.database.url()).await;
    lock(&locker).await;
    let request = app.request("GET", "/v1/events").bearer_auth(&app.reader);
    let waiting = tokio::spawn(crate::support::answer(request));
    eventually(PATIENCE, async || {
        assert!(!waiting.is_finished(), "it is answered already");
        active(&client).await == 1
    })
    .await;
    waiting.abort();
    let _ = waiting.await;
    // Within a second; the room is for a busy machine, and far below the 60 s that the statement would take.
    eventually(Duration::from_secs(10), async || active(&client).await == 0).await;
    unlock(&locker).await;
    assert_eq!(
        app.get("/v1/events").await.ids(),
        ["1"],
        "the pool has a clean connection again"
    );
}

#[tokio::test]
async fn what_an_operator_has_to_mend_is_an_outage_to_a_reader_and_ends_when_it_is_mended() {
    let app = TestApp::start().await;
    store(app.database.url(), &[Row::new("a", "1", NOON)]).await;
    assert_eq!(app.get("/v1/events").await.ids(), ["1"]);
    let client = connect(app.database.url()).await;
    let rename = |from, to| format!("ALTER TABLE {from} RENAME TO {to}");
    client
        .batch_execute(&rename("events", "away"))
        .await
        .expect("renamed");
    let answer = app.get("/v1/events").await;
    answer.is_problem(503, "unavailable");
    assert_eq!(answer.header("retry-after"), "2");
    assert!(
        !answer.body.contains("relation"),
        "nothing of the server's own words: {}",
        answer.body
    );
    client
        .batch_execute(&rename("away", "events"))
        .await
        .expect("renamed");
    assert_eq!(app.get("/v1/events").await.ids(), ["1"]);
}
