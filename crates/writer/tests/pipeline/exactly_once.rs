//! P2: every record once, through restarts, kills and replays.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn every_event_is_stored_once_with_the_position_of_its_record() {
    let world = World::new(3).await;
    world.send(0..2_000).await;
    let writer = world.writer(&[]);
    world.send(2_000..4_000).await;
    world.holds_exactly(4_000).await;
    assert_eq!(world.settled().await, 4_000);
    assert_eq!(
        world
            .number("SELECT count(*) FROM (SELECT DISTINCT kafka_partition, kafka_offset FROM events) AS positions")
            .await,
        4_000
    );
    let row = world
        .sql
        .query_one(
            "SELECT source, type, id, data::text FROM events WHERE id = 'order-17'",
            &[],
        )
        .await
        .expect("stored");
    assert_eq!(row.get::<_, &str>(0), "shop-3");
    assert_eq!(row.get::<_, &str>(1), "order.created");
    assert!(row.get::<_, &str>(3).contains(r#""number": 17"#));
    assert_eq!(writer.metric("flumen_writer_rows_total").await, 4_000.0);
    assert_eq!(writer.metric("flumen_writer_records_total").await, 4_000.0);
    assert_eq!(writer.stop().await.expect("no fault"), Exit::Clean);
}

#[tokio::test(flavor = "multi_thread")]
async fn restarts_leave_neither_a_gap_nor_a_double() {
    let world = World::new(2).await;
    for round in 0..4 {
        let writer = world.writer(&[]);
        world.send(round * 1_500..(round + 1) * 1_500).await;
        // Stopped wherever it is by now.
        assert_eq!(writer.stop().await.expect("no fault"), Exit::Clean);
    }
    let writer = world.writer(&[]);
    world.holds_exactly(6_000).await;
    writer.stop().await.expect("no fault");
}

#[tokio::test(flavor = "multi_thread")]
async fn kill_minus_nine_in_a_loop_under_load_leaves_neither_a_gap_nor_a_double() {
    let world = World::new(2).await;
    let mut sent = 0;
    // With a fixed name its successor takes over at once; without one the group waits for the session timeout.
    let named = ("kafka.consumer.instance_id", "writer-0");
    for _ in 0..5 {
        let before = world.settled().await;
        let mut writer = world.process(&[("batch.rows", "50"), named]);
        // Killed in the middle of its work: it has stored something, and there is more to store.
        while world.settled().await <= before {
            world.send(sent..sent + 1_000).await;
            sent += 1_000;
        }
        world.send(sent..sent + 3_000).await;
        sent += 3_000;
        writer.kill();
    }
    let writer = world.writer(&[named]);
    world
        .holds_exactly(i64::try_from(sent).expect("small"))
        .await;
    assert_eq!(world.settled().await, i64::try_from(sent).expect("small"));
    writer.stop().await.expect("no fault");
}

/// The predecessor's last transaction is under way while the log's end is asked, and is over, with more than that end, when the checkpoint is read.
#[tokio::test(flavor = "multi_thread")]
async fn a_checkpoint_that_moves_while_a_writer_takes_over_is_not_out_of_range() {
    let world = World::new(1).await;
    world.send(0..100).await;
    let writer = world.writer(&[]);
    world.holds_exactly(100).await;
    writer.stop().await.expect("no fault");
    let (predecessor, connection) =
        tokio_postgres::connect(world.database.url(), tokio_postgres::NoTls)
            .await
            .expect("a connection");
    tokio::spawn(async move { drop(connection.await) });
    world.number("SELECT count(pg_advisory_lock(7))").await;
    let stored = tokio::spawn(async move {
        predecessor
            .batch_execute(
                "BEGIN; LOCK TABLE checkpoints IN ACCESS EXCLUSIVE MODE; UPDATE checkpoints SET next_offset = next_offset + 50; \
                 SELECT pg_advisory_lock_shared(7); COMMIT",
            )
            .await
    });
    let waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
    eventually(PATIENCE, || async { world.number(waiting).await == 1 }).await;
    let writer = world.writer(&[]);
    // It knows the end of the log, and waits for the checkpoint.
    eventually(PATIENCE, || async { world.number(waiting).await >= 2 }).await;
    world.send(100..200).await;
    world.number("SELECT count(pg_advisory_unlock(7))").await;
    stored.await.expect("no panic").expect("committed");
    eventually(PATIENCE, || async { world.settled().await == 200 }).await;
    world.holds_exactly(150).await;
    writer.stop().await.expect("no fault");
}

/// Kafka keeps neither from a record: only the checkpoints do. One record in ten is no event, and a dead letter has no key that would keep out a second.
#[tokio::test(flavor = "multi_thread")]
async fn writers_of_two_groups_store_every_record_once_and_neither_takes_the_other_for_a_fault() {
    let world = World::new(2).await;
    let mixed = |number: usize| match number % 10 {
        0 => RawRecord {
            value: Some(b"hello".to_vec()),
            ..RawRecord::default()
        },
        _ => RawRecord::of(&event(number)),
    };
    let one = world.writer(&[]);
    world.send_with(0..1_000, mixed).await;
    let group = unique("another-group");
    // Begins in the middle of what the first stores.
    let other = world.writer(&[("kafka.consumer.group", &group)]);
    for sent in (1_000..9_000).step_by(1_000) {
        world.send_with(sent..sent + 1_000, mixed).await;
    }
    world.stored(8_100).await;
    eventually(PATIENCE, || async { world.settled().await == 9_000 }).await;
    assert_eq!(
        world
            .number("SELECT sum(count)::bigint FROM event_counts")
            .await,
        8_100
    );
    assert_eq!(world.number("SELECT count(*) FROM dead_letters").await, 900);
    assert_eq!(one.stop().await.expect("no fault"), Exit::Clean);
    assert_eq!(other.stop().await.expect("no fault"), Exit::Clean);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_of_the_whole_topic_stores_nothing_twice() {
    let world = World::new(1).await;
    world.send(0..1_200).await;
    let writer = world.writer(&[]);
    world.holds_exactly(1_200).await;
    writer.stop().await.expect("no fault");
    world
        .sql
        .execute("UPDATE checkpoints SET next_offset = 0", &[])
        .await
        .expect("reset");
    let writer = world.writer(&[]);
    eventually(PATIENCE, || async { world.settled().await == 1_200 }).await;
    world.holds_exactly(1_200).await;
    assert_eq!(
        writer.metric("flumen_writer_duplicates_total").await,
        1_200.0
    );
    assert_eq!(writer.metric("flumen_writer_rows_total").await, 0.0);
    writer.stop().await.expect("no fault");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_group_begins_at_the_end_when_told_to() {
    let world = World::new(1).await;
    world.send(0..100).await;
    let writer = world.writer(&[("assignment.start", "latest")]);
    eventually(PATIENCE, || async { world.settled().await == 100 }).await;
    world.send(100..150).await;
    world.holds_exactly(50).await;
    writer.stop().await.expect("no fault");
}
