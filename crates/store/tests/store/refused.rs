//! Rows that PostgreSQL refuses: found by halving, set aside as they were, their neighbours stored.

use event::Event;
use store::dead_letters::{self, Filter};

use crate::support::{Db, batch, event, events};

/// Valid for a JSON parser, refused by jsonb.
const REFUSED: [&str; 4] = [
    r#"{"a": "\u0000"}"#,
    r#"{"a": "\ud800"}"#,
    r#"{"a": 1e200000}"#,
    r#"{"a": nonsense}"#,
];

async fn stores_all_but(bad: &[usize], count: usize) {
    let db = Db::create().await;
    db.start(1).await;
    let mut all = events("a", count);
    for (i, at) in bad.iter().enumerate() {
        all[*at] = event(
            &format!("bad-{at}"),
            "2026-11-21T10:00:00Z",
            REFUSED[i % REFUSED.len()],
        );
    }
    let outcome = db.flush(&batch(0, &all)).await;
    assert_eq!(outcome.inserted as usize, count - bad.len());
    assert_eq!(
        (outcome.refused as usize, outcome.dead_lettered as usize),
        (bad.len(), bad.len())
    );
    assert!(outcome.staged && outcome.bisected);
    assert_eq!(db.events().await as usize, count - bad.len());
    assert_eq!(
        (db.wrong_counts().await, db.next_offset(0).await),
        (0, count as i64)
    );

    let letters = dead_letters::list(&db.pool, &Filter::default(), 1_000)
        .await
        .expect("list");
    assert_eq!(letters.len(), bad.len());
    for letter in letters {
        let sent = &all[letter.offset as usize];
        let mut headers: Vec<(String, Option<Vec<u8>>)> = Vec::new();
        sent.encode_headers(|name, value| headers.push((name.to_owned(), Some(value.to_vec()))));
        assert_eq!(letter.headers, headers);
        assert_eq!(letter.value.as_deref(), sent.value());
        assert_eq!(letter.timestamp, Some(sent.recorded));
        assert_eq!(letter.reason, "refused-by-postgres");
        assert!(letter.detail.starts_with("22"), "{}", letter.detail);
    }
}

#[tokio::test]
async fn the_first_row() {
    stores_all_but(&[0], 100).await;
}

#[tokio::test]
async fn a_row_in_the_middle() {
    stores_all_but(&[50], 101).await;
}

#[tokio::test]
async fn the_last_row() {
    stores_all_but(&[99], 100).await;
}

#[tokio::test]
async fn several_rows() {
    stores_all_but(&[0, 1, 17, 63, 64, 99], 100).await;
}

#[tokio::test]
async fn every_row() {
    stores_all_but(&(0..40).collect::<Vec<_>>(), 40).await;
}

#[tokio::test]
async fn every_second_row_of_many() {
    stores_all_but(&(0..800).step_by(2).collect::<Vec<_>>(), 800).await;
}

#[tokio::test]
async fn the_only_row() {
    stores_all_but(&[0], 1).await;
}

#[tokio::test]
async fn refused_rows_known_events_and_new_ones_in_one_batch() {
    let db = Db::create().await;
    db.start(1).await;
    db.flush(&batch(0, &events("a", 10))).await;
    let mut mixed: Vec<Event<'static>> = events("a", 10);
    mixed.extend(events("b", 10));
    mixed.insert(5, event("bad-1", "2026-11-21T10:00:00Z", REFUSED[0]));
    mixed.insert(15, event("bad-2", "2026-11-21T10:00:00Z", REFUSED[1]));
    let outcome = db.flush(&batch(10, &mixed)).await;
    assert_eq!(
        (outcome.inserted, outcome.duplicates, outcome.refused),
        (10, 10, 2)
    );
    assert_eq!(
        (
            db.events().await,
            db.dead_letters().await,
            db.next_offset(0).await
        ),
        (20, 2, 32)
    );
    assert_eq!(db.wrong_counts().await, 0);
}

#[tokio::test]
async fn a_constraint_the_operator_added_isolates_its_rows_too() {
    let db = Db::create().await;
    db.start(1).await;
    db.sql
        .batch_execute("ALTER TABLE events ADD CONSTRAINT small CHECK ((data ->> 'n')::int < 100)")
        .await
        .expect("alter");
    let mut all = events("a", 20);
    all[7] = event("bad", "2026-11-21T10:00:00Z", r#"{"n": 1000}"#);
    all[8] = event("worse", "2026-11-21T10:00:00Z", r#"{"n": "many"}"#);
    let outcome = db.flush(&batch(0, &all)).await;
    assert_eq!((outcome.inserted, outcome.refused), (18, 2));
    assert_eq!(db.wrong_counts().await, 0);
}

#[tokio::test]
async fn jsonb_nested_beyond_what_the_server_can_parse_is_one_dead_letter() {
    let db = Db::create().await;
    db.start(1).await;
    let mut all = events("a", 20);
    let deep = format!("{}{}", "[".repeat(200_000), "]".repeat(200_000));
    all[3] = event("deep", "2026-11-21T10:00:00Z", &deep);
    let outcome = db.flush(&batch(0, &all)).await;
    assert_eq!((outcome.inserted, outcome.refused), (19, 1));
}
