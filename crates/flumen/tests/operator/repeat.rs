//! Everything may be run again: the second run finds nothing to do, and a dry run does nothing.

use devstack::testing::TestTopic;

use crate::support::Operator;

#[tokio::test]
async fn migrate_says_what_it_would_do_does_it_and_has_nothing_left() {
    let operator = Operator::create().await;
    assert!(
        operator
            .succeed(&["migrate", "--dry-run"])
            .await
            .contains("would apply V1 tables")
    );
    assert!(
        operator
            .succeed(&["migrate"])
            .await
            .contains("applied V1 tables")
    );
    let again = operator.succeed(&["migrate"]).await;
    assert!(
        !again.contains("applied") && again.contains("up to date"),
        "{again}"
    );
}

#[tokio::test]
async fn provision_makes_what_is_missing_once() {
    let operator = Operator::create().await;
    operator.succeed(&["migrate"]).await;
    let args = [
        "provision",
        "--replication",
        "1",
        "--min-insync",
        "1",
        "--partitions",
        "2",
    ];
    let dry = operator
        .succeed(&[&args[..], &["--dry-run"]].concat())
        .await;
    assert!(
        dry.contains("missing") && dry.contains("nothing was changed"),
        "{dry}"
    );
    let done = operator.succeed(&args).await;
    assert!(
        done.contains("done: topic") && done.contains("everything is as it should be"),
        "{done}"
    );
    let again = operator.succeed(&args).await;
    assert!(!again.contains("done:"), "{again}");
    let grown = operator
        .succeed(&[
            "provision",
            "--replication",
            "1",
            "--min-insync",
            "1",
            "--partitions",
            "3",
            "--retention",
            "2d",
        ])
        .await;
    assert!(
        grown.contains("partitions: 2, should be 3") && grown.contains("retention.ms"),
        "{grown}"
    );
    let shrunk = operator.succeed(&args).await;
    assert!(
        shrunk.contains("left: topic") && shrunk.contains("cannot shrink"),
        "{shrunk}"
    );
}

#[tokio::test]
async fn provision_of_a_database_completes_what_was_made_in_part() {
    let operator = Operator::create().await;
    operator.succeed(&["migrate"]).await;
    let (sql, connection) = tokio_postgres::connect(operator.database.url(), tokio_postgres::NoTls)
        .await
        .expect("the test's own connection");
    tokio::spawn(async move { drop(connection.await) });
    sql.batch_execute("REVOKE SELECT ON checkpoints FROM flumen_reader; REVOKE INSERT ON events FROM flumen_writer")
        .await
        .expect("taken away");
    let args = ["provision", "--only", "database"];
    let dry = operator
        .succeed(&[&args[..], &["--dry-run"]].concat())
        .await;
    for part in [
        "+ database: grant select, insert on table \"public\".events to flumen_writer",
        "+ database: grant select on table \"public\".checkpoints to flumen_reader",
        "differences: 2; nothing was changed",
    ] {
        assert!(dry.contains(part), "{part}\n{dry}");
    }
    let done = operator.succeed(&args).await;
    assert_eq!(done.matches("done: database:").count(), 2, "{done}");
    let again = operator.succeed(&args).await;
    assert!(!again.contains("done:"), "{again}");
}

#[tokio::test]
async fn provision_of_a_database_without_the_schema_names_the_way_out() {
    let topic = TestTopic::create(1).await;
    let operator = Operator::on(&topic).await;
    let output = operator.run(&["provision", "--only", "database"]).await;
    assert_eq!(output.status.code(), Some(1));
    assert!(
        String::from_utf8_lossy(&output.stderr).contains("flumen migrate"),
        "{output:?}"
    );
}

#[tokio::test]
async fn provision_looks_at_the_keys_file_and_leaves_it_alone() {
    let operator = Operator::create().await;
    operator.succeed(&["migrate"]).await;
    let folder = tempfile::tempdir().expect("make a folder");
    let path = folder.path().join("keys.toml");
    let keys = path.to_str().expect("text");
    let args = ["provision", "--only", "database", "--keys", keys];
    let missing = operator.succeed(&args).await;
    assert!(
        missing.contains("left: keys:") && missing.contains("flumen keys create"),
        "{missing}"
    );
    assert!(!path.exists());
    for scope in ["ingest", "read"] {
        let create = [
            "keys", "create", "--name", "test", "--scope", scope, "--source", "*", "--file", keys,
        ];
        operator.succeed(&create).await;
        let there = operator.succeed(&args).await;
        let complete = there.contains("everything is as it should be");
        assert_eq!(complete, scope == "read", "{there}");
    }
}

#[tokio::test]
async fn maintain_makes_partitions_once_and_drops_only_what_a_dry_run_showed() {
    let operator = Operator::create().await;
    operator.succeed(&["migrate"]).await;
    let dry = operator.succeed(&["maintain", "--dry-run"]).await;
    assert_eq!(dry.matches("would make the partition").count(), 3, "{dry}");
    let made = operator.succeed(&["maintain"]).await;
    assert_eq!(made.matches("made the partition").count(), 3, "{made}");
    assert!(
        operator
            .succeed(&["maintain"])
            .await
            .contains("now and 2 ahead are there")
    );

    let pool = store::Pool::new(&store::Config::with_url(operator.database.url())).expect("a pool");
    let long_ago = store::partitions::Partitions::new(store::config::Interval::Month);
    long_ago
        .cover_days(&pool, &[0])
        .await
        .expect("a partition of 1970");
    let dry = operator
        .succeed(&["maintain", "--retention", "400d", "--dry-run"])
        .await;
    assert!(dry.contains("would drop events_19700101_19700201"), "{dry}");
    let done = operator.succeed(&["maintain", "--retention", "400d"]).await;
    assert!(done.contains("dropped events_19700101_19700201"), "{done}");
    assert!(
        done.contains("dropped event_counts_19700101_19700201"),
        "{done}"
    );
    assert!(
        operator
            .succeed(&["maintain", "--retention", "400d"])
            .await
            .contains("nothing is older")
    );
}

#[tokio::test]
async fn maintain_builds_the_indexes_asked_for_and_drops_none_unasked() {
    let operator = Operator::create().await;
    operator.succeed(&["migrate"]).await;
    let asked = "store.indexes=[\"subject\", \"data.order.id\"]";
    let dry = operator
        .succeed(&["maintain", "--dry-run", "--set", asked])
        .await;
    assert!(dry.contains("would build the index on subject"), "{dry}");
    let built = operator.succeed(&["maintain", "--set", asked]).await;
    assert!(built.contains("index on subject: whole"), "{built}");
    assert!(built.contains("index on data.order.id: whole"), "{built}");
    let again = operator.succeed(&["maintain", "--set", asked]).await;
    assert!(again.contains("index on subject: is there"), "{again}");
    let fewer = "store.indexes=[\"subject\"]";
    let kept = operator.succeed(&["maintain", "--set", fewer]).await;
    assert!(
        kept.contains("the index on data.order.id is not in store.indexes any more"),
        "{kept}"
    );
    let dropped = operator
        .succeed(&["maintain", "--drop-indexes", "--set", fewer])
        .await;
    assert!(
        dropped.contains("dropped the index on data.order.id"),
        "{dropped}"
    );
    let wrong = operator
        .run(&["maintain", "--set", "store.indexes=[\"colour\"]"])
        .await;
    assert_eq!(wrong.status.code(), Some(2));
    let text = String::from_utf8_lossy(&wrong.stderr).into_owned();
    assert!(
        text.contains("store.indexes") && text.contains("data.order.customer"),
        "{text}"
    );
}

#[tokio::test]
async fn a_wrong_setting_is_exit_status_2_and_names_the_key() {
    let operator = Operator::create().await;
    let output = operator
        .run(&["migrate", "--set", "database.pool_sise=3"])
        .await;
    assert_eq!(output.status.code(), Some(2));
    assert!(
        String::from_utf8_lossy(&output.stderr).contains("pool_sise"),
        "{output:?}"
    );
}
