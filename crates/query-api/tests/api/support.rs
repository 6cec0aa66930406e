//! A query-api of a test's own: its database, keys and ports.

use std::time::Duration;

use devstack::testing::TestDatabase;
use query_api::config::DEFAULT_TOML;
use query_api::{Application, Config, Listeners};
use secrecy::ExposeSecret;
use serde_json::Value;
use service::config::Layers;
use service::keys::{self, NewKey, Scope, SourcePattern};
use service::lifecycle::Exit;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// Long enough for a machine that is busy with other tests.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) struct TestApp {
    pub(crate) database: TestDatabase,
    pub(crate) base: String,
    pub(crate) admin: String,
    /// May read everything.
    pub(crate) reader: String,
    /// May read `shop-*` and `bank`.
    pub(crate) shop: String,
    /// May only send.
    pub(crate) producer: String,
    /// May only look at how the pipeline does.
    pub(crate) operator: String,
    pub(crate) keys_file: tempfile::NamedTempFile,
    client: reqwest::Client,
    shutdown: CancellationToken,
    running: JoinHandle<Exit>,
}

/// An answer, read to its end.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error} in {}", self.body))
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    }

    /// The ids of the events shown.
    pub(crate) fn ids(&self) -> Vec<String> {
        assert_eq!(self.status, 200, "{}", self.body);
        let events = self.json()["events"]
            .as_array()
            .cloned()
            .expect("a list of events");
        events
            .iter()
            .map(|event| event["id"].as_str().expect("an id").to_owned())
            .collect()
    }

    /// Checks that this is a problem of that status and name.
    #[track_caller]
    pub(crate) fn is_problem(&self, status: u16, name: &str) {
        assert_eq!(self.status, status, "{}", self.body);
        assert_eq!(self.header("content-type"), "application/problem+json");
        let body = self.json();
        assert_eq!(body["type"], format!("/problems/{name}"), "{body}");
        assert_eq!(body["request_id"], self.header("x-request-id"), "{body}");
        // The answer to a client's own fault may repeat what the client sent.
        let text = if status >= 500 {
            self.body.to_lowercase()
        } else {
            String::new()
        };
        for leak in ["select ", "postgres", "sqlstate", "panicked", "relation"] {
            assert!(!text.contains(leak), "{leak} in {body}");
        }
    }
}

impl TestApp {
    pub(crate) async fn start() -> Self {
        Self::start_with(&[]).await
    }

    /// Starts with settings of the test's own.
    pub(crate) async fn start_with(settings: &[(&str, &str)]) -> Self {
        let database = TestDatabase::migrated().await;
        let url = database.url().to_owned();
        Self::start_at(database, &url, settings).await
    }

    /// Starts with another way to the database.
    pub(crate) async fn start_at(
        database: TestDatabase,
        url: &str,
        settings: &[(&str, &str)],
    ) -> Self {
        service::tls::install_crypto_provider();
        let new = |name, scope, sources: &[&str]| -> NewKey {
            let sources: Vec<_> = sources
                .iter()
                .filter_map(|text| SourcePattern::parse(text))
                .collect();
            keys::create(name, &[scope], &sources, None).expect("the system has randomness")
        };
        let (reader, shop) = (
            new("reader", Scope::Read, &["*"]),
            new("shop", Scope::Read, &["shop-*", "bank"]),
        );
        let producer = new("producer", Scope::Ingest, &["*"]);
        let operator = new("operator", Scope::Operator, &["*"]);
        let keys_file = tempfile::NamedTempFile::new().expect("a temporary file");
        let entries = [&reader, &shop, &producer, &operator]
            .map(|key| key.entry.clone())
            .join("\n");
        std::fs::write(keys_file.path(), entries).expect("the file takes the keys");
        let layers = Layers {
            env: Vec::new(),
            ..Layers::new("query-api", DEFAULT_TOML)
        };
        let layers = layers
            .set("keys.file", keys_file.path().display().to_string())
            .set("database.url", url)
            .set("listen.workers", "2")
            .set("health.interval", "50ms")
            .set("query.poll_interval", "20ms")
            .set("query.freshness_interval", "20ms");
        let layers = settings
            .iter()
            .fold(layers, |layers, (key, value)| layers.set(key, *value));
        let loaded = Config::load(layers).unwrap_or_else(|error| panic!("{error}"));
        let listen = || std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        let listeners = Listeners {
            public: listen(),
            admin: listen(),
        };
        let registry = service::metrics::registry("query-api", "test");
        let app = Application::build(loaded, listeners, registry, None).expect("it builds");
        let shutdown = CancellationToken::new();
        Self {
            database,
            base: format!("http://{}", app.local_addr()),
            admin: format!("http://{}", app.admin_addr()),
            reader: reader.token.expose_secret().to_owned(),
            shop: shop.token.expose_secret().to_owned(),
            producer: producer.token.expose_secret().to_owned(),
            operator: operator.token.expose_secret().to_owned(),
            keys_file,
            client: reqwest::Client::new(),
            shutdown: shutdown.clone(),
            running: tokio::spawn(app.run(shutdown)),
        }
    }

    /// Asks as the key that may read everything.
    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.get_as(&self.reader, path).await
    }

    pub(crate) async fn get_as(&self, token: &str, path: &str) -> Answer {
        let request = self
            .client
            .get(format!("{}{path}", self.base))
            .bearer_auth(token);
        answer(request).await
    }

    /// A request to be changed before it is sent.
    pub(crate) fn request(&self, method: &str, path: &str) -> reqwest::RequestBuilder {
        let method = method.parse().expect("a method");
        self.client.request(method, format!("{}{path}", self.base))
    }

    pub(crate) async fn admin_get(&self, path: &str) -> Answer {
        answer(self.client.get(format!("{}{path}", self.admin))).await
    }

    /// Adds a key to the file and has it read again.
    pub(crate) async fn add_key(&self, name: &str, sources: &[&str]) -> String {
        let sources: Vec<_> = sources
            .iter()
            .filter_map(|text| SourcePattern::parse(text))
            .collect();
        let new = keys::create(name, &[Scope::Read], &sources, None).expect("randomness");
        let file = std::fs::read_to_string(self.keys_file.path()).expect("readable");
        let with = format!("{file}\n{}", new.entry);
        std::fs::write(self.keys_file.path(), with).expect("the file takes the key");
        assert_eq!(self.reload().await.status, 200);
        new.token.expose_secret().to_owned()
    }

    pub(crate) async fn reload(&self) -> Answer {
        answer(self.client.post(format!("{}/reload", self.admin))).await
    }

    /// Ends the service and tells how.
    pub(crate) async fn stop(self) -> Exit {
        self.shutdown.cancel();
        self.running.await.expect("it does not panic")
    }
}

pub(crate) async fn answer(request: reqwest::RequestBuilder) -> Answer {
    let response = request.send().await.expect("answered");
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    Answer {
        status,
        headers,
        body: response.text().await.expect("a body"),
    }
}
