//! Case 21: writers come and go under load.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn writers_that_come_and_go_under_load_leave_neither_a_gap_nor_a_double() {
    let world = World::new(4).await;
    let first = world.writer(&[]);
    world.send(0..2_000).await;
    let second = world.writer(&[]);
    world.send(2_000..6_000).await;
    eventually(PATIENCE, || async {
        let shares = (
            first.metric("flumen_writer_partitions").await,
            second.metric("flumen_writer_partitions").await,
        );
        if shares == (2.0, 2.0) {
            Ok(())
        } else {
            Err(shares)
        }
    })
    .await;
    world.send(6_000..9_000).await;
    eventually(PATIENCE, || async {
        second.metric("flumen_writer_rows_total").await > 0.0
    })
    .await;
    let third = world.writer(&[]);
    world.send(9_000..11_000).await;
    assert_eq!(first.stop().await.expect("no fault"), Exit::Clean);
    world.send(11_000..13_000).await;
    assert_eq!(second.stop().await.expect("no fault"), Exit::Clean);
    world.send(13_000..14_000).await;
    world.holds_exactly(14_000).await;
    assert_eq!(world.settled().await, 14_000);
    assert_eq!(
        third
            .metric("flumen_writer_checkpoint_conflicts_total")
            .await,
        0.0
    );
    eventually(PATIENCE, || async {
        third.metric("flumen_writer_partitions").await == 4.0
    })
    .await;
    third.stop().await.expect("no fault");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_writer_without_a_partition_is_ready_and_takes_over_at_once() {
    let world = World::new(1).await;
    let first = world.writer(&[]);
    first.ready().await;
    let second = world.writer(&[]);
    second.ready().await;
    first.ready().await;
    world.send(0..100).await;
    world.stored(100).await;
    let owner_is_first = first.metric("flumen_writer_partitions").await == 1.0;
    let (owner, heir) = if owner_is_first {
        (first, second)
    } else {
        (second, first)
    };
    owner.stop().await.expect("no fault");
    world.send(100..200).await;
    world.holds_exactly(200).await;
    assert_eq!(heir.metric("flumen_writer_partitions").await, 1.0);
    heir.stop().await.expect("no fault");
}
