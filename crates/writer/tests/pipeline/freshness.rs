//! The writer says in the database how fresh the data is: with its flushes, and by a heartbeat where there are none.

use super::*;

impl World {
    /// The moment before which everything is stored, of one partition, in microseconds; 0 before the first report.
    async fn as_of(&self, partition: i32) -> i64 {
        self.number(&format!(
            "SELECT coalesce((extract(epoch FROM min(as_of)) * 1000000)::bigint, 0) FROM checkpoints WHERE kafka_partition = {partition}"
        ))
        .await
    }

    async fn as_of_passes(&self, partition: i32, moment: Timestamp) {
        eventually(PATIENCE, || async {
            let as_of = self.as_of(partition).await;
            if as_of > moment.as_micros() {
                Ok(())
            } else {
                Err(as_of)
            }
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_writer_says_again_and_again_that_everything_is_stored() {
    let world = World::new(2).await;
    let writer = world.writer(&[("freshness.heartbeat", "50ms")]);
    for _ in 0..2 {
        let now = Timestamp::now();
        world.as_of_passes(0, now).await;
        world.as_of_passes(1, now).await;
    }
    let ends =
        "SELECT count(*) FROM checkpoints WHERE end_offset = next_offset AND seen_at >= as_of";
    assert_eq!(world.number(ends).await, 2);
    writer.stop().await.expect("no fault");
    // Nobody is there to say more: the time stands still, and that is how a silent writer shows.
    let last = world.as_of(0).await;
    let stopped = Timestamp::now();
    assert!(last < stopped.as_micros());
    world.send(0..10).await;
    assert_eq!(world.as_of(0).await, last);
}

#[tokio::test(flavor = "multi_thread")]
async fn with_traffic_the_flush_itself_says_how_fresh_the_data_is() {
    let world = World::new(1).await;
    // The first heartbeat finds nothing to tell about, and the second one is beyond the test.
    let writer = world.writer(&[("freshness.heartbeat", "60s")]);
    let before = Timestamp::from_millis(Timestamp::now().as_millis() - 1);
    world.send(0..100).await;
    world.stored(100).await;
    world.as_of_passes(0, before).await;
    assert!(world.as_of(0).await <= Timestamp::now().as_micros());
    writer.stop().await.expect("no fault");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_to_be_stored_holds_the_time_of_its_partition_back() {
    let world = World::new(2).await;
    let writer = world.writer(&[("freshness.heartbeat", "50ms")]);
    world.send(0..2).await;
    world.stored(2).await;
    world.as_of_passes(0, Timestamp::now()).await;
    let (lock, connection) = tokio_postgres::connect(world.database.url(), tokio_postgres::NoTls)
        .await
        .expect("another connection");
    tokio::spawn(async move { drop(connection.await) });
    lock.batch_execute("BEGIN; LOCK TABLE event_counts IN ACCESS EXCLUSIVE MODE")
        .await
        .expect("locked");
    // All to partition 0: even numbers go there.
    world
        .send_with(10..20, |number| RawRecord::of(&event(number)).at(0))
        .await;
    let accepted = Timestamp::now();
    eventually(PATIENCE, || async {
        let text = writer.get("/metrics").await;
        text.contains("flumen_writer_lag_records{partition=\"0\"} 10")
            .then_some(())
            .ok_or(text)
    })
    .await;
    // The other partition goes on, so heartbeats come; none of them claims what is not stored.
    world.as_of_passes(1, accepted).await;
    assert!(world.as_of(0).await < accepted.as_micros());
    lock.batch_execute("ROLLBACK").await.expect("unlocked");
    world.stored(12).await;
    world.as_of_passes(0, accepted).await;
    world.holds_exactly(12).await;
    writer.stop().await.expect("no fault");
}
