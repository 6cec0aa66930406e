//! The end: unready first, nothing dropped.

use devstack::testing::eventually;
use service::lifecycle::Exit;

use crate::harness::{Api, PATIENCE, event};

#[tokio::test]
async fn requests_in_progress_are_answered_and_the_end_is_clean() {
    let api = Api::start_with(&[
        ("kafka.producer.linger", "500ms"),
        ("shutdown.unready", "300ms"),
    ])
    .await;
    let pending = api
        .post()
        .header("content-type", "application/json")
        .body(event("1", ""))
        .send();
    let pending = tokio::spawn(pending);
    eventually(PATIENCE, || async {
        api.metric("flumen_kafka_queue_records").await > 0.0
    })
    .await;
    api.begin_shutdown();
    eventually(PATIENCE, || async { api.admin("/readyz").await.0 == 503 }).await;
    assert_eq!(
        pending
            .await
            .expect("no panic")
            .expect("an answer")
            .status(),
        202
    );
    api.records(1).await;
    assert_eq!(api.stop().await, Exit::Clean);
}
