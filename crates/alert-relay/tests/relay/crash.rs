//! Killed in the middle: nothing is lost, and what comes twice is told by its message id.

use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use devstack::testing::eventually;
use tempfile::TempDir;

use crate::harness::{PATIENCE, TOKEN, alert, settings, webhook, write_senders};
use crate::mailbox::Mailbox;

/// The relay in a process of its own.
pub(crate) struct Process {
    pub(crate) child: Child,
    pub(crate) address: SocketAddr,
}

impl Process {
    pub(crate) async fn start(folder: &TempDir, more: &str) -> Self {
        let free = || {
            std::net::TcpListener::bind("127.0.0.1:0")
                .and_then(|listener| listener.local_addr())
                .expect("a free port")
        };
        let (address, admin) = (free(), free());
        write_senders(folder);
        let file = folder.path().join("relay.toml");
        std::fs::write(&file, settings(folder, more)).expect("written");
        let child = Command::new(env!("CARGO_BIN_EXE_alert-relay"))
            .arg("--exit-with-parent")
            .arg("--config")
            .arg(&file)
            .args([
                "--set",
                &format!("listen.address={address}"),
                "--set",
                &format!("admin.address={admin}"),
            ])
            .stdin(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("it starts");
        let process = Self { child, address };
        let client = reqwest::Client::new();
        let ready = format!("http://{admin}/readyz");
        eventually(PATIENCE, || async {
            client
                .get(&ready)
                .send()
                .await
                .is_ok_and(|answer| answer.status() == 200)
        })
        .await;
        process
    }

    pub(crate) fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

#[tokio::test]
async fn what_was_answered_200_is_mailed_although_the_relay_is_killed_again_and_again() {
    service::tls::install_crypto_provider();
    let folder = TempDir::new().expect("a folder");
    let mailbox = Mailbox::start(&[]);
    let more = format!(
        "{}[rate]\nmails = 10000\n[retry]\nconcurrency = 2\n",
        mailbox.settings()
    );
    let client = reqwest::Client::builder()
        .timeout(Duration::from_secs(5))
        .build()
        .expect("a client");
    let mut accepted = HashSet::new();
    let mut number = 0;
    for round in 0_u64..4 {
        let mut relay = Process::start(&folder, &more).await;
        let until = std::time::Instant::now() + Duration::from_millis(150 + 170 * round);
        // On a slow machine the round goes on until there is something to lose.
        let enough = accepted.len() + 10;
        while std::time::Instant::now() < until || accepted.len() < enough {
            number += 1;
            let name = format!("Crash{number}");
            let request = client
                .post(format!("http://{}/v1/alerts", relay.address))
                .bearer_auth(TOKEN);
            let sent = request
                .json(&webhook(&name, &[alert(&name, "firing", &[])]))
                .send()
                .await;
            if sent.is_ok_and(|answer| answer.status() == 200) {
                accepted.insert(name);
            }
        }
        relay.kill();
    }
    assert!(accepted.len() > 20, "{}", accepted.len());
    let _relay = Process::start(&folder, &more).await;
    let names = || -> HashSet<String> {
        mailbox
            .mails()
            .iter()
            .filter_map(|mail| {
                Some(
                    mail.subject
                        .split(": ")
                        .nth(1)?
                        .split(' ')
                        .next()?
                        .to_owned(),
                )
            })
            .collect()
    };
    eventually(PATIENCE, || async { accepted.is_subset(&names()) }).await;
    let mut by_subject: HashMap<String, HashSet<String>> = HashMap::new();
    for mail in mailbox.mails() {
        by_subject
            .entry(mail.subject)
            .or_default()
            .insert(mail.message_id);
    }
    let several: Vec<_> = by_subject.iter().filter(|(_, ids)| ids.len() > 1).collect();
    assert!(
        several.is_empty(),
        "an alert has one message id, however often it is sent: {several:?}"
    );
    let doubles = mailbox.mails().len() - by_subject.len();
    // Two mails may be under way when it is killed.
    assert!(doubles <= 2 * 4, "{doubles} doubles in 4 kills");
}
