//! Cases 24 and 25: records that are no events, or that PostgreSQL refuses, are set aside one by one, and their neighbours are stored.

use super::*;

fn without(name: &str, number: usize) -> RawRecord {
    let mut record = RawRecord::of(&event(number));
    record.headers.retain(|(known, _)| known != name);
    record
}

fn with(name: &str, value: &[u8], number: usize) -> RawRecord {
    let mut record = without(name, number);
    record.headers.push((name.to_owned(), value.to_vec()));
    record
}

fn valued(value: &[u8], number: usize) -> RawRecord {
    RawRecord {
        value: Some(value.to_vec()),
        ..RawRecord::of(&event(number))
    }
}

/// Records that no ingest-api wrote, and the reason each is set aside with.
fn poison() -> Vec<(&'static str, RawRecord)> {
    vec![
        (
            "not-an-event",
            RawRecord {
                value: Some(b"hello".to_vec()),
                ..RawRecord::default()
            },
        ),
        (
            "not-an-event",
            RawRecord {
                headers: vec![("x".into(), b"y".to_vec())],
                ..RawRecord::default()
            },
        ),
        ("not-an-event", without("ce_specversion", 1)),
        ("unsupported-specversion", with("ce_specversion", b"0.3", 1)),
        ("missing-header", without("ce_source", 1)),
        ("missing-header", without("ce_type", 1)),
        ("missing-header", without("ce_id", 1)),
        ("invalid-header", with("ce_source", b"a\0b", 1)),
        ("invalid-header", with("ce_subject", b"\xff\xfe", 1)),
        ("invalid-header", with("ce_id", &[b'x'; 300], 1)),
        ("invalid-time", with("ce_time", b"yesterday", 1)),
        (
            "invalid-time",
            with("ce_recordedtime", b"2026-02-30T00:00:00Z", 1),
        ),
        (
            "time-out-of-range",
            with("ce_time", b"0001-01-01T00:00:00Z", 1),
        ),
        (
            "time-out-of-range",
            with("ce_time", b"9999-12-31T23:59:59Z", 1),
        ),
        ("22P02", valued(b"{not json", 1)),
        ("22P05", valued(br#"{"a":"\u0000"}"#, 1)),
        ("22P02", valued(br#"{"a":"\ud800"}"#, 1)),
        ("22021", valued(b"{\"a\":\"\xff\"}", 1)),
        ("22003", valued(br#"{"a":1e131073}"#, 1)),
        ("54001", valued("[".repeat(60_000).as_bytes(), 1)),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn one_dead_letter_for_each_bad_record_neighbours_stored_offsets_advanced() {
    let world = World::new(1).await;
    let poison = poison();
    let bad = poison.len();
    // Every second record is bad, all in one batch with their neighbours.
    world
        .send_with(0..2 * bad, |number| match number % 2 {
            0 => RawRecord::of(&event(1_000 + number)),
            _ => {
                let (_, record) = &poison[number / 2];
                RawRecord {
                    partition: None,
                    key: Some(format!("key-{number}").into_bytes()),
                    headers: record.headers.clone(),
                    value: record.value.clone(),
                }
            }
        })
        .await;
    let writer = world.writer(&[("batch.age", "1s")]);
    let records = i64::try_from(bad).expect("small");
    eventually(PATIENCE, || async { world.settled().await == 2 * records }).await;
    assert_eq!(world.number("SELECT count(*) FROM events").await, records);
    assert_eq!(
        world
            .number("SELECT sum(count)::bigint FROM event_counts")
            .await,
        records
    );
    let letters = world
        .sql
        .query("SELECT kafka_offset, reason, detail, key, value FROM dead_letters ORDER BY kafka_offset", &[])
        .await
        .expect("dead letters");
    assert_eq!(letters.len(), bad, "one each");
    for (letter, (number, (reason, record))) in letters.iter().zip(poison.iter().enumerate()) {
        let offset = i64::try_from(2 * number + 1).expect("small");
        assert_eq!(letter.get::<_, i64>(0), offset);
        let (found, detail): (&str, &str) = (letter.get(1), letter.get(2));
        assert!(
            found.contains(reason) || detail.contains(reason),
            "{reason}: {found} ({detail})"
        );
        assert_eq!(
            letter.get::<_, Option<&[u8]>>(3),
            Some(format!("key-{offset}").as_bytes())
        );
        assert_eq!(
            letter.get::<_, Option<&[u8]>>(4),
            record.value.as_deref(),
            "the record as it was"
        );
    }
    // The writer goes on.
    world.send(0..10).await;
    world.stored(records + 10).await;
    writer.stop().await.expect("no fault");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_of_nothing_but_bad_records_is_set_aside_at_a_bounded_rate_and_loudly() {
    let world = World::new(2).await;
    world
        .send_with(0..600, |number| RawRecord {
            partition: i32::try_from(number % 2).ok(),
            value: Some(b"rubbish".to_vec()),
            ..RawRecord::default()
        })
        .await;
    let started = std::time::Instant::now();
    let writer = world.writer(&[
        ("dead_letters.per_second", "100"),
        ("dead_letters.burst", "100"),
    ]);
    eventually(PATIENCE, || async {
        writer.metric("flumen_writer_dead_letters_throttled").await == 1.0
    })
    .await;
    assert!(writer.get("/livez").await.starts_with("HTTP/1.1 200"));
    eventually(PATIENCE, || async {
        world.number("SELECT count(*) FROM dead_letters").await == 600
    })
    .await;
    // 600 at 100 a second after a burst of 100.
    assert!(
        started.elapsed() >= Duration::from_secs(3),
        "took only {:?}",
        started.elapsed()
    );
    assert_eq!(world.number("SELECT count(*) FROM events").await, 0);
    assert_eq!(world.settled().await, 600);
    // Good ones pass again afterwards.
    world.send(0..100).await;
    world.stored(100).await;
    assert_eq!(writer.metric("flumen_writer_assignments_total").await, 1.0);
    writer.stop().await.expect("no fault");
}
