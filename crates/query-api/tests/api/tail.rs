//! The tail: stored events, then live ones, each once.

use std::time::Duration;

use serde_json::Value;
use tokio::time::timeout;

use crate::seed::{NOON, Row, commit, connect, make_partitions, store};
use crate::support::{PATIENCE, TestApp, answer};

/// One message of the stream.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Message {
    name: String,
    id: String,
    data: String,
}

struct Stream {
    response: reqwest::Response,
    rest: String,
}

impl Stream {
    async fn open(app: &TestApp, key: &str, query: &str) -> Self {
        let request = app.request("GET", &format!("/v1/tail{query}"));
        let response = request.bearer_auth(key).send().await.expect("answered");
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Self {
            response,
            rest: String::new(),
        }
    }

    /// The next block, be it a message or not; `None` at the end.
    async fn block(&mut self) -> Option<Message> {
        loop {
            if let Some((block, rest)) = self.rest.split_once("\n\n") {
                let mut message = Message::default();
                for line in block.lines() {
                    match line.split_once(": ") {
                        Some(("id", value)) => message.id = value.to_owned(),
                        Some(("event", value)) => message.name = value.to_owned(),
                        Some(("data", value)) => message.data = value.to_owned(),
                        _ => {}
                    }
                }
                self.rest = rest.to_owned();
                return Some(message);
            }
            let chunk = timeout(PATIENCE, self.response.chunk())
                .await
                .expect("in time")
                .expect("no failure")?;
            self.rest.push_str(&String::from_utf8_lossy(&chunk));
        }
    }

    /// The next so many events.
    async fn events(&mut self, count: usize) -> Vec<(String, String)> {
        let mut events = Vec::new();
        while events.len() < count {
            let message = self.block().await.expect("more events");
            if !message.data.is_empty() {
                assert_eq!(message.name, "", "{message:?}");
                let event: Value = serde_json::from_str(&message.data).expect("an event");
                let id = event["id"].as_str().expect("an id").to_owned();
                events.push((id, message.id));
            }
        }
        events
    }

    async fn ids(&mut self, count: usize) -> Vec<String> {
        let events = self.events(count).await;
        events.into_iter().map(|(id, _)| id).collect()
    }
}

fn rows(source: &str, range: std::ops::Range<i64>) -> Vec<Row> {
    range
        .map(|n| Row::new(source, n.to_string(), NOON + n))
        .collect()
}

fn texts(range: std::ops::Range<i64>) -> Vec<String> {
    range.map(|n| n.to_string()).collect()
}

#[tokio::test]
async fn a_tail_begins_now_and_shows_what_is_stored_from_then_on() {
    let app = TestApp::start().await;
    let url = app.database.url();
    store(url, &rows("a", 0..3)).await;
    let mut tail = Stream::open(&app, &app.reader, "").await;
    let hello = tail.block().await.expect("an id before any event");
    assert!(!hello.id.is_empty() && hello.data.is_empty());
    store(url, &rows("a", 3..6)).await;
    assert_eq!(tail.ids(3).await, texts(3..6));
    store(url, &rows("a", 6..7)).await;
    assert_eq!(tail.ids(1).await, texts(6..7));
}

#[tokio::test]
async fn a_tail_that_comes_again_misses_nothing_and_gets_nothing_twice() {
    let app = TestApp::start().await;
    let url = app.database.url().to_owned();
    let mut writers = Vec::new();
    let client = connect(&url).await;
    make_partitions(&client, [NOON]).await;
    let first = app.get("/v1/feed?start=latest").await.json();
    let mut last = first["next"].as_str().expect("a cursor").to_owned();
    for partition in 0..3 {
        let mut client = connect(&url).await;
        writers.push(tokio::spawn(async move {
            for batch in 0..10_i64 {
                let from = i64::from(partition) * 1_000 + batch * 20;
                commit(&mut client, partition, &rows("a", from..from + 20), 0.01).await;
            }
        }));
    }
    // Connections break again and again, in the middle of whatever.
    let mut seen = Vec::new();
    while seen.len() < 600 {
        let count = (600 - seen.len()).min(37);
        let mut tail = Stream::open(&app, &app.reader, &format!("?after={last}")).await;
        let events = tail.events(count).await;
        last = events.last().expect("some").1.clone();
        seen.extend(events.into_iter().map(|(id, _)| id));
    }
    for writer in writers {
        writer.await.expect("it stored everything");
    }
    let mut expected: Vec<String> = (0..3)
        .flat_map(|partition| texts(partition * 1_000..partition * 1_000 + 200))
        .collect();
    seen.sort_unstable();
    expected.sort_unstable();
    assert_eq!(seen, expected);
    // The header is what browsers send; it is newer than the address.
    store(&url, &rows("a", 5_000..5_001)).await;
    let request = app
        .request(
            "GET",
            &format!("/v1/tail?after={}", first["next"].as_str().expect("text")),
        )
        .bearer_auth(&app.reader)
        .header("last-event-id", &last);
    let response = request.send().await.expect("answered");
    let mut tail = Stream {
        response,
        rest: String::new(),
    };
    assert_eq!(tail.ids(1).await, ["5000"]);
}

#[tokio::test]
async fn a_tail_shows_only_what_is_asked_for_and_may_be_seen() {
    let app = TestApp::start().await;
    let url = app.database.url();
    let mut shop = Stream::open(&app, &app.shop, "").await;
    let mut logins = Stream::open(&app, &app.reader, "?type=login*&subject=u1").await;
    for tail in [&mut shop, &mut logins] {
        tail.block().await.expect("opened");
    }
    let row = |source, id, kind: &str| Row::new(source, id, NOON).kind(kind);
    let all = [
        row("clinic", "1", "login"),
        row("shop-1", "2", "order"),
        row("shop", "3", "login.ok").subject("u1"),
        row("bank", "4", "login").subject("u2"),
        row("bank", "5", "login").subject("u1"),
    ];
    store(url, &all).await;
    assert_eq!(shop.ids(3).await, ["2", "4", "5"]);
    assert_eq!(logins.ids(2).await, ["3", "5"]);
}

#[tokio::test]
async fn tails_that_are_sent_the_same_have_the_cursors_of_their_own_key() {
    let app = TestApp::start().await;
    let url = app.database.url();
    store(url, &rows("shop-1", 0..2)).await;
    let asked = [
        (&app.reader, "?"),
        (&app.reader, "?"),
        (&app.reader, "?source=shop-1"),
        (&app.shop, "?"),
    ];
    let mut tails = Vec::new();
    for (key, query) in asked {
        let mut tail = Stream::open(&app, key, query).await;
        tail.block().await.expect("opened");
        tails.push(tail);
    }
    for part in 1..4 {
        store(url, &rows("shop-1", part * 10..part * 10 + 10)).await;
    }
    let mut seen = Vec::new();
    for tail in &mut tails {
        let events = tail.events(30).await;
        let ids: Vec<&str> = events.iter().map(|(id, _)| id.as_str()).collect();
        assert_eq!(ids, texts(10..40));
        seen.push(events);
    }
    assert_eq!(seen[0], seen[1], "one key and one query");
    for (number, (key, query)) in asked.into_iter().enumerate() {
        // From the middle of what was sent at once.
        let (_, cursor) = &seen[number][14];
        let path = format!("{query}&after={cursor}");
        let mut again = Stream::open(&app, key, &path).await;
        assert_eq!(again.ids(15).await, texts(25..40), "{path}");
        let other = &seen[(number + 2) % 4][14].1;
        let path = format!("/v1/tail{query}&after={other}");
        app.get_as(key, &path)
            .await
            .is_problem(400, "invalid-cursor");
    }
}

#[tokio::test]
async fn a_tail_is_refused_before_it_begins() {
    let app = TestApp::start_with(&[("tail.max_per_key", "1")]).await;
    for (query, name) in [
        ("?after=rubbish", "invalid-cursor"),
        ("?from=2026-01-01T00:00:00Z", "unknown-parameter"),
    ] {
        app.get(&format!("/v1/tail{query}"))
            .await
            .is_problem(400, name);
    }
    let rubbish = app
        .request("GET", "/v1/tail")
        .bearer_auth(&app.reader)
        .header("last-event-id", "rubbish");
    answer(rubbish).await.is_problem(400, "invalid-cursor");
    app.get_as(&app.shop, "/v1/tail?source=clinic")
        .await
        .is_problem(403, "forbidden");
    let mut open = Stream::open(&app, &app.reader, "").await;
    open.block().await.expect("opened");
    let second = app.get("/v1/tail").await;
    second.is_problem(429, "throttled");
    assert_eq!(second.header("retry-after"), "5");
    drop(open);
    devstack::testing::eventually(PATIENCE, async || {
        let request = app.request("GET", "/v1/tail").bearer_auth(&app.reader);
        request.send().await.expect("answered").status() == 200
    })
    .await;
}

#[tokio::test]
async fn a_silent_tail_says_that_it_lives_and_ends_with_the_server_or_the_key() {
    let app = TestApp::start_with(&[("tail.heartbeat", "100ms")]).await;
    let mut tail = Stream::open(&app, &app.reader, "").await;
    for _ in 0..3 {
        let beat = tail.block().await.expect("a beat");
        assert!(!beat.id.is_empty() && beat.data.is_empty());
    }
    let mut shop = Stream::open(&app, &app.shop, "").await;
    shop.block().await.expect("opened");
    let kept = std::fs::read_to_string(app.keys_file.path()).expect("the keys");
    let without_shop: Vec<&str> = kept
        .split("[[keys]]")
        .filter(|entry| !entry.contains("shop-*"))
        .collect();
    std::fs::write(app.keys_file.path(), without_shop.join("[[keys]]")).expect("written");
    assert_eq!(app.reload().await.status, 200);
    let end = last(&mut shop).await;
    assert!(end.name == "end" && end.data.contains("\"key\""), "{end:?}");
    let stopped = tokio::spawn(app.stop());
    let end = last(&mut tail).await;
    assert!(
        end.name == "end" && end.data.contains("\"stopping\""),
        "{end:?}"
    );
    timeout(Duration::from_secs(8), stopped)
        .await
        .expect("open tails hold nothing up")
        .expect("it ends");
}

async fn last(stream: &mut Stream) -> Message {
    let mut last = Message::default();
    while let Some(message) = stream.block().await {
        last = message;
    }
    last
}

#[tokio::test]
async fn a_client_that_reads_nothing_is_given_up_and_costs_the_others_nothing() {
    let app = TestApp::start_with(&[("query.stalled_after", "200ms")]).await;
    let url = app.database.url().to_owned();
    let mut idle = Stream::open(&app, &app.reader, "").await;
    let mut busy = Stream::open(&app, &app.reader, "").await;
    idle.block().await.expect("opened");
    busy.block().await.expect("opened");
    let data = serde_json::json!({ "text": "x".repeat(4_000) });
    for batch in 0..20 {
        let large: Vec<Row> = rows("a", batch * 200..batch * 200 + 200)
            .into_iter()
            .map(|row| Row {
                data: data.clone(),
                ..row
            })
            .collect();
        store(&url, &large).await;
        assert_eq!(busy.ids(200).await, texts(batch * 200..batch * 200 + 200));
    }
    devstack::testing::eventually(PATIENCE, async || {
        app.admin_get("/metrics")
            .await
            .body
            .contains("flumen_query_tails 1\n")
    })
    .await;
    let end = last(&mut idle).await;
    assert!(
        end.name == "end" && end.data.contains("\"slow\""),
        "{end:?}"
    );
}
