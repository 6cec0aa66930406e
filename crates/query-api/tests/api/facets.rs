//! Facets: which sources and types there are.

use serde_json::{Value, json};

use crate::seed::{NOON, Row, store};
use crate::support::TestApp;

async fn with_rows() -> TestApp {
    let app = TestApp::start_with(&[("stats.max_facets", "3")]).await;
    let mut rows = Vec::new();
    for (source, kind, minute, count) in [
        ("shop-1", "order", 0, 5),
        ("shop-1", "login", 7, 1),
        ("bank", "login", 2, 3),
        ("clinic", "secret", 3, 9),
        ("zoo", "login", 3, 1),
    ] {
        rows.extend((0..count).map(|n| {
            let id = format!("{kind}{minute}-{n}");
            Row::new(source, id, NOON + minute * 60 + n).kind(kind)
        }));
    }
    store(app.database.url(), &rows).await;
    app
}

fn values(answer: &Value) -> Vec<(&str, i64)> {
    let values = answer["values"].as_array().expect("a list");
    let one = |value: &'static str, of: &'_ Value| -> i64 { of[value].as_i64().expect("a count") };
    values
        .iter()
        .map(|value| {
            let name = value["value"].as_str().expect("a name");
            (name, one("count", value))
        })
        .collect()
}

#[tokio::test]
async fn sources_and_types_come_with_their_counts_the_largest_first() {
    let app = with_rows().await;
    let types = app.get("/v1/types").await.json();
    assert_eq!(
        types,
        json!({ "more": false, "values": [
            { "value": "secret", "count": 9, "last_seen": "2026-01-15T12:03:00Z" },
            { "value": "login", "count": 5, "last_seen": "2026-01-15T12:07:00Z" },
            { "value": "order", "count": 5, "last_seen": "2026-01-15T12:00:00Z" },
        ]})
    );
    let sources = app.get("/v1/sources?limit=2").await.json();
    assert_eq!(values(&sources), [("clinic", 9), ("shop-1", 6)]);
    assert_eq!(sources["more"], true);
    app.get("/v1/sources?limit=4")
        .await
        .is_problem(400, "invalid-parameter");
}

#[tokio::test]
async fn facets_are_narrowed_by_time_and_by_each_other() {
    let app = with_rows().await;
    let logins = app.get("/v1/sources?type=login").await.json();
    assert_eq!(values(&logins), [("bank", 3), ("shop-1", 1), ("zoo", 1)]);
    let shops = app.get("/v1/types?source=shop-*").await.json();
    assert_eq!(values(&shops), [("order", 5), ("login", 1)]);
    // Parts of a minute count as the whole of it.
    let window = "from=2026-01-15T12:02:59Z&to=2026-01-15T12:03:00.5Z";
    let some = app.get(&format!("/v1/sources?{window}")).await.json();
    assert_eq!(values(&some), [("clinic", 9), ("bank", 3), ("zoo", 1)]);
}

#[tokio::test]
async fn a_key_learns_nothing_of_sources_that_are_not_its_own() {
    let app = with_rows().await;
    for (path, expected) in [
        ("/v1/sources", &[("shop-1", 6), ("bank", 3)][..]),
        ("/v1/types", &[("order", 5), ("login", 4)]),
        ("/v1/types?source=*", &[("order", 5), ("login", 4)]),
    ] {
        let answer = app.get_as(&app.shop, path).await.json();
        assert_eq!(values(&answer), expected, "{path}");
    }
    for path in ["/v1/sources?source=clinic", "/v1/types?source=clinic"] {
        app.get_as(&app.shop, path)
            .await
            .is_problem(403, "forbidden");
        app.get_as(&app.producer, path)
            .await
            .is_problem(403, "forbidden");
    }
}
