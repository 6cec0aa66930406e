//! Roles: each may do its work and nothing else.

use std::time::Duration;

use devstack::testing::{eventually, unique};
use store::{
    Config, ErrorKind, Pool,
    roles::{self, Member},
    write::Sink,
};
use tokio_postgres::Client;

use crate::support::{Db, batch, connect, events};

/// A login that is a member of one group, dropped at the end.
struct Login<'a> {
    db: &'a Db,
    name: String,
    drop: String,
}

impl<'a> Login<'a> {
    async fn of(db: &'a Db, group: &str) -> Self {
        let name = unique("login");
        db.sql
            .batch_execute(&format!(
                "CREATE ROLE {name} LOGIN PASSWORD 'secret' IN ROLE {group}"
            ))
            .await
            .expect("create role");
        Self {
            db,
            drop: format!("DROP ROLE {name}"),
            name,
        }
    }

    fn url(&self) -> String {
        let url = self.db.database.url();
        let server = url.rsplit_once('@').expect("a user in the url").1;
        format!("postgres://{}:secret@{server}", self.name)
    }

    async fn client(&self) -> Client {
        connect(&self.url()).await
    }

    async fn drop(self) {
        // A session that is closing takes its temporary table with it a moment later.
        eventually(Duration::from_secs(10), || {
            self.db.sql.execute(&self.drop, &[])
        })
        .await;
    }
}

async fn refused(client: &Client, sql: &str) {
    let error = client.batch_execute(sql).await.expect_err(sql);
    assert_eq!(
        error.code().map(|code| code.code()),
        Some("42501"),
        "{sql}: {error:?}"
    );
}

#[tokio::test]
async fn the_writers_role_stores_and_makes_partitions_but_changes_nothing() {
    let db = Db::create().await;
    db.start(1).await;
    let login = Login::of(&db, "flumen_writer").await;
    let config = Config::with_url(&login.url());
    let pool = Pool::new(&config).expect("a pool");
    let sink = Sink::new(pool.clone(), &config);
    let outcome = sink
        .flush(&batch(0, &events("a", 10)))
        .await
        .expect("flush");
    assert_eq!((outcome.inserted, outcome.partitions_created), (10, 1));
    let mut again = events("a", 10);
    again.extend(events("b", 5));
    again.push(crate::support::event(
        "bad",
        "2026-11-21T00:00:00Z",
        r#""\u0000""#,
    ));
    let outcome = sink.flush(&batch(10, &again)).await.expect("flush");
    assert_eq!(
        (outcome.inserted, outcome.duplicates, outcome.refused),
        (5, 10, 1)
    );
    let client = login.client().await;
    for sql in [
        "DELETE FROM events",
        "UPDATE events SET source = 'x'",
        "DROP TABLE events_20261101_20261201",
        "DELETE FROM checkpoints",
        "SELECT * FROM dead_letters; DELETE FROM dead_letters",
        "TRUNCATE event_counts",
    ] {
        refused(&client, sql).await;
    }
    drop(client);
    pool.close();
    login.drop().await;
}

#[tokio::test]
async fn the_analysts_role_reads_events_and_views_and_no_single_partition() {
    let db = Db::create().await;
    db.start(1).await;
    db.flush(&batch(0, &events("a", 10))).await;
    let login = Login::of(&db, "flumen_analyst").await;
    let client = login.client().await;
    for sql in [
        "SELECT * FROM events",
        "SELECT * FROM analytics.events",
        "SELECT * FROM analytics.events_per_minute",
        "SELECT * FROM analytics.events_per_hour",
        "SELECT * FROM analytics.events_per_day",
        "SELECT * FROM analytics.sources",
        "SELECT * FROM analytics.freshness",
    ] {
        client
            .batch_execute(sql)
            .await
            .unwrap_or_else(|error| panic!("{sql}: {error:?}"));
    }
    // A view made later is readable as well.
    db.sql
        .batch_execute("CREATE VIEW analytics.later AS SELECT 1 AS one")
        .await
        .expect("create view");
    client
        .batch_execute("SELECT * FROM analytics.later")
        .await
        .expect("readable");
    for sql in [
        "SELECT * FROM events_20261101_20261201",
        "SELECT * FROM dead_letters",
        "SELECT * FROM recent_ids",
        "DELETE FROM events",
        "SELECT flumen_ensure_partition(now(), now(), now() + interval '1 day')",
    ] {
        refused(&client, sql).await;
    }
    drop(client);
    login.drop().await;
}

#[tokio::test]
async fn what_is_missing_is_shown_first_and_made_once() {
    let db = Db::create().await;
    assert!(
        roles::difference(&db.pool, &[])
            .await
            .expect("difference")
            .is_empty()
    );
    db.sql
        .batch_execute("REVOKE INSERT ON events FROM flumen_writer; REVOKE SELECT ON analytics.sources FROM flumen_analyst")
        .await
        .expect("revoke");
    let missing = roles::difference(&db.pool, &[]).await.expect("difference");
    assert_eq!(missing.len(), 2, "{missing:?}");
    assert_eq!(
        missing[0].what,
        "grant select, insert on table \"public\".events to flumen_writer"
    );
    assert_eq!(roles::apply(&db.pool, &[]).await.expect("apply"), missing);
    assert!(roles::apply(&db.pool, &[]).await.expect("apply").is_empty());
}

#[tokio::test]
async fn a_user_who_may_not_is_told_what_to_run() {
    let db = Db::create().await;
    db.start(1).await;
    let login = Login::of(&db, "flumen_analyst").await;
    let config = Config::with_url(&login.url());
    let pool = Pool::new(&config).expect("a pool");
    let error = Sink::new(pool.clone(), &config)
        .flush(&batch(0, &[]))
        .await
        .expect_err("may not");
    assert_eq!(error.kind(), ErrorKind::Fatal);
    assert!(error.to_string().contains("flumen provision"), "{error}");
    pool.close();
    login.drop().await;
}

#[tokio::test]
async fn a_login_is_made_a_member_once_and_one_that_does_not_exist_is_named() {
    let db = Db::create().await;
    let login = Login::of(&db, "flumen_reader").await;
    let member =
        |group: &str, name: &str| Member::parse(&format!("{group}={name}")).expect("a known group");
    let wanted = [
        member("reader", &login.name),
        member("flumen_analyst", &login.name),
    ];
    let done = roles::apply(&db.pool, &wanted).await.expect("apply");
    assert_eq!(done.len(), 1, "{done:?}");
    assert!(
        done[0].what.ends_with("a member of flumen_analyst"),
        "{done:?}"
    );
    assert!(
        roles::apply(&db.pool, &wanted)
            .await
            .expect("apply")
            .is_empty()
    );
    let error = roles::apply(&db.pool, &[member("writer", "no_such_login")])
        .await
        .expect_err("there is none");
    assert!(error.to_string().contains("no_such_login"), "{error}");
    assert!(Member::parse("admin=x").is_err() && Member::parse("writer").is_err());
    login.drop().await;
}
