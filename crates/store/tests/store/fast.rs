//! The fast path: COPY straight into the table, everything in one transaction.

use event::{Data, ExtensionValue, Extensions};
use store::write::{Advance, Batch, FlushOutcome, Record};

use crate::support::{CLUSTER, Db, TOPIC, batch, event, events, push, time};

#[tokio::test]
async fn a_batch_is_stored_with_its_counts_and_its_checkpoint() {
    let db = Db::create().await;
    db.start(1).await;
    let outcome = db.flush(&batch(0, &events("a", 1_000))).await;
    assert_eq!(
        (outcome.inserted, outcome.duplicates, outcome.dead_lettered),
        (1_000, 0, 0)
    );
    assert!(!outcome.staged && !outcome.bisected && !outcome.already_stored);
    assert_eq!(outcome.partitions_created, 1);
    assert_eq!(
        (
            db.events().await,
            db.counted().await,
            db.next_offset(0).await
        ),
        (1_000, 1_000, 1_000)
    );
    assert_eq!(db.wrong_counts().await, 0);

    let outcome = db.flush(&batch(1_000, &events("b", 1_000))).await;
    assert_eq!(outcome.partitions_created, 0);
    assert_eq!(
        (
            db.events().await,
            db.counted().await,
            db.next_offset(0).await
        ),
        (2_000, 2_000, 2_000)
    );
    assert_eq!(db.wrong_counts().await, 0);
}

#[tokio::test]
async fn every_attribute_is_in_its_column() {
    let db = Db::create().await;
    db.start(1).await;
    let mut event = event(
        "id-1",
        "2026-02-03T04:05:06.789012Z",
        r#"{"b": 1, "a": [true, null, "ü"]}"#,
    );
    event.subject = Some("order/1".into());
    event.dataschema = Some("https://example.com/schema".into());
    event.datacontenttype = Some("application/json".into());
    event.traceparent = Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".into());
    event.extensions = Extensions::new();
    event
        .extensions
        .push("partitionkey".into(), ExtensionValue::Text("k".into()));
    event
        .extensions
        .push("level".into(), ExtensionValue::Number("7".into()));
    event
        .extensions
        .push("urgent".into(), ExtensionValue::Bool(true));
    let mut one = Batch::new(CLUSTER, TOPIC);
    push(&mut one, &event, 0, 41);
    one.advance(Advance {
        partition: 0,
        expected: 0,
        next: 42,
    });
    db.flush(&one).await;

    let row = db
        .sql
        .query_one(
            "SELECT time::text, uid::text, received_at::text, kafka_offset, kafka_partition, source, type, id, subject, \
             datacontenttype, dataschema, traceparent, extensions::text, data::text, data_bytes FROM events",
            &[],
        )
        .await
        .expect("one row");
    let text = |at: usize| row.get::<_, Option<String>>(at).unwrap_or_default();
    assert_eq!(text(0), "2026-02-03 04:05:06.789012+00");
    assert_eq!(text(1), event.uid().to_string());
    assert_eq!(text(2), "2026-11-21 12:00:00.5+00");
    assert_eq!((row.get::<_, i64>(3), row.get::<_, i32>(4)), (41, 0));
    assert_eq!(
        (text(5), text(6), text(7)),
        ("shop".into(), "order.created".into(), "id-1".into())
    );
    assert_eq!(text(8), "order/1");
    assert_eq!(text(9), "application/json");
    assert_eq!(text(10), "https://example.com/schema");
    assert!(text(11).starts_with("00-0af7"));
    assert_eq!(
        text(12),
        r#"{"level": 7, "urgent": true, "partitionkey": "k"}"#
    );
    assert_eq!(text(13), r#"{"a": [true, null, "ü"], "b": 1}"#);
    assert!(row.get::<_, Option<Vec<u8>>>(14).is_none());
}

#[tokio::test]
async fn data_that_is_not_json_and_no_data_at_all_are_kept_apart() {
    let db = Db::create().await;
    db.start(1).await;
    let mut bytes = event("bytes", "2026-11-01T00:00:00Z", "");
    bytes.data = Data::Bytes([0u8, 255, 1][..].into());
    let mut none = event("none", "2026-11-01T00:00:00Z", "");
    none.data = Data::None;
    let mut empty = event("empty", "2026-11-01T00:00:00Z", "");
    empty.data = Data::Bytes([][..].into());
    db.flush(&batch(0, &[bytes, none, empty])).await;
    let row = db
        .sql
        .query_one(
            "SELECT string_agg(concat_ws('=', id, coalesce(encode(data_bytes, 'hex'), '-'), (data IS NULL)::text), ' ' ORDER BY id) FROM events",
            &[],
        )
        .await
        .expect("one row");
    assert_eq!(
        row.get::<_, String>(0),
        "bytes=00ff01=true empty==true none=-=true"
    );
}

#[tokio::test]
async fn several_partitions_move_together() {
    let db = Db::create().await;
    db.start(3).await;
    let mut all = Batch::new(CLUSTER, TOPIC);
    for (i, event) in events("p", 30).iter().enumerate() {
        push(&mut all, event, (i % 3) as i32, (i / 3) as i64);
    }
    for partition in [2, 0, 1] {
        all.advance(Advance {
            partition,
            expected: 0,
            next: 4,
        });
        all.advance(Advance {
            partition,
            expected: 4,
            next: 10,
        });
    }
    assert_eq!(db.flush(&all).await.inserted, 30);
    for partition in 0..3 {
        assert_eq!(db.next_offset(partition).await, 10);
    }
    assert_eq!(db.wrong_counts().await, 0);
}

#[tokio::test]
async fn a_batch_may_hold_nothing_but_an_advance_or_dead_letters() {
    let db = Db::create().await;
    db.start(1).await;
    let mut gap = Batch::new(CLUSTER, TOPIC);
    gap.advance(Advance {
        partition: 0,
        expected: 0,
        next: 7,
    });
    assert_eq!(db.flush(&gap).await.inserted, 0);
    assert_eq!(db.next_offset(0).await, 7);

    let mut dead = Batch::new(CLUSTER, TOPIC);
    let record = Record {
        partition: 0,
        offset: 7,
        timestamp: None,
        key: None,
        headers: &[],
        value: None,
    };
    dead.push_dead_letter(&record, "no-source", "header ce_source is missing");
    dead.advance(Advance {
        partition: 0,
        expected: 7,
        next: 8,
    });
    assert_eq!(db.flush(&dead).await.dead_lettered, 1);
    assert_eq!((db.dead_letters().await, db.next_offset(0).await), (1, 8));

    assert_eq!(
        db.flush(&Batch::new(CLUSTER, TOPIC)).await,
        FlushOutcome::default()
    );
}

#[tokio::test]
async fn a_dead_letter_holds_the_record_byte_for_byte() {
    let db = Db::create().await;
    db.start(1).await;
    let headers: [(&str, Option<&[u8]>); 4] = [
        ("ce_id", Some(b"\xff\x00\xfe")),
        ("x", None),
        ("", Some(b"")),
        ("ce_id", Some(b"twice")),
    ];
    let record = Record {
        partition: 0,
        offset: 0,
        timestamp: Some(time("2026-11-21T01:02:03.004Z")),
        key: Some(b"\x00key"),
        headers: &headers,
        value: Some(b"\x00\x01value"),
    };
    let mut dead = batch(0, &events("good", 3));
    dead.push_dead_letter(&record, "bad-utf8", "ce_id holds \0 what text cannot");
    db.flush(&dead).await;
    let letter = store::dead_letters::show(&db.pool, 1)
        .await
        .expect("show")
        .expect("there");
    assert_eq!(letter.key.as_deref(), Some(&b"\x00key"[..]));
    assert_eq!(letter.value.as_deref(), Some(&b"\x00\x01value"[..]));
    assert_eq!(letter.timestamp, record.timestamp);
    let kept: Vec<(&str, Option<&[u8]>)> = letter
        .headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_deref()))
        .collect();
    assert_eq!(kept, headers);
    assert_eq!(
        (letter.reason.as_str(), letter.topic.as_str()),
        ("bad-utf8", TOPIC)
    );
    assert_eq!(letter.detail, "ce_id holds \u{fffd} what text cannot");
    assert_eq!(db.events().await, 3);
}

#[tokio::test]
async fn a_cleared_batch_starts_again_with_nothing_of_the_old_one() {
    let db = Db::create().await;
    db.start(1).await;
    let mut reused = batch(0, &events("a", 2_000));
    db.flush(&reused).await;
    reused.clear();
    assert_eq!(
        (reused.len(), reused.bytes(), reused.is_empty()),
        (0, 0, true)
    );
    for (i, event) in events("b", 10).iter().enumerate() {
        push(&mut reused, event, 0, 2_000 + i as i64);
    }
    reused.advance(Advance {
        partition: 0,
        expected: 2_000,
        next: 2_010,
    });
    assert_eq!(db.flush(&reused).await.inserted, 10);
    assert_eq!((db.events().await, db.wrong_counts().await), (2_010, 0));
}

#[tokio::test]
async fn rows_larger_than_a_chunk_are_stored_whole() {
    let db = Db::create().await;
    db.start(1).await;
    let large = format!("{{\"text\": \"{}\"}}", "x".repeat(1_000_000));
    let mut mixed = events("small", 3);
    mixed.insert(1, event("large", "2026-11-21T00:00:00Z", &large));
    db.flush(&batch(0, &mixed)).await;
    assert_eq!(
        db.number("SELECT length(data ->> 'text')::int8 FROM events WHERE id = 'large'")
            .await,
        1_000_000
    );
}
