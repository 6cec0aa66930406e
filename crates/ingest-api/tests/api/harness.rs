//! One service in process on port 0, with keys, a topic of its own and a way to read it.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use devstack::testing::{TestTopic, brokers, eventually};
use ingest_api::{Application, Config, DEFAULT_TOML};
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::message::{Headers as _, Message as _};
use rdkafka::{Offset, TopicPartitionList};
use secrecy::ExposeSecret as _;
use serde_json::Value;
use service::admin::Reload;
use service::config::Layers;
use service::keys::{Scope, SourcePattern};
use service::lifecycle::Exit;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// Long enough for a busy machine, short enough to notice.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// Tokens of the keys that every test has.
pub(crate) struct Tokens {
    /// May send anything.
    pub(crate) all: String,
    /// May send `shop-*` and `billing`.
    pub(crate) shop: String,
    /// May only read.
    pub(crate) reader: String,
    /// Was good until yesterday.
    pub(crate) expired: String,
    /// Was good until it was revoked.
    pub(crate) revoked: String,
    /// May send one event a second.
    pub(crate) slow: String,
}

pub(crate) struct Api {
    pub(crate) address: SocketAddr,
    pub(crate) admin: SocketAddr,
    pub(crate) client: reqwest::Client,
    pub(crate) tokens: Tokens,
    pub(crate) keys: TempDir,
    topic: Option<TestTopic>,
    shutdown: CancellationToken,
    running: JoinHandle<Exit>,
}

/// An answer, taken apart.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) json: Value,
}

impl Reply {
    pub(crate) async fn of(response: reqwest::Response) -> Self {
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let text = response.text().await.expect("a body");
        let json = serde_json::from_str(&text).unwrap_or(Value::String(text));
        let reply = Self {
            status,
            headers,
            json,
        };
        if status >= 400 {
            // What every failure must be.
            assert_eq!(
                reply.header("content-type"),
                "application/problem+json",
                "{reply:?}"
            );
            assert!(reply.kind().starts_with("/problems/"), "{reply:?}");
            assert_eq!(reply.json["status"], status, "{reply:?}");
            assert_eq!(
                reply.json["request_id"],
                reply.header("x-request-id"),
                "{reply:?}"
            );
        }
        reply
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().expect("text"))
    }

    /// The problem's `type`.
    pub(crate) fn kind(&self) -> &str {
        self.json["type"].as_str().unwrap_or_default()
    }

    /// `type` and `pointer` of the outcome at this place of the list.
    pub(crate) fn outcome(&self, at: usize) -> (&str, &str) {
        let event = &self.json["events"][at];
        (
            event["type"].as_str().unwrap_or_default(),
            event["pointer"].as_str().unwrap_or_default(),
        )
    }

    pub(crate) fn statuses(&self) -> Vec<u64> {
        let events = self.json["events"].as_array().expect("outcomes");
        events
            .iter()
            .map(|event| event["status"].as_u64().expect("a status"))
            .collect()
    }
}

/// A record as it is in the topic.
#[derive(Debug)]
pub(crate) struct Stored {
    pub(crate) key: Option<String>,
    pub(crate) value: Option<Vec<u8>>,
    pub(crate) headers: BTreeMap<String, String>,
}

impl Api {
    /// On the shared Kafka, with a topic of its own.
    pub(crate) async fn start() -> Self {
        Self::start_with(&[]).await
    }

    pub(crate) async fn start_with(settings: &[(&str, &str)]) -> Self {
        let topic = TestTopic::create(2).await;
        let mut api = Self::start_on(&brokers(), topic.name(), settings).await;
        api.topic = Some(topic);
        api.until_ready().await;
        api
    }

    /// On any brokers, ready or not.
    pub(crate) async fn start_on(brokers: &str, topic: &str, settings: &[(&str, &str)]) -> Self {
        service::tls::install_crypto_provider();
        let keys = TempDir::new().expect("a folder");
        let tokens = write_keys(&keys);
        let mut layers = Layers {
            env: Vec::new(),
            ..Layers::new("ingest-api", DEFAULT_TOML)
        }
        .set("listen.address", "127.0.0.1:0")
        .set("listen.workers", "2")
        .set("admin.address", "127.0.0.1:0")
        .set("kafka.brokers", brokers)
        .set("kafka.topic", topic)
        .set(
            "keys.file",
            keys.path().join("keys.toml").display().to_string(),
        )
        .set("shutdown.drain", "5s");
        for (key, value) in settings {
            layers = layers.set(key, *value);
        }
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
            tokens,
            keys,
            topic: None,
            shutdown,
            running,
        }
    }

    pub(crate) async fn until_ready(&self) {
        eventually(PATIENCE, || async { self.admin("/readyz").await.0 == 200 }).await;
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// A request to the one route that takes events, with the key that may do anything.
    pub(crate) fn post(&self) -> reqwest::RequestBuilder {
        self.post_as(&self.tokens.all)
    }

    pub(crate) fn post_as(&self, token: &str) -> reqwest::RequestBuilder {
        self.client.post(self.url("/v1/events")).bearer_auth(token)
    }

    pub(crate) async fn send(&self, content_type: &str, body: impl Into<reqwest::Body>) -> Reply {
        send(self.post().header("content-type", content_type).body(body)).await
    }

    pub(crate) async fn plain(&self, body: impl Into<reqwest::Body>) -> Reply {
        self.send("application/json", body).await
    }

    /// Status and text of a page of the admin listener.
    pub(crate) async fn admin(&self, path: &str) -> (u16, String) {
        let response = self
            .client
            .get(format!("http://{}{path}", self.admin))
            .send()
            .await
            .expect("the admin listener");
        (
            response.status().as_u16(),
            response.text().await.expect("a body"),
        )
    }

    /// The value of a metric, by the start of its line.
    pub(crate) async fn metric(&self, line: &str) -> f64 {
        let (_, text) = self.admin("/metrics").await;
        let value = text
            .lines()
            .find_map(|known| known.strip_prefix(line)?.strip_prefix(' ')?.parse().ok());
        value.unwrap_or_else(|| panic!("no metric {line} in\n{text}"))
    }

    /// All records of the topic, which must be `count`.
    pub(crate) async fn records(&self, count: usize) -> Vec<Stored> {
        let topic = self
            .topic
            .as_ref()
            .expect("a topic of its own")
            .name()
            .to_owned();
        let records = tokio::task::spawn_blocking(move || read_topic(&brokers(), &topic))
            .await
            .expect("read the topic");
        assert_eq!(records.len(), count, "{records:#?}");
        records
    }

    /// A connection, for what no proper client does.
    pub(crate) async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.expect("connect")
    }

    /// The head of a request for the one route, without its last empty line.
    pub(crate) fn head(&self, headers: &str) -> String {
        format!(
            "POST /v1/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\nContent-Type: application/json\r\n{headers}",
            self.tokens.all
        )
    }

    /// Ends the service and says how it ended.
    pub(crate) async fn stop(self) -> Exit {
        self.shutdown.cancel();
        drop(self.client);
        tokio::time::timeout(PATIENCE, self.running)
            .await
            .expect("it ends in time")
            .expect("it does not panic")
    }

    pub(crate) fn begin_shutdown(&self) {
        self.shutdown.cancel();
    }
}

pub(crate) async fn send(request: reqwest::RequestBuilder) -> Reply {
    Reply::of(request.send().await.expect("an answer")).await
}

/// Sends bytes and reads what comes back until the other side closes.
pub(crate) async fn exchange(stream: &mut TcpStream, bytes: &[u8]) -> String {
    // The other side may have closed already, which is an answer too.
    let _ = stream.write_all(bytes).await;
    let mut text = Vec::new();
    let _ = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut text))
        .await
        .expect("an end");
    String::from_utf8_lossy(&text).into_owned()
}

/// An event with this id and these further members.
pub(crate) fn event(id: &str, more: &str) -> String {
    let comma = if more.is_empty() { "" } else { "," };
    format!(r#"{{"specversion":"1.0","source":"shop-1","type":"sold","id":"{id}"{comma}{more}}}"#)
}

fn write_keys(folder: &TempDir) -> Tokens {
    let mut file = String::new();
    let mut key = |scope: Scope, sources: &[&str], expires: Option<&str>, more: &str| {
        let sources: Vec<_> = sources
            .iter()
            .map(|text| SourcePattern::parse(text).expect("a pattern"))
            .collect();
        let key = service::keys::create("test", &[scope], &sources, expires).expect("a key");
        file.push_str(&format!("{}{more}\n", key.entry));
        key.token.expose_secret().to_owned()
    };
    let tokens = Tokens {
        all: key(Scope::Ingest, &["*"], None, ""),
        shop: key(Scope::Ingest, &["shop-*", "billing"], None, ""),
        reader: key(Scope::Read, &["*"], None, ""),
        expired: key(Scope::Ingest, &["*"], Some("2020-01-01T00:00:00Z"), ""),
        revoked: key(Scope::Ingest, &["*"], None, "disabled = true"),
        slow: key(Scope::Ingest, &["*"], None, "events_per_second = 1"),
    };
    std::fs::write(folder.path().join("keys.toml"), file).expect("write the keys");
    tokens
}

/// Reads everything that a topic holds, from a client that has nothing to do with the service's.
pub(crate) fn read_topic(brokers: &str, topic: &str) -> Vec<Stored> {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", brokers)
        .set("group.id", "unused")
        .set("enable.auto.commit", "false")
        .create()
        .expect("a consumer");
    let metadata = consumer
        .fetch_metadata(Some(topic), PATIENCE)
        .expect("metadata");
    let mut left = 0;
    let mut partitions = TopicPartitionList::new();
    for partition in metadata.topics()[0].partitions() {
        let (low, high) = consumer
            .fetch_watermarks(topic, partition.id(), PATIENCE)
            .expect("watermarks");
        left += high - low;
        partitions
            .add_partition_offset(topic, partition.id(), Offset::Beginning)
            .expect("an offset");
    }
    consumer.assign(&partitions).expect("assign");
    let mut records = Vec::new();
    while left > 0 {
        let message = consumer
            .poll(PATIENCE)
            .expect("a record in time")
            .expect("a record");
        left -= 1;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let headers = message.headers().map(|headers| {
            let pairs = headers.iter().map(|header| {
                (
                    header.key.to_owned(),
                    text(header.value.unwrap_or_default()),
                )
            });
            pairs.collect()
        });
        records.push(Stored {
            key: message.key().map(text),
            value: message.payload().map(<[u8]>::to_vec),
            headers: headers.unwrap_or_default(),
        });
    }
    records.sort_by(|a, b| a.headers.get("ce_id").cmp(&b.headers.get("ce_id")));
    records
}
