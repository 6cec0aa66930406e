//! What dies is started again; what kills the supervisor ends everything, and loses nothing.

use devstack::testing::eventually;

use crate::stack::{PATIENCE, Stack, all_gone, kill};

#[tokio::test]
async fn what_dies_is_started_again() {
    let stack = Stack::up(&[]);
    let parts = [
        "/writers/0/pid",
        "/ingest_api/pid",
        "/query_api/pid",
        "/kafka/pids/0",
        "/postgres/pid",
    ];
    for part in parts {
        let before = stack.pid(part).expect("it runs");
        kill(before);
        eventually(PATIENCE, || async {
            stack.pid(part).is_some_and(|pid| pid != before)
        })
        .await;
    }
    eventually(PATIENCE, || async {
        stack.flumen("status", &[]).status.success()
    })
    .await;
    let uid = stack.send("after-the-faults").await;
    stack.read(&uid).await;
}

#[tokio::test]
async fn a_killed_supervisor_leaves_no_process_and_loses_no_event() {
    let stack = Stack::up(&[]);
    let uid = stack.send("shop").await;
    stack.read(&uid).await;
    let (pids, reader) = (stack.pids(), stack.text("/keys/reader"));
    kill(pids[0]);
    all_gone(&pids).await;
    assert!(!stack.flumen("status", &[]).status.success());

    stack.start(&[]);
    let event = stack.read(&uid).await;
    assert_eq!(event["source"], "shop");
    assert_eq!(stack.text("/keys/reader"), reader, "the keys stay");
    let uid = stack.send("shop").await;
    stack.read(&uid).await;
}
