//! The process stays small.

use std::time::Duration;

use tempfile::TempDir;

use crate::crash::Process;
use crate::harness::{TOKEN, alert, webhook};
use crate::mailbox::Mailbox;

/// What a storm may make of it, of memory that is its own. The pages of the binary come on top: 30 MiB of a debug build's.
const LIMIT_KIB: u64 = 24 << 10;

#[tokio::test]
async fn a_storm_does_not_make_the_process_big() {
    service::tls::install_crypto_provider();
    let folder = TempDir::new().expect("a folder");
    let mailbox = Mailbox::start(&[]);
    let relay = Process::start(
        &folder,
        &format!(
            "{}[rate]\nmails = 5\ndigest_every = \"1s\"\n",
            mailbox.settings()
        ),
    )
    .await;
    let client = reqwest::Client::builder()
        .timeout(Duration::from_secs(30))
        .build()
        .expect("a client");
    let mut at = 0;
    for _ in 0..200 {
        let alerts: Vec<_> = (0..25)
            .map(|_| {
                at += 1;
                alert("Storm", "firing", &[("at", &at.to_string())])
            })
            .collect();
        let request = client
            .post(format!("http://{}/v1/alerts", relay.address))
            .bearer_auth(TOKEN);
        let answer = request
            .json(&webhook(&format!("g{at}"), &alerts))
            .send()
            .await
            .expect("an answer");
        assert_eq!(answer.status(), 200);
    }
    mailbox.wait_for(6).await;
    let status =
        std::fs::read_to_string(format!("/proc/{}/status", relay.child.id())).expect("it runs");
    let own: u64 = status
        .lines()
        .find_map(|line| {
            line.strip_prefix("RssAnon:")?
                .trim()
                .strip_suffix(" kB")?
                .trim()
                .parse()
                .ok()
        })
        .expect("a figure");
    assert!(own < LIMIT_KIB, "{own} KiB of its own");
}
