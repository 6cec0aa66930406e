//! Indexes that the operator adds: built while others write, attached, built again after a broken run, dropped on request.

use store::indexes::{Column, Options, Step, maintain};

use crate::support::{Db, batch, events};

fn columns(texts: &[&str]) -> Vec<Column> {
    texts
        .iter()
        .map(|text| Column::parse(text).expect("valid"))
        .collect()
}

async fn run(db: &Db, wanted: &[&str], options: Options) -> Vec<Step> {
    let mut steps = Vec::new();
    maintain(&db.pool, &columns(wanted), options, |step| steps.push(step))
        .await
        .expect("maintained");
    steps
}

/// Partitions that have an index of the parent's, and whether that is valid; none when there is no such index.
async fn state(db: &Db, name: &str) -> Option<(i64, bool)> {
    let row = db
        .sql
        .query_opt(
            "SELECT (SELECT count(*) FROM pg_inherits h JOIN pg_index c ON c.indexrelid = h.inhrelid \
                      WHERE h.inhparent = i.indexrelid AND c.indisvalid), i.indisvalid \
               FROM pg_index i WHERE i.indexrelid = to_regclass($1)",
            &[&name],
        )
        .await
        .expect("state")?;
    Some((row.get(0), row.get(1)))
}

async fn partition(db: &Db, month: &str) {
    db.sql
        .execute(
            "SELECT flumen_ensure_partition(t, t, t + interval '1 month') FROM (SELECT $1::text::timestamptz AS t) s",
            &[&month],
        )
        .await
        .expect("a partition");
}

async fn three_months() -> Db {
    let db = Db::create().await;
    db.start(1).await;
    for month in ["2026-09-01Z", "2026-10-01Z", "2026-11-01Z"] {
        partition(&db, month).await;
    }
    db.flush(&batch(0, &events("a", 100))).await;
    db
}

const ADDED: [(&str, &str); 3] = [
    ("subject", "events_by_subject"),
    ("type", "events_by_type"),
    ("id", "events_by_id"),
];

#[tokio::test]
async fn each_partition_gets_its_index_and_the_whole_becomes_valid() {
    let db = three_months().await;
    let dry = Options {
        dry_run: true,
        ..Options::default()
    };
    let wanted = ["subject", "type", "id", "data.n", "subject"];
    let due = run(&db, &wanted, dry).await;
    assert_eq!(due.len(), 4, "said twice is one: {due:?}");
    assert_eq!(due[0], Step::Due(Column::Subject, 3));
    assert_eq!(state(&db, "events_by_subject").await, None);
    let steps = run(&db, &wanted, Options::default()).await;
    let whole = steps.iter().filter(|step| matches!(step, Step::Whole(_)));
    assert_eq!(whole.count(), 4, "{steps:?}");
    for (_, name) in ADDED {
        assert_eq!(state(&db, name).await, Some((3, true)), "{name}");
    }
    // Again there is nothing to do, and a partition that is made now has them from the beginning.
    let again = run(&db, &wanted, Options::default()).await;
    assert!(
        again.iter().all(|step| matches!(step, Step::There(_))),
        "{again:?}"
    );
    partition(&db, "2026-12-01Z").await;
    assert_eq!(state(&db, "events_by_subject").await, Some((4, true)));
    db.flush(&batch(100, &events("b", 100))).await;
    assert_eq!(db.events().await, 200);
}

#[tokio::test]
async fn what_a_broken_run_left_is_built_again_and_the_rest_is_kept() {
    let db = three_months().await;
    // As left by a run that was ended in the second of three builds: the first is attached, the second is not valid.
    db.sql
        .batch_execute(
            "CREATE INDEX events_by_subject ON ONLY events (subject, time, uid); \
             COMMENT ON INDEX events_by_subject IS 'flumen index on subject'; \
             CREATE INDEX events_20260901_20261001_by_subject ON events_20260901_20261001 (subject, time, uid); \
             ALTER INDEX events_by_subject ATTACH PARTITION events_20260901_20261001_by_subject; \
             CREATE INDEX events_20261001_20261101_by_subject ON events_20261001_20261101 (subject, time, uid); \
             UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'events_20261001_20261101_by_subject'::regclass",
        )
        .await
        .expect("a broken run");
    let steps = run(&db, &["subject"], Options::default()).await;
    let swept: Vec<&Step> = steps
        .iter()
        .filter(|step| matches!(step, Step::Swept(..)))
        .collect();
    assert!(
        matches!(swept.as_slice(), [Step::Swept(_, name)] if name == "events_20261001_20261101"),
        "{steps:?}"
    );
    let built = steps.iter().filter(|step| matches!(step, Step::Built(..)));
    assert_eq!(built.count(), 2, "{steps:?}");
    assert_eq!(state(&db, "events_by_subject").await, Some((3, true)));
}

#[tokio::test]
async fn one_whose_last_gap_was_retired_is_built_anew() {
    let db = three_months().await;
    db.sql
        .batch_execute(
            "CREATE INDEX events_by_type ON ONLY events (type, time, uid); \
             COMMENT ON INDEX events_by_type IS 'flumen index on type'; \
             CREATE INDEX one ON events_20261001_20261101 (type, time, uid); \
             ALTER INDEX events_by_type ATTACH PARTITION one; \
             CREATE INDEX two ON events_20261101_20261201 (type, time, uid); \
             ALTER INDEX events_by_type ATTACH PARTITION two; \
             DROP TABLE events_20260901_20261001",
        )
        .await
        .expect("a gap that went away");
    assert_eq!(state(&db, "events_by_type").await, Some((2, false)));
    run(&db, &["type"], Options::default()).await;
    assert_eq!(state(&db, "events_by_type").await, Some((2, true)));
}

#[tokio::test]
async fn what_is_not_asked_for_any_more_is_told_and_dropped_only_on_request() {
    let db = three_months().await;
    run(&db, &["subject", "id"], Options::default()).await;
    let steps = run(&db, &["id"], Options::default()).await;
    assert_eq!(
        steps,
        [Step::Unwanted(Column::Subject), Step::There(Column::Id)]
    );
    let drop = |dry_run| Options {
        dry_run,
        drop_unwanted: true,
    };
    let steps = run(&db, &["id"], drop(true)).await;
    assert_eq!(steps[0], Step::Unwanted(Column::Subject));
    assert_eq!(state(&db, "events_by_subject").await, Some((3, true)));
    let steps = run(&db, &["id"], drop(false)).await;
    assert_eq!(steps[0], Step::Dropped(Column::Subject));
    assert_eq!(state(&db, "events_by_subject").await, None);
    assert_eq!(state(&db, "events_by_id").await, Some((3, true)));
    assert_eq!(
        db.number("SELECT count(*) FROM pg_class WHERE relname LIKE '%\\_by\\_subject'")
            .await,
        0
    );
}

#[tokio::test]
async fn two_runs_at_once_do_not_get_into_each_others_way() {
    let db = three_months().await;
    db.sql
        .batch_execute("SELECT pg_advisory_lock(hashtextextended('flumen indexes', 0))")
        .await
        .expect("another run");
    assert_eq!(
        run(&db, &["subject"], Options::default()).await,
        [Step::Busy]
    );
}

#[tokio::test]
async fn events_are_stored_while_an_index_is_built() {
    let db = three_months().await;
    let flushes = async {
        for round in 1..20 {
            let outcome = db
                .flush(&batch(round * 100, &events(&format!("r-{round}"), 100)))
                .await;
            assert_eq!(outcome.inserted, 100);
        }
    };
    let build = run(&db, &["subject", "data.n"], Options::default());
    tokio::join!(flushes, build);
    assert_eq!(db.events().await, 2_000);
    assert_eq!(state(&db, "events_by_subject").await, Some((3, true)));
}

#[tokio::test]
async fn data_too_large_for_a_key_can_be_stored_with_its_place_indexed() {
    let db = three_months().await;
    run(&db, &["data.n"], Options::default()).await;
    let mut large = events("large", 1);
    large[0].data = event::Data::Json(
        format!(r#"{{"n": "{}"}}"#, "0123456789abcdef".repeat(10_000))
            .into_bytes()
            .into(),
    );
    let outcome = db.flush(&batch(100, &large)).await;
    assert_eq!((outcome.inserted, outcome.dead_lettered), (1, 0));
}
