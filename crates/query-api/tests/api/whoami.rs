//! What a key is told about itself.

use serde_json::json;

use crate::support::{TestApp, answer};

#[tokio::test]
async fn a_key_is_told_what_it_is_and_may_do() {
    let app = TestApp::start().await;
    let shop = app.get_as(&app.shop, "/v1/whoami").await;
    assert_eq!(
        shop.json(),
        json!({ "name": "shop", "scopes": ["read"], "sources": ["shop-*", "bank"] })
    );
    let producer = app.get_as(&app.producer, "/v1/whoami").await;
    assert_eq!(producer.json()["scopes"], json!(["ingest"]));
    app.get_as("fl_nobody00_x", "/v1/whoami")
        .await
        .is_problem(401, "unauthorized");
    answer(app.request("GET", "/v1/whoami"))
        .await
        .is_problem(401, "unauthorized");
}
