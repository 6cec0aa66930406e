//! Mails through a real SMTP server.

use devstack::testing::eventually;

use crate::harness::{PATIENCE, Relay, alert, webhook};
use crate::mailbox::Mailbox;

fn secured(
    mailbox: &Mailbox,
    certificate: &std::path::Path,
    security: &str,
    password: &str,
) -> String {
    format!(
        "{}smtp.security = \"{security}\"\nsmtp.username = \"relay\"\nsmtp.password = \"{password}\"\nsmtp.ca_file = \"{}\"\n",
        mailbox.settings(),
        certificate.display()
    )
}

#[tokio::test]
async fn a_mail_goes_by_starttls_with_a_login() {
    let (mailbox, certificate, _folder) = Mailbox::start_secured("starttls", &[]);
    let relay = Relay::start(&secured(&mailbox, &certificate, "starttls", "s3cret")).await;
    relay
        .accept(&webhook("Down", &[alert("Down", "firing", &[])]))
        .await;
    let mail = mailbox.wait_for(1).await.remove(0);
    assert!(
        mail.tls && mail.user.as_deref() == Some("relay"),
        "{mail:?}"
    );
    assert_eq!(mail.subject, "[FIRING] critical: Down - Down is in trouble");
    assert_eq!(mail.header("auto-submitted"), ["auto-generated"]);
    assert_eq!(mail.header("importance"), ["high"]);
    assert!(
        mail.message_id.ends_with("@example.com>"),
        "{}",
        mail.message_id
    );
    assert!(
        mail.text.contains("https://docs.example.com/runbooks/Down"),
        "{}",
        mail.text
    );
    assert!(mail.html.contains("Runbook"), "{}", mail.html);
    eventually(PATIENCE, || async {
        relay
            .metric("flumen_relay_mails_total{outcome=\"sent\"}")
            .await
            == 1.0
    })
    .await;
    let (exit, _) = relay.stop().await;
    assert_eq!(exit, service::lifecycle::Exit::Clean);
}

#[tokio::test]
async fn a_mail_goes_by_tls_from_the_first_byte() {
    let (mailbox, certificate, _folder) = Mailbox::start_secured("tls", &[]);
    let relay = Relay::start(&secured(&mailbox, &certificate, "tls", "s3cret")).await;
    relay
        .accept(&webhook("Down", &[alert("Down", "firing", &[])]))
        .await;
    assert!(mailbox.wait_for(1).await[0].tls);
}

#[tokio::test]
async fn a_server_that_is_not_who_it_should_be_gets_nothing() {
    let (mailbox, _, _folder) = Mailbox::start_secured("starttls", &[]);
    let (other, certificate, _other_folder) = Mailbox::start_secured("starttls", &[]);
    let relay = Relay::start(&secured(&mailbox, &certificate, "starttls", "s3cret")).await;
    relay
        .accept(&webhook("Down", &[alert("Down", "firing", &[])]))
        .await;
    eventually(PATIENCE, || async {
        relay
            .metric("flumen_relay_failures_total{reason=\"connection\"}")
            .await
            >= 2.0
    })
    .await;
    // A server that cannot do STARTTLS gets nothing either: it is required, not tried.
    let plain = Mailbox::start(&[]);
    relay
        .reload(&secured(&plain, &certificate, "starttls", "s3cret"))
        .await;
    let before = relay
        .metric("flumen_relay_mails_total{outcome=\"postponed\"}")
        .await;
    eventually(PATIENCE, || async {
        relay
            .metric("flumen_relay_mails_total{outcome=\"postponed\"}")
            .await
            > before + 1.0
    })
    .await;
    assert!(mailbox.mails().is_empty() && plain.mails().is_empty() && other.mails().is_empty());
}

#[tokio::test]
async fn a_wrong_password_holds_mails_until_a_reload_mends_it() {
    let (mailbox, certificate, _folder) = Mailbox::start_secured("starttls", &[]);
    let relay = Relay::start(&secured(&mailbox, &certificate, "starttls", "wrong")).await;
    relay
        .accept(&webhook("Down", &[alert("Down", "firing", &[])]))
        .await;
    eventually(PATIENCE, || async {
        relay
            .metric("flumen_relay_failures_total{reason=\"authentication\"}")
            .await
            >= 4.0
    })
    .await;
    assert_eq!(
        relay.metric("flumen_relay_dead_letters").await,
        0.0,
        "a fault of ours is no fault of the mail"
    );
    let password = relay.folder.path().join("password");
    std::fs::write(&password, "s3cret\n").expect("written");
    let mended = format!(
        "{}smtp.password_file = \"{}\"\n",
        secured(&mailbox, &certificate, "starttls", ""),
        password.display()
    );
    assert_eq!(relay.reload(&mended).await.0, 200);
    mailbox.wait_for(1).await;
}

#[tokio::test]
async fn one_wrong_address_takes_the_mail_from_nobody_else() {
    let mailbox = Mailbox::start(&["--refuse", "gone@example.com"]);
    let route = "retry.max_refusals = 2\n[[routes]]\nname = \"all\"\nmatchers = []\nto = [\"a@example.com\", \"gone@example.com\", \"b@example.com\"]\n";
    let relay = Relay::start(&format!("{}{route}", mailbox.settings())).await;
    relay
        .accept(&webhook("Down", &[alert("Down", "firing", &[])]))
        .await;
    let mails = mailbox.wait_for(2).await;
    let mut got: Vec<_> = mails.iter().flat_map(|mail| mail.to.clone()).collect();
    got.sort();
    assert_eq!(got, ["a@example.com", "b@example.com"]);
    eventually(PATIENCE, || async {
        relay.metric("flumen_relay_dead_letters").await == 1.0
    })
    .await;
    assert_eq!(mailbox.mails().len(), 2, "those who have it get it once");
    let response = relay
        .client
        .get(relay.url("/v1/dead-letters"))
        .bearer_auth(crate::harness::TOKEN)
        .send()
        .await
        .expect("an answer");
    let letters: serde_json::Value = response.json().await.expect("JSON");
    assert_eq!(
        letters["dead_letters"][0]["to"],
        serde_json::json!(["gone@example.com"])
    );
}

#[tokio::test]
async fn a_busy_server_is_asked_again() {
    let mailbox = Mailbox::start(&["--busy", "2"]);
    let relay = Relay::start(&mailbox.settings()).await;
    relay
        .accept(&webhook("Down", &[alert("Down", "firing", &[])]))
        .await;
    mailbox.wait_for(1).await;
    eventually(PATIENCE, || async {
        relay.metric("flumen_relay_outbox_mails").await == 0.0
    })
    .await;
    assert_eq!(
        relay
            .metric("flumen_relay_failures_total{reason=\"throttled\"}")
            .await,
        2.0
    );
}

#[tokio::test]
async fn a_mail_whose_answer_was_lost_is_sent_again_under_the_same_message_id() {
    let mailbox = Mailbox::start(&["--cut", "1"]);
    let relay = Relay::start(&mailbox.settings()).await;
    relay
        .accept(&webhook("Down", &[alert("Down", "firing", &[])]))
        .await;
    let mails = mailbox.wait_for(2).await;
    assert_eq!(mails[0].message_id, mails[1].message_id);
    eventually(PATIENCE, || async {
        relay.metric("flumen_relay_outbox_mails").await == 0.0
    })
    .await;
    assert_eq!(mailbox.mails().len(), 2);
}
