//! A real Alertmanager in front.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use devstack::testing::eventually;
use serde_json::json;
use tempfile::TempDir;

use crate::harness::{PATIENCE, Relay, TOKEN, root};
use crate::mailbox::Mailbox;

struct Alertmanager {
    child: Child,
    url: String,
    _folder: TempDir,
}

impl Alertmanager {
    async fn start(relay: &Relay) -> Self {
        let folder = TempDir::new().expect("a folder");
        let port = std::net::TcpListener::bind("127.0.0.1:0")
            .and_then(|listener| listener.local_addr())
            .expect("a free port")
            .port();
        let config = format!(
            r#"
route:
  receiver: relay
  group_by: [alertname]
  group_wait: 100ms
  group_interval: 500ms
  repeat_interval: 1h
receivers:
  - name: relay
    webhook_configs:
      - url: {}
        send_resolved: true
        http_config:
          authorization:
            type: Bearer
            credentials: {TOKEN}
"#,
            relay.url("/v1/alerts")
        );
        let file = folder.path().join("alertmanager.yml");
        std::fs::write(&file, config).expect("written");
        let url = format!("http://127.0.0.1:{port}");
        let (binary, folder_of_binary) = binary();
        let child = Command::new(binary)
            .current_dir(folder_of_binary)
            .arg(format!("--config.file={}", file.display()))
            .arg(format!(
                "--storage.path={}",
                folder.path().join("data").display()
            ))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .arg(format!("--web.external-url={url}"))
            .arg("--cluster.listen-address=")
            .stderr(Stdio::null())
            .spawn()
            .expect("alertmanager starts");
        let alertmanager = Self {
            child,
            url,
            _folder: folder,
        };
        let ready = format!("{}/-/ready", alertmanager.url);
        eventually(PATIENCE, || async {
            relay
                .client
                .get(&ready)
                .send()
                .await
                .is_ok_and(|answer| answer.status() == 200)
        })
        .await;
        alertmanager
    }
}

impl Drop for Alertmanager {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The binary, and where it must be started.
fn binary() -> (PathBuf, PathBuf) {
    let own = root().join(".tools/alertmanager");
    let file = own.join("usr/bin/prometheus-alertmanager");
    if file.exists() {
        return (file, own);
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path)
        .flat_map(|folder| {
            ["prometheus-alertmanager", "alertmanager"].map(|name| folder.join(name))
        })
        .find(|file| file.exists());
    let found = found.expect("no Alertmanager: run tests/mail/setup (`make test` does)");
    (found, root())
}

#[tokio::test]
async fn an_alert_of_a_real_alertmanager_is_mailed_and_so_is_its_end() {
    let mailbox = Mailbox::start(&[]);
    let relay = Relay::start(&mailbox.settings()).await;
    let alertmanager = Alertmanager::start(&relay).await;
    let alert = |more: serde_json::Value| {
        let mut alert = json!({
            "labels": { "alertname": "WriterStuck", "severity": "warning", "job": "writer" },
            "annotations": { "summary": "Nothing stored", "runbook_url": "https://docs.example.com/runbooks/WriterStuck" },
            "generatorURL": "http://prometheus.example.com/graph",
        });
        alert
            .as_object_mut()
            .expect("an object")
            .extend(more.as_object().cloned().unwrap_or_default());
        json!([alert])
    };
    let post = |alerts: serde_json::Value| {
        relay
            .client
            .post(format!("{}/api/v2/alerts", alertmanager.url))
            .json(&alerts)
            .send()
    };
    let started = "2026-11-21T10:00:00Z";
    assert_eq!(
        post(alert(json!({ "startsAt": started })))
            .await
            .expect("an answer")
            .status(),
        200
    );
    let firing = mailbox.wait_for(1).await.remove(0);
    assert_eq!(
        firing.subject,
        "[FIRING] warning: WriterStuck - Nothing stored"
    );
    assert!(
        firing
            .text
            .contains("https://docs.example.com/runbooks/WriterStuck"),
        "{}",
        firing.text
    );
    assert!(
        firing.text.contains(&format!(
            "{}/#/silences/new?filter=%7Balertname%3D%22WriterStuck%22",
            alertmanager.url
        )),
        "{}",
        firing.text
    );

    let ended = "2026-11-21T10:05:00Z";
    assert_eq!(
        post(alert(json!({ "startsAt": started, "endsAt": ended })))
            .await
            .expect("an answer")
            .status(),
        200
    );
    let mails = mailbox.wait_for(2).await;
    assert_eq!(
        mails[1].subject,
        "[RESOLVED] warning: WriterStuck - Nothing stored"
    );
    assert_eq!(
        mails[1].header("references"),
        firing.header("references"),
        "both are one conversation"
    );
    assert_ne!(mails[1].message_id, firing.message_id);
}
