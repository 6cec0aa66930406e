//! The end of an alert is never told before its begin.

use devstack::testing::eventually;

use crate::fake_api::{FakeApi, Reply};
use crate::harness::{PATIENCE, Relay, alert, webhook};

#[tokio::test]
async fn an_end_waits_until_its_begin_is_told_and_other_groups_do_not() {
    let busy = Reply::Status(500, "", "busy");
    let api = FakeApi::start(&[], &[busy.clone(), busy.clone(), busy.clone(), busy]).await;
    let relay = Relay::start(&api.settings("")).await;
    relay
        .accept(&webhook("A", &[alert("A", "firing", &[])]))
        .await;
    eventually(PATIENCE, || async { !api.mails().is_empty() }).await;
    relay
        .accept(&webhook("A", &[alert("A", "resolved", &[])]))
        .await;
    relay
        .accept(&webhook("B", &[alert("B", "firing", &[])]))
        .await;
    eventually(PATIENCE, || async {
        relay
            .metric("flumen_relay_mails_total{outcome=\"sent\"}")
            .await
            == 3.0
    })
    .await;
    let subjects: Vec<_> = api
        .mails()
        .iter()
        .map(|mail| mail.json()["subject"].as_str().expect("text").to_owned())
        .collect();
    let of = |status: &str| {
        subjects
            .iter()
            .rposition(|subject| subject.starts_with(&format!("[{status}] critical: A")))
            .expect("sent")
    };
    assert!(of("FIRING") < of("RESOLVED"), "{subjects:?}");
    let begin = subjects
        .iter()
        .position(|subject| subject.starts_with("[RESOLVED]"))
        .expect("sent");
    assert!(
        begin > of("FIRING"),
        "the end is not even tried before: {subjects:?}"
    );
}

#[tokio::test]
async fn what_began_and_ended_within_one_wait_is_told_in_two_mails() {
    let api = FakeApi::start(&[], &[]).await;
    let relay = Relay::start(&api.settings("")).await;
    relay
        .accept(&webhook(
            "A",
            &[alert("A", "firing", &[]), alert("A", "resolved", &[])],
        ))
        .await;
    eventually(PATIENCE, || async { api.mails().len() == 2 }).await;
    let subjects: Vec<_> = api
        .mails()
        .iter()
        .map(|mail| mail.json()["subject"].as_str().expect("text").to_owned())
        .collect();
    assert!(
        subjects[0].starts_with("[FIRING]") && subjects[1].starts_with("[RESOLVED]"),
        "{subjects:?}"
    );
}

#[tokio::test]
async fn what_waits_is_sent_after_a_restart() {
    let relay = Relay::start("smtp.port = 1\n").await;
    relay
        .accept(&webhook("A", &[alert("A", "firing", &[])]))
        .await;
    eventually(PATIENCE, || async {
        relay
            .metric("flumen_relay_mails_total{outcome=\"postponed\"}")
            .await
            >= 1.0
    })
    .await;
    let (exit, folder) = relay.stop().await;
    assert_eq!(exit, service::lifecycle::Exit::Clean);
    let api = FakeApi::start(&[], &[]).await;
    let relay = Relay::start_in(folder, &api.settings("")).await;
    eventually(PATIENCE, || async { api.mails().len() == 1 }).await;
    let answer = relay
        .accept(&webhook("A", &[alert("A", "firing", &[])]))
        .await;
    assert_eq!(answer["duplicates"], 1, "what was seen before is known");
}
