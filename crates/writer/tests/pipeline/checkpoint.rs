//! Case 26: a checkpoint that the log does not hold stops the writer, loudly.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn a_checkpoint_beyond_the_log_stops_the_writer_with_the_runbook() {
    let world = World::new(1).await;
    world.send(0..100).await;
    let writer = world.writer(&[]);
    world.stored(100).await;
    writer.stop().await.expect("no fault");
    // As after the topic was made anew: the log is shorter than what is stored.
    world
        .sql
        .execute("UPDATE checkpoints SET next_offset = 5000", &[])
        .await
        .expect("moved");
    let writer = world.writer(&[]);
    eventually(PATIENCE, || async {
        writer.metric("flumen_writer_checkpoint_out_of_range").await == 1.0
    })
    .await;
    assert!(!writer.is_ready().await);
    let fault = writer.stop().await.expect_err("a fault");
    assert!(
        matches!(
            fault,
            Fault::CheckpointOutOfRange {
                partition: 0,
                checkpoint: 5000,
                ..
            }
        ),
        "{fault}"
    );
    assert!(fault.to_string().contains(writer::RUNBOOK), "{fault}");
    assert_eq!(world.number("SELECT count(*) FROM events").await, 100);
    assert_eq!(
        world.settled().await,
        5_000,
        "the checkpoint is left for a person to judge"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_process_ends_with_a_code_of_its_own() {
    let world = World::new(1).await;
    world.send(0..10).await;
    let writer = world.writer(&[]);
    world.stored(10).await;
    writer.stop().await.expect("no fault");
    world
        .sql
        .execute("UPDATE checkpoints SET next_offset = 11", &[])
        .await
        .expect("moved");
    let mut process = world.process(&[("shutdown.fault_linger", "10ms")]);
    assert_eq!(process.ended().await.code(), Some(4));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_without_the_schema_stops_the_writer_with_the_way_out() {
    let world = World::new(1).await;
    let empty = TestDatabase::create().await;
    let writer = world.writer(&[
        ("database.url", empty.url()),
        ("shutdown.fault_linger", "10ms"),
    ]);
    let fault = tokio::time::timeout(PATIENCE, writer.task)
        .await
        .expect("ends by itself")
        .expect("no panic")
        .expect_err("a fault");
    assert!(fault.to_string().contains("flumen migrate"), "{fault}");
}

/// The runbook that messages name exists, and has an answer to each case.
#[test]
fn the_runbook_is_where_the_message_says() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .join(writer::RUNBOOK);
    let text = std::fs::read_to_string(&path).expect("the runbook");
    for part in ["retention", "made anew", "restored", "UPDATE checkpoints"] {
        assert!(text.contains(part), "{part}");
    }
}
