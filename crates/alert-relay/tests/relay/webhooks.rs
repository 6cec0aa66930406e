//! Who may send what, and what is answered.

use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::harness::{Relay, SECRET, TOKEN, alert, webhook};
use crate::mailbox::Mailbox;

async fn answer(request: reqwest::RequestBuilder) -> (u16, Value) {
    let response = request.send().await.expect("an answer");
    let status = response.status().as_u16();
    if status >= 400 {
        assert_eq!(
            response.headers()["content-type"],
            "application/problem+json"
        );
    }
    if status == 503 {
        assert!(response.headers().contains_key("retry-after"));
    }
    let text = response.text().await.expect("a body");
    (
        status,
        serde_json::from_str(&text).unwrap_or(Value::String(text)),
    )
}

fn sign(timestamp: u64, body: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).expect("any length");
    mac.update(format!("{timestamp}:{body}").as_bytes());
    mac.finalize()
        .into_bytes()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

fn now() -> u64 {
    std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .expect("after 1970")
        .as_secs()
}

#[tokio::test]
async fn a_token_lets_a_webhook_in_and_nothing_else_does() {
    let relay = Relay::start("").await;
    let good = webhook("Down", &[alert("Down", "firing", &[])]);
    let post = || relay.client.post(relay.url("/v1/alerts")).json(&good);
    assert_eq!(answer(post()).await.0, 401);
    assert_eq!(answer(post().bearer_auth("wrong")).await.0, 401);
    assert_eq!(answer(post().basic_auth("tests", Some(TOKEN))).await.0, 401);
    assert_eq!(
        answer(post().bearer_auth(TOKEN)).await,
        (200, json!({ "accepted": 1, "duplicates": 0 }))
    );
    assert_eq!(
        answer(post().bearer_auth(TOKEN)).await,
        (200, json!({ "accepted": 0, "duplicates": 1 }))
    );
    assert!(
        relay
            .metric("flumen_relay_webhooks_total{source=\"alertmanager\",outcome=\"unauthorized\"}")
            .await
            >= 3.0
    );
}

#[tokio::test]
async fn grafana_signs_what_it_sends() {
    let mailbox = Mailbox::start(&[]);
    let relay = Relay::start(&mailbox.settings()).await;
    let mut good = webhook("Cpu", &[alert("Cpu", "firing", &[])]);
    good["version"] = json!("1");
    good["alerts"][0]["silenceURL"] = json!("https://grafana.example.com/alerting/silence/new?x=1");
    good["alerts"][0]["panelURL"] = json!("https://grafana.example.com/d/abc?viewPanel=1");
    good["alerts"][0]["values"] = json!({ "B": 97.5 });
    let body = good.to_string();
    let send = |timestamp: u64, signature: String| {
        let request = relay
            .client
            .put(relay.url("/v1/grafana"))
            .header("x-grafana-alerting-signature", signature);
        request
            .header("x-grafana-alerting-timestamp", timestamp)
            .body(body.clone())
    };
    assert_eq!(answer(send(now(), sign(now(), "other"))).await.0, 401);
    assert_eq!(
        answer(send(now() - 3600, sign(now() - 3600, &body)))
            .await
            .0,
        401,
        "a replay"
    );
    let at = now();
    assert_eq!(answer(send(at, sign(at, &body))).await.0, 200);
    let mail = mailbox.wait_for(1).await.remove(0);
    for part in [
        "https://grafana.example.com/alerting/silence/new?x=1",
        "https://grafana.example.com/d/abc?viewPanel=1",
        "value B = 97.5",
    ] {
        assert!(mail.text.contains(part), "{part} in {}", mail.text);
    }
}

#[tokio::test]
async fn what_cannot_be_taken_is_refused_with_the_reason() {
    let relay = Relay::start("body.max_bytes = \"64KiB\"\n").await;
    let text = |body: &str| relay.post("/v1/alerts").body(body.to_owned());
    assert_eq!(answer(text("{")).await.0, 400);
    let (status, problem) = answer(text("{\"version\":\"4\"}")).await;
    assert_eq!(
        (status, problem["type"].as_str()),
        (422, Some("/problems/unprocessable"))
    );
    assert_eq!(
        answer(text("{\"version\":\"3\",\"alerts\":[]}")).await.0,
        422
    );
    assert_eq!(answer(text(&"x".repeat(70_000))).await.0, 413);
    assert_eq!(
        answer(text("{}").header("content-encoding", "gzip"))
            .await
            .0,
        415
    );
    assert_eq!(
        answer(relay.client.get(relay.url("/v1/alerts"))).await.0,
        405
    );
    assert_eq!(
        answer(relay.client.get(relay.url("/metrics"))).await.0,
        404,
        "the public listener has no admin routes"
    );
    assert_eq!(
        answer(text("{\"version\":\"4\",\"alerts\":[]}")).await.0,
        200,
        "an empty webhook is no fault"
    );
}

#[tokio::test]
async fn a_full_outbox_is_answered_503_and_nothing_of_what_it_holds_is_lost() {
    // Nobody listens there, so that nothing leaves.
    let relay = Relay::start("outbox.max_bytes = \"1MiB\"\nsmtp.port = 1\n").await;
    let mut accepted = 0;
    let refused = loop {
        let alerts: Vec<_> = (0..100)
            .map(|at| alert("Full", "firing", &[("at", &format!("{accepted}-{at}"))]))
            .collect();
        let (status, answer) =
            answer(relay.post("/v1/alerts").json(&webhook("Full", &alerts))).await;
        if status != 200 {
            break (status, answer);
        }
        accepted += 100;
        assert!(accepted < 10_000, "a megabyte has an end");
    };
    assert_eq!(
        (refused.0, refused.1["type"].as_str()),
        (503, Some("/problems/saturated"))
    );
    assert!(relay.metric("flumen_relay_outbox_bytes").await <= f64::from(1 << 20));
    assert!(
        relay
            .metric("flumen_relay_alerts_total{outcome=\"accepted\"}")
            .await
            >= f64::from(accepted)
    );
}

#[tokio::test]
async fn routes_choose_recipients_and_quiet_hours_hold_back() {
    let mailbox = Mailbox::start(&[]);
    let relay = Relay::start(&format!(
        r#"{}
[[routes]]
name = "database"
matchers = ['team="db"']
to = ["dba@example.com", "lead@example.com"]
[[quiet_hours]]
severities = ["info"]
from = "00:00"
to = "23:59"
time_zone = "UTC"
[[quiet_hours]]
severities = ["info"]
from = "12:00"
to = "11:59"
time_zone = "UTC"
"#,
        mailbox.settings()
    ))
    .await;
    let quiet = alert("Quiet", "firing", &[("severity", "info")]);
    relay.accept(&webhook("Quiet", &[quiet])).await;
    relay
        .accept(&webhook("A", &[alert("A", "firing", &[("team", "db")])]))
        .await;
    relay
        .accept(&webhook("B", &[alert("B", "firing", &[("team", "web")])]))
        .await;
    let mut mails = mailbox.wait_for(2).await;
    mails.sort_by(|a, b| a.subject.cmp(&b.subject));
    assert_eq!(mails[0].to, ["dba@example.com", "lead@example.com"]);
    assert_eq!(mails[1].to, ["oncall@example.com"]);
    assert_eq!(mails[0].from, "alerts@example.com");
    devstack::testing::eventually(crate::harness::PATIENCE, || async {
        relay.metric("flumen_relay_quiet_alerts").await == 1.0
    })
    .await;
    let (status, _) = relay.reload(&mailbox.settings()).await;
    assert_eq!(status, 200);
    let mails = mailbox.wait_for(3).await;
    assert!(
        mails[2].subject.contains("Quiet"),
        "when quiet hours are no more, what waited is sent: {mails:?}"
    );
}
