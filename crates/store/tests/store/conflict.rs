//! Two writers of one Kafka partition: only one of them commits.

use store::{ErrorKind, StoreError, checkpoints, write::Sink};

use crate::support::{CLUSTER, Db, TOPIC, batch, events};

#[tokio::test]
async fn a_checkpoint_that_is_elsewhere_rolls_everything_back() {
    let db = Db::create().await;
    db.start(1).await;
    db.flush(&batch(0, &events("a", 10))).await;
    checkpoints::set(&db.pool, CLUSTER, TOPIC, 0, 5_000)
        .await
        .expect("set");

    let mut zombie = batch(10, &events("zombie", 10));
    let record = store::write::Record {
        partition: 0,
        offset: 20,
        timestamp: None,
        key: None,
        headers: &[],
        value: None,
    };
    zombie.push_dead_letter(&record, "reason", "detail");
    let error = db.sink.flush(&zombie).await.expect_err("conflict");
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert!(
        matches!(
            &error,
            StoreError::Conflict {
                partition: 0,
                expected: 10,
                found: Some(5_000),
                ..
            }
        ),
        "{error}"
    );
    assert_eq!(
        (
            db.events().await,
            db.counted().await,
            db.dead_letters().await
        ),
        (10, 10, 0)
    );
    assert_eq!(db.next_offset(0).await, 5_000);
}

#[tokio::test]
async fn a_missing_checkpoint_is_a_conflict() {
    let db = Db::create().await;
    let error = db
        .sink
        .flush(&batch(0, &events("a", 1)))
        .await
        .expect_err("conflict");
    assert!(
        matches!(error, StoreError::Conflict { found: None, .. }),
        "{error}"
    );
    assert_eq!(db.events().await, 0);
}

#[tokio::test]
async fn one_of_several_partitions_lost_loses_the_batch() {
    let db = Db::create().await;
    db.start(2).await;
    checkpoints::set(&db.pool, CLUSTER, TOPIC, 1, 3)
        .await
        .expect("set");
    let mut both = batch(0, &events("a", 10));
    both.advance(store::write::Advance {
        partition: 1,
        expected: 0,
        next: 9,
    });
    let error = db.sink.flush(&both).await.expect_err("conflict");
    assert!(
        matches!(
            error,
            StoreError::Conflict {
                partition: 1,
                found: Some(3),
                ..
            }
        ),
        "{error}"
    );
    assert_eq!((db.events().await, db.next_offset(0).await), (0, 0));
}

#[tokio::test]
async fn of_writers_flushing_at_once_exactly_one_commits() {
    let db = Db::create().await;
    db.start(1).await;
    for round in 0..10 {
        let first = round * 100;
        let one = batch(first, &events(&format!("one-{round}"), 100));
        // As many records, so that the checkpoint would end at the same place but for this.
        let two = batch(first, &events(&format!("two-{round}"), 90));
        let other = Sink::new(db.pool.clone(), &db.config);
        let (a, b) = tokio::join!(db.sink.flush(&one), other.flush(&two));
        let stored = match (&a, &b) {
            (Ok(outcome), Err(error)) | (Err(error), Ok(outcome)) => {
                assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
                outcome.inserted as i64
            }
            other => panic!("exactly one must commit: {other:?}"),
        };
        let next = db.next_offset(0).await;
        assert_eq!(next, first + stored);
        checkpoints::set(&db.pool, CLUSTER, TOPIC, 0, first + 100)
            .await
            .expect("set");
    }
    assert_eq!(db.wrong_counts().await, 0);
}

#[tokio::test]
async fn flushed_again_after_a_commit_whose_answer_was_lost_it_is_known_as_stored() {
    let db = Db::create().await;
    db.start(1).await;
    let same = batch(0, &events("a", 10));
    db.flush(&same).await;
    let outcome = db.flush(&same).await;
    assert!(outcome.already_stored);
    assert_eq!(
        (outcome.inserted, db.events().await, db.counted().await),
        (0, 10, 10)
    );
}
