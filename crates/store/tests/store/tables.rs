//! Checkpoints and dead letters as the operator sees them.

use store::{
    checkpoints,
    dead_letters::{self, Filter},
    write::{Advance, Batch, Record},
};

use crate::support::{CLUSTER, Db, TOPIC, connect, time};

#[tokio::test]
async fn a_checkpoint_that_exists_is_not_made_again() {
    let db = Db::create().await;
    let first = checkpoints::load_or_create(&db.pool, CLUSTER, TOPIC, &[(0, 5), (1, 7)])
        .await
        .expect("create");
    assert_eq!(
        first
            .iter()
            .map(|c| (c.partition, c.next_offset))
            .collect::<Vec<_>>(),
        [(0, 5), (1, 7)]
    );
    let second = checkpoints::load_or_create(&db.pool, CLUSTER, TOPIC, &[(1, 0), (2, 9)])
        .await
        .expect("create");
    assert_eq!(
        second
            .iter()
            .map(|c| (c.partition, c.next_offset))
            .collect::<Vec<_>>(),
        [(1, 7), (2, 9)]
    );
    assert_eq!(checkpoints::list(&db.pool).await.expect("list").len(), 3);
    assert!(
        checkpoints::load(&db.pool, "other", TOPIC, &[0])
            .await
            .expect("load")
            .is_empty()
    );
}

async fn three_letters(db: &Db) {
    db.start(1).await;
    let mut batch = Batch::new(CLUSTER, TOPIC);
    for (offset, reason) in ["no-source", "bad-time", "no-source"]
        .into_iter()
        .enumerate()
    {
        let record = Record {
            partition: 0,
            offset: offset as i64,
            timestamp: None,
            key: None,
            headers: &[],
            value: Some(b"v"),
        };
        batch.push_dead_letter(&record, reason, "detail");
    }
    batch.advance(Advance {
        partition: 0,
        expected: 0,
        next: 3,
    });
    db.flush(&batch).await;
}

#[tokio::test]
async fn dead_letters_are_listed_by_what_is_asked_and_paged_by_id() {
    let db = Db::create().await;
    three_letters(&db).await;
    let ids = async |filter: Filter, limit| -> Vec<i64> {
        let letters = dead_letters::list(&db.pool, &filter, limit)
            .await
            .expect("list");
        letters.iter().map(|letter| letter.id).collect()
    };
    assert_eq!(ids(Filter::default(), 10).await, [1, 2, 3]);
    assert_eq!(
        ids(
            Filter {
                reason: Some("no-source".into()),
                ..Filter::default()
            },
            10
        )
        .await,
        [1, 3]
    );
    assert_eq!(
        ids(
            Filter {
                after: 1,
                ..Filter::default()
            },
            1
        )
        .await,
        [2]
    );
    assert_eq!(
        ids(
            Filter {
                topic: Some("other".into()),
                ..Filter::default()
            },
            10
        )
        .await,
        [0i64; 0]
    );
    assert_eq!(
        ids(
            Filter {
                since: Some(time("2100-01-01T00:00:00Z")),
                ..Filter::default()
            },
            10
        )
        .await,
        [0i64; 0]
    );
    let summary = dead_letters::summary(&db.pool, &Filter::default())
        .await
        .expect("summary");
    assert_eq!(summary[0], (TOPIC.to_owned(), "no-source".to_owned(), 2));
}

#[tokio::test]
async fn a_replayed_letter_is_marked_once_and_can_be_deleted() {
    let db = Db::create().await;
    three_letters(&db).await;
    assert_eq!(
        dead_letters::mark_replayed(&db.pool, &[1, 3])
            .await
            .expect("mark"),
        2
    );
    assert_eq!(
        dead_letters::mark_replayed(&db.pool, &[1, 2])
            .await
            .expect("mark"),
        1
    );
    assert!(
        dead_letters::list(&db.pool, &Filter::default(), 10)
            .await
            .expect("list")
            .is_empty()
    );
    let letter = dead_letters::show(&db.pool, 1)
        .await
        .expect("show")
        .expect("there");
    assert!(letter.replayed_at.is_some());
    assert_eq!(
        dead_letters::delete_replayed(&db.pool, time("2000-01-01T00:00:00Z"))
            .await
            .expect("delete"),
        0
    );
    assert_eq!(
        dead_letters::delete_replayed(&db.pool, time("2100-01-01T00:00:00Z"))
            .await
            .expect("delete"),
        3
    );
    assert!(
        dead_letters::show(&db.pool, 1)
            .await
            .expect("show")
            .is_none()
    );
}

#[tokio::test]
async fn a_writer_that_froze_in_mid_copy_does_not_keep_its_checkpoints() {
    let db = Db::create().await;
    db.start(2).await;
    let frozen = connect(db.database.url()).await;
    frozen
        .batch_execute("BEGIN; UPDATE checkpoints SET next_offset = 5 WHERE kafka_partition = 0")
        .await
        .expect("move a checkpoint");
    let copy: tokio_postgres::CopyInSink<bytes::Bytes> = frozen
        .copy_in("COPY events FROM STDIN")
        .await
        .expect("begin to copy");
    let successor = tokio::time::timeout(std::time::Duration::from_secs(30), db.start(2)).await;
    let found = successor.expect("no longer than it takes to see that it hangs");
    assert_eq!(found[0].next_offset, 0, "what was not committed is gone");
    drop(copy);
    assert!(frozen.batch_execute("COMMIT").await.is_err());
}
