//! Case 27: an event for a time that has no partition.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn an_event_for_a_day_without_a_partition_is_stored_in_a_new_one() {
    let world = World::new(1).await;
    let writer = world.writer(&[("database.partition_interval", "day")]);
    writer.ready().await;
    let day = 86_400_000;
    let on_day = |number: usize| {
        RawRecord::of(&Event {
            time: Some(Timestamp::from_millis(
                MARCH - i64::try_from(number % 5).expect("small") * 40 * day,
            )),
            ..event(number)
        })
    };
    world.send_with(0..500, on_day).await;
    world.holds_exactly(500).await;
    let query = "SELECT count(DISTINCT tableoid) FROM events";
    assert_eq!(world.number(query).await, 5);
    // One that was dropped behind the writer's back is made again.
    world
        .sql
        .batch_execute(
            "DO $$ BEGIN EXECUTE (SELECT 'DROP TABLE ' || string_agg(DISTINCT tableoid::regclass::text, ', ') FROM events); END $$",
        )
        .await
        .expect("dropped");
    world.send_with(500..600, on_day).await;
    world.stored(100).await;
    assert_eq!(world.number("SELECT count(*) FROM dead_letters").await, 0);
    writer.stop().await.expect("no fault");
}

#[tokio::test(flavor = "multi_thread")]
async fn partitions_are_made_ahead_of_time_at_the_start() {
    let world = World::new(1).await;
    let writer = world.writer(&[("database.partitions_ahead", "3")]);
    eventually(PATIENCE, || async {
        let ahead = "SELECT count(*) FROM pg_inherits WHERE inhparent = 'events'::regclass";
        world.number(ahead).await >= 4
    })
    .await;
    writer.stop().await.expect("no fault");
}
