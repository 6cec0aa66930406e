//! Exports: every event of a query as a file, which says when it is not whole.

use std::time::Duration;

use bytes::Bytes;
use devstack::testing::eventually;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::RowAccessor;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_postgres::Client;

use crate::seed::{NOON, Row, connect, make_partitions, store};
use crate::support::{PATIENCE, TestApp};

/// More than all buffers between the database and a client hold together.
const MANY: i64 = 200_000;

fn rows(count: i64) -> Vec<Row> {
    (0..count)
        .map(|number| {
            let source = ["shop-1", "bank", "clinic"][usize::try_from(number % 3).expect("small")];
            Row::new(source, format!("e{number:04}"), NOON + number).subject("a,b \"c\"")
        })
        .collect()
}

/// Fills the table on the server's side.
async fn fill(client: &Client, count: i64) {
    make_partitions(client, [NOON]).await;
    client
        .execute(
            "INSERT INTO events (time, uid, source, type, id, data, received_at, kafka_partition, kafka_offset) \
             SELECT to_timestamp($1::bigint::float8) + n * interval '1 microsecond', gen_random_uuid(), 'shop-1', 'filled', n::text, \
             jsonb_build_object('text', repeat('x', 200)), now(), 0, n FROM generate_series(1, $2::bigint) AS n",
            &[&NOON, &count],
        )
        .await
        .expect("the rows are stored");
}

async fn lines(app: &TestApp, path: &str) -> Vec<Value> {
    let answer = app.get(path).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert!(answer.body.is_empty() || answer.body.ends_with('\n'));
    let parse = |line| serde_json::from_str(line).expect("JSON");
    answer.body.lines().map(parse).collect()
}

#[tokio::test]
async fn ndjson_holds_what_the_pages_show_in_their_order() {
    let app = TestApp::start().await;
    store(app.database.url(), &rows(300)).await;
    for query in [
        "order=asc",
        "order=desc",
        "source=bank&order=asc",
        "source=bank&source=clinic",
        "source=shop-*&from=2026-01-15T12:01:00Z",
        "data.n=1&type=test.*&to=2026-01-15T12:02:00Z",
        "data.n=2",
    ] {
        let page = app.get(&format!("/v1/events?limit=1000&{query}")).await;
        let page = page.json()["events"].as_array().cloned().expect("events");
        assert_eq!(
            lines(&app, &format!("/v1/export?{query}")).await,
            page,
            "{query}"
        );
    }
    let answer = app.get("/v1/export?to=2026-02-01T00:00:00Z").await;
    assert_eq!(answer.header("content-type"), "application/x-ndjson");
    assert_eq!(
        answer.header("content-disposition"),
        "attachment; filename=\"flumen-events-begin-20260201T000000Z.ndjson\""
    );
    let head = app
        .request("HEAD", "/v1/export?format=csv")
        .bearer_auth(&app.reader);
    let head = head.send().await.expect("answered");
    assert_eq!(
        (head.status().as_u16(), head.content_length().unwrap_or(0)),
        (200, 0)
    );
}

#[tokio::test]
async fn only_the_fields_asked_for_are_shown() {
    let app = TestApp::start().await;
    store(app.database.url(), &rows(2)).await;
    let expected = json!({ "id": "e0000", "time": "2026-01-15T12:00:00Z" });
    assert_eq!(
        lines(&app, "/v1/export?order=asc&fields=time,id").await[0],
        expected
    );
    let page = app.get("/v1/events?order=asc&fields=id,time").await.json();
    assert_eq!(page["events"][0], expected);
    let feed = app.get("/v1/feed?fields=id,time").await.json();
    assert_eq!(feed["events"][0], expected);
    let event = &lines(&app, "/v1/export?fields=data").await[0];
    assert_eq!(*event, json!({ "data": { "n": 1 } }));
    let refused = app.get("/v1/events?fields=id,nothing").await;
    refused.is_problem(400, "invalid-parameter");
    assert_eq!(refused.json()["parameter"], "fields");
}

#[tokio::test]
async fn csv_is_quoted_and_harmless_in_a_spreadsheet() {
    let app = TestApp::start().await;
    let hostile = ["=1+1", "+1", "-1", "@x", "a\"b,c"];
    let rows: Vec<Row> = hostile
        .iter()
        .zip(NOON..)
        .map(|(id, second)| Row::new("s", *id, second).subject("line\r\nline"))
        .collect();
    store(app.database.url(), &rows).await;
    let path = "/v1/export?format=csv&order=asc&fields=id,subject,time,data";
    let answer = app.get(path).await;
    assert_eq!(
        answer.header("content-type"),
        "text/csv; charset=utf-8; header=present"
    );
    let mut text = String::from("id,time,subject,data,data_base64\r\n");
    for (second, id) in ["'=1+1", "'+1", "'-1", "'@x", "\"a\"\"b,c\""]
        .iter()
        .enumerate()
    {
        text +=
            &format!("{id},2026-01-15T12:00:0{second}Z,\"line\r\nline\",\"{{\"\"n\"\": 1}}\",\r\n");
    }
    assert_eq!(answer.body, text);
    let raw = app
        .get("/v1/export?format=csv&order=asc&fields=id&formulas=keep")
        .await;
    assert_eq!(raw.body, "id\r\n=1+1\r\n+1\r\n-1\r\n@x\r\n\"a\"\"b,c\"\r\n");
}

#[tokio::test]
async fn parquet_has_typed_columns_and_a_footer() {
    let app = TestApp::start().await;
    store(app.database.url(), &rows(100)).await;
    let request = app
        .request("GET", "/v1/export?format=parquet&order=asc")
        .bearer_auth(&app.reader);
    let answer = request.send().await.expect("answered");
    assert_eq!(
        answer.headers()["content-type"],
        "application/vnd.apache.parquet"
    );
    let file: Bytes = answer.bytes().await.expect("whole");
    let reader = SerializedFileReader::new(file).expect("a Parquet file");
    let metadata = reader.metadata().file_metadata();
    assert_eq!(metadata.num_rows(), 100);
    let columns: Vec<String> = metadata
        .schema_descr()
        .columns()
        .iter()
        .map(|column| format!("{} {}", column.name(), column.physical_type()))
        .collect();
    for expected in [
        "time INT64",
        "source BYTE_ARRAY",
        "kafkapartition INT32",
        "kafkaoffset INT64",
    ] {
        assert!(
            columns.iter().any(|column| column == expected),
            "{columns:?}"
        );
    }
    let names: Vec<&str> = metadata
        .schema_descr()
        .columns()
        .iter()
        .map(|c| c.name())
        .collect();
    let at = |name: &str| names.iter().position(|known| *known == name).expect(name);
    for (number, row) in (0..100).zip(reader.get_row_iter(None).expect("rows")) {
        let row = row.expect("a row");
        assert_eq!(
            row.get_string(at("id")).expect("text"),
            &format!("e{number:04}")
        );
        assert_eq!(
            row.get_timestamp_micros(at("time")).expect("a time"),
            (NOON + number) * 1_000_000
        );
        assert_eq!(row.get_string(at("data")).expect("JSON"), "{\"n\": 1}");
        assert_eq!(row.get_long(at("kafkaoffset")).expect("a number"), number);
    }
}

#[tokio::test]
async fn a_client_that_asks_for_it_gets_it_compressed() {
    let app = TestApp::start().await;
    store(app.database.url(), &rows(500)).await;
    let plain = app.get("/v1/export").await.body;
    for coding in ["gzip", "zstd"] {
        let request = app
            .request("GET", "/v1/export")
            .bearer_auth(&app.reader)
            .header("accept-encoding", coding);
        let answer = request.send().await.expect("answered");
        assert_eq!(answer.headers()["content-encoding"], coding);
        let body = answer.bytes().await.expect("whole");
        assert!(body.len() < plain.len() / 3, "{} bytes", body.len());
        let read = match coding {
            "zstd" => zstd::decode_all(&body[..]).expect("whole"),
            _ => {
                let mut read = Vec::new();
                let mut decoder = flate2::read::GzDecoder::new(&body[..]);
                std::io::Read::read_to_end(&mut decoder, &mut read).expect("whole");
                read
            }
        };
        assert_eq!(read, plain.as_bytes());
    }
}

#[tokio::test]
async fn an_export_goes_on_where_it_stopped() {
    let app = TestApp::start().await;
    store(app.database.url(), &rows(250)).await;
    for order in ["asc", "desc"] {
        let whole = lines(&app, &format!("/v1/export?order={order}")).await;
        let (mut found, mut cursor) = (Vec::new(), String::new());
        loop {
            let path = format!("/v1/export?order={order}&limit=100&summary=true{cursor}");
            let body = app.get(&path).await.body;
            let (events, last) = body
                .trim_end()
                .rsplit_once('\n')
                .expect("more than one line");
            let summary: Value = serde_json::from_str(last).expect("JSON");
            let events = format!("{events}\n");
            let sum = Sha256::digest(events.as_bytes());
            let sum: String = sum.iter().map(|byte| format!("{byte:02x}")).collect();
            assert_eq!(summary["summary"]["sha256"], sum);
            assert_eq!(summary["summary"]["count"], events.lines().count());
            found.extend(
                events
                    .lines()
                    .map(|line| serde_json::from_str::<Value>(line).expect("JSON")),
            );
            match summary["summary"]["next"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
        assert_eq!(found, whole);
        // Or behind the last event that came whole.
        let after = whole[123]["uid"].as_str().expect("a uid");
        let rest = lines(&app, &format!("/v1/export?order={order}&after={after}")).await;
        assert_eq!(rest, whole[124..]);
        // Or with the cursor of a page.
        let page = app
            .get(&format!("/v1/events?order={order}&limit=10"))
            .await
            .json();
        let next = page["next"].as_str().expect("more");
        let rest = lines(&app, &format!("/v1/export?order={order}&cursor={next}")).await;
        assert_eq!(rest, whole[10..]);
    }
    let shop = app
        .get_as(
            &app.shop,
            "/v1/export?after=0197f3a0-0000-8000-8000-000000000000",
        )
        .await;
    shop.is_problem(400, "invalid-parameter");
}

#[tokio::test]
async fn a_key_exports_only_its_own_sources() {
    let app = TestApp::start().await;
    store(app.database.url(), &rows(30)).await;
    for format in ["ndjson", "csv"] {
        let path = format!("/v1/export?format={format}&fields=source");
        let body = app.get_as(&app.shop, &path).await.body;
        assert!(body.contains("shop-1") && body.contains("bank"), "{body}");
        assert!(!body.contains("clinic"), "{body}");
    }
    let refused = app.get_as(&app.shop, "/v1/export?source=clinic").await;
    refused.is_problem(403, "forbidden");
    let refused = app.get_as(&app.producer, "/v1/export").await;
    assert_eq!(refused.status, 403);
    // An event of a source it may not read is no place to go on from either.
    let all = lines(&app, "/v1/export?source=clinic").await;
    let uid = all[0]["uid"].as_str().expect("a uid");
    let refused = app
        .get_as(&app.shop, &format!("/v1/export?after={uid}"))
        .await;
    refused.is_problem(400, "invalid-parameter");
}

#[tokio::test]
async fn what_an_export_cannot_be_is_refused_by_name() {
    let app = TestApp::start().await;
    for (query, parameter) in [
        ("format=xml", "format"),
        ("limit=0", "limit"),
        ("summary=true&format=csv", "summary"),
        ("formulas=keep", "formulas"),
        ("after=rubbish", "after"),
        ("from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z", "from"),
    ] {
        let answer = app.get(&format!("/v1/export?{query}")).await;
        answer.is_problem(400, "invalid-parameter");
        assert_eq!(answer.json()["parameter"], parameter, "{query}");
    }
    let answer = app.get("/v1/export?cursor=rubbish").await;
    answer.is_problem(400, "invalid-cursor");
    let answer = app.get("/v1/export?wait=5s").await;
    answer.is_problem(400, "unknown-parameter");
}

/// Entries read of the indexes by source, and entries of other indexes and rows that were read one after the other.
async fn entries_read(client: &Client) -> (i64, i64) {
    let row = client
        .query_one(
            "SELECT coalesce(sum(idx_tup_read) FILTER (WHERE by_source), 0)::bigint, coalesce(sum(idx_tup_read) FILTER (WHERE NOT by_source), 0)::bigint + \
             (SELECT coalesce(sum(seq_tup_read), 0)::bigint FROM pg_stat_user_tables WHERE relname LIKE 'events_2%') \
             FROM (SELECT idx_tup_read, pg_get_indexdef(indexrelid) LIKE '%(source, %' AS by_source FROM pg_stat_user_indexes \
             WHERE relname LIKE 'events_2%') AS i",
            &[],
        )
        .await
        .expect("asked");
    (row.get(0), row.get(1))
}

#[tokio::test]
async fn an_export_of_a_rare_source_reads_its_own_events_and_no_others() {
    let app = TestApp::start().await;
    let client = connect(app.database.url()).await;
    fill(&client, 20_000).await;
    let rare: Vec<Row> = (0..20)
        .map(|n| Row::new("rare", format!("r{n}"), NOON + n))
        .collect();
    store(app.database.url(), &rare).await;
    // Without statistics, as a new partition is, and with them.
    for statement in ["SELECT 1", "ANALYZE events"] {
        client.batch_execute(statement).await.expect("done");
        let before = entries_read(&client).await;
        let path = "/v1/export?source=rare&from=2026-01-15T12:00:00Z&to=2026-01-16T00:00:00Z";
        assert_eq!(lines(&app, path).await.len(), 20);
        // The server tells what was read when the connection has been idle for ten seconds.
        let after = eventually(3 * PATIENCE, async || {
            let now = entries_read(&client).await;
            (now.0 >= before.0 + 20).then_some(now)
        })
        .await;
        assert!(
            after.1 - before.1 < 100,
            "{before:?} and {after:?} after {statement}"
        );
    }
}

async fn active(client: &Client) -> i64 {
    let row = client
        .query_one(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state = 'active' \
             AND query LIKE '%FROM events%' AND pid <> pg_backend_pid()",
            &[],
        )
        .await
        .expect("asked");
    row.get(0)
}

/// Sends a request and reads the beginning of its answer, no more.
async fn begin(app: &TestApp, path: &str) -> (tokio::net::TcpStream, Vec<u8>) {
    let address = app.base.trim_start_matches("http://");
    let mut stream = tokio::net::TcpStream::connect(address)
        .await
        .expect("listens");
    let request = format!(
        "GET {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\n\r\n",
        app.reader
    );
    stream.write_all(request.as_bytes()).await.expect("sent");
    let mut start = vec![0; 1024];
    stream.read_exact(&mut start).await.expect("answered");
    (stream, start)
}

#[tokio::test]
async fn an_export_that_fails_in_the_middle_has_no_last_chunk_and_no_summary() {
    let app = TestApp::start().await;
    let client = connect(app.database.url()).await;
    fill(&client, MANY).await;
    let (mut stream, mut body) = begin(&app, "/v1/export?summary=true").await;
    assert!(body.starts_with(b"HTTP/1.1 200"), "the failure comes later");
    let ended = client
        .query(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() \
             AND query LIKE '%FROM events%' AND pid <> pg_backend_pid()",
            &[],
        )
        .await
        .expect("asked");
    assert!(!ended.is_empty(), "the statement runs");
    // Ends or breaks: either way there is no more.
    let _ = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut body))
        .await
        .expect("it ends");
    assert!(!body.ends_with(b"0\r\n\r\n"), "the last chunk is missing");
    assert!(!body.windows(9).any(|part| part == b"\"summary\""));
    // A client of HTTP takes it for what it is, and the service goes on.
    assert_eq!(app.get("/v1/events?limit=1").await.status, 200);
}

#[tokio::test]
async fn the_statement_of_an_export_whose_client_goes_away_is_cancelled() {
    let app = TestApp::start().await;
    let client = connect(app.database.url()).await;
    fill(&client, MANY).await;
    let (stream, _) = begin(&app, "/v1/export").await;
    eventually(PATIENCE, async || active(&client).await == 1).await;
    drop(stream);
    let gone = std::time::Instant::now();
    eventually(PATIENCE, async || active(&client).await == 0).await;
    assert!(
        gone.elapsed() < Duration::from_secs(5),
        "{:?}",
        gone.elapsed()
    );
    assert_eq!(app.get("/v1/export?limit=5").await.body.lines().count(), 5);
}

#[tokio::test]
async fn a_client_that_stops_reading_does_not_hold_a_connection_of_the_database() {
    let app = TestApp::start_with(&[("query.stalled_after", "500ms")]).await;
    let client = connect(app.database.url()).await;
    fill(&client, MANY).await;
    let (_stream, _) = begin(&app, "/v1/export").await;
    eventually(PATIENCE, async || active(&client).await == 0).await;
    assert_eq!(app.get("/v1/export?limit=5").await.body.lines().count(), 5);
}

#[tokio::test]
async fn exports_of_a_key_and_of_all_are_limited_and_the_place_is_given_up() {
    let app =
        TestApp::start_with(&[("export.max_exports", "2"), ("export.max_per_key", "1")]).await;
    let client = connect(app.database.url()).await;
    fill(&client, MANY).await;
    let (stream, _) = begin(&app, "/v1/export").await;
    let refused = app.get("/v1/export").await;
    refused.is_problem(429, "throttled");
    assert!(!refused.header("retry-after").is_empty());
    let other = app.get_as(&app.shop, "/v1/export?limit=3").await;
    assert_eq!(other.body.lines().count(), 3);
    drop(stream);
    eventually(PATIENCE, async || {
        app.get("/v1/export?limit=1").await.status == 200
    })
    .await;
}

#[tokio::test]
async fn pages_come_while_as_many_exports_run_as_there_may_be() {
    let app = TestApp::start_with(&[
        ("database.pool_size", "1"),
        ("export.max_exports", "2"),
        ("export.max_per_key", "2"),
    ])
    .await;
    let client = connect(app.database.url()).await;
    fill(&client, MANY).await;
    let (_one, _) = begin(&app, "/v1/export").await;
    let (_other, _) = begin(&app, "/v1/export").await;
    assert_eq!(active(&client).await, 2, "both read still");
    assert_eq!(app.get("/v1/events?limit=3").await.ids().len(), 3);
}

#[tokio::test]
async fn an_export_past_its_time_breaks_off() {
    let app = TestApp::start_with(&[("export.timeout", "2s")]).await;
    let client = connect(app.database.url()).await;
    fill(&client, MANY).await;
    let (mut stream, mut body) = begin(&app, "/v1/export").await;
    // Reads, but slower than the statement may last.
    eventually(PATIENCE, async || active(&client).await == 0).await;
    let _ = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut body))
        .await
        .expect("it ends");
    assert!(!body.ends_with(b"0\r\n\r\n"), "the last chunk is missing");
}
