//! What a writer says about the log, with its flushes and beside them.

use event::Timestamp;
use store::{
    checkpoints::{self, Progress, Sighting},
    write::{Advance, LogEnd},
};

use crate::support::{CLUSTER, Db, TOPIC, batch, events, time};

const SEEN: &str = "2026-11-21T12:00:00Z";

async fn progress(db: &Db) -> Vec<Progress> {
    checkpoints::progress(&db.pool, TOPIC)
        .await
        .expect("progress")
}

async fn report(db: &Db, sightings: &[Sighting]) -> u64 {
    checkpoints::report(&db.pool, CLUSTER, TOPIC, sightings)
        .await
        .expect("report")
}

fn sighting(partition: i32, next_offset: i64, end: i64, seen_at: Timestamp) -> Sighting {
    Sighting {
        partition,
        next_offset,
        end: LogEnd {
            offset: end,
            seen_at,
        },
    }
}

#[tokio::test]
async fn before_the_first_report_nothing_is_known() {
    let db = Db::create().await;
    db.start(1).await;
    let found = progress(&db).await;
    assert_eq!(
        (found[0].end, found[0].as_of, found[0].lag()),
        (None, None, None)
    );
}

#[tokio::test]
async fn a_flush_carries_what_is_known_and_moves_the_checkpoint_as_ever() {
    let db = Db::create().await;
    db.start(2).await;
    let mut first = batch(0, &events("a", 10));
    first.advance_by(
        Advance {
            partition: 0,
            expected: 0,
            next: 10,
        },
        Some(time("2026-11-21T11:00:00Z")),
    );
    first.saw_end(
        0,
        LogEnd {
            offset: 25,
            seen_at: time(SEEN),
        },
    );
    db.flush(&first).await;
    let found = progress(&db).await;
    assert_eq!(
        (found[0].checkpoint.next_offset, found[0].lag()),
        (10, Some(15))
    );
    assert_eq!(found[0].as_of, Some(time("2026-11-21T11:00:00Z")));
    assert_eq!(found[1].as_of, None);
    // A batch that knows nothing leaves what is known as it is, and its time never goes back.
    let mut second = batch(10, &events("b", 10));
    second.advance_by(
        Advance {
            partition: 0,
            expected: 10,
            next: 20,
        },
        Some(time("2026-11-21T10:00:00Z")),
    );
    db.flush(&second).await;
    let found = progress(&db).await;
    assert_eq!(found[0].lag(), Some(5));
    assert_eq!(found[0].as_of, Some(time("2026-11-21T11:00:00Z")));
    // The end that was seen is reached.
    let mut third = batch(20, &events("c", 10));
    third.saw_end(
        0,
        LogEnd {
            offset: 25,
            seen_at: time(SEEN),
        },
    );
    db.flush(&third).await;
    let found = progress(&db).await;
    assert_eq!(
        (found[0].as_of, found[0].lag()),
        (Some(time(SEEN)), Some(0))
    );
}

#[tokio::test]
async fn a_report_claims_only_what_the_checkpoint_bears_out() {
    let db = Db::create().await;
    db.start(3).await;
    db.flush(&batch(0, &events("a", 10))).await;
    let seen = time(SEEN);
    // 0 is at its end; 1 has records that wait; of 2 the writer knows more than this database does.
    let told = report(
        &db,
        &[
            sighting(0, 10, 10, seen),
            sighting(1, 0, 7, seen),
            sighting(2, 5, 5, seen),
        ],
    )
    .await;
    assert_eq!(told, 2);
    let found = progress(&db).await;
    let of: Vec<_> = found.iter().map(|p| (p.lag(), p.as_of)).collect();
    assert_eq!(of, [(Some(0), Some(seen)), (Some(7), None), (None, None)]);
    assert_eq!(db.next_offset(0).await, 10);
    // A log that ends before the checkpoint is another one: what is in it is not known to be stored.
    let later = time("2026-11-21T13:00:00Z");
    assert_eq!(report(&db, &[sighting(0, 10, 4, later)]).await, 1);
    let found = progress(&db).await;
    assert_eq!((found[0].lag(), found[0].as_of), (Some(0), Some(seen)));
}

#[tokio::test]
async fn a_report_waits_for_no_flush() {
    let db = Db::create().await;
    db.start(2).await;
    db.sql
        .batch_execute("BEGIN; SELECT FROM checkpoints WHERE kafka_partition = 0 FOR UPDATE")
        .await
        .expect("held");
    let seen = time(SEEN);
    let told = report(&db, &[sighting(0, 0, 0, seen), sighting(1, 0, 0, seen)]).await;
    assert_eq!(told, 1);
    db.sql.batch_execute("ROLLBACK").await.expect("given back");
    assert_eq!(report(&db, &[sighting(0, 0, 0, seen)]).await, 1);
}

#[tokio::test]
async fn reports_without_pause_keep_no_flush_from_moving_its_checkpoint() {
    let db = Db::create().await;
    db.start(1).await;
    let reports = async {
        loop {
            report(&db, &[sighting(0, 0, 0, Timestamp::now())]).await;
        }
    };
    let flushes = async {
        for round in 0..50 {
            let outcome = db
                .sink
                .flush(&batch(round * 10, &events(&format!("r-{round}"), 10)))
                .await
                .expect("moved");
            assert!(!outcome.already_stored);
        }
    };
    tokio::select! {
        () = flushes => {}
        () = reports => {}
    }
    assert_eq!((db.events().await, db.next_offset(0).await), (500, 500));
    assert_eq!(db.wrong_counts().await, 0);
}
