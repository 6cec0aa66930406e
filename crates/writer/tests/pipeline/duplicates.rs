//! P3: the same event is stored once, by whichever path it comes again.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn the_same_event_twice_in_a_batch_and_across_batches_is_stored_once() {
    let world = World::new(2).await;
    let twice = |number: usize| RawRecord::of(&event(number / 2));
    world.send_with(0..400, twice).await;
    let writer = world.writer(&[]);
    world.stored(200).await;
    // Again, in other batches and from another partition.
    world
        .send_with(0..200, |number| RawRecord::of(&event(number)).at(1))
        .await;
    eventually(PATIENCE, || async { world.settled().await == 600 }).await;
    world.holds_exactly(200).await;
    assert_eq!(writer.metric("flumen_writer_duplicates_total").await, 400.0);
    writer.stop().await.expect("no fault");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_id_without_a_time_is_recognised_when_it_comes_again_later() {
    let world = World::new(1).await;
    let timeless = |number: usize, recorded: i64| {
        RawRecord::of(&Event {
            time: None,
            recorded: Timestamp::from_millis(recorded),
            ..event(number)
        })
    };
    let now = Timestamp::now().as_millis();
    let writer = world.writer(&[]);
    // The edge stamps each arrival with its own time, so only the id says that it is the same event.
    for again in 0..3 {
        world
            .send_with(0..100, |number| timeless(number, now + again * 1_000))
            .await;
        world
            .send_with(0..100, |number| timeless(number, now + again * 1_000 + 1))
            .await;
    }
    eventually(PATIENCE, || async { world.settled().await == 600 }).await;
    world.holds_exactly(100).await;
    // Events with a time of their own do not pay for it.
    world.send(1_000..1_010).await;
    world.holds_exactly(110).await;
    assert_eq!(world.number("SELECT count(*) FROM recent_ids").await, 100);
    writer.stop().await.expect("no fault");
}
