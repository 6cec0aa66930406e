//! What only operators see: how far the writers are, and what was set aside.

use crate::seed::{self, Row};
use crate::support::TestApp;

const NOON: i64 = 1_768_478_400;

#[tokio::test]
async fn only_the_scope_operator_sees_what_is_of_all_sources() {
    let app = TestApp::start().await;
    for path in ["/v1/operator/lag", "/v1/operator/dead-letters"] {
        for key in [&app.reader, &app.shop, &app.producer] {
            app.get_as(key, path).await.is_problem(403, "forbidden");
        }
        app.get_as("fl_nobody00_x", path)
            .await
            .is_problem(401, "unauthorized");
        assert_eq!(app.get_as(&app.operator, path).await.status, 200);
        app.get_as(&app.operator, &format!("{path}?x=1"))
            .await
            .is_problem(400, "unknown-parameter");
    }
    // And the scope gives nothing else.
    app.get_as(&app.operator, "/v1/events")
        .await
        .is_problem(403, "forbidden");
    assert_eq!(
        app.get_as(&app.operator, "/v1/whoami").await.json()["scopes"],
        serde_json::json!(["operator"])
    );
}

#[tokio::test]
async fn lag_is_told_by_partition() {
    let app = TestApp::start().await;
    let rows = [Row::new("other", "a", NOON)];
    seed::store(app.database.url(), &rows).await;
    let lag = app.get_as(&app.operator, "/v1/operator/lag").await;
    assert!(lag.header("server-timing").starts_with("db;dur="));
    let lag = lag.json();
    assert_eq!(lag["topic"], "events");
    let partitions = lag["partitions"].as_array().expect("a list").clone();
    assert_eq!(partitions.len(), 1, "{lag}");
    assert!(
        partitions[0]["next_offset"]
            .as_i64()
            .is_some_and(|next| next > 0),
        "{lag}"
    );
}

#[tokio::test]
async fn dead_letters_come_newest_first_and_by_pages() {
    let app = TestApp::start().await;
    let client = seed::connect(app.database.url()).await;
    client
        .execute(
            "INSERT INTO dead_letters (topic, kafka_partition, kafka_offset, reason, detail, header_names, header_values, value) \
             SELECT 'events', 0, n, CASE n % 2 WHEN 0 THEN 'header-missing' ELSE 'time-invalid' END, 'why', \
                    ARRAY['ce_id', 'odd'], ARRAY['x'::bytea, NULL], convert_to(repeat('<script>', n * 1000), 'UTF8') \
               FROM generate_series(1, 5) AS n",
            &[],
        )
        .await
        .expect("dead letters");
    let first = app
        .get_as(&app.operator, "/v1/operator/dead-letters?limit=2")
        .await
        .json();
    let offsets = |page: &serde_json::Value| -> Vec<i64> {
        let letters = page["dead_letters"].as_array().expect("a list");
        letters
            .iter()
            .filter_map(|letter| letter["kafka_offset"].as_i64())
            .collect()
    };
    assert_eq!(offsets(&first), [5, 4]);
    let newest = &first["dead_letters"][0];
    assert_eq!(
        newest["headers"],
        serde_json::json!({ "ce_id": "x", "odd": null })
    );
    assert_eq!(newest["value_bytes"], 40_000, "the whole length");
    assert!(
        newest["value_base64"]
            .as_str()
            .is_some_and(|text| text.len() < 30_000),
        "and the begin of it"
    );
    let mut all = offsets(&first);
    let mut page = first;
    while let Some(next) = page["next"].as_str() {
        let path = format!("/v1/operator/dead-letters?limit=2&cursor={next}");
        page = app.get_as(&app.operator, &path).await.json();
        all.extend(offsets(&page));
    }
    assert_eq!(all, [5, 4, 3, 2, 1]);
    let odd = app
        .get_as(
            &app.operator,
            "/v1/operator/dead-letters?reason=time-invalid",
        )
        .await
        .json();
    assert_eq!(offsets(&odd), [5, 3, 1]);
    app.get_as(&app.operator, "/v1/operator/dead-letters?cursor=rubbish")
        .await
        .is_problem(400, "invalid-cursor");
}
