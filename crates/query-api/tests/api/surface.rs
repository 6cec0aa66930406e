//! What the API says about itself, and how answers are cached, packed and timed.

use serde_json::Value;

use crate::seed::{self, Row};
use crate::support::{TestApp, answer};

const NOON: i64 = 1_768_478_400;

#[tokio::test]
async fn every_operation_of_the_document_is_there_and_tells_no_status_that_it_does_not() {
    let app = TestApp::start().await;
    let document: Value = app.get("/openapi.json").await.json();
    assert_eq!(document["openapi"], "3.1.0");
    let paths = document["paths"].as_object().expect("paths");
    assert!(paths.len() >= 12, "{paths:?}");
    for (template, operations) in paths {
        let path = template.replace("{uid}", "01961ad2-8a4e-8f0c-9d7a-5a1c6de0b1f3");
        for (asked, key) in [
            (path.clone(), &app.reader),
            (path.clone(), &app.producer),
            (path.clone(), &app.operator),
            (format!("{path}?nonsense=1"), &app.reader),
            (format!("{path}?limit=0&limit=1"), &app.reader),
        ] {
            // A tail would go on.
            if template == "/v1/tail" && !asked.contains('?') && key == &app.reader {
                continue;
            }
            let found = app.get_as(key, &asked).await;
            assert_ne!(
                (found.status, found.body.contains("nothing at this address")),
                (404, true),
                "{asked}"
            );
            let told = &operations["get"]["responses"][found.status.to_string()];
            assert!(
                told.is_object(),
                "{asked} answers {} and the document does not say so",
                found.status
            );
            let kind = found
                .header("content-type")
                .split(';')
                .next()
                .unwrap_or_default()
                .to_owned();
            assert!(
                found.body.is_empty() || told["content"][&kind].is_object(),
                "{asked}: {kind}"
            );
        }
    }
}

#[tokio::test]
async fn an_event_that_the_client_has_is_not_sent_again() {
    let app = TestApp::start().await;
    let rows = [Row::new("other", "a", NOON)];
    seed::store(app.database.url(), &rows).await;
    let page = app.get("/v1/events").await.json();
    let path = format!(
        "/v1/events/{}",
        page["events"][0]["uid"].as_str().expect("a uid")
    );
    let first = app.get(&path).await;
    assert_eq!(first.header("cache-control"), "private, no-cache");
    let tag = first.header("etag").to_owned();
    let known = |key: &str| {
        app.request("GET", &path)
            .bearer_auth(key)
            .header("if-none-match", tag.as_str())
    };
    let again = answer(known(&app.reader)).await;
    assert_eq!((again.status, again.body.as_str()), (304, ""));
    // Who may not see it learns nothing from the tag.
    answer(known(&app.shop)).await.is_problem(404, "not-found");
    let head = answer(app.request("HEAD", &path).bearer_auth(&app.reader)).await;
    assert_eq!((head.status, head.header("etag")), (200, tag.as_str()));
}

#[tokio::test]
async fn answers_tell_the_limits_of_the_key_and_the_time_of_the_database() {
    let app = TestApp::start_with(&[("limits.requests_per_second", "50")]).await;
    for path in [
        "/v1/events",
        "/v1/feed",
        "/v1/stats",
        "/v1/sources",
        "/v1/types",
    ] {
        let found = app.get(path).await;
        assert!(
            found.header("server-timing").starts_with("db;dur="),
            "{path}"
        );
        assert_eq!(found.header("cache-control"), "no-store", "{path}");
        let policy = found.header("ratelimit-policy");
        assert!(
            policy.contains("\"requests\";q=100") && policy.contains("\"concurrent\";q=100"),
            "{path}: {policy}"
        );
        assert!(
            found.header("ratelimit").contains("\"concurrent\";r=99"),
            "{path}"
        );
    }
    let refused = app.get("/v1/events?x=1").await;
    assert!(
        refused.header("ratelimit").contains("\"requests\";r="),
        "also of what is refused"
    );
}

#[tokio::test]
async fn a_page_is_packed_for_whoever_accepts_it_and_a_tail_never() {
    let app = TestApp::start().await;
    let rows: Vec<Row> = (0..50)
        .map(|n| Row::new("other", format!("e-{n}"), NOON + n))
        .collect();
    seed::store(app.database.url(), &rows).await;
    let ask = |path: &str| {
        app.request("GET", path)
            .bearer_auth(&app.reader)
            .header("accept-encoding", "gzip, zstd")
    };
    let page = ask("/v1/events").send().await.expect("answered");
    assert_eq!(page.headers()["content-encoding"], "zstd");
    let tail = ask("/v1/tail").send().await.expect("answered");
    assert!(!tail.headers().contains_key("content-encoding"));
}
