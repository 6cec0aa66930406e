//! The writer on a real Kafka and a real PostgreSQL: every test has a topic, a database and a group of its own. Most run the application in this process; those
//! that must kill it run the binary.

mod checkpoint;
mod conflict;
mod crash;
mod duplicates;
mod exactly_once;
mod failpoints;
mod freshness;
mod hostile;
mod outage;
mod partitions;
mod poison;
mod proxy;
mod rebalance;
mod shutdown;

use devstack::testing::{TestDatabase, TestTopic, brokers, eventually, unique};
use event::{Data, Event, Extensions, Timestamp};
use kafka::{
    Config as KafkaConfig, Countdown, Headers, Outcome, Producer, ProducerMetrics, Record,
};
use service::{
    admin::{ConfigView, Reload},
    config::Layers,
    lifecycle::Exit,
};
use std::{net::SocketAddr, time::Duration};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinHandle,
};
use tokio_util::sync::CancellationToken;
use writer::{Application, DEFAULT_TOML, Fault};

/// Long enough for a group to settle on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// 2026-03-01T00:00:00Z in milliseconds: the events' own times follow from it.
const MARCH: i64 = 1_772_323_200_000;

/// A topic, a database and a producer.
struct World {
    topic: TestTopic,
    database: TestDatabase,
    group: String,
    producer: Producer,
    sql: tokio_postgres::Client,
}

impl World {
    async fn new(partitions: usize) -> Self {
        let (topic, database) =
            tokio::join!(TestTopic::create(partitions), TestDatabase::migrated());
        let config = KafkaConfig {
            brokers: brokers(),
            topic: topic.name().to_owned(),
            ..KafkaConfig::default()
        };
        let producer = Producer::new(&config, ProducerMetrics::default()).expect("a producer");
        eventually(PATIENCE, || async { producer.is_available() }).await;
        let (sql, connection) = tokio_postgres::connect(database.url(), tokio_postgres::NoTls)
            .await
            .expect("the test's own connection");
        tokio::spawn(async move { drop(connection.await) });
        Self {
            topic,
            database,
            group: unique("group"),
            producer,
            sql,
        }
    }

    /// The settings of a writer in this world: small batches, no waiting, nothing shared.
    fn settings(&self) -> Vec<(&'static str, String)> {
        vec![
            ("kafka.brokers", brokers()),
            ("kafka.topic", self.topic.name().to_owned()),
            ("kafka.consumer.group", self.group.clone()),
            ("kafka.consumer.session_timeout", "6s".into()),
            ("database.url", self.database.url().to_owned()),
            ("admin.address", "127.0.0.1:0".into()),
            ("batch.rows", "500".into()),
            ("batch.age", "50ms".into()),
            ("accept.max_age", "3650d".into()),
            ("accept.max_ahead", "3650d".into()),
            ("shutdown.fault_linger", "20s".into()),
        ]
    }

    fn layers(&self, more: &[(&str, &str)]) -> Layers {
        let layers = Layers {
            env: Vec::new(),
            ..Layers::new("writer", DEFAULT_TOML)
        };
        let layers = self.settings().iter().fold(layers, |layers, (key, value)| {
            layers.set(key, value.clone())
        });
        more.iter()
            .fold(layers, |layers, (key, value)| layers.set(key, *value))
    }

    /// Starts a writer in this process.
    fn writer(&self, more: &[(&str, &str)]) -> Running {
        let loaded = writer::load_layers(self.layers(more)).expect("a valid configuration");
        let view = ConfigView::new(loaded.redacted.clone());
        let application = Application::build(loaded.config, view, Reload::new()).expect("a writer");
        let admin = application.admin_addr();
        let stop = CancellationToken::new();
        Running {
            admin,
            task: tokio::spawn(application.run(stop.clone())),
            stop,
        }
    }

    /// Starts a writer as a process of its own, which is killed at the end if it still runs.
    fn process(&self, more: &[(&str, &str)]) -> Process {
        Process(self.command(more).spawn().expect("the binary starts"))
    }

    fn command(&self, more: &[(&str, &str)]) -> std::process::Command {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_writer"));
        for (key, value) in self.settings() {
            command.arg("--set").arg(format!("{key}={value}"));
        }
        for (key, value) in more {
            command.arg("--set").arg(format!("{key}={value}"));
        }
        command.stdin(std::process::Stdio::null());
        command
    }

    /// Sends records made by `make` for each number, all acknowledged.
    async fn send_with(&self, numbers: std::ops::Range<usize>, make: impl Fn(usize) -> RawRecord) {
        let numbers: Vec<usize> = numbers.collect();
        for chunk in numbers.chunks(5_000) {
            let countdown = Countdown::new(chunk.len());
            for (index, &number) in chunk.iter().enumerate() {
                let raw = make(number);
                let mut headers = Headers::default();
                for (name, value) in &raw.headers {
                    headers.push(name, value);
                }
                let record = Record {
                    key: raw.key.as_deref(),
                    value: raw.value.as_deref(),
                    headers,
                    timestamp_millis: None,
                    partition: raw.partition,
                };
                self.producer
                    .send(record, &countdown, index)
                    .expect("room in the queue");
            }
            tokio::time::timeout(PATIENCE, countdown.wait())
                .await
                .expect("acknowledged in time");
            assert!(
                countdown
                    .outcomes()
                    .all(|outcome| outcome == Outcome::Acked)
            );
        }
    }

    /// Sends the events with these numbers, `event(number)`, to all partitions in turn.
    async fn send(&self, numbers: std::ops::Range<usize>) {
        let partition =
            |number: usize| i32::try_from(number % self.topic.partitions()).expect("few");
        self.send_with(numbers, |number| {
            RawRecord::of(&event(number)).at(partition(number))
        })
        .await;
    }

    /// One number from the database.
    async fn number(&self, query: &str) -> i64 {
        self.sql.query_one(query, &[]).await.expect(query).get(0)
    }

    /// Waits until so many events are stored.
    async fn stored(&self, events: i64) {
        eventually(PATIENCE, || async {
            let stored = self.number("SELECT count(*) FROM events").await;
            if stored == events {
                Ok(())
            } else {
                Err(stored)
            }
        })
        .await;
    }

    /// Asserts that so many events are stored, each once, that the counts say the same, and that nothing was set aside.
    async fn holds_exactly(&self, events: i64) {
        self.stored(events).await;
        assert_eq!(
            self.number("SELECT count(DISTINCT uid) FROM events").await,
            events
        );
        assert_eq!(
            self.number("SELECT coalesce(sum(count), 0)::bigint FROM event_counts")
                .await,
            events
        );
        assert_eq!(self.number("SELECT count(*) FROM dead_letters").await, 0);
    }

    /// How many records the checkpoints say are settled.
    async fn settled(&self) -> i64 {
        self.number("SELECT coalesce(sum(next_offset), 0)::bigint FROM checkpoints")
            .await
    }
}

/// A record as bytes.
#[derive(Default)]
struct RawRecord {
    partition: Option<i32>,
    key: Option<Vec<u8>>,
    headers: Vec<(String, Vec<u8>)>,
    value: Option<Vec<u8>>,
}

impl RawRecord {
    fn of(event: &Event<'_>) -> Self {
        let mut headers = Vec::new();
        event.encode_headers(|name, value| headers.push((name.to_owned(), value.to_vec())));
        Self {
            partition: None,
            key: event.key().map(<[u8]>::to_vec),
            headers,
            value: event.value().map(<[u8]>::to_vec),
        }
    }

    fn at(mut self, partition: i32) -> Self {
        self.partition = Some(partition);
        self
    }
}

/// The event with this number, with a time of its own.
fn event(number: usize) -> Event<'static> {
    let millis = MARCH + i64::try_from(number).expect("small");
    Event {
        source: format!("shop-{}", number % 7).into(),
        kind: "order.created".into(),
        id: format!("order-{number}").into(),
        time: Some(Timestamp::from_millis(millis)),
        recorded: Timestamp::now(),
        subject: None,
        dataschema: None,
        datacontenttype: None,
        traceparent: None,
        extensions: Extensions::new(),
        data: Data::Json(
            format!(r#"{{"number":{number},"text":"{}"}}"#, "x".repeat(100))
                .into_bytes()
                .into(),
        ),
    }
}

/// A writer in this process.
struct Running {
    admin: SocketAddr,
    stop: CancellationToken,
    task: JoinHandle<Result<Exit, Fault>>,
}

impl Running {
    async fn stop(self) -> Result<Exit, Fault> {
        self.stop.cancel();
        tokio::time::timeout(PATIENCE, self.task)
            .await
            .expect("the writer ends in time")
            .expect("the writer does not panic")
    }

    async fn get(&self, path: &str) -> String {
        get(self.admin, path)
            .await
            .expect("the admin listener answers")
    }

    /// A metric by its name with labels, as it is in the text.
    async fn metric(&self, name: &str) -> f64 {
        let text = self.get("/metrics").await;
        text.lines()
            .find_map(|line| {
                line.strip_prefix(name)?
                    .strip_prefix(' ')?
                    .trim()
                    .parse()
                    .ok()
            })
            .unwrap_or_else(|| panic!("no metric {name} in\n{text}"))
    }

    async fn is_ready(&self) -> bool {
        self.get("/readyz").await.starts_with("HTTP/1.1 200")
    }

    async fn ready(&self) {
        eventually(PATIENCE, || async {
            let answer = self.get("/readyz").await;
            if answer.starts_with("HTTP/1.1 200") {
                Ok(())
            } else {
                Err(answer)
            }
        })
        .await;
    }
}

/// A plain GET: status line, headers and body.
async fn get(address: SocketAddr, path: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(address).await?;
    let request = format!("GET {path} HTTP/1.1\r\nhost: writer\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    Ok(answer)
}

/// A writer as a process.
struct Process(std::process::Child);

impl Process {
    fn kill(&mut self) {
        self.0.kill().expect("killed");
        self.0.wait().expect("reaped");
    }

    fn terminate(&self) {
        let pid = nix::unistd::Pid::from_raw(i32::try_from(self.0.id()).expect("a pid"));
        nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM).expect("signalled");
    }

    async fn ended(&mut self) -> std::process::ExitStatus {
        eventually(PATIENCE, || {
            let ended = self.0.try_wait().expect("a child");
            async move { ended }
        })
        .await
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Ok(None) = self.0.try_wait() {
            drop(self.0.kill());
            drop(self.0.wait());
        }
    }
}
