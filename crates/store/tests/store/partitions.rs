//! Partitions: on demand, ahead, retired; never in anybody's way.

use std::time::{Duration, Instant};

use event::{Event, Timestamp};
use store::{
    config::Interval,
    partitions::{self, Partitions, RetireOutcome},
};

use crate::support::{Db, batch, connect, event, events, time};

const DAY: Duration = Duration::from_secs(86_400);

async fn names(db: &Db) -> Vec<String> {
    partitions::list(&db.pool)
        .await
        .expect("list")
        .into_iter()
        .filter(|partition| partition.parent == "events")
        .map(|partition| partition.name)
        .collect()
}

fn days(text: &[&str]) -> Vec<i64> {
    text.iter()
        .map(|day| time(day).as_micros().div_euclid(86_400_000_000))
        .collect()
}

#[tokio::test]
async fn an_event_of_a_month_without_a_partition_makes_it_also_at_the_ends_of_years() {
    let db = Db::create().await;
    db.start(1).await;
    let times = [
        "2025-12-31T23:59:59.999999Z",
        "2026-01-01T00:00:00Z",
        "2024-02-29T12:00:00Z",
        "1969-12-31T23:59:59Z",
        "1970-01-01T00:00:00Z",
        "2026-12-31T23:59:59.999999Z",
        "2027-01-01T00:00:00Z",
    ];
    let all: Vec<Event<'_>> = times.iter().map(|at| event(at, at, "{}")).collect();
    let outcome = db.flush(&batch(0, &all)).await;
    assert_eq!((outcome.inserted, outcome.partitions_created), (7, 7));
    assert_eq!(
        names(&db).await,
        [
            "events_19691201_19700101",
            "events_19700101_19700201",
            "events_20240201_20240301",
            "events_20251201_20260101",
            "events_20260101_20260201",
            "events_20261201_20270101",
            "events_20270101_20270201",
        ]
    );
    assert_eq!(db.wrong_counts().await, 0);
    assert_eq!(
        db.number("SELECT count(*) FROM flumen_partitions WHERE parent = 'event_counts'")
            .await,
        7
    );
}

#[tokio::test]
async fn writers_at_once_make_each_partition_once() {
    let db = Db::create().await;
    let wanted = days(&[
        "2026-01-05T00:00:00Z",
        "2026-02-05T00:00:00Z",
        "2026-03-05T00:00:00Z",
    ]);
    let writers: Vec<Partitions> = (0..6).map(|_| Partitions::new(Interval::Month)).collect();
    let made: u32 = futures_util::future::join_all(
        writers
            .iter()
            .map(|writer| writer.cover_days(&db.pool, &wanted)),
    )
    .await
    .into_iter()
    .map(|made| made.expect("cover"))
    .sum();
    assert_eq!((made, names(&db).await.len()), (3, 3));
}

#[tokio::test]
async fn known_days_ask_nothing_of_the_database() {
    let db = Db::create().await;
    let known = Partitions::new(Interval::Month);
    let wanted = days(&["2026-01-05T00:00:00Z"]);
    assert_eq!(known.cover_days(&db.pool, &wanted).await.expect("cover"), 1);
    db.pool.close();
    assert_eq!(known.cover_days(&db.pool, &wanted).await.expect("known"), 0);
}

#[tokio::test]
async fn another_interval_fills_the_gaps_around_what_is_there() {
    let db = Db::create().await;
    let day = Partitions::new(Interval::Day);
    day.cover_days(
        &db.pool,
        &days(&["2026-11-10T00:00:00Z", "2026-11-20T00:00:00Z"]),
    )
    .await
    .expect("cover");
    let month = Partitions::new(Interval::Month);
    let wanted = days(&[
        "2026-11-01T00:00:00Z",
        "2026-11-15T00:00:00Z",
        "2026-11-30T00:00:00Z",
        "2026-11-20T00:00:00Z",
    ]);
    assert_eq!(month.cover_days(&db.pool, &wanted).await.expect("cover"), 3);
    assert_eq!(
        names(&db).await,
        [
            "events_20261101_20261110",
            "events_20261110_20261111",
            "events_20261111_20261120",
            "events_20261120_20261121",
            "events_20261121_20261201",
        ]
    );
}

#[tokio::test]
async fn neither_a_reader_nor_a_writer_in_the_middle_of_a_transaction_holds_up_a_new_partition() {
    let db = Db::create().await;
    db.start(1).await;
    db.flush(&batch(0, &events("a", 10))).await;
    let analyst = connect(db.database.url()).await;
    analyst
        .batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM analytics.events; SELECT * FROM event_counts")
        .await
        .expect("read");
    let writer = connect(db.database.url()).await;
    writer
        .batch_execute("BEGIN; DELETE FROM events WHERE id = 'a-1'")
        .await
        .expect("write");
    let started = Instant::now();
    let outcome = db
        .flush(&batch(10, &[event("new", "2030-01-01T00:00:00Z", "{}")]))
        .await;
    assert_eq!((outcome.inserted, outcome.partitions_created), (1, 1));
    assert!(
        started.elapsed() < Duration::from_secs(8),
        "{:?}",
        started.elapsed()
    );
    // And the analyst reads on meanwhile.
    analyst
        .batch_execute("SELECT count(*) FROM events; COMMIT")
        .await
        .expect("reads on");
    writer.batch_execute("ROLLBACK").await.expect("rollback");
    assert_eq!(db.events().await, 11);
}

#[tokio::test]
async fn a_new_partition_has_the_indexes_and_the_settings() {
    let db = Db::create().await;
    db.start(1).await;
    db.flush(&batch(0, &events("a", 1))).await;
    let indexes = "SELECT count(*) FROM pg_index i JOIN pg_inherits h ON h.inhrelid = i.indexrelid \
                   WHERE i.indrelid = 'events_20261101_20261201'::regclass";
    assert_eq!(db.number(indexes).await, 3);
    let settings: String = db
        .sql
        .query_one("SELECT array_to_string(reloptions, ' ') FROM pg_class WHERE relname = 'events_20261101_20261201'", &[])
        .await
        .expect("one row")
        .get(0);
    assert!(
        settings.contains("autovacuum_freeze_min_age=0"),
        "{settings}"
    );
}

#[tokio::test]
async fn a_partition_dropped_behind_the_writers_back_is_made_again() {
    let db = Db::create().await;
    db.start(1).await;
    db.flush(&batch(0, &events("a", 10))).await;
    db.sql
        .batch_execute("DROP TABLE events_20261101_20261201, event_counts_20261101_20261201")
        .await
        .expect("drop");
    let outcome = db.flush(&batch(10, &events("b", 10))).await;
    assert_eq!((outcome.inserted, outcome.partitions_created), (10, 1));
    assert_eq!((db.events().await, db.wrong_counts().await), (10, 0));
}

#[tokio::test]
async fn partitions_ahead_are_made_once_and_shown_by_a_dry_run() {
    let db = Db::create().await;
    let partitions = Partitions::new(Interval::Month);
    let now = time("2026-11-21T00:00:00Z");
    let missing = partitions
        .missing_ahead(&db.pool, now, 2)
        .await
        .expect("dry run");
    assert!(names(&db).await.is_empty());
    let made = partitions.ahead(&db.pool, now, 2).await.expect("ahead");
    assert_eq!((made.len(), &made), (3, &missing));
    assert_eq!(made[2].end, time("2027-02-01T00:00:00Z"));
    assert!(
        partitions
            .ahead(&db.pool, now, 2)
            .await
            .expect("again")
            .is_empty()
    );
    assert!(
        partitions
            .missing_ahead(&db.pool, now, 2)
            .await
            .expect("dry run")
            .is_empty()
    );
}

fn three_months() -> Vec<Event<'static>> {
    [
        "2026-09-15T00:00:00Z",
        "2026-10-15T00:00:00Z",
        "2026-11-15T00:00:00Z",
    ]
    .iter()
    .map(|at| event(at, at, "{}"))
    .collect()
}

async fn outcomes(
    db: &Db,
    now: Timestamp,
    kept: Duration,
    dry_run: bool,
) -> Vec<(String, RetireOutcome)> {
    partitions::retire(&db.pool, now, kept, dry_run)
        .await
        .expect("retire")
        .into_iter()
        .map(|retired| (retired.name, retired.outcome))
        .collect()
}

#[tokio::test]
async fn retention_drops_whole_partitions_of_events_and_counts_and_no_younger_event() {
    let db = Db::create().await;
    db.start(1).await;
    db.flush(&batch(0, &three_months())).await;
    let now = time("2026-11-21T00:00:00Z");
    // 30 days back is October 22nd: October still holds younger ones.
    let dry = outcomes(&db, now, 30 * DAY, true).await;
    assert_eq!(
        dry.iter()
            .map(|(name, _)| name.as_str())
            .collect::<Vec<_>>(),
        ["events_20260901_20261001", "event_counts_20260901_20261001"]
    );
    assert!(
        dry.iter()
            .all(|(_, outcome)| *outcome == RetireOutcome::Due)
    );
    assert_eq!(db.events().await, 3);
    let done = outcomes(&db, now, 30 * DAY, false).await;
    assert!(
        done.len() == 2
            && done
                .iter()
                .all(|(_, outcome)| *outcome == RetireOutcome::Dropped),
        "{done:?}"
    );
    assert_eq!((db.events().await, db.counted().await), (2, 2));
    assert!(outcomes(&db, now, 30 * DAY, false).await.is_empty());
}

#[tokio::test]
async fn a_reader_postpones_retention_and_ingest_goes_on_meanwhile() {
    let db = Db::create().await;
    db.start(1).await;
    db.flush(&batch(0, &three_months())).await;
    let analyst = connect(db.database.url()).await;
    analyst
        .batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM events")
        .await
        .expect("read");
    let now = time("2026-11-21T00:00:00Z");
    let (done, ()) = tokio::join!(outcomes(&db, now, 30 * DAY, false), async {
        devstack::testing::eventually(Duration::from_secs(4), || async {
            db.number("SELECT count(*) FROM flumen_partitions WHERE detach_pending")
                .await
                == 1
        })
        .await;
        let started = Instant::now();
        assert_eq!(db.flush(&batch(3, &events("b", 10))).await.inserted, 10);
        assert!(
            started.elapsed() < Duration::from_secs(2),
            "{:?}",
            started.elapsed()
        );
    });
    assert!(
        matches!(&done[0].1, RetireOutcome::Postponed(_)),
        "{done:?}"
    );
    // An event of just that time waits until the next run has finished: no dead letter, no stop.
    let late = batch(13, &[event("late", "2026-09-20T00:00:00Z", "{}")]);
    let error = db.sink.flush(&late).await.expect_err("being retired");
    assert_eq!(error.kind(), store::ErrorKind::Outage, "{error}");
    analyst.batch_execute("COMMIT").await.expect("commit");
    let done = outcomes(&db, now, 30 * DAY, false).await;
    assert!(
        done.iter()
            .all(|(_, outcome)| *outcome == RetireOutcome::Dropped),
        "{done:?}"
    );
    assert_eq!(db.events().await, 12);
    assert_eq!(
        db.number(
            "SELECT count(*) FROM pg_class WHERE relname LIKE 'event%20260901%' AND relkind = 'r'"
        )
        .await,
        0
    );
    assert_eq!(db.flush(&late).await.inserted, 1);
}

#[tokio::test]
async fn a_partition_that_was_detached_but_not_dropped_goes_with_the_next_run() {
    let db = Db::create().await;
    db.start(1).await;
    db.flush(&batch(0, &three_months())).await;
    db.sql
        .batch_execute("ALTER TABLE events DETACH PARTITION events_20260901_20261001; CREATE TABLE events_20200101_20200201 (mine int)")
        .await
        .expect("detach");
    let done = outcomes(&db, time("2026-11-21T00:00:00Z"), 30 * DAY, false).await;
    assert_eq!(done.len(), 2, "{done:?}");
    // A table of somebody else's is not ours to drop, whatever its name.
    assert_eq!(
        db.number("SELECT count(*) FROM pg_class WHERE relname = 'events_20200101_20200201'")
            .await,
        1
    );
}
