//! The two listeners (case 42), reload and the end.

use service::lifecycle::Exit;

use crate::seed::{NOON, Row, store};
use crate::support::{PATIENCE, TestApp};
use devstack::testing::eventually;

#[tokio::test]
async fn operators_routes_are_not_on_the_public_listener() {
    let app = TestApp::start().await;
    for path in [
        "/metrics",
        "/livez",
        "/readyz",
        "/config",
        "/reload",
        "/admin",
        "/v2/events",
    ] {
        app.get(path).await.is_problem(404, "not-found");
    }
    let posted =
        crate::support::answer(app.request("POST", "/reload").bearer_auth(&app.reader)).await;
    posted.is_problem(404, "not-found");
    eventually(PATIENCE, async || {
        app.admin_get("/readyz").await.status == 200
    })
    .await;
    assert_eq!(app.admin_get("/livez").await.status, 200);
    assert_eq!(app.admin_get("/v1/events").await.status, 404);
}

#[tokio::test]
async fn metrics_tell_what_was_served_and_the_configuration_shows_no_secret() {
    let app =
        TestApp::start_with(&[("cursors.secret", "a-secret-of-more-than-32-characters-x")]).await;
    store(app.database.url(), &[Row::new("a", "1", NOON)]).await;
    app.get("/v1/events").await;
    app.get("/v1/events?limit=0").await;
    let text = app.admin_get("/metrics").await.body;
    for expected in [
        "flumen_http_requests_total{route=\"/v1/events\",method=\"GET\",status=\"200\"} 1",
        "flumen_http_requests_total{route=\"/v1/events\",method=\"GET\",status=\"400\"} 1",
        "flumen_query_events_served_total 1",
        "flumen_query_failures_total{reason=\"timeout\"} 0",
        "flumen_query_connections_max 8",
        "flumen_query_database_seconds_count{kind=\"page\"} 1",
        "flumen_query_database_seconds_count{kind=\"stats\"} 0",
        "flumen_query_export_bytes_total 0",
        "process_resident_memory_bytes",
    ] {
        assert!(text.contains(expected), "{expected} is missing in\n{text}");
    }
    let config = app.admin_get("/config").await.body;
    assert!(
        !config.contains("a-secret-of") && config.contains("\"max_filters\":50"),
        "{config}"
    );
}

#[tokio::test]
async fn a_reload_takes_new_keys_and_a_broken_file_keeps_the_old_ones() {
    let app = TestApp::start().await;
    let keys = std::fs::read_to_string(app.keys_file.path()).expect("readable");
    std::fs::write(app.keys_file.path(), "[[keys]]\nbroken").expect("written");
    assert_eq!(app.reload().await.status, 422);
    assert_eq!(app.get("/v1/events").await.status, 200);
    std::fs::write(app.keys_file.path(), "").expect("written");
    assert_eq!(app.reload().await.status, 200);
    app.get("/v1/events").await.is_problem(401, "unauthorized");
    std::fs::write(app.keys_file.path(), keys).expect("written");
    assert_eq!(app.reload().await.status, 200);
    assert_eq!(app.get("/v1/events").await.status, 200);
}

#[tokio::test]
async fn the_end_answers_those_who_wait_and_comes_within_its_budget() {
    let app = TestApp::start_with(&[("shutdown.drain", "5s")]).await;
    let request = app
        .request("GET", "/v1/feed?wait=30s")
        .bearer_auth(&app.reader);
    let waiting = tokio::spawn(crate::support::answer(request));
    eventually(PATIENCE, async || {
        app.admin_get("/metrics")
            .await
            .body
            .contains("flumen_query_waiting 1")
    })
    .await;
    let started = std::time::Instant::now();
    assert_eq!(app.stop().await, Exit::Clean);
    assert!(
        started.elapsed() < std::time::Duration::from_secs(15),
        "{:?}",
        started.elapsed()
    );
    assert_eq!(waiting.await.expect("answered").status, 200);
}

#[tokio::test]
async fn reading_stays_up_with_kafka_down_since_nothing_here_knows_kafka() {
    use service::config::Layers;
    let layers = Layers {
        env: Vec::new(),
        ..Layers::new("query-api", query_api::config::DEFAULT_TOML)
    };
    let error = query_api::Config::load(layers.set("kafka.brokers", "localhost:9092"))
        .expect_err("no such section");
    assert!(
        error.to_string().contains("there is no such key"),
        "{error}"
    );
    let app = TestApp::start().await;
    store(app.database.url(), &[Row::new("a", "1", NOON)]).await;
    assert_eq!(app.get("/v1/events").await.ids(), ["1"]);
    assert_eq!(app.get("/v1/feed").await.ids(), ["1"]);
}
