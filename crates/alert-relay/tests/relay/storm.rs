//! Ten thousand alerts become a few mails.

use devstack::testing::eventually;
use futures_util::future::join_all;

use crate::harness::{PATIENCE, Relay, alert, webhook};
use crate::mailbox::Mailbox;

#[tokio::test]
async fn ten_thousand_alerts_in_a_thousand_groups_become_a_few_mails_that_count_them_all() {
    let mailbox = Mailbox::start(&[]);
    let settings = |digest_every: &str| {
        format!(
            "{}[rate]\nmails = 5\nper = \"1h\"\ndigest_every = \"{digest_every}\"\n",
            mailbox.settings()
        )
    };
    // No digest before all is accepted, however long this machine takes for it.
    let relay = Relay::start(&settings("1h")).await;
    let mut at = 0;
    for _ in 0..100 {
        let webhooks: Vec<_> = (0..10)
            .map(|_| {
                let alerts: Vec<_> = (0..10)
                    .map(|_| {
                        at += 1;
                        alert("Storm", "firing", &[("at", &at.to_string())])
                    })
                    .collect();
                webhook(&format!("g{at}"), &alerts)
            })
            .collect();
        let all = join_all(webhooks.iter().map(|webhook| relay.accept(webhook))).await;
        assert!(all.iter().all(|answer| answer["accepted"] == 10));
    }
    assert_eq!(at, 10_000);
    mailbox.wait_for(5).await;
    let (_, folder) = relay.stop().await;
    let relay = Relay::start_in(folder, &settings("1s")).await;
    eventually(PATIENCE, || async { told(&mailbox) >= 10_000 }).await;
    let mails = mailbox.mails();
    assert_eq!(told(&mailbox), 10_000, "each is counted once");
    // Five at once, five more after the restart, then digests of all that waited.
    assert!(mails.len() <= 15, "{} mails", mails.len());
    assert!(
        mails.iter().any(|mail| mail.text.contains(" more:")),
        "a digest counts what it does not show"
    );
    assert!(mails.iter().all(|mail| mail.bytes < 256 << 10));
    eventually(PATIENCE, || async {
        relay.metric("flumen_relay_outbox_bytes").await == 0.0
    })
    .await;
    assert!(relay.metric("flumen_relay_digests_total").await >= 1.0);
}

/// The alerts that all mails together speak of, by their subjects.
fn told(mailbox: &Mailbox) -> u64 {
    let count = |subject: &str| {
        let words = subject
            .strip_prefix("[FIRING")
            .expect("all fire")
            .split(']')
            .next()
            .expect("an end")
            .trim()
            .to_owned();
        if words.is_empty() {
            1
        } else {
            words.parse::<u64>().expect("a number")
        }
    };
    mailbox
        .mails()
        .iter()
        .map(|mail| count(&mail.subject))
        .sum()
}

#[tokio::test]
async fn ten_thousand_alerts_in_one_webhook_become_a_few_mails() {
    let mailbox = Mailbox::start(&[]);
    let relay = Relay::start(&format!(
        "{}[grouping]\nwait = \"3s\"\n",
        mailbox.settings()
    ))
    .await;
    let alerts: Vec<_> = (0..10_000)
        .map(|at| alert("Storm", "firing", &[("at", &at.to_string())]))
        .collect();
    let answer = relay.accept(&webhook("Storm", &alerts)).await;
    assert_eq!(answer["accepted"], 10_000);
    eventually(PATIENCE, || async { told(&mailbox) >= 10_000 }).await;
    let mails = mailbox.mails();
    assert_eq!(told(&mailbox), 10_000, "each is counted once");
    // One where the machine takes them all within the wait.
    assert!(mails.len() <= 8, "{} mails", mails.len());
    let has = |text: &str, end: &str| text.lines().any(|line| line.trim_end().ends_with(end));
    assert!(
        mails
            .iter()
            .any(|mail| has(&mail.text, " more:") && has(&mail.text, " x firing critical: Storm")),
        "{}",
        mails[0].text
    );
}
