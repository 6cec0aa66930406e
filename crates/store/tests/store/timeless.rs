//! Events with an id but without a time of their own.

use std::time::Duration;

use event::Event;
use store::{recent_ids, write::Batch};

use crate::support::{Db, batch, event, events, time};

/// An event that was received then, and has no other time.
fn timeless(id: &str, received: &str, data: &str) -> Event<'static> {
    let mut event = event(id, "2026-01-01T00:00:00Z", data);
    event.time = None;
    event.recorded = time(received);
    event
}

fn one(offset: i64, received: &str) -> Batch {
    batch(offset, &[timeless("same", received, "{}")])
}

#[tokio::test]
async fn sent_again_within_the_window_it_is_stored_once() {
    let db = Db::create().await;
    db.start(1).await;
    assert_eq!(db.flush(&one(0, "2026-11-01T00:00:00Z")).await.inserted, 1);
    let outcome = db.flush(&one(1, "2026-11-07T23:59:59Z")).await;
    assert_eq!(
        (outcome.inserted, outcome.duplicates, outcome.staged),
        (0, 1, false)
    );
    // An older copy that comes later is known as well.
    assert_eq!(
        db.flush(&one(2, "2026-10-30T00:00:00Z")).await.duplicates,
        1
    );
    assert_eq!(
        (
            db.events().await,
            db.wrong_counts().await,
            db.next_offset(0).await
        ),
        (1, 0, 3)
    );
}

#[tokio::test]
async fn after_the_window_it_is_a_new_event() {
    let db = Db::create().await;
    db.start(1).await;
    db.flush(&one(0, "2026-11-01T00:00:00Z")).await;
    assert_eq!(db.flush(&one(1, "2026-11-08T00:00:01Z")).await.inserted, 1);
    assert_eq!(
        db.flush(&one(2, "2026-11-09T00:00:00Z")).await.duplicates,
        1
    );
    assert_eq!((db.events().await, db.wrong_counts().await), (2, 0));
}

#[tokio::test]
async fn copies_in_one_batch_among_others_are_stored_once() {
    let db = Db::create().await;
    db.start(1).await;
    let mut mixed = events("timed", 5);
    for i in 0..4 {
        mixed.insert(i * 2, timeless("same", "2026-11-01T00:00:00Z", "{}"));
        mixed.push(timeless(
            &format!("other-{i}"),
            "2026-11-01T00:00:00Z",
            "{}",
        ));
    }
    let outcome = db.flush(&batch(0, &mixed)).await;
    assert_eq!((outcome.inserted, outcome.duplicates), (10, 3));
    assert_eq!((db.events().await, db.wrong_counts().await), (10, 0));
    assert_eq!(
        db.number("SELECT kafka_offset FROM events WHERE id = 'same'")
            .await,
        0
    );
}

#[tokio::test]
async fn known_by_id_and_known_by_uid_are_both_left_out_of_a_staged_batch() {
    let db = Db::create().await;
    db.start(1).await;
    let mut first = events("a", 3);
    first.push(timeless("same", "2026-11-01T00:00:00Z", "{}"));
    db.flush(&batch(0, &first)).await;
    let mut second = events("a", 4);
    second.insert(0, timeless("same", "2026-11-02T00:00:00Z", "{}"));
    let outcome = db.flush(&batch(4, &second)).await;
    assert_eq!(
        (outcome.inserted, outcome.duplicates, outcome.staged),
        (1, 4, true)
    );
    assert_eq!((db.events().await, db.wrong_counts().await), (5, 0));
}

#[tokio::test]
async fn one_that_was_refused_is_not_taken_for_known_when_it_comes_again() {
    let db = Db::create().await;
    db.start(1).await;
    let bad = timeless("same", "2026-11-01T00:00:00Z", r#"{"a": "\u0000"}"#);
    assert_eq!(db.flush(&batch(0, &[bad])).await.refused, 1);
    assert_eq!(db.flush(&one(1, "2026-11-02T00:00:00Z")).await.inserted, 1);
}

#[tokio::test]
async fn events_with_a_time_do_not_touch_the_table_of_ids() {
    let db = Db::create().await;
    db.start(1).await;
    db.flush(&batch(0, &events("a", 10))).await;
    assert_eq!(db.number("SELECT count(*) FROM recent_ids").await, 0);
}

#[tokio::test]
async fn old_ids_expire_and_young_ones_stay() {
    let db = Db::create().await;
    db.start(1).await;
    db.flush(&batch(
        0,
        &[
            timeless("old", "2026-11-01T00:00:00Z", "{}"),
            timeless("young", "2026-11-20T00:00:00Z", "{}"),
        ],
    ))
    .await;
    let now = time("2026-11-21T00:00:00Z");
    let week = Duration::from_secs(7 * 86_400);
    assert_eq!(
        recent_ids::expire(&db.pool, now, week, true)
            .await
            .expect("dry run"),
        1
    );
    assert_eq!(
        recent_ids::expire(&db.pool, now, week, false)
            .await
            .expect("expire"),
        1
    );
    assert_eq!(
        recent_ids::expire(&db.pool, now, week, false)
            .await
            .expect("expire"),
        0
    );
    assert_eq!(db.number("SELECT count(*) FROM recent_ids").await, 1);
}
