//! The feed. P5: a reader misses nothing and sees nothing twice, whatever the number of writers and however late an event's own time is.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::seed::{NOON, Row, commit, connect, make_partitions, store};
use crate::support::{PATIENCE, TestApp};

/// Reads the feed on from a cursor until it is caught up; returns the ids and the cursor.
async fn drain(
    app: &TestApp,
    key: &str,
    filter: &str,
    mut after: Option<String>,
) -> (Vec<String>, String) {
    let mut ids = Vec::new();
    loop {
        let cursor = after
            .as_ref()
            .map(|cursor| format!("&after={cursor}"))
            .unwrap_or_default();
        let answer = app
            .get_as(key, &format!("/v1/feed?limit=7{filter}{cursor}"))
            .await;
        ids.extend(answer.ids());
        let body = answer.json();
        let next = body["next"].as_str().expect("always there").to_owned();
        if body["caught_up"] == Value::Bool(true) {
            return (ids, next);
        }
        after = Some(next);
    }
}

#[tokio::test]
async fn a_reader_misses_nothing_and_sees_nothing_twice_while_four_writers_commit_with_delays_and_late_events()
 {
    const BATCHES: i64 = 25;
    const ROWS: i64 = 20;
    let app = TestApp::start().await;
    let client = connect(app.database.url()).await;
    let months = (0..12).map(|month| NOON - month * 30 * 86_400);
    make_partitions(&client, months).await;
    let writers: Vec<_> = (0..4i32)
        .map(|partition| {
            let url = app.database.url().to_owned();
            tokio::spawn(async move {
                let mut client = connect(&url).await;
                for batch in 0..BATCHES {
                    let row = |n: i64| {
                        // Every third event is of some month of last year.
                        let seed = (batch * 7 + n * 13 + i64::from(partition) * 5) % 11;
                        let late = if n % 3 == 0 { seed * 30 * 86_400 } else { 0 };
                        Row::new(
                            &format!("s{}", n % 5),
                            format!("{partition}-{batch}-{n}"),
                            NOON - late,
                        )
                    };
                    let rows: Vec<Row> = (0..ROWS).map(row).collect();
                    // Between nothing and 40 ms, another one for each commit.
                    let delay = ((batch * 37 + i64::from(partition) * 11) % 40) as f64 / 1_000.0;
                    commit(&mut client, partition, &rows, delay).await;
                }
            })
        })
        .collect();
    let expected = usize::try_from(4 * BATCHES * ROWS).expect("few");
    let mut seen: HashMap<String, usize> = HashMap::new();
    let mut last_of: HashMap<i64, i64> = HashMap::new();
    let (mut after, started) = (String::new(), Instant::now());
    while seen.len() < expected {
        assert!(
            started.elapsed() < PATIENCE * 3,
            "only {} of {expected} came",
            seen.len()
        );
        let answer = app.get(&format!("/v1/feed?limit=33&wait=1s{after}")).await;
        let body = answer.json();
        for event in body["events"].as_array().expect("a list") {
            let (partition, offset) = (
                event["kafkapartition"].as_i64().expect("a number"),
                event["kafkaoffset"].as_i64().expect("a number"),
            );
            let before = last_of.insert(partition, offset).unwrap_or(-1);
            assert_eq!(
                offset,
                before + 1,
                "partition {partition} comes in its order and without a gap"
            );
            *seen
                .entry(event["id"].as_str().expect("an id").to_owned())
                .or_default() += 1;
        }
        after = format!("&after={}", body["next"].as_str().expect("always there"));
    }
    for writer in writers {
        writer.await.expect("the writer ends well");
    }
    let (rest, _) = drain(
        &app,
        &app.reader,
        "",
        Some(after.trim_start_matches("&after=").to_owned()),
    )
    .await;
    assert!(rest.is_empty(), "{rest:?} came twice");
    assert!(seen.values().all(|count| *count == 1));
}

#[tokio::test]
async fn a_filtered_reader_sees_all_of_its_own_and_advances_past_the_rest() {
    let app = TestApp::start().await;
    let rows: Vec<Row> = (0..500)
        .map(|n| {
            Row::new(
                if n % 100 == 99 { "rare" } else { "other" },
                format!("{n}"),
                NOON + n,
            )
        })
        .collect();
    store(app.database.url(), &rows).await;
    let (ids, _) = drain(&app, &app.reader, "&source=rare", None).await;
    assert_eq!(ids, ["99", "199", "299", "399", "499"]);
    let (none, next) = drain(&app, &app.shop, "", None).await;
    assert!(none.is_empty());
    let mut client = connect(app.database.url()).await;
    commit(&mut client, 0, &[Row::new("bank", "b", NOON)], 0.0).await;
    assert_eq!(drain(&app, &app.shop, "", Some(next)).await.0, ["b"]);
}

#[tokio::test]
async fn no_partition_waits_for_another_that_has_more() {
    let app = TestApp::start().await;
    let mut client = connect(app.database.url()).await;
    make_partitions(&client, [NOON]).await;
    let many: Vec<Row> = (0..1_000)
        .map(|n| Row::new("busy", format!("{n}"), NOON))
        .collect();
    commit(&mut client, 0, &many, 0.0).await;
    for partition in 1..4 {
        commit(
            &mut client,
            partition,
            &[Row::new("quiet", format!("q{partition}"), NOON)],
            0.0,
        )
        .await;
    }
    let first = app.get("/v1/feed?limit=100").await;
    let ids = first.ids();
    assert_eq!(
        ids.len(),
        100,
        "short partitions leave their share to the long one"
    );
    assert!((1..4).all(|partition| ids.contains(&format!("q{partition}"))));
    // With fewer places than partitions, each has its turn.
    let (mut after, mut partitions) = (String::new(), Vec::new());
    for _ in 0..4 {
        let body = app.get(&format!("/v1/feed?limit=1{after}")).await.json();
        partitions.push(
            body["events"][0]["kafkapartition"]
                .as_i64()
                .expect("an event"),
        );
        after = format!("&after={}", body["next"].as_str().expect("always there"));
    }
    assert_eq!(partitions, [0, 1, 2, 3]);
}

#[tokio::test]
async fn gaps_in_the_log_are_jumped_over() {
    let app = TestApp::start().await;
    let mut client = connect(app.database.url()).await;
    make_partitions(&client, [NOON]).await;
    commit(&mut client, 0, &[Row::new("a", "1", NOON)], 0.0).await;
    // As after retention, or a million records that were repeats.
    client
        .execute("UPDATE checkpoints SET next_offset = 5000000000", &[])
        .await
        .expect("moved");
    commit(&mut client, 0, &[Row::new("a", "2", NOON)], 0.0).await;
    let (mut answers, mut after) = (Vec::new(), String::new());
    for _ in 0..3 {
        let body = app.get(&format!("/v1/feed?source=a{after}")).await.json();
        answers.extend(
            body["events"]
                .as_array()
                .expect("a list")
                .iter()
                .map(|event| event["id"].clone()),
        );
        after = format!("&after={}", body["next"].as_str().expect("always there"));
        if body["caught_up"] == Value::Bool(true) {
            break;
        }
    }
    assert_eq!(answers, ["1", "2"]);
}

#[tokio::test]
async fn a_page_that_is_cut_by_its_bytes_goes_on_where_it_was_cut() {
    let app = TestApp::start_with(&[("feed.max_bytes", "3kB")]).await;
    let mut client = connect(app.database.url()).await;
    make_partitions(&client, [NOON]).await;
    let big = serde_json::json!({ "text": "x".repeat(800) });
    let mut expected = Vec::new();
    for partition in 0..3 {
        let rows: Vec<Row> = (0..10)
            .map(|n| Row {
                data: big.clone(),
                ..Row::new("a", format!("{partition}-{n}"), NOON)
            })
            .collect();
        expected.extend(rows.iter().map(|row| row.id.clone()));
        commit(&mut client, partition, &rows, 0.0).await;
    }
    let (mut ids, mut after, mut pages) = (Vec::new(), String::new(), 0);
    loop {
        let answer = app.get(&format!("/v1/feed?limit=100{after}")).await;
        let page = answer.ids();
        assert!(page.len() <= 3, "{page:?}");
        ids.extend(page);
        pages += 1;
        let body = answer.json();
        if body["caught_up"] == Value::Bool(true) {
            break;
        }
        after = format!("&after={}", body["next"].as_str().expect("always there"));
        assert!(pages < 50, "it gets on");
    }
    ids.sort_unstable();
    assert_eq!(ids, expected);
}

#[tokio::test]
async fn a_reader_from_now_sees_only_what_comes_and_waits_for_it() {
    let app = TestApp::start().await;
    store(app.database.url(), &[Row::new("a", "old", NOON)]).await;
    let latest = app.get("/v1/feed?start=latest").await;
    assert!(latest.ids().is_empty() && latest.json()["caught_up"] == Value::Bool(true));
    let next = latest.json()["next"]
        .as_str()
        .expect("always there")
        .to_owned();
    let path = format!("/v1/feed?wait=20s&after={next}");
    let mut client = connect(app.database.url()).await;
    let started = Instant::now();
    let new = [Row::new("a", "new", NOON - 60)];
    let (answer, ()) = tokio::join!(app.get(&path), commit(&mut client, 0, &new, 0.3));
    assert_eq!(answer.ids(), ["new"]);
    assert!(started.elapsed() < Duration::from_secs(10));

    let next = answer.json()["next"]
        .as_str()
        .expect("always there")
        .to_owned();
    let nothing = app.get(&format!("/v1/feed?wait=100ms&after={next}")).await;
    assert!(
        nothing.ids().is_empty(),
        "the time to wait ends with an empty page"
    );
}

#[tokio::test]
async fn a_cursor_of_a_log_that_was_replaced_is_gone() {
    let app = TestApp::start().await;
    store(app.database.url(), &[Row::new("a", "1", NOON)]).await;
    let next = app.get("/v1/feed").await.json()["next"]
        .as_str()
        .expect("always there")
        .to_owned();
    let client = connect(app.database.url()).await;
    client
        .execute("UPDATE checkpoints SET cluster_id = 'another'", &[])
        .await
        .expect("updated");
    app.get(&format!("/v1/feed?after={next}"))
        .await
        .is_problem(410, "cursor-expired");
    app.get(&format!("/v1/feed?start=latest&after={next}"))
        .await
        .is_problem(400, "invalid-parameter");
    app.get(&format!("/v1/feed?source=b&after={next}"))
        .await
        .is_problem(400, "invalid-cursor");
}

#[tokio::test]
async fn an_empty_store_has_an_empty_feed_that_can_be_followed() {
    let app = TestApp::start().await;
    let first = app.get("/v1/feed").await.json();
    assert_eq!(
        (&first["events"], &first["caught_up"]),
        (&serde_json::json!([]), &Value::Bool(true))
    );
    store(app.database.url(), &[Row::new("a", "1", NOON)]).await;
    let next = first["next"].as_str().expect("always there");
    assert_eq!(
        app.get(&format!("/v1/feed?after={next}")).await.ids(),
        ["1"]
    );
}
