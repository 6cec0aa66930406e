//! Migrations: twice, from two places at once, and what they leave behind.

use devstack::testing::TestDatabase;
use store::{Config, Pool, migrate};

use crate::support::{Db, connect};

fn pool(database: &TestDatabase) -> Pool {
    Pool::new(&Config::with_url(database.url())).expect("a pool")
}

#[tokio::test]
async fn run_twice_the_second_finds_nothing_to_do() {
    let database = TestDatabase::create().await;
    let pool = pool(&database);
    let pending = migrate::pending(&pool).await.expect("pending");
    let first = migrate::migrate(&pool).await.expect("migrate");
    assert_eq!(first.applied.len() as i32, migrate::newest());
    assert_eq!(first.applied[0], "V1 tables");
    assert_eq!(first.applied, pending);
    assert!(migrate::pending(&pool).await.expect("pending").is_empty());
    let second = migrate::migrate(&pool).await.expect("migrate");
    assert!(
        second.applied.is_empty() && second.roles.is_empty(),
        "{second:?}"
    );
    assert_eq!(second.version, first.version);
}

#[tokio::test]
async fn run_from_several_places_at_once_each_migration_is_applied_once() {
    let database = TestDatabase::create().await;
    let pools: Vec<Pool> = (0..4).map(|_| pool(&database)).collect();
    let runs = pools.iter().map(migrate::migrate);
    let applied: usize = futures_util::future::join_all(runs)
        .await
        .into_iter()
        .map(|report| report.expect("migrate").applied.len())
        .sum();
    assert_eq!(applied as i32, migrate::newest());
}

#[tokio::test]
async fn a_schema_of_a_newer_version_is_refused_with_the_way_out() {
    let db = Db::create().await;
    db.sql
        .batch_execute(
            "INSERT INTO flumen_migrations VALUES (999, 'from_the_future', '2030-01-01T00:00:00Z', '1')",
        )
        .await
        .expect("insert");
    let error = migrate::migrate(&db.pool).await.expect_err("newer");
    assert_eq!(error.kind(), store::ErrorKind::Fatal);
    assert!(
        error.to_string().contains("another version of flumen"),
        "{error}"
    );
}

#[tokio::test]
async fn every_table_view_and_column_has_a_comment() {
    let db = Db::create().await;
    let rows = db
        .sql
        .query(
            "SELECT c.oid::regclass::text || coalesce('.' || a.attname, '') FROM pg_class c \
               JOIN pg_namespace n ON n.oid = c.relnamespace \
               CROSS JOIN LATERAL (SELECT 0 AS attnum, NULL AS attname UNION ALL \
                 SELECT attnum, attname FROM pg_attribute WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped) a \
              WHERE n.nspname IN ('public', 'analytics') AND c.relkind IN ('r', 'p', 'v') AND NOT c.relispartition \
                AND c.relname <> 'flumen_migrations' AND col_description(c.oid, a.attnum) IS NULL \
                AND (a.attnum > 0 OR obj_description(c.oid, 'pg_class') IS NULL)",
            &[],
        )
        .await
        .expect("query");
    let bare: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    assert!(bare.is_empty(), "without a comment: {bare:?}");
}

#[tokio::test]
async fn fixed_width_columns_come_first_and_leave_no_padding() {
    let db = Db::create().await;
    let columns: String = db
        .sql
        .query_one(
            "SELECT string_agg(attname || ':' || attlen, ' ' ORDER BY attnum) FROM pg_attribute \
             WHERE attrelid = 'events'::regclass AND attnum BETWEEN 1 AND 6",
            &[],
        )
        .await
        .expect("one row")
        .get(0);
    assert_eq!(
        columns,
        "time:8 uid:16 received_at:8 kafka_offset:8 kafka_partition:4 source:-1"
    );
}

#[tokio::test]
async fn a_migration_under_way_is_waited_for() {
    let database = TestDatabase::create().await;
    let other = connect(database.url()).await;
    other
        .batch_execute("SELECT pg_advisory_lock(hashtextextended('flumen migrations', 0))")
        .await
        .expect("lock");
    let pool = pool(&database);
    let run = migrate::migrate(&pool);
    let watch = async {
        devstack::testing::eventually(std::time::Duration::from_secs(10), || async {
            let waiting = other
                .query_one(
                    "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted \
                     AND database = (SELECT oid FROM pg_database WHERE datname = current_database())",
                    &[],
                )
                .await
                .expect("query");
            waiting.get::<_, i64>(0) == 1
        })
        .await;
        other
            .batch_execute("SELECT pg_advisory_unlock_all()")
            .await
            .expect("unlock");
    };
    let (report, ()) = tokio::join!(run, watch);
    assert!(!report.expect("migrate").applied.is_empty());
}
