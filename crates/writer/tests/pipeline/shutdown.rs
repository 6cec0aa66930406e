//! Case 28: SIGTERM under load.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn sigterm_under_load_flushes_checkpoints_and_leaves_within_the_budget() {
    let world = World::new(2).await;
    // A session that is far longer than what the next one may wait.
    let long = [("kafka.consumer.session_timeout", "40s")];
    let mut writer = world.process(&long);
    world.send(0..1_000).await;
    world.stored(1_000).await;
    world.send(1_000..6_000).await;
    writer.terminate();
    let asked = std::time::Instant::now();
    assert_eq!(writer.ended().await.code(), Some(0));
    assert!(
        asked.elapsed() < Duration::from_secs(20),
        "took {:?}",
        asked.elapsed()
    );
    // What it stored and what its checkpoints say is the same.
    let stored = world.number("SELECT count(*) FROM events").await;
    assert_eq!(world.settled().await, stored);
    // The next one need not wait for the end of the session.
    let left = std::time::Instant::now();
    let heir = world.writer(&long);
    heir.ready().await;
    assert!(
        left.elapsed() < Duration::from_secs(25),
        "took {:?}",
        left.elapsed()
    );
    world.holds_exactly(6_000).await;
    heir.stop().await.expect("no fault");
}
