//! Case 22: a writer that is not the owner any more finds the checkpoint moved, writes nothing and lets go.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn a_moved_checkpoint_rolls_the_batch_back_and_the_writer_begins_anew_from_it() {
    let world = World::new(1).await;
    let writer = world.writer(&[("batch.age", "2s"), ("batch.rows", "100000")]);
    writer.ready().await;
    world.send(0..50).await;
    eventually(PATIENCE, || async {
        writer.metric("flumen_writer_records_total").await == 50.0
    })
    .await;
    // Another writer, unknown to this one, has stored the first 20 already.
    let moved = world
        .sql
        .execute(
            "UPDATE checkpoints SET next_offset = 20 WHERE next_offset = 0",
            &[],
        )
        .await
        .expect("moved");
    assert_eq!(moved, 1);
    eventually(PATIENCE, || async {
        writer
            .metric("flumen_writer_checkpoint_conflicts_total")
            .await
            == 1.0
    })
    .await;
    world.stored(30).await;
    assert_eq!(
        world.number("SELECT min(kafka_offset) FROM events").await,
        20
    );
    world.send(50..100).await;
    world.holds_exactly(80).await;
    assert_eq!(world.settled().await, 100);
    writer.ready().await;
    writer.stop().await.expect("no fault");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_zombie_that_wakes_up_after_another_took_over_stores_nothing_twice() {
    let world = World::new(1).await;
    let zombie = world.process(&[("batch.rows", "50")]);
    world.send(0..500).await;
    world.stored(500).await;
    let pid = nix::unistd::Pid::from_raw(i32::try_from(zombie.0.id()).expect("a pid"));
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGSTOP).expect("stopped");
    world.send(500..1_500).await;
    // Takes over when the session of 6 s is over.
    let heir = world.writer(&[]);
    world.stored(1_500).await;
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGCONT).expect("continued");
    world.send(1_500..3_000).await;
    world.holds_exactly(3_000).await;
    assert_eq!(world.settled().await, 3_000);
    heir.stop().await.expect("no fault");
}

/// As after a fail-over to a standby that had received nothing of it: rows, counts and checkpoint are gone together, and no further record comes that
/// would make the writer look.
#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_went_back_in_time_is_given_what_it_misses_without_any_traffic() {
    let world = World::new(3).await;
    let writer = world.writer(&[]);
    world.send(0..600).await;
    world.holds_exactly(600).await;
    world
        .sql
        .batch_execute(
            "BEGIN; TRUNCATE events, event_counts; UPDATE checkpoints SET next_offset = 0; COMMIT",
        )
        .await
        .expect("gone");
    world.holds_exactly(600).await;
    assert_eq!(world.settled().await, 600);
    assert!(
        writer
            .metric("flumen_writer_checkpoint_rewinds_total")
            .await
            >= 1.0
    );
    world.send(600..900).await;
    world.holds_exactly(900).await;
    writer.ready().await;
    writer.stop().await.expect("no fault");
}
