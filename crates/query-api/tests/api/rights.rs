//! P7: a key sees only the sources it was given.

use crate::seed::{NOON, Row, store};
use crate::support::{TestApp, answer};

async fn with_rows() -> TestApp {
    let app = TestApp::start().await;
    let rows = [
        Row::new("shop-1", "a", NOON),
        Row::new("bank", "b", NOON + 1),
        Row::new("clinic", "c", NOON + 2),
        Row::new("shop", "d", NOON + 3),
        Row::new("banks", "e", NOON + 4),
    ];
    store(app.database.url(), &rows).await;
    app
}

#[tokio::test]
async fn a_key_sees_only_its_own_sources_on_every_route() {
    let app = with_rows().await;
    let shop = &app.shop;
    assert_eq!(
        app.get_as(shop, "/v1/events?order=asc").await.ids(),
        ["a", "b"]
    );
    assert_eq!(
        app.get_as(shop, "/v1/events?order=asc&source=*")
            .await
            .ids(),
        ["a", "b"]
    );
    assert_eq!(
        app.get_as(shop, "/v1/events?order=asc&source=shop*")
            .await
            .ids(),
        ["a"]
    );
    assert_eq!(app.get_as(shop, "/v1/feed").await.ids(), ["a", "b"]);
    let window = "from=2026-01-15T00:00:00Z&to=2026-01-16T00:00:00Z";
    let stats = app
        .get_as(shop, &format!("/v1/stats?by=source&bucket=1d&{window}"))
        .await
        .json();
    assert_eq!(stats["total"], 2, "{stats}");
    let all = app
        .get(&format!("/v1/stats?by=source&bucket=1d&{window}"))
        .await
        .json();
    assert_eq!(all["total"], 5, "{all}");
}

#[tokio::test]
async fn a_source_that_a_key_may_not_read_is_refused_whether_it_exists_or_not() {
    let app = with_rows().await;
    for source in ["clinic", "nowhere", "shop", "banks", "clin*"] {
        for route in ["events", "feed", "stats"] {
            let answer = app
                .get_as(
                    &app.shop,
                    &format!("/v1/{route}?source={source}&source=bank"),
                )
                .await;
            answer.is_problem(403, "forbidden");
        }
    }
}

#[tokio::test]
async fn an_event_of_another_source_looks_like_one_that_is_not_there() {
    let app = with_rows().await;
    let foreign = Row::new("clinic", "c", NOON + 2).uid();
    let unknown = Row::new("clinic", "x", NOON + 2).uid();
    assert_eq!(app.get(&format!("/v1/events/{foreign}")).await.status, 200);
    let mut bodies = Vec::new();
    for uid in [foreign, unknown] {
        let request = app
            .request("GET", &format!("/v1/events/{uid}"))
            .bearer_auth(&app.shop);
        let answer = answer(request.header("x-request-id", "same")).await;
        answer.is_problem(404, "not-found");
        bodies.push(answer.body);
    }
    assert_eq!(bodies[0], bodies[1]);
}

#[tokio::test]
async fn without_a_valid_key_there_is_no_answer_and_a_scope_is_not_another() {
    let app = with_rows().await;
    for route in [
        "/v1/events",
        "/v1/feed",
        "/v1/stats",
        "/v1/events/00000000-0000-8000-8000-000000000000",
    ] {
        let answer = answer(app.request("GET", route)).await;
        answer.is_problem(401, "unauthorized");
        assert!(answer.header("www-authenticate").starts_with("Bearer"));
        app.get_as("fl_aaaaaaaa_bbbb", route)
            .await
            .is_problem(401, "unauthorized");
        app.get_as(&app.producer, route)
            .await
            .is_problem(403, "forbidden");
        app.get(&format!("{route}?api_key={}", app.reader))
            .await
            .is_problem(400, "key-in-query");
    }
}

#[tokio::test]
async fn rights_are_checked_again_on_every_page() {
    let app = with_rows().await;
    let first = app.get_as(&app.shop, "/v1/events?limit=1").await;
    let next = first.json()["next"]
        .as_str()
        .expect("a second page")
        .to_owned();
    let keys = std::fs::read_to_string(app.keys_file.path()).expect("readable");
    std::fs::write(
        app.keys_file.path(),
        keys.replace("\"shop-*\"", "\"nothing\""),
    )
    .expect("written");
    assert_eq!(app.reload().await.status, 200);
    let second = app
        .get_as(&app.shop, &format!("/v1/events?limit=1&cursor={next}"))
        .await;
    assert!(
        second.ids().is_empty(),
        "the shop's events are no longer this key's"
    );
    std::fs::write(
        app.keys_file.path(),
        keys.replace("[[keys]]", "[[keys]]\ndisabled = true"),
    )
    .expect("written");
    assert_eq!(app.reload().await.status, 200);
    app.get_as(&app.shop, &format!("/v1/events?limit=1&cursor={next}"))
        .await
        .is_problem(401, "unauthorized");
}

#[tokio::test]
async fn a_cursor_of_a_listing_is_refused_to_every_other_key_also_of_the_same_name() {
    let app = with_rows().await;
    let twin = app.add_key("reader", &["*"]).await;
    let page = app.get("/v1/events?limit=1").await.json();
    let next = page["next"].as_str().expect("a second page");
    for route in ["events", "export"] {
        let path = format!("/v1/{route}?cursor={next}");
        app.get_as(&twin, &path)
            .await
            .is_problem(400, "invalid-cursor");
        app.get_as(&app.shop, &path)
            .await
            .is_problem(400, "invalid-cursor");
        assert_eq!(app.get(&path).await.status, 200, "{route}");
    }
}

#[tokio::test]
async fn a_reader_of_the_feed_keeps_its_place_when_its_key_is_replaced() {
    let app = with_rows().await;
    let first = app.get("/v1/feed?limit=1").await;
    assert_eq!(first.ids(), ["a"]);
    let next = first.json()["next"].as_str().expect("a cursor").to_owned();
    let path = format!("/v1/feed?limit=1&after={next}");
    let successor = app.add_key("reader", &["*"]).await;
    assert_eq!(app.get_as(&successor, &path).await.ids(), ["b"]);
    // A place, and no right: what may be read is asked of the key that comes with it.
    let narrower = app.add_key("reader", &["clinic"]).await;
    assert_eq!(app.get_as(&narrower, &path).await.ids(), ["c"]);
    let nothing = app.add_key("reader", &["nowhere-*"]).await;
    assert!(app.get_as(&nothing, &path).await.ids().is_empty());
    let stranger = app.add_key("other", &["*"]).await;
    for key in [&stranger, &app.shop] {
        app.get_as(key, &path)
            .await
            .is_problem(400, "invalid-cursor");
    }
}

#[tokio::test]
async fn a_key_over_its_rate_is_told_when_to_come_again() {
    let app =
        TestApp::start_with(&[("limits.requests_per_second", "2"), ("limits.burst", "1s")]).await;
    let mut last = app.get("/v1/events").await;
    assert!(
        last.header("ratelimit-policy")
            .starts_with("\"requests\";q=2"),
        "{:?}",
        last.headers
    );
    for _ in 0..10 {
        last = app.get("/v1/events").await;
    }
    last.is_problem(429, "throttled");
    assert_eq!(last.header("retry-after"), "1");
    assert_eq!(
        app.get_as(&app.shop, "/v1/events").await.status,
        200,
        "another key is not touched"
    );
}
