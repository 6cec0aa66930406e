//! Mails through an HTTP API with OAuth2, in all its moods.

use std::time::{Duration, Instant};

use base64::Engine as _;
use devstack::testing::eventually;

use crate::fake_api::{FakeApi, Reply};
use crate::harness::{PATIENCE, Relay, alert, webhook};

async fn sent(relay: &Relay, count: u32) {
    eventually(PATIENCE, || async {
        relay
            .metric("flumen_relay_mails_total{outcome=\"sent\"}")
            .await
            >= f64::from(count)
    })
    .await;
}

async fn send(relay: &Relay, name: &str) {
    relay
        .accept(&webhook(name, &[alert(name, "firing", &[])]))
        .await;
}

#[tokio::test]
async fn a_token_is_asked_for_once_and_used_for_every_mail() {
    let api = FakeApi::start(&[], &[]).await;
    let relay = Relay::start(&api.settings("")).await;
    for name in ["A", "B", "C"] {
        send(&relay, name).await;
    }
    sent(&relay, 3).await;
    let (tokens, mails) = (api.tokens(), api.mails());
    assert_eq!((tokens.len(), mails.len()), (1, 3));
    let basic = base64::engine::general_purpose::STANDARD.encode("relay:a%20secret");
    assert_eq!(
        tokens[0].header("authorization"),
        Some(format!("Basic {basic}").as_str())
    );
    assert_eq!(
        tokens[0].body,
        "grant_type=client_credentials&scope=mail.send"
    );
    assert!(
        mails
            .iter()
            .all(|mail| mail.header("authorization") == Some("Bearer token-1"))
    );
    let first = mails[0].json();
    assert_eq!(first["to"][0], "oncall@example.com");
    assert_eq!(
        first["headers"]["Message-ID"],
        format!("<{}>", mails[0].header("idempotency-key").expect("a key"))
    );
    assert!(
        first["html"]
            .as_str()
            .expect("text")
            .contains("is in trouble")
    );
}

#[tokio::test]
async fn a_token_that_is_no_longer_taken_is_replaced_once() {
    let api = FakeApi::start(
        &[],
        &[
            Reply::Status(401, "", "expired"),
            Reply::Status(202, "", "{}"),
            Reply::Status(401, "", "no"),
            Reply::Status(401, "", "no"),
        ],
    )
    .await;
    let relay = Relay::start(&api.settings("")).await;
    send(&relay, "A").await;
    sent(&relay, 1).await;
    assert_eq!((api.tokens().len(), api.mails().len()), (2, 2));
    assert_eq!(
        relay
            .metric("flumen_relay_mails_total{outcome=\"postponed\"}")
            .await,
        0.0,
        "one attempt, with another token"
    );
    send(&relay, "B").await;
    sent(&relay, 2).await;
    assert!(
        relay
            .metric("flumen_relay_failures_total{reason=\"authentication\"}")
            .await
            >= 1.0,
        "twice is not asked a third time at once"
    );
}

#[tokio::test]
async fn an_api_that_asks_for_a_pause_gets_it_from_every_mail() {
    let api = FakeApi::start(
        &[],
        &[Reply::Status(429, "Retry-After: 2\r\n", "slow down")],
    )
    .await;
    let relay = Relay::start(&api.settings("[retry]\nconcurrency = 1\n")).await;
    send(&relay, "A").await;
    let begin = Instant::now();
    eventually(PATIENCE, || async { api.mails().len() == 1 }).await;
    send(&relay, "B").await;
    sent(&relay, 2).await;
    assert!(
        begin.elapsed() >= Duration::from_millis(1900),
        "{:?}",
        begin.elapsed()
    );
    assert_eq!(api.mails().len(), 3);
}

#[tokio::test]
async fn whatever_goes_wrong_the_mail_arrives_and_has_one_message_id() {
    let mails = [
        Reply::Status(500, "", "oops"),
        Reply::Status(503, "Retry-After: nonsense\r\n", ""),
        Reply::Hang,
        Reply::Garbage,
        Reply::Close,
        Reply::Status(302, "Location: http://127.0.0.1:1/\r\n", ""),
        Reply::Status(404, "", "not here"),
        Reply::Status(200, "", "<html>captive portal</html>"),
        Reply::Status(200, "", "queued"),
    ];
    let tokens = [
        Reply::Status(500, "", "oops"),
        Reply::Status(429, "Retry-After: 0\r\n", ""),
        Reply::Hang,
        Reply::Garbage,
        Reply::Status(200, "", "<html>not JSON</html>"),
        Reply::Status(200, "", "{\"token_type\":\"Bearer\"}"),
        Reply::Status(200, "", "{\"access_token\":\"bad\\r\\nheader\"}"),
        Reply::Status(401, "", "{\"error\":\"invalid_client\"}"),
    ];
    let api = FakeApi::start(&tokens, &mails).await;
    let relay = Relay::start(&api.settings("expect = \"queued\"\n")).await;
    send(&relay, "A").await;
    sent(&relay, 1).await;
    let requests = api.mails();
    assert_eq!(requests.len(), mails.len());
    let first = requests[0].header("idempotency-key");
    assert!(
        first.is_some()
            && requests
                .iter()
                .all(|request| request.header("idempotency-key") == first)
    );
    for (reason, least) in [
        ("server", 3.0),
        ("timeout", 2.0),
        ("protocol", 4.0),
        ("authentication", 1.0),
        ("configuration", 1.0),
        ("throttled", 1.0),
    ] {
        let count = relay
            .metric(&format!(
                "flumen_relay_failures_total{{reason=\"{reason}\"}}"
            ))
            .await;
        assert!(count >= least, "{reason}: {count}");
    }
    assert_eq!(relay.metric("flumen_relay_dead_letters").await, 0.0);
}

#[tokio::test]
async fn a_mail_that_is_refused_becomes_a_dead_letter_and_the_next_one_goes() {
    let refused = Reply::Status(422, "", "{\"error\":\"no such template\"}");
    let api = FakeApi::start(&[], &[refused.clone(), refused.clone(), refused]).await;
    let relay = Relay::start(&api.settings("")).await;
    send(&relay, "A").await;
    eventually(PATIENCE, || async {
        relay.metric("flumen_relay_dead_letters").await == 1.0
    })
    .await;
    send(&relay, "B").await;
    sent(&relay, 1).await;
    assert_eq!(api.mails().len(), 4);
}

#[tokio::test]
async fn a_company_with_an_api_of_its_own_writes_a_template_for_it() {
    let api = FakeApi::start(&[], &[]).await;
    let folder = tempfile::tempdir().expect("a folder");
    let template = r#"{"message": {"subject": {{ subject }}, "toRecipients": [{% for address in to %}{"emailAddress": {"address": {{ address }}}}{% if not loop.last %}, {% endif %}{% endfor %}], "body": {"contentType": "HTML", "content": {{ html }}}}, "urgent": {{ severity == "critical" }}}"#;
    std::fs::write(folder.path().join("api.json"), template).expect("written");
    let settings = format!(
        "mail.templates = \"{}\"\n{}",
        folder.path().display(),
        api.settings("api_key_header = \"X-Mail-Key\"\napi_key = \"k3y\"\n")
    );
    let relay = Relay::start(&settings.replace("\"oauth2\"", "\"api-key\"")).await;
    send(&relay, "A").await;
    sent(&relay, 1).await;
    let mail = api.mails().remove(0);
    assert_eq!(
        (mail.header("x-mail-key"), api.tokens().len()),
        (Some("k3y"), 0)
    );
    let json = mail.json();
    assert_eq!(
        json["message"]["toRecipients"][0]["emailAddress"]["address"],
        "oncall@example.com"
    );
    assert_eq!(json["urgent"], true);
}
