//! Keys, their sources and their rates (case 14).

use devstack::testing::eventually;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::harness::{Api, PATIENCE, Reply, event, send};

#[tokio::test]
async fn case_14_no_malformed_expired_or_revoked_key_is_401() {
    let api = Api::start().await;
    let request = || {
        api.client
            .post(api.url("/v1/events"))
            .header("content-type", "application/json")
            .body(event("1", ""))
    };
    let mut mistyped = api.tokens.all.clone();
    mistyped.pop();
    let mut replies = vec![Reply::of(request().send().await.expect("an answer")).await];
    for token in [
        &mistyped,
        &api.tokens.expired,
        &api.tokens.revoked,
        "fl_x_y",
    ]
    .map(ToString::to_string)
    {
        replies.push(send(request().bearer_auth(token)).await);
    }
    for reply in &replies {
        assert_eq!(
            (reply.status, reply.kind()),
            (401, "/problems/unauthorized")
        );
        assert!(
            reply.header("www-authenticate").starts_with("Bearer"),
            "{reply:?}"
        );
        assert_eq!(
            reply.json["detail"], replies[0].json["detail"],
            "every fault of a key is told alike"
        );
    }
    assert_eq!(
        send(request().bearer_auth(&api.tokens.reader)).await.status,
        403
    );
    api.records(0).await;
}

#[tokio::test]
async fn case_14_a_source_that_is_not_the_keys_is_403_for_that_event_only() {
    let api = Api::start().await;
    let with_source = |source: &str| format!(r#"{{"source":"{source}","type":"t","id":"1"}}"#);
    let post = |body: String| {
        api.post_as(&api.tokens.shop)
            .header("content-type", "application/json")
            .body(body)
    };
    let mixed = ["shop-7", "billing", "billing2", "shop"]
        .map(with_source)
        .join(",");
    let reply = send(post(format!("[{mixed}]"))).await;
    assert_eq!(
        (reply.status, reply.statuses()),
        (207, vec![202, 202, 403, 403])
    );
    assert_eq!(reply.outcome(2), ("/problems/forbidden", "/source"));
    let reply = send(post(with_source("other"))).await;
    assert_eq!((reply.status, reply.kind()), (403, "/problems/forbidden"));
    api.records(2).await;
}

#[tokio::test]
async fn a_key_over_its_rate_of_events_is_429_with_the_time_to_wait() {
    let api = Api::start().await;
    let post = || {
        api.post_as(&api.tokens.slow)
            .header("content-type", "application/json")
    };
    let batch = format!("[{},{}]", event("1", ""), event("2", ""));
    let first = send(post().body(batch.clone())).await;
    assert_eq!(first.status, 202);
    assert!(
        first.header("ratelimit-policy").contains("\"events\""),
        "{first:?}"
    );
    let second = send(post().body(batch)).await;
    assert_eq!((second.status, second.kind()), (429, "/problems/throttled"));
    assert!(
        second
            .header("retry-after")
            .parse::<u64>()
            .is_ok_and(|seconds| seconds >= 1),
        "{second:?}"
    );
    api.records(2).await;
}

#[tokio::test]
async fn a_reload_takes_new_keys_and_a_broken_file_keeps_the_old_ones() {
    let api = Api::start().await;
    let file = api.keys.path().join("keys.toml");
    let reload = || async {
        let response = api
            .client
            .post(format!("http://{}/reload", api.admin))
            .send()
            .await
            .expect("the admin listener");
        response.text().await.expect("a body")
    };
    std::fs::write(&file, "nonsense").expect("write");
    assert!(reload().await.contains("keys"));
    assert_eq!(api.plain(event("1", "")).await.status, 202);
    std::fs::write(&file, "").expect("write");
    reload().await;
    assert_eq!(api.plain(event("2", "")).await.status, 401);
}

#[tokio::test]
async fn a_key_has_only_so_many_requests_under_way() {
    let api = Api::start_with(&[
        ("limits.concurrent_requests", "1"),
        ("body.chunk_timeout", "120s"),
        ("body.timeout", "120s"),
    ])
    .await;
    let body = event("first", "");
    let mut slow = api.connect().await;
    let head = api.head(&format!("Content-Length: {}\r\n\r\n", body.len()));
    slow.write_all(head.as_bytes()).await.expect("sent");
    // It has its place when its body is waited for; before, the next request could take the place.
    eventually(PATIENCE, || async {
        api.metric("flumen_ingest_in_flight_bytes").await > 0.0
    })
    .await;
    let refused = api.plain(event("second", "")).await;
    assert_eq!(
        (refused.status, refused.kind()),
        (429, "/problems/throttled")
    );
    assert_eq!(refused.header("retry-after"), "1");
    let other = api
        .post_as(&api.tokens.shop)
        .header("content-type", "application/json");
    assert_eq!(
        send(other.body(event("third", ""))).await.status,
        202,
        "another key has its own"
    );

    slow.write_all(body.as_bytes()).await.expect("sent");
    let mut answer = [0; 12];
    slow.read_exact(&mut answer).await.expect("an answer");
    assert_eq!(&answer, b"HTTP/1.1 202");
    eventually(PATIENCE, || async {
        api.plain(event("fourth", "")).await.status == 202
    })
    .await;
}
