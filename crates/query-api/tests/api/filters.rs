//! Filters on what events hold, and searching for what is rare.

use serde_json::{Value, json};

use crate::seed::{NOON, Row, store};
use crate::support::TestApp;

fn row(id: &str, data: Value) -> Row {
    let second = NOON + i64::try_from(id.len()).expect("short");
    Row {
        data,
        ..Row::new("a", id, second)
    }
}

async fn with_rows() -> TestApp {
    let app = TestApp::start().await;
    let rows = [
        row(
            "1",
            json!({ "n": 5, "order": { "items": [{ "sku": "x" }, { "sku": "y" }] } }),
        ),
        row(
            "22",
            json!({ "n": "5", "ok": true, "name": "Zoë \"Z\" 'q'; --" }),
        ),
        row("333", json!({ "n": 5.0, "ok": false, "gone": null })),
        row("4444", json!([{ "n": 5 }])),
        row("55555", json!({ "n": "*", "ok": "true", "a.b": 1 })),
    ];
    store(app.database.url(), &rows).await;
    app
}

#[tokio::test]
async fn data_is_found_by_its_type_and_value() {
    let app = with_rows().await;
    for (query, expected) in [
        ("data.n=5", &["1", "333"][..]),
        ("data.n=5.00", &["1", "333"]),
        ("data.n=0.5e1", &["1", "333"]),
        ("data.n=%225%22", &["22"]),
        ("data.n=*", &["1", "22", "333", "55555"]),
        ("data.n=%22*%22", &["55555"]),
        ("data.ok=true", &["22"]),
        ("data.ok=%22true%22", &["55555"]),
        ("data.ok=false", &["333"]),
        ("data.gone=null", &["333"]),
        ("data.gone=*", &["333"]),
        ("data.missing=null", &[]),
        ("data.0.n=5", &["4444"]),
        ("data.order.items.1.sku=y", &["1"]),
        ("data.order.items.1.sku=x", &[]),
        ("data.name=Zo%C3%AB%20%22Z%22%20'q';%20--", &["22"]),
        ("data.n=5&data.gone=*", &["333"]),
        ("data.n=5&data.n=6", &[]),
        ("data.n=5&type=other", &[]),
        ("data.n')%20IS%20NULL%20OR%20('1=1", &[]),
    ] {
        let answer = app.get(&format!("/v1/events?order=asc&{query}")).await;
        assert_eq!(answer.ids(), expected, "{query}");
    }
}

#[tokio::test]
async fn a_page_of_a_data_filter_goes_on_by_its_cursor_and_a_changed_filter_is_refused() {
    let app = with_rows().await;
    let first = app.get("/v1/events?order=asc&data.n=5&limit=1").await;
    assert_eq!(first.ids(), ["1"]);
    let link = first.header("link");
    let target = link
        .split(['<', '>'])
        .find(|part| part.starts_with('?'))
        .expect("a link");
    assert_eq!(app.get(&format!("/v1/events{target}")).await.ids(), ["333"]);
    let changed = target.replace("data.n=5", "data.n=6");
    app.get(&format!("/v1/events{changed}"))
        .await
        .is_problem(400, "invalid-cursor");
}

#[tokio::test]
async fn a_data_filter_that_makes_no_sense_is_refused_by_name() {
    let app = TestApp::start().await;
    for query in ["data.=1", "data.a..b=1", "data.a=1e1000000", "data.a="] {
        app.get(&format!("/v1/events?{query}"))
            .await
            .is_problem(400, "invalid-parameter");
    }
    for query in ["data=1", "dat.a=1"] {
        app.get(&format!("/v1/events?{query}"))
            .await
            .is_problem(400, "unknown-parameter");
    }
    // Where data is not looked at, the filter must not silently be ignored.
    for route in ["feed", "stats"] {
        app.get(&format!("/v1/{route}?data.a=1"))
            .await
            .is_problem(400, "unknown-parameter");
    }
}

/// Follows the cursors of one direction and tells the ids in their order, and how many pages came short.
async fn walk(app: &TestApp, key: &str, query: &str) -> (Vec<String>, usize) {
    let (mut ids, mut short, mut cursor) = (Vec::new(), 0, String::new());
    loop {
        let page = app
            .get_as(key, &format!("/v1/events?{query}&limit=3{cursor}"))
            .await;
        ids.extend(page.ids());
        let body = page.json();
        short += usize::from(body["searched_to"].is_string());
        let Some(next) = body["next"].as_str() else {
            assert_eq!(body.get("searched_to"), None, "the end is no interruption");
            return (ids, short);
        };
        cursor = format!("&cursor={next}");
    }
}

#[tokio::test]
async fn what_is_rare_is_searched_in_short_pages_and_never_missed_or_shown_twice() {
    // So little time that every step is the last one of its page.
    let app = TestApp::start_with(&[("page.search", "1ms")]).await;
    let rows: Vec<Row> = (0..12_000)
        .map(|n| {
            let source = ["shop-1", "bank", "other"][n % 3];
            let seconds = NOON + i64::try_from(n / 7).expect("few");
            let kind = if n % 1_000 < 5 { "rare" } else { "common" };
            Row::new(source, format!("{n:05}"), seconds).kind(kind)
        })
        .collect();
    store(app.database.url(), &rows).await;
    for (key, sources) in [
        (&app.reader, &["shop-1", "bank", "other"][..]),
        (&app.shop, &["shop-1", "bank"]),
    ] {
        let mut expected: Vec<String> = rows
            .iter()
            .filter(|row| row.kind == "rare" && sources.contains(&row.source.as_str()))
            .map(|row| row.id.clone())
            .collect();
        for order in ["asc", "desc"] {
            let (mut ids, short) = walk(&app, key, &format!("type=rare&order={order}")).await;
            assert!(short > 0, "no page came short");
            ids.sort_unstable();
            expected.sort_unstable();
            assert_eq!(ids, expected, "{order}");
        }
        let (none, short) = walk(&app, key, "data.never=1").await;
        assert!(none.is_empty() && short > 0);
    }
}

#[tokio::test]
async fn a_search_goes_back_the_way_it_came() {
    let app = TestApp::start_with(&[("page.search", "1ms")]).await;
    let rows: Vec<Row> = (0..5_000)
        .map(|n| {
            let kind = if n % 1_500 == 0 { "rare" } else { "common" };
            Row::new("a", n.to_string(), NOON + n).kind(kind)
        })
        .collect();
    store(app.database.url(), &rows).await;
    let mut page = app.get("/v1/events?type=rare&order=asc").await.json();
    while let Some(next) = page["next"].as_str() {
        let path = format!("/v1/events?type=rare&order=asc&cursor={next}");
        page = app.get(&path).await.json();
    }
    let mut back = Vec::new();
    while let Some(prev) = page["prev"].as_str() {
        let answer = app
            .get(&format!("/v1/events?type=rare&order=asc&cursor={prev}"))
            .await;
        back.splice(0..0, answer.ids());
        page = answer.json();
    }
    // The last page of the way there was not read again.
    assert!(
        ["0", "1500", "3000", "4500"]
            .starts_with(&back.iter().map(String::as_str).collect::<Vec<_>>()),
        "{back:?}"
    );
    assert!(back.len() >= 3, "{back:?}");
}
