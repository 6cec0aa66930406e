//! What operators do: test mails, reloads, dead letters.

use serde_json::{Value, json};

use devstack::testing::eventually;

use crate::fake_api::{FakeApi, Reply};
use crate::harness::{PATIENCE, Relay, TOKEN, alert, webhook};
use crate::mailbox::Mailbox;

async fn ask(request: reqwest::RequestBuilder) -> (u16, Value) {
    let response = request.send().await.expect("an answer");
    (
        response.status().as_u16(),
        response.json().await.expect("JSON"),
    )
}

#[tokio::test]
async fn a_test_mail_is_sent_at_once_by_the_route_its_labels_choose() {
    let mailbox = Mailbox::start(&[]);
    let route =
        "[[routes]]\nname = \"db\"\nmatchers = ['team=\"db\"']\nto = [\"dba@example.com\"]\n";
    let relay = Relay::start(&format!("{}{route}", mailbox.settings())).await;
    let (status, answer) = ask(relay
        .post("/v1/test")
        .json(&json!({ "labels": { "team": "db" } })))
    .await;
    assert_eq!(
        (status, &answer["route"], &answer["to"]),
        (200, &json!("db"), &json!(["dba@example.com"])),
        "{answer}"
    );
    let mail = mailbox.wait_for(1).await.remove(0);
    assert_eq!(answer["message_id"], mail.message_id);
    assert!(
        mail.subject.starts_with("[FIRING] info: RelayTest"),
        "{}",
        mail.subject
    );
    assert_eq!(
        ask(relay.post("/v1/test")).await.1["to"],
        json!(["oncall@example.com"])
    );
    let plain = relay
        .client
        .post(relay.url("/v1/test"))
        .bearer_auth(format!("{TOKEN}-of-nobody-special"));
    assert_eq!(ask(plain).await.0, 403);
    assert_eq!(ask(relay.client.post(relay.url("/v1/test"))).await.0, 401);
}

#[tokio::test]
async fn a_test_mail_that_cannot_be_sent_says_why() {
    let relay = Relay::start("smtp.port = 1\n").await;
    let (status, problem) = ask(relay.post("/v1/test")).await;
    assert_eq!(
        (status, problem["type"].as_str()),
        (502, Some("/problems/mail-not-sent"))
    );
    assert!(
        problem["detail"]
            .as_str()
            .expect("text")
            .contains("cannot connect"),
        "{problem}"
    );
}

#[tokio::test]
async fn a_reload_takes_all_of_what_is_right_and_nothing_of_what_is_wrong() {
    let mailbox = Mailbox::start(&[]);
    let relay = Relay::start(&mailbox.settings()).await;
    let (status, outcome) = relay
        .reload(&format!("{}mail.name = 7\n", mailbox.settings()))
        .await;
    assert!(
        status == 422 && outcome.to_string().contains("mail.name"),
        "{outcome}"
    );
    std::fs::write(
        relay.folder.path().join("senders.toml"),
        "[[senders]]\nname = \"new\"\ntoken = \"another-token-for-tests\"\noperator = true\n",
    )
    .expect("written");
    let (status, outcome) = relay
        .reload(&format!(
            "{}[[routes]]\nname = \"all\"\nmatchers = []\nto = [\"new@example.com\"]\n",
            mailbox.settings()
        ))
        .await;
    assert_eq!(status, 200, "{outcome}");
    assert_eq!(
        ask(relay.post("/v1/test")).await.0,
        401,
        "the old token is gone"
    );
    let (status, answer) = ask(relay
        .client
        .post(relay.url("/v1/test"))
        .bearer_auth("another-token-for-tests"))
    .await;
    assert_eq!((status, &answer["to"]), (200, &json!(["new@example.com"])));
}

#[tokio::test]
async fn dead_letters_are_shown_and_tried_again() {
    let refused = Reply::Status(400, "", "no");
    let api = FakeApi::start(&[], &[refused.clone(), refused]).await;
    let relay = Relay::start(&api.settings("[retry]\nmax_refusals = 2\n")).await;
    relay
        .accept(&webhook("A", &[alert("A", "firing", &[])]))
        .await;
    eventually(PATIENCE, || async {
        relay.metric("flumen_relay_dead_letters").await == 1.0
    })
    .await;
    let (_, letters) = ask(relay
        .client
        .get(relay.url("/v1/dead-letters"))
        .bearer_auth(TOKEN))
    .await;
    assert_eq!(letters["total"], 1);
    let letter = &letters["dead_letters"][0];
    assert_eq!(
        (&letter["alerts"], &letter["attempts"]),
        (&json!(["A"]), &json!(2))
    );
    assert!(
        letter["reason"].as_str().expect("text").contains("refused"),
        "{letter}"
    );
    assert_eq!(
        ask(relay.post("/v1/dead-letters/retry")).await,
        (200, json!({ "retried": 1 }))
    );
    eventually(PATIENCE, || async {
        relay
            .metric("flumen_relay_mails_total{outcome=\"sent\"}")
            .await
            == 1.0
    })
    .await;
    let requests = api.mails();
    assert_eq!(
        requests[0].header("idempotency-key"),
        requests[2].header("idempotency-key"),
        "it is the same mail"
    );
    assert_eq!(relay.metric("flumen_relay_dead_letters").await, 0.0);
    assert!(relay.is_ready().await);
}
