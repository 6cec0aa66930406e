//! Servers of every supported release that answer, keep their data, and let in whom they should.

use devstack::{Postgres, PostgresConfig, PostgresVersion, Progress, Purpose, is_running, probe};
use tokio_postgres::NoTls;

use crate::folder;

async fn query(url: &str, statement: &str) -> Result<String, tokio_postgres::Error> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    tokio::spawn(connection);
    let rows = client.query(statement, &[]).await?;
    Ok(rows.first().map(|row| row.get(0)).unwrap_or_default())
}

#[tokio::test]
async fn a_server_keeps_rows_through_a_crash() {
    let folder = folder();
    let config = PostgresConfig {
        database: Some("flumen".to_owned()),
        password: Some("s3cret".to_owned()),
        ..PostgresConfig::new(folder.path().join("postgres"), Purpose::Keep)
    };
    let mut postgres = Postgres::start(config.clone(), &Progress::silent())
        .await
        .expect("start");
    let url = postgres.url("flumen");
    query(&url, "CREATE TABLE kept AS SELECT 'row'::text AS value")
        .await
        .expect("create");

    postgres.kill().await;
    assert!(!probe::postgres(&postgres.address()).await);
    postgres.start_again().await.expect("start again");
    assert_eq!(postgres.url("flumen"), url, "the address stays");
    let kept = query(&url, "SELECT value FROM kept").await.expect("ask");
    assert_eq!(kept, "row");

    postgres.stop().await;
    let mut postgres = Postgres::start(config, &Progress::silent())
        .await
        .expect("continue");
    let kept = query(&postgres.url("flumen"), "SELECT value FROM kept").await;
    assert_eq!(kept.expect("ask"), "row");
    let pids = postgres.pids();
    postgres.stop().await;
    assert!(!pids.into_iter().any(is_running));
}

#[tokio::test]
async fn a_server_with_a_password_lets_in_nobody_without() {
    let folder = folder();
    let config = PostgresConfig {
        password: Some("s3cret".to_owned()),
        ..PostgresConfig::new(folder.path().join("postgres"), Purpose::Test)
    };
    let mut postgres = Postgres::start(config, &Progress::silent())
        .await
        .expect("start");
    let url = postgres.url("postgres");
    query(&url, "SELECT 'in'")
        .await
        .expect("the password is in the address");
    let wrong = url.replace("s3cret", "guess");
    query(&wrong, "SELECT 'in'")
        .await
        .expect_err("a wrong password");
    postgres.stop().await;
}

#[tokio::test]
async fn the_oldest_supported_release_runs_as_well() {
    let folder = folder();
    let config = PostgresConfig {
        version: PostgresVersion::V15,
        ..PostgresConfig::new(folder.path().join("postgres"), Purpose::Test)
    };
    let mut postgres = Postgres::start(config, &Progress::silent())
        .await
        .expect("start");
    let version = query(&postgres.url("postgres"), "SHOW server_version")
        .await
        .expect("ask");
    assert!(version.starts_with("15."), "{version}");
    postgres.stop().await;
}

#[tokio::test]
async fn two_stacks_run_side_by_side() {
    let folder = folder();
    let start = async |name: &str| {
        let config = PostgresConfig::new(folder.path().join(name), Purpose::Test);
        Postgres::start(config, &Progress::silent()).await
    };
    let (one, two) = tokio::join!(start("one"), start("two"));
    let (mut one, mut two) = (one.expect("start one"), two.expect("start two"));
    assert_ne!(one.address(), two.address());
    query(&one.url("postgres"), "CREATE TABLE mine AS SELECT 1 AS x")
        .await
        .expect("create");
    query(&two.url("postgres"), "SELECT x::text FROM mine")
        .await
        .expect_err("the other one's table");
    one.stop().await;
    two.stop().await;
}
