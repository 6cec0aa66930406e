//! A database that is away: every failure is an outage, nothing is set aside, and the same batch goes through afterwards.

use std::time::Duration;

use devstack::testing::eventually;
use store::{Config, ErrorKind, Pool, write::Batch};

use crate::support::{Db, batch, connect, events};

/// The batch that failed goes through, whole.
async fn goes_through(db: &Db, same: &Batch, count: i64) {
    eventually(Duration::from_secs(10), || db.sink.flush(same)).await;
    assert_eq!(
        (
            db.events().await,
            db.counted().await,
            db.dead_letters().await
        ),
        (count, count, 0)
    );
    assert_eq!(db.next_offset(0).await, count);
}

#[tokio::test]
async fn no_server_at_all() {
    let config = Config {
        connect_timeout: Duration::from_millis(500),
        ..Config::with_url("postgres://nobody@127.0.0.1:1/none")
    };
    let pool = Pool::new(&config).expect("a pool");
    let error = pool.health().await.expect_err("no server");
    assert_eq!(error.kind(), ErrorKind::Outage, "{error}");
}

#[tokio::test]
async fn a_connection_ended_by_the_server() {
    let db = Db::create().await;
    db.start(1).await;
    let same = batch(0, &events("a", 100));
    // The flush waits behind this lock while its connection is ended.
    let blocker = connect(db.database.url()).await;
    blocker
        .batch_execute("BEGIN; LOCK TABLE events IN ACCESS EXCLUSIVE MODE")
        .await
        .expect("lock");
    let (error, ()) = tokio::join!(db.sink.flush(&same), async {
        eventually(Duration::from_secs(10), || async {
            db.number(
                "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
                 WHERE datname = current_database() AND application_name = 'flumen' AND wait_event_type = 'Lock'",
            )
            .await
                > 0
        })
        .await;
    });
    let error = error.expect_err("terminated");
    assert_eq!(error.kind(), ErrorKind::Outage, "{error}");
    drop(blocker);
    goes_through(&db, &same, 100).await;
}

#[tokio::test]
async fn all_idle_connections_ended_by_a_restart() {
    let db = Db::create().await;
    db.start(1).await;
    db.pool.health().await.expect("healthy");
    db.number(
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
         WHERE datname = current_database() AND application_name = 'flumen'",
    )
    .await;
    let same = batch(0, &events("a", 10));
    if let Err(error) = db.sink.flush(&same).await {
        assert_eq!(error.kind(), ErrorKind::Outage, "{error}");
    }
    eventually(Duration::from_secs(10), || db.pool.health()).await;
    goes_through(&db, &same, 10).await;
}

#[tokio::test]
async fn a_table_that_stays_locked() {
    let db = Db::with(|config| config.lock_timeout = Duration::from_millis(200)).await;
    db.start(1).await;
    let blocker = connect(db.database.url()).await;
    blocker
        .batch_execute("BEGIN; LOCK TABLE event_counts IN ACCESS EXCLUSIVE MODE")
        .await
        .expect("lock");
    let same = batch(0, &events("a", 10));
    let error = db.sink.flush(&same).await.expect_err("locked");
    assert_eq!(error.kind(), ErrorKind::Outage, "{error}");
    blocker.batch_execute("ROLLBACK").await.expect("rollback");
    goes_through(&db, &same, 10).await;
}

#[tokio::test]
async fn a_statement_the_server_gives_up() {
    let db = Db::with(|config| config.statement_timeout = Duration::from_millis(300)).await;
    db.start(1).await;
    let same = batch(0, &events("a", 10));
    db.flush(&batch(0, &[])).await;
    let blocker = connect(db.database.url()).await;
    blocker
        .batch_execute("BEGIN; LOCK TABLE events IN ACCESS EXCLUSIVE MODE")
        .await
        .expect("lock");
    let error = db.sink.flush(&same).await.expect_err("too slow");
    assert_eq!(
        (error.kind(), error.sqlstate()),
        (ErrorKind::Outage, Some("57014")),
        "{error}"
    );
    blocker.batch_execute("ROLLBACK").await.expect("rollback");
    goes_through(&db, &same, 10).await;
}

#[tokio::test]
async fn a_database_that_is_read_only() {
    let db = Db::create().await;
    db.start(1).await;
    let name = db.database.name();
    let read_only =
        |on: &str| format!("ALTER DATABASE {name} SET default_transaction_read_only = {on}");
    db.sql.batch_execute(&read_only("on")).await.expect("alter");
    // The setting is for new sessions.
    let pool = Pool::new(&db.config).expect("a pool");
    let sink = store::write::Sink::new(pool.clone(), &db.config);
    assert!(pool.health().await.expect("answers").read_only);
    let same = batch(0, &events("a", 10));
    let error = sink.flush(&same).await.expect_err("read-only");
    assert_eq!(
        (error.kind(), error.sqlstate()),
        (ErrorKind::Outage, Some("25006")),
        "{error}"
    );
    db.sql
        .batch_execute(&format!("BEGIN READ WRITE; {}; COMMIT", read_only("off")))
        .await
        .expect("alter");
    goes_through(&db, &same, 10).await;
}

#[tokio::test]
async fn a_flush_dropped_in_the_middle_leaves_nothing_behind() {
    let db = Db::create().await;
    db.start(1).await;
    let same = batch(0, &events("a", 100));
    let blocker = connect(db.database.url()).await;
    blocker
        .batch_execute("BEGIN; LOCK TABLE event_counts IN ACCESS EXCLUSIVE MODE")
        .await
        .expect("lock");
    tokio::select! {
        outcome = db.sink.flush(&same) => panic!("not while the table is locked: {outcome:?}"),
        () = eventually(Duration::from_secs(10), || async {
            db.number("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'").await > 0
        }) => {}
    }
    blocker.batch_execute("ROLLBACK").await.expect("rollback");
    goes_through(&db, &same, 100).await;
}

#[tokio::test]
async fn an_exhausted_pool_is_an_outage() {
    let db = Db::with(|config| {
        config.pool_size = 1;
        config.acquire_timeout = Duration::from_millis(200);
    })
    .await;
    db.start(1).await;
    db.flush(&batch(0, &[])).await;
    let blocker = connect(db.database.url()).await;
    blocker
        .batch_execute("BEGIN; LOCK TABLE events IN ACCESS EXCLUSIVE MODE")
        .await
        .expect("lock");
    let same = batch(0, &events("a", 1));
    let waiting = db.sink.flush(&same);
    let probe = async {
        eventually(Duration::from_secs(5), || async {
            db.pool.status().available == 0
        })
        .await;
        let error = eventually(Duration::from_secs(5), || async {
            match db.pool.health().await {
                Err(error) => Ok(error),
                Ok(health) => Err(health),
            }
        })
        .await;
        assert_eq!(error.kind(), ErrorKind::Outage, "{error}");
        blocker.batch_execute("ROLLBACK").await.expect("rollback");
    };
    let (outcome, ()) = tokio::join!(waiting, probe);
    assert_eq!(outcome.expect("flush").inserted, 1);
}

#[tokio::test]
async fn a_missing_schema_is_fatal_and_names_the_way_out() {
    let database = devstack::testing::TestDatabase::create().await;
    let config = Config::with_url(database.url());
    let pool = Pool::new(&config).expect("a pool");
    assert!(!pool.health().await.expect("healthy").migrated);
    let error = store::write::Sink::new(pool, &config)
        .flush(&batch(0, &events("a", 1)))
        .await
        .expect_err("no table");
    assert_eq!(error.kind(), ErrorKind::Fatal);
    assert!(error.to_string().contains("flumen migrate"), "{error}");
}
