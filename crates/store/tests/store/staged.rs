//! Events that are stored already: the batch goes through the temporary table.

use store::write::{Advance, Batch};

use crate::support::{CLUSTER, Db, TOPIC, batch, events, push};

#[tokio::test]
async fn an_event_sent_again_is_stored_once_and_counted_once() {
    let db = Db::create().await;
    db.start(1).await;
    db.flush(&batch(0, &events("a", 100))).await;
    let mut mixed = events("b", 50);
    mixed.splice(25..25, events("a", 100));
    let outcome = db.flush(&batch(100, &mixed)).await;
    assert!(outcome.staged && !outcome.bisected);
    assert_eq!((outcome.inserted, outcome.duplicates), (50, 100));
    assert_eq!(
        (
            db.events().await,
            db.counted().await,
            db.next_offset(0).await
        ),
        (150, 150, 250)
    );
    assert_eq!(db.wrong_counts().await, 0);
    // And the way back to the fast path is open.
    assert!(!db.flush(&batch(250, &events("c", 10))).await.staged);
}

#[tokio::test]
async fn the_same_event_twice_in_one_batch_is_stored_once_the_first_one() {
    let db = Db::create().await;
    db.start(1).await;
    let mut twice = events("a", 3);
    twice.extend(events("a", 3));
    let outcome = db.flush(&batch(0, &twice)).await;
    assert_eq!((outcome.inserted, outcome.duplicates), (3, 3));
    assert_eq!(db.number("SELECT max(kafka_offset) FROM events").await, 2);
    assert_eq!(db.wrong_counts().await, 0);
}

#[tokio::test]
async fn a_batch_of_nothing_but_known_events_moves_the_checkpoint() {
    let db = Db::create().await;
    db.start(1).await;
    db.flush(&batch(0, &events("a", 20))).await;
    let outcome = db.flush(&batch(20, &events("a", 20))).await;
    assert_eq!((outcome.inserted, outcome.duplicates), (0, 20));
    assert_eq!((db.events().await, db.next_offset(0).await), (20, 40));
    assert_eq!(db.wrong_counts().await, 0);
}

#[tokio::test]
async fn known_events_of_several_kafka_partitions_are_told_apart() {
    let db = Db::create().await;
    db.start(2).await;
    db.flush(&batch(0, &events("a", 10))).await;
    let mut second = Batch::new(CLUSTER, TOPIC);
    // Offsets 0 to 9 of partition 1: the same offsets, and half of them the same events.
    for (i, event) in events("a", 5).iter().chain(&events("b", 5)).enumerate() {
        push(&mut second, event, 1, i as i64);
    }
    second.advance(Advance {
        partition: 1,
        expected: 0,
        next: 10,
    });
    let outcome = db.flush(&second).await;
    assert_eq!((outcome.inserted, outcome.duplicates), (5, 5));
    assert_eq!((db.wrong_counts().await, db.next_offset(1).await), (0, 10));
}

#[tokio::test]
async fn two_writers_with_the_same_events_in_opposite_order_store_each_once() {
    let db = Db::create().await;
    db.start(2).await;
    let forward = events("a", 2_000);
    let mut backward = forward.clone();
    backward.reverse();
    let mut first = Batch::new(CLUSTER, TOPIC);
    let mut second = Batch::new(CLUSTER, TOPIC);
    for i in 0..2_000 {
        push(&mut first, &forward[i], 0, i as i64);
        push(&mut second, &backward[i], 1, i as i64);
    }
    first.advance(Advance {
        partition: 0,
        expected: 0,
        next: 2_000,
    });
    second.advance(Advance {
        partition: 1,
        expected: 0,
        next: 2_000,
    });
    // One may be the victim of a deadlock: an outage, after which the same batch is flushed again.
    let patient = async |batch: &Batch| {
        loop {
            match db.sink.flush(batch).await {
                Ok(outcome) => return outcome,
                Err(error) => assert_eq!(error.kind(), store::ErrorKind::Outage, "{error}"),
            }
        }
    };
    let (one, two) = tokio::join!(patient(&first), patient(&second));
    assert_eq!(one.inserted + two.inserted, 2_000);
    assert_eq!(one.duplicates + two.duplicates, 2_000);
    assert_eq!((db.events().await, db.wrong_counts().await), (2_000, 0));
}
