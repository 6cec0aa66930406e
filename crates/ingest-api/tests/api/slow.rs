//! Slow clients cost themselves (case 16).

use std::time::{Duration, Instant};

use tokio::io::AsyncWriteExt as _;

use devstack::testing::eventually;

use crate::harness::{Api, PATIENCE, event, exchange};

#[tokio::test]
async fn case_16_a_head_that_does_not_end_is_408_or_closed() {
    let api = Api::start_with(&[("listen.head_timeout", "1s")]).await;
    let mut stream = api.connect().await;
    let started = Instant::now();
    let answer = exchange(&mut stream, api.head("X-Never: ").as_bytes()).await;
    assert!(
        answer.is_empty() || answer.starts_with("HTTP/1.1 408"),
        "{answer}"
    );
    assert!(started.elapsed() < Duration::from_secs(15));
}

#[tokio::test]
async fn case_16_a_body_that_stops_or_trickles_is_408_and_others_are_served_meanwhile() {
    let api = Api::start_with(&[("body.chunk_timeout", "700ms"), ("body.timeout", "1500ms")]).await;
    let head = api.head("Content-Length: 1000\r\n\r\n{");
    let mut stopped = api.connect().await;
    let (mut reading, mut trickling) = api.connect().await.into_split();
    trickling.write_all(head.as_bytes()).await.expect("sent");
    // Never silent for longer than the chunk timeout: only the whole body's timeout ends this.
    let trickle = tokio::spawn(async move {
        while trickling.write_all(b" ").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    });
    let others = async {
        for id in 0..20 {
            assert_eq!(api.plain(event(&id.to_string(), "")).await.status, 202);
        }
    };
    let mut trickled = Vec::new();
    let (stopped, trickled_end, ()) = tokio::join!(
        exchange(&mut stopped, head.as_bytes()),
        tokio::time::timeout(
            Duration::from_secs(20),
            tokio::io::AsyncReadExt::read_to_end(&mut reading, &mut trickled)
        ),
        others
    );
    assert!(stopped.starts_with("HTTP/1.1 408"), "{stopped}");
    assert!(stopped.contains("/problems/request-timeout"), "{stopped}");
    assert!(trickled_end.is_ok(), "the connection must end");
    let trickled = String::from_utf8_lossy(&trickled);
    assert!(trickled.starts_with("HTTP/1.1 408"), "{trickled}");
    trickle.await.expect("it ends when the connection does");
    eventually(PATIENCE, || async {
        api.metric("flumen_ingest_in_flight_bytes").await == 0.0
    })
    .await;
}
