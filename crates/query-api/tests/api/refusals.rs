//! What is refused, and how it is said (cases 29 to 33).

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::seed::{NOON, Row, store};
use crate::support::{TestApp, answer};

/// Sends a request line as it stands, which clients would mend first.
async fn raw(app: &TestApp, target: &str) -> String {
    let address = app.base.trim_start_matches("http://");
    let mut stream = tokio::net::TcpStream::connect(address)
        .await
        .expect("it listens");
    let request = format!(
        "GET {target} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\nconnection: close\r\n\r\n",
        app.reader
    );
    let _ = stream.write_all(request.as_bytes()).await;
    let mut bytes = Vec::new();
    // A connection that is reset has been refused as well.
    let _ = stream.read_to_end(&mut bytes).await;
    String::from_utf8_lossy(&bytes).into_owned()
}

#[tokio::test]
async fn sql_in_any_value_is_only_a_value_and_in_any_name_unknown() {
    let app = TestApp::start().await;
    store(app.database.url(), &[Row::new("a", "1", NOON)]).await;
    let hostile = [
        "'; DROP TABLE events; --",
        "' OR '1'='1",
        "a' UNION SELECT usename FROM pg_user --",
        "\\",
        "$1",
        "a\"||(select pg_sleep(5))||\"",
    ];
    for value in hostile {
        let value: String = value.bytes().map(|byte| format!("%{byte:02x}")).collect();
        for name in ["source", "type", "subject"] {
            assert!(
                app.get(&format!("/v1/events?{name}={value}"))
                    .await
                    .ids()
                    .is_empty()
            );
            assert!(
                app.get(&format!("/v1/events?{name}={value}*"))
                    .await
                    .ids()
                    .is_empty()
            );
            assert!(
                app.get(&format!("/v1/feed?{name}={value}"))
                    .await
                    .ids()
                    .is_empty()
            );
        }
        assert_eq!(
            app.get(&format!("/v1/stats?source={value}")).await.json()["total"],
            0
        );
        app.get(&format!("/v1/events?order={value}"))
            .await
            .is_problem(400, "invalid-parameter");
        app.get(&format!("/v1/stats?by={value}"))
            .await
            .is_problem(400, "invalid-parameter");
        app.get(&format!("/v1/events?{value}=1"))
            .await
            .is_problem(400, "unknown-parameter");
        for filter in [format!("data.{value}=1"), format!("data.a={value}")] {
            let answer = app.get(&format!("/v1/events?{filter}")).await;
            assert!(answer.ids().is_empty(), "{filter}");
        }
        app.get(&format!("/v1/feed?data.{value}=1"))
            .await
            .is_problem(400, "unknown-parameter");
    }
    assert_eq!(
        app.get("/v1/events").await.ids(),
        ["1"],
        "the table is still there"
    );
}

#[tokio::test]
async fn parameters_that_are_unknown_repeated_or_out_of_range_are_refused_by_name() {
    let app = TestApp::start().await;
    for (path, name, parameter) in [
        ("/v1/events?ordr=asc", "unknown-parameter", "ordr"),
        ("/v1/events?wait=1s", "unknown-parameter", "wait"),
        (
            "/v1/events?limit=1&limit=9999",
            "repeated-parameter",
            "limit",
        ),
        ("/v1/events?limit=0", "invalid-parameter", "limit"),
        ("/v1/events?limit=-1", "invalid-parameter", "limit"),
        ("/v1/events?limit=1000000000", "invalid-parameter", "limit"),
        ("/v1/events?limit=1.5", "invalid-parameter", "limit"),
        ("/v1/events?limit=", "invalid-parameter", "limit"),
        ("/v1/events?source=", "invalid-parameter", "source"),
        ("/v1/feed?limit=0", "invalid-parameter", "limit"),
        ("/v1/feed?wait=1h", "invalid-parameter", "wait"),
        (
            "/v1/feed?start=latest&start=latest",
            "repeated-parameter",
            "start",
        ),
        (
            "/v1/feed?from=2026-01-01T00:00:00Z",
            "unknown-parameter",
            "from",
        ),
        ("/v1/stats?bucket=7m", "invalid-parameter", "bucket"),
        ("/v1/stats?subject=a", "unknown-parameter", "subject"),
        ("/v1?x=1", "unknown-parameter", "x"),
        ("/v1/whoami?x=1", "unknown-parameter", "x"),
    ] {
        let answer = app.get(path).await;
        answer.is_problem(400, name);
        assert_eq!(answer.json()["parameter"], parameter, "{path}");
    }
}

#[tokio::test]
async fn windows_without_an_inside_and_malformed_times_are_refused() {
    let app = TestApp::start().await;
    for query in [
        "from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z",
        "from=2026-01-01T00:00:00Z&to=2026-01-01T00:00:00Z",
        "from=now",
        "from=infinity",
        "to=2026-02-30T00:00:00Z",
        "to=2026-01-01",
        "to=2026-01-01T00:00:00",
        "from=0000-00-00T00:00:00Z",
    ] {
        app.get(&format!("/v1/events?{query}"))
            .await
            .is_problem(400, "invalid-parameter");
        app.get(&format!("/v1/stats?{query}"))
            .await
            .is_problem(400, "invalid-parameter");
    }
}

#[tokio::test]
async fn malformed_urls_long_urls_and_too_many_filters_are_refused() {
    let app = TestApp::start().await;
    for (target, status, name) in [
        ("/v1/events?source=%00".to_owned(), 400, "malformed-url"),
        ("/v1/events?source=%4".to_owned(), 400, "malformed-url"),
        ("/v1/events?source=%GG".to_owned(), 400, "malformed-url"),
        ("/v1/events?source=%C0%A0".to_owned(), 400, "malformed-url"),
        ("/v1/events/%ff".to_owned(), 400, "malformed-url"),
        (
            format!("/v1/events?source={}", "a".repeat(9_000)),
            414,
            "uri-too-long",
        ),
        (
            format!("/v1/events?{}", "source=a&".repeat(1_000)),
            414,
            "uri-too-long",
        ),
        (
            format!("/v1/events?{}", "type=a&".repeat(51)),
            400,
            "too-many-filters",
        ),
    ] {
        let text = raw(&app, &target).await;
        assert!(text.starts_with(&format!("HTTP/1.1 {status} ")), "{text}");
        assert!(text.contains(&format!("/problems/{name}")), "{text}");
    }
    let huge = raw(&app, &format!("/v1/events?cursor={}", "A".repeat(1 << 20))).await;
    assert!(huge.is_empty() || huge.starts_with("HTTP/1.1 4"), "{huge}");
    assert_eq!(app.get("/").await.status, 200, "and it goes on");
}

#[tokio::test]
async fn other_methods_are_refused_and_head_is_get_without_a_body() {
    let app = TestApp::start().await;
    store(app.database.url(), &[Row::new("a", "1", NOON)]).await;
    for method in ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"] {
        let refused = answer(app.request(method, "/v1/events").bearer_auth(&app.reader)).await;
        refused.is_problem(405, "method-not-allowed");
        assert_eq!(refused.header("allow"), "GET, HEAD");
    }
    let head = answer(app.request("HEAD", "/v1/events").bearer_auth(&app.reader)).await;
    let get = app.get("/v1/events").await;
    assert_eq!((head.status, head.body.as_str()), (200, ""));
    assert_eq!(head.header("content-length"), get.header("content-length"));
    assert_eq!(get.header("cache-control"), "no-store");
    assert_eq!(get.header("x-content-type-options"), "nosniff");
}
