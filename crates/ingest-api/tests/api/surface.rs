//! What is there besides the one route, and what is not.

use crate::harness::{Api, send};

#[tokio::test]
async fn the_root_says_what_this_is() {
    let api = Api::start_on("127.0.0.1:1", "none", &[]).await;
    let reply = send(api.client.get(api.url("/"))).await;
    assert_eq!(
        (reply.status, &reply.json["service"]),
        (200, &"flumen ingest-api".into())
    );
    assert!(!reply.header("x-request-id").is_empty());
    let head = api
        .client
        .head(api.url("/"))
        .send()
        .await
        .expect("an answer");
    assert_eq!(head.status(), 200);
    let options = api
        .client
        .request(reqwest::Method::OPTIONS, api.url("/v1/events"))
        .send()
        .await
        .expect("an answer");
    assert_eq!(
        (
            options.status().as_u16(),
            options.headers()["allow"].to_str().expect("text")
        ),
        (204, "POST, OPTIONS")
    );
}

#[tokio::test]
async fn unknown_routes_are_404_and_wrong_methods_405_with_allow() {
    let api = Api::start_on("127.0.0.1:1", "none", &[]).await;
    let reply = send(api.client.get(api.url("/v2/events"))).await;
    assert_eq!((reply.status, reply.kind()), (404, "/problems/not-found"));
    for method in [reqwest::Method::GET, reqwest::Method::DELETE] {
        let reply = send(api.client.request(method, api.url("/v1/events"))).await;
        assert_eq!(
            (reply.status, reply.header("allow")),
            (405, "POST, OPTIONS")
        );
    }
}

#[tokio::test]
async fn case_42_no_admin_route_is_served_in_public() {
    let api = Api::start_on("127.0.0.1:1", "none", &[]).await;
    for path in ["/metrics", "/livez", "/readyz", "/config", "/reload"] {
        assert_eq!(
            send(api.client.get(api.url(path))).await.status,
            404,
            "{path}"
        );
        assert_eq!(
            send(api.client.post(api.url(path))).await.status,
            404,
            "{path}"
        );
    }
}

#[tokio::test]
async fn the_admin_listener_tells_health_metrics_and_configuration() {
    let api = Api::start().await;
    assert_eq!(api.admin("/livez").await.0, 200);
    let (_, config) = api.admin("/config").await;
    assert!(config.contains("max_in_flight_bytes"), "{config}");
    assert_eq!(api.plain("[{}]").await.status, 422);
    assert_eq!(
        api.metric("flumen_ingest_rejected_events_total{kind=\"missing-attribute\"}")
            .await,
        1.0
    );
    assert_eq!(
        api.metric("flumen_ingest_events_total{outcome=\"saturated\"}")
            .await,
        0.0,
        "zero exists"
    );
}
