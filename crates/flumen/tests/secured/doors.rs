//! The services in this process, each with its own way in.

use std::net::TcpListener;
use std::time::Duration;

use devstack::testing::eventually;
use secrecy::ExposeSecret as _;
use serde_json::Value;
use service::admin::{ConfigView, Reload};
use service::config::Layers;
use service::keys::{self, Scope, SourcePattern};
use tokio_util::sync::CancellationToken;

use crate::world::{PATIENCE, Settings};

/// A service that runs; it is told to stop when this is dropped.
pub(crate) struct Running {
    public: String,
    admin: String,
    client: reqwest::Client,
    token: String,
    stop: CancellationToken,
    ended: tokio::sync::watch::Receiver<bool>,
    _keys: tempfile::NamedTempFile,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

fn layers(
    name: &'static str,
    defaults: &'static str,
    own: &[(&str, &str)],
    who: &Settings,
) -> Layers {
    let layers = Layers {
        env: Vec::new(),
        ..Layers::new(name, defaults)
    };
    let layers = own
        .iter()
        .fold(layers, |layers, (key, value)| layers.set(key, *value));
    who.iter().fold(layers, |layers, (key, value)| {
        layers.set(key, value.clone())
    })
}

/// A key of this scope: its token, and the file it is in.
fn key(scope: Scope) -> (String, tempfile::NamedTempFile) {
    let everything = SourcePattern::parse("*").expect("a pattern");
    let key = keys::create("test", &[scope], &[everything], None).expect("randomness");
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), &key.entry).expect("write the key");
    (key.token.expose_secret().to_owned(), file)
}

pub(crate) async fn ingest_api(who: &Settings) -> Running {
    service::tls::install_crypto_provider();
    let (token, file) = key(Scope::Ingest);
    let path = file.path().display().to_string();
    let own = [
        ("listen.address", "127.0.0.1:0"),
        ("listen.workers", "1"),
        ("admin.address", "127.0.0.1:0"),
        ("keys.file", path.as_str()),
        ("shutdown.drain", "5s"),
    ];
    let layers = layers("ingest-api", ingest_api::DEFAULT_TOML, &own, who);
    let loaded = ingest_api::Config::load(layers).expect("a valid configuration");
    let application = ingest_api::Application::build(loaded, Reload::new(), None)
        .await
        .expect("it starts");
    let (public, admin) = (application.local_addr(), application.admin_addr());
    running(
        public.to_string(),
        admin.to_string(),
        token,
        file,
        |stop| async move {
            let _ = application.run(stop).await;
        },
    )
}

pub(crate) fn writer(who: &Settings) -> Running {
    service::tls::install_crypto_provider();
    let (token, file) = key(Scope::Operator);
    let own = [
        ("admin.address", "127.0.0.1:0"),
        ("kafka.consumer.session_timeout", "6s"),
        ("batch.age", "50ms"),
        ("accept.max_age", "3650d"),
    ];
    let layers = layers("writer", writer::DEFAULT_TOML, &own, who);
    let loaded = writer::load_layers(layers).expect("a valid configuration");
    let view = ConfigView::new(loaded.redacted.clone());
    let application =
        writer::Application::build(loaded.config, view, Reload::new()).expect("it starts");
    let admin = application.admin_addr();
    running(
        String::new(),
        admin.to_string(),
        token,
        file,
        |stop| async move {
            let _ = application.run(stop).await;
        },
    )
}

pub(crate) fn query_api(who: &Settings) -> Running {
    service::tls::install_crypto_provider();
    let (token, file) = key(Scope::Read);
    let path = file.path().display().to_string();
    let own = [
        ("keys.file", path.as_str()),
        ("listen.workers", "1"),
        ("health.interval", "100ms"),
    ];
    let layers = layers("query-api", query_api::config::DEFAULT_TOML, &own, who);
    let loaded = query_api::Config::load(layers).expect("a valid configuration");
    let listen = || TcpListener::bind("127.0.0.1:0").expect("a free port");
    let listeners = query_api::Listeners {
        public: listen(),
        admin: listen(),
    };
    let registry = service::metrics::registry("query-api", "test");
    let application =
        query_api::Application::build(loaded, listeners, registry, None).expect("it starts");
    let (public, admin) = (application.local_addr(), application.admin_addr());
    running(
        public.to_string(),
        admin.to_string(),
        token,
        file,
        |stop| async move {
            let _ = application.run(stop).await;
        },
    )
}

fn running<F: Future<Output = ()> + Send + 'static>(
    public: String,
    admin: String,
    token: String,
    keys: tempfile::NamedTempFile,
    run: impl FnOnce(CancellationToken) -> F,
) -> Running {
    let stop = CancellationToken::new();
    let (end, ended) = tokio::sync::watch::channel(false);
    let work = run(stop.clone());
    tokio::spawn(async move {
        work.await;
        end.send_replace(true);
    });
    Running {
        public,
        admin,
        client: reqwest::Client::builder()
            .timeout(Duration::from_secs(30))
            .build()
            .expect("a client"),
        token,
        stop,
        ended,
        _keys: keys,
    }
}

impl Running {
    /// What `/readyz` answers.
    pub(crate) async fn readiness(&self) -> (u16, String) {
        let url = format!("http://{}/readyz", self.admin);
        match self.client.get(url).send().await {
            Ok(answer) => (
                answer.status().as_u16(),
                answer.text().await.unwrap_or_default(),
            ),
            Err(error) => (0, error.to_string()),
        }
    }

    pub(crate) async fn until_ready(&self) {
        eventually(PATIENCE, || async {
            let (status, text) = self.readiness().await;
            if status == 200 { Ok(()) } else { Err(text) }
        })
        .await;
    }

    /// Waits until it says that it is not ready, with these words.
    pub(crate) async fn until_unready(&self, words: &str) {
        eventually(PATIENCE, || async {
            let (status, text) = self.readiness().await;
            if status == 503 && text.contains(words) {
                Ok(())
            } else {
                Err(format!("{status} {text}"))
            }
        })
        .await;
    }

    /// Sends an event with this id, which must be accepted.
    pub(crate) async fn accept(&self, id: &str) {
        let event = serde_json::json!({"specversion": "1.0", "id": id, "source": "shop", "type": "sold", "data": {"n": 1}});
        let answer = self
            .client
            .post(format!("http://{}/v1/events", self.public))
            .bearer_auth(&self.token)
            .header("content-type", "application/cloudevents+json")
            .body(event.to_string())
            .send()
            .await
            .expect("an answer");
        let status = answer.status().as_u16();
        let text = answer.text().await.unwrap_or_default();
        assert_eq!(status, 202, "{text}");
    }

    /// The ids of all events that can be read.
    pub(crate) async fn ids(&self) -> Vec<String> {
        let answer = self
            .client
            .get(format!("http://{}/v1/events?order=asc", self.public))
            .bearer_auth(&self.token)
            .send()
            .await
            .expect("an answer");
        let text = answer.text().await.unwrap_or_default();
        let json: Value = serde_json::from_str(&text).expect("JSON");
        let events = json["events"].as_array().cloned().unwrap_or_default();
        let id = |event: &Value| event["id"].as_str().unwrap_or_default().to_owned();
        events.iter().map(id).collect()
    }

    /// Stops it, and waits until it has left its group and closed its connections.
    pub(crate) async fn stop(self) {
        self.stop.cancel();
        let mut ended = self.ended.clone();
        tokio::time::timeout(PATIENCE, ended.wait_for(|ended| *ended))
            .await
            .expect("it ends in time")
            .expect("it ends without a panic");
    }
}
