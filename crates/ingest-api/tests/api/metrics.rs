//! What an operator is told of the applications that send.

use crate::harness::{Api, event, send};

#[tokio::test]
async fn events_are_counted_by_their_source_and_what_became_of_them() {
    let api = Api::start().await;
    let (good, bad) = (event("1", ""), event("2", r#""time":"yesterday""#));
    let reply = api.plain(format!("[{good},{bad}]")).await;
    assert_eq!(reply.status, 207, "{reply:?}");
    let other = good.replace("shop-1", "bank");
    let body = format!("[{good},{other}]");
    let request = api
        .post_as(&api.tokens.shop)
        .header("content-type", "application/json");
    let reply = send(request.body(body)).await;
    assert_eq!(reply.statuses(), [202, 403], "{reply:?}");
    for (source, outcome, count) in [
        ("shop-1", "accepted", 2.0),
        ("shop-1", "rejected", 1.0),
        ("shop-1", "failed", 0.0),
        ("other", "rejected", 1.0),
    ] {
        let line = format!(
            "flumen_ingest_source_events_total{{source=\"{source}\",outcome=\"{outcome}\"}}"
        );
        assert_eq!(api.metric(&line).await, count, "{line}");
    }
}
