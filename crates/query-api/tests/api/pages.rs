//! Pages: order, filters, cursors (cases 32 and 36).

use serde_json::json;

use crate::seed::{NOON, Row, connect, make_partitions, store};
use crate::support::{Answer, TestApp};

/// Follows `next` or `prev` to the end and returns the ids of every page.
async fn follow(app: &TestApp, first: Answer, rel: &str) -> Vec<Vec<String>> {
    let mut pages = vec![first.ids()];
    let mut answer = first;
    while let Some(link) = link(&answer, rel) {
        answer = app.get(&format!("/v1/events{link}")).await;
        pages.push(answer.ids());
    }
    assert!(
        answer.json()[rel].is_null(),
        "the body says the same as the link"
    );
    pages
}

fn link(answer: &Answer, rel: &str) -> Option<String> {
    let wanted = format!("; rel=\"{rel}\"");
    let links = answer.header("link").to_owned();
    let target = links
        .split(", ")
        .find_map(|link| link.strip_suffix(&wanted))?
        .to_owned();
    Some(
        target
            .trim_start_matches('<')
            .trim_end_matches('>')
            .to_owned(),
    )
}

#[tokio::test]
async fn an_event_is_shown_as_the_cloudevent_it_was() {
    let app = TestApp::start().await;
    let row = Row::new("shop-1", "id \"1\"", NOON);
    let row = row.subject("cart/7").kind("shop.ordered");
    store(app.database.url(), std::slice::from_ref(&row)).await;
    let client = crate::seed::connect(app.database.url()).await;
    client
        .execute(
            "UPDATE events SET data = '{\"b\": [1, 2.50, \"ä\\n\"], \"a\": null}', extensions = '{\"tenant\": \"t1\", \"retries\": 3, \"dry\": false}', datacontenttype = 'application/json', \
             dataschema = 'https://example.com/s', traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01', \
             received_at = '2026-01-15T12:00:01.5Z'",
            &[],
        )
        .await
        .expect("updated");
    let answer = app.get("/v1/events").await;
    assert_eq!(answer.header("content-type"), "application/json");
    let expected = json!({
        "specversion": "1.0", "uid": row.uid().to_string(), "id": "id \"1\"", "source": "shop-1", "type": "shop.ordered",
        "time": "2026-01-15T12:00:00Z", "subject": "cart/7", "datacontenttype": "application/json", "dataschema": "https://example.com/s",
        "tenant": "t1", "retries": 3, "dry": false, "traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "recordedtime": "2026-01-15T12:00:01.5Z", "kafkapartition": 0, "kafkaoffset": 0, "data": { "b": [1, 2.5, "ä\n"], "a": null },
    });
    assert_eq!(
        answer.json(),
        json!({ "events": [expected], "next": null, "prev": null })
    );
    assert!(
        answer.body.contains("2.50"),
        "numbers keep their digits: {}",
        answer.body
    );

    client
        .execute(
            "UPDATE events SET data = NULL, data_bytes = '\\x00ff01'",
            &[],
        )
        .await
        .expect("updated");
    let event = app.get("/v1/events").await.json()["events"][0].clone();
    assert_eq!(
        (event.get("data"), &event["data_base64"]),
        (None, &json!("AP8B"))
    );
}

#[tokio::test]
async fn a_listing_has_two_orders_and_pages_lead_both_ways() {
    let app = TestApp::start().await;
    // Over three partitions of the table.
    let rows: Vec<Row> = (0..25)
        .map(|n| Row::new("a", format!("{n:02}"), NOON + n * 5 * 86_400))
        .collect();
    store(app.database.url(), &rows).await;
    let ids: Vec<String> = rows.iter().map(|row| row.id.clone()).collect();
    let newest: Vec<String> = ids.iter().rev().cloned().collect();
    for (order, expected) in [("asc", &ids), ("desc", &newest)] {
        let first = app.get(&format!("/v1/events?limit=10&order={order}")).await;
        assert!(
            first.json()["prev"].is_null(),
            "there is nothing before the first page"
        );
        let forward = follow(&app, first.clone(), "next").await;
        assert_eq!(
            forward.iter().map(Vec::len).collect::<Vec<_>>(),
            [10, 10, 5]
        );
        assert_eq!(&forward.concat(), expected);
        let second = app
            .get(&format!(
                "/v1/events{}",
                link(&first, "next").expect("a second page")
            ))
            .await;
        let third = app
            .get(&format!(
                "/v1/events{}",
                link(&second, "next").expect("a third page")
            ))
            .await;
        let mut backward = follow(&app, third, "prev").await;
        backward.reverse();
        assert_eq!(&backward.concat(), expected);
    }
    assert_eq!(
        app.get("/v1/events").await.ids(),
        newest,
        "newest first unless asked otherwise"
    );
}

#[tokio::test]
async fn a_hundred_thousand_events_of_one_time_are_paged_each_once_in_both_directions() {
    const EVENTS: usize = 100_000;
    let app = TestApp::start().await;
    let client = connect(app.database.url()).await;
    make_partitions(&client, [NOON]).await;
    client
        .execute(
            "INSERT INTO events (time, uid, source, type, id, received_at, kafka_partition, kafka_offset) \
             SELECT to_timestamp($1::bigint::float8), gen_random_uuid(), 'a', 't', n::text, now(), 0, n FROM generate_series(1, $2::bigint) AS n",
            &[&NOON, &(EVENTS as i64)],
        )
        .await
        .expect("the rows are stored");
    let first = app.get("/v1/events?limit=100&order=asc").await;
    let forwards = follow(&app, first, "next").await;
    assert_eq!(forwards.len(), EVENTS / 100);
    let order = forwards.concat();
    let distinct: std::collections::HashSet<&String> = order.iter().collect();
    assert_eq!((order.len(), distinct.len()), (EVENTS, EVENTS));
    // From the end back to the beginning, page by page.
    let last = app.get("/v1/events?limit=100&order=desc").await;
    let mut expected = order.clone();
    expected.reverse();
    assert_eq!(follow(&app, last.clone(), "next").await.concat(), expected);
    let behind = app
        .get(&format!(
            "/v1/events{}",
            link(&last, "next").expect("a second page")
        ))
        .await;
    let second = behind.ids();
    let back = app
        .get(&format!(
            "/v1/events{}",
            link(&behind, "prev").expect("the first one")
        ))
        .await;
    assert_eq!(
        (back.ids(), second.as_slice()),
        (last.ids(), &expected[100..200])
    );
}

#[tokio::test]
async fn filters_by_source_type_subject_and_time_meet() {
    let app = TestApp::start().await;
    let rows = [
        Row::new("shop-1", "a", NOON)
            .kind("order.made")
            .subject("cart/1"),
        Row::new("shop-2", "b", NOON + 1)
            .kind("order.paid")
            .subject("cart/2"),
        Row::new("bank", "c", NOON + 2).kind("order.paid"),
        Row::new("shop_3", "d", NOON + 3)
            .kind("user.left")
            .subject("user%1"),
    ];
    store(app.database.url(), &rows).await;
    for (query, expected) in [
        ("", "a b c d"),
        ("source=bank", "c"),
        ("source=bank&source=shop-1", "a c"),
        ("source=shop-*", "a b"),
        ("source=shop-*&source=bank", "a b c"),
        ("source=nobody", ""),
        ("type=order.*", "a b c"),
        ("type=order.paid&source=shop-*", "b"),
        ("type=order.paid&type=user.left", "b c d"),
        ("subject=cart/*", "a b"),
        ("subject=*", "a b c d"),
        // What LIKE would take for a wildcard is only itself.
        ("source=shop_*", "d"),
        ("source=shop%25*", ""),
        ("subject=user%25*", "d"),
        ("subject=user_*", ""),
        ("from=2026-01-15T12:00:01Z", "b c d"),
        ("to=2026-01-15T12:00:01Z", "a"),
        ("from=2026-01-15T12:00:01Z&to=2026-01-15T12:00:03Z", "b c"),
        (
            "from=2026-01-15T13:00:01%2B01:00&to=2026-01-15T12:00:02Z",
            "b",
        ),
    ] {
        let answer = app.get(&format!("/v1/events?order=asc&{query}")).await;
        assert_eq!(answer.ids().join(" "), expected, "{query}");
    }
}

#[tokio::test]
async fn a_page_of_many_sources_is_one_order_over_all_of_them() {
    let app = TestApp::start().await;
    let rows: Vec<Row> = (0..60)
        .map(|n| Row::new(&format!("s{}", n % 3), format!("{n:02}"), NOON + n * 86_400))
        .collect();
    store(app.database.url(), &rows).await;
    let first = app
        .get("/v1/events?source=s0&source=s2&order=asc&limit=7")
        .await;
    let expected: Vec<String> = rows
        .iter()
        .filter(|row| row.source != "s1")
        .map(|row| row.id.clone())
        .collect();
    assert_eq!(follow(&app, first, "next").await.concat(), expected);
}

#[tokio::test]
async fn a_page_ends_early_when_its_bytes_are_used_up_and_nothing_is_lost() {
    let app = TestApp::start_with(&[("page.max_bytes", "10kB"), ("database.pool_size", "2")]).await;
    let big = json!({ "text": "x".repeat(4_000) });
    let rows: Vec<Row> = (0..20)
        .map(|n| Row {
            data: big.clone(),
            ..Row::new("a", format!("{n:02}"), NOON + n)
        })
        .collect();
    store(app.database.url(), &rows).await;
    let first = app.get("/v1/events?order=asc&limit=20").await;
    let pages = follow(&app, first, "next").await;
    assert!(pages.iter().all(|page| page.len() <= 3), "{pages:?}");
    assert_eq!(
        pages.concat(),
        rows.iter().map(|row| row.id.clone()).collect::<Vec<_>>()
    );
}

#[tokio::test]
async fn a_cursor_is_good_for_its_own_query_and_key_only() {
    let app = TestApp::start().await;
    let rows: Vec<Row> = (0..10)
        .map(|n| Row::new("bank", format!("{n}"), NOON + n))
        .collect();
    store(app.database.url(), &rows).await;
    let answer = app.get("/v1/events?source=bank&limit=2").await;
    let cursor = answer.json()["next"]
        .as_str()
        .expect("a second page")
        .to_owned();
    let asked = |query: &str| format!("/v1/events?{query}&cursor={cursor}");
    assert_eq!(
        app.get(&asked("limit=3&source=bank")).await.ids(),
        ["7", "6", "5"],
        "the limit may change"
    );
    for other in [
        "source=bank*",
        "limit=2",
        "source=bank&order=asc",
        "source=bank&type=a",
        "source=bank&from=2026-01-01T00:00:00Z",
    ] {
        app.get(&asked(other))
            .await
            .is_problem(400, "invalid-cursor");
    }
    app.get_as(&app.shop, &asked("source=bank"))
        .await
        .is_problem(400, "invalid-cursor");
    let feed = app.get("/v1/feed?source=bank").await.json()["next"]
        .as_str()
        .expect("always there")
        .to_owned();
    app.get(&format!("/v1/events?source=bank&cursor={feed}"))
        .await
        .is_problem(400, "invalid-cursor");
    for at in 0..cursor.len() {
        let mut bytes = cursor.clone().into_bytes();
        bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
        let flipped = String::from_utf8(bytes).expect("ASCII");
        let answer = app
            .get(&format!("/v1/events?source=bank&cursor={flipped}"))
            .await;
        answer.is_problem(400, "invalid-cursor");
    }
    app.get("/v1/events?cursor=rubbish")
        .await
        .is_problem(400, "invalid-cursor");
}

#[tokio::test]
async fn the_cost_of_a_page_does_not_depend_on_where_it_is() {
    let app = TestApp::start().await;
    let rows: Vec<Row> = (0..3_000)
        .map(|n| Row::new("a", format!("{n}"), NOON + n * 3_600))
        .collect();
    store(app.database.url(), &rows).await;
    let client = crate::seed::connect(app.database.url()).await;
    client
        .batch_execute("VACUUM ANALYZE events")
        .await
        .expect("analysed");
    let middle = NOON + 1_500 * 3_600;
    // The statement of a page in the middle, as the store builds it.
    let plan = client
        .query(
            &format!(
                "EXPLAIN (COSTS OFF) SELECT * FROM events WHERE true AND time <= to_timestamp({middle}) AND (time, uid) < (to_timestamp({middle}), \
                 '00000000-0000-0000-0000-000000000000') ORDER BY time DESC, uid DESC LIMIT 101"
            ),
            &[],
        )
        .await
        .expect("explained");
    let plan: Vec<String> = plan.iter().map(|row| row.get(0)).collect();
    let plan = plan.join("\n");
    assert!(
        !plan.contains("Sort") && !plan.contains("Seq Scan"),
        "{plan}"
    );
    let partitions = client
        .query_one(
            "SELECT count(*) FROM flumen_partitions WHERE parent = 'events'",
            &[],
        )
        .await
        .expect("counted")
        .get::<_, i64>(0);
    let scanned = plan.matches(" using ").count();
    assert!(
        scanned < usize::try_from(partitions).expect("few"),
        "later partitions are pruned: {plan}"
    );
}
