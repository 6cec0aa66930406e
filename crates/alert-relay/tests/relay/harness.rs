//! One relay in process on port 0, with a folder of its own.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use alert_relay::{Application, Config, DEFAULT_TOML};
use serde_json::{Value, json};
use service::admin::Reload;
use service::config::Layers;
use service::lifecycle::Exit;
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// Long enough for a busy machine, short enough to notice.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
/// The token of the tests' sender, who is an operator as well.
pub(crate) const TOKEN: &str = "the-token-of-the-tests";
/// The secret of the tests' signing sender.
pub(crate) const SECRET: &str = "the-secret-of-the-tests";

/// The root of the repository.
pub(crate) fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .canonicalize()
        .expect("the repository")
}

/// Settings that every test has: quick, and on free ports.
pub(crate) fn settings(folder: &TempDir, more: &str) -> String {
    let path = folder.path().display();
    let base = format!(
        r#"
listen.address = "127.0.0.1:0"
admin.address = "127.0.0.1:0"
senders.file = "{path}/senders.toml"
outbox.path = "{path}/outbox.redb"
grouping.wait = "50ms"
retry.first = "50ms"
retry.longest = "200ms"
mail.from = "Flumen alerts <alerts@example.com>"
mail.to = ["oncall@example.com"]
"#
    );
    let table = |text: &str| text.parse::<toml::Table>().expect("TOML");
    merge(table(&base), table(more)).to_string()
}

fn merge(mut base: toml::Table, more: toml::Table) -> toml::Table {
    for (key, value) in more {
        let value = match (base.remove(&key), value) {
            (Some(toml::Value::Table(below)), toml::Value::Table(above)) => {
                toml::Value::Table(merge(below, above))
            }
            (_, value) => value,
        };
        base.insert(key, value);
    }
    base
}

pub(crate) fn write_senders(folder: &TempDir) {
    let senders = format!(
        r#"
[[senders]]
name = "tests"
token = "{TOKEN}"
operator = true
[[senders]]
name = "plain"
token = "{TOKEN}-of-nobody-special"
[[senders]]
name = "grafana"
hmac_secret = "{SECRET}"
timestamp_header = "X-Grafana-Alerting-Timestamp"
"#
    );
    std::fs::write(folder.path().join("senders.toml"), senders).expect("written");
}

pub(crate) struct Relay {
    pub(crate) address: SocketAddr,
    pub(crate) admin: SocketAddr,
    pub(crate) client: reqwest::Client,
    pub(crate) folder: TempDir,
    shutdown: CancellationToken,
    running: JoinHandle<Exit>,
}

impl Relay {
    /// With these settings over those of every test.
    pub(crate) async fn start(more: &str) -> Self {
        Self::start_in(TempDir::new().expect("a folder"), more).await
    }

    pub(crate) async fn start_in(folder: TempDir, more: &str) -> Self {
        service::tls::install_crypto_provider();
        write_senders(&folder);
        let file = folder.path().join("relay.toml");
        std::fs::write(&file, settings(&folder, more)).expect("written");
        let layers = Layers {
            env: Vec::new(),
            file: Some(file),
            ..Layers::new("alert-relay", DEFAULT_TOML)
        };
        let loaded = Config::load(layers).expect("a valid configuration");
        let application = Application::build(loaded, Reload::new(), None)
            .await
            .expect("it starts");
        let (address, admin) = (application.local_addr(), application.admin_addr());
        let shutdown = CancellationToken::new();
        let until = shutdown.clone();
        let running = tokio::spawn(async move { application.run(until).await.expect("it serves") });
        let client = reqwest::Client::builder()
            .timeout(PATIENCE)
            .build()
            .expect("a client");
        Self {
            address,
            admin,
            client,
            folder,
            shutdown,
            running,
        }
    }

    /// Writes other settings, and has them read.
    pub(crate) async fn reload(&self, more: &str) -> (u16, Value) {
        std::fs::write(
            self.folder.path().join("relay.toml"),
            settings(&self.folder, more),
        )
        .expect("written");
        let response = self
            .client
            .post(format!("http://{}/reload", self.admin))
            .send()
            .await
            .expect("an answer");
        (
            response.status().as_u16(),
            response.json().await.expect("JSON"),
        )
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(crate) fn post(&self, path: &str) -> reqwest::RequestBuilder {
        self.client.post(self.url(path)).bearer_auth(TOKEN)
    }

    /// Sends a webhook that must be accepted.
    pub(crate) async fn accept(&self, webhook: &Value) -> Value {
        let response = self
            .post("/v1/alerts")
            .json(webhook)
            .send()
            .await
            .expect("an answer");
        let (status, text) = (response.status(), response.text().await.expect("a body"));
        assert_eq!(status, 200, "{text}");
        serde_json::from_str(&text).expect("JSON")
    }

    /// The value of a metric, by the start of its line.
    pub(crate) async fn metric(&self, line: &str) -> f64 {
        let response = self
            .client
            .get(format!("http://{}/metrics", self.admin))
            .send()
            .await
            .expect("an answer");
        let text = response.text().await.expect("a body");
        let value = text
            .lines()
            .find_map(|known| known.strip_prefix(line)?.strip_prefix(' ')?.parse().ok());
        value.unwrap_or_else(|| panic!("no metric {line} in\n{text}"))
    }

    pub(crate) async fn is_ready(&self) -> bool {
        let response = self
            .client
            .get(format!("http://{}/readyz", self.admin))
            .send()
            .await
            .expect("an answer");
        response.status() == 200
    }

    /// Ends the relay, and gives its folder to the next.
    pub(crate) async fn stop(self) -> (Exit, TempDir) {
        self.shutdown.cancel();
        drop(self.client);
        let exit = tokio::time::timeout(PATIENCE, self.running)
            .await
            .expect("it ends in time")
            .expect("it does not panic");
        (exit, self.folder)
    }
}

/// An alert as Alertmanager sends it.
pub(crate) fn alert(name: &str, status: &str, more: &[(&str, &str)]) -> Value {
    let mut labels = json!({ "alertname": name, "severity": "critical" });
    for (label, value) in more {
        labels[*label] = json!(value);
    }
    json!({
        "status": status,
        "labels": labels,
        "annotations": {
            "summary": format!("{name} is in trouble"),
            "runbook_url": format!("https://docs.example.com/runbooks/{name}"),
        },
        "startsAt": "2026-11-21T10:00:00.123Z",
        "endsAt": if status == "resolved" { "2026-11-21T10:10:00Z" } else { "0001-01-01T00:00:00Z" },
        "generatorURL": "http://prometheus.example.com/graph?g0.expr=up",
        "fingerprint": format!("{name}-{}", more.iter().map(|(_, value)| *value).collect::<String>()),
    })
}

/// A webhook as Alertmanager sends it.
pub(crate) fn webhook(group: &str, alerts: &[Value]) -> Value {
    json!({
        "receiver": "relay",
        "status": "firing",
        "alerts": alerts,
        "groupLabels": { "alertname": group },
        "commonLabels": {},
        "commonAnnotations": {},
        "externalURL": "http://alertmanager.example.com",
        "version": "4",
        "groupKey": format!("{{}}:{{alertname=\"{group}\"}}"),
        "truncatedAlerts": 0,
    })
}
