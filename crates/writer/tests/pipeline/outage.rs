//! P4 and case 23: the writer waits for the database, keeps its membership and catches up; nothing is set aside.

use super::{proxy::Proxy, *};

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_dead_letters_nothing_keeps_the_membership_and_is_caught_up() {
    let world = World::new(2).await;
    let (proxy, url) = Proxy::to(world.database.url()).await;
    let writer = world.writer(&[
        ("database.url", &url),
        ("readiness.outage", "1s"),
        ("batch.rows", "200"),
        ("batch.patience", "100ms"),
        ("database.connect_timeout", "1s"),
    ]);
    world.send(0..1_000).await;
    world.stored(1_000).await;
    writer.ready().await;
    proxy.cut();
    let cut = std::time::Instant::now();
    world.send(1_000..5_000).await;
    eventually(PATIENCE, || async { !writer.is_ready().await }).await;
    let report = writer.get("/readyz").await;
    assert!(report.contains("postgres is not available"), "{report}");
    assert!(
        writer.get("/livez").await.starts_with("HTTP/1.1 200"),
        "an outage is no reason to be restarted"
    );
    assert_eq!(writer.metric("flumen_writer_database_outage").await, 1.0);
    eventually(PATIENCE, || async {
        writer.metric("flumen_writer_paused_partitions").await == 2.0
    })
    .await;
    // Longer than the session timeout of 6 s: a member that did not poll or beat would be gone.
    eventually(PATIENCE, || async {
        cut.elapsed() > Duration::from_secs(8)
    })
    .await;
    proxy.mend();
    world.holds_exactly(5_000).await;
    assert_eq!(world.settled().await, 5_000);
    writer.ready().await;
    assert_eq!(writer.metric("flumen_writer_database_outage").await, 0.0);
    assert_eq!(writer.metric("flumen_writer_paused_partitions").await, 0.0);
    assert_eq!(
        writer.metric("flumen_writer_assignments_total").await,
        1.0,
        "the member stayed in its group on {proxy}"
    );
    writer.stop().await.expect("no fault");
}

#[tokio::test(flavor = "multi_thread")]
async fn starts_while_the_database_is_out_and_begins_when_it_is_back() {
    let world = World::new(1).await;
    let (proxy, url) = Proxy::to(world.database.url()).await;
    proxy.cut();
    world.send(0..100).await;
    let writer = world.writer(&[("database.url", &url), ("database.connect_timeout", "1s")]);
    eventually(PATIENCE, || async {
        writer.metric("flumen_writer_database_outage").await == 1.0
    })
    .await;
    assert!(!writer.is_ready().await);
    proxy.mend();
    world.holds_exactly(100).await;
    writer.ready().await;
    writer.stop().await.expect("no fault");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_locked_table_and_a_read_only_database_are_waited_for() {
    let world = World::new(1).await;
    let writer = world.writer(&[("database.lock_timeout", "200ms")]);
    world.send(0..100).await;
    world.stored(100).await;
    world
        .sql
        .batch_execute("BEGIN; LOCK TABLE events")
        .await
        .expect("locked");
    world.send(100..200).await;
    eventually(PATIENCE, || async {
        writer
            .metric("flumen_writer_database_outage_retries_total")
            .await
            > 0.0
    })
    .await;
    world.sql.batch_execute("COMMIT").await.expect("unlocked");
    world.holds_exactly(200).await;
    let read_only = format!(
        "ALTER DATABASE {} SET default_transaction_read_only",
        world.database.name()
    );
    world
        .sql
        .batch_execute(&format!("{read_only} = on"))
        .await
        .expect("read-only");
    // Sessions that exist keep their setting: end them, as a failover does.
    let ended = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()";
    world.sql.batch_execute(ended).await.expect("ended");
    world.send(200..300).await;
    eventually(PATIENCE, || async {
        writer.metric("flumen_writer_database_outage").await == 1.0
    })
    .await;
    world
        .sql
        .batch_execute(&format!("{read_only} = off"))
        .await
        .expect("writable");
    world.sql.batch_execute(ended).await.expect("ended");
    world.holds_exactly(300).await;
    writer.stop().await.expect("no fault");
}

#[tokio::test(flavor = "multi_thread")]
async fn stops_within_its_budget_during_an_outage_and_loses_nothing() {
    let world = World::new(1).await;
    let (proxy, url) = Proxy::to(world.database.url()).await;
    let writer = world.writer(&[("database.url", &url), ("database.connect_timeout", "1s")]);
    world.send(0..100).await;
    world.stored(100).await;
    proxy.cut();
    world.send(100..200).await;
    eventually(PATIENCE, || async {
        writer.metric("flumen_writer_database_outage").await == 1.0
    })
    .await;
    let asked = std::time::Instant::now();
    assert_eq!(writer.stop().await.expect("no fault"), Exit::OverBudget);
    assert!(
        asked.elapsed() < Duration::from_secs(30),
        "took {:?}",
        asked.elapsed()
    );
    let writer = world.writer(&[]);
    world.holds_exactly(200).await;
    writer.stop().await.expect("no fault");
}
