//! Kafka of three brokers and PostgreSQL for a whole campaign, with a proxy in every connection, and the services of one scene.

mod service;

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use ::service::keys::{Scope, SourcePattern};
use anyhow::Context as _;
use devstack::{Kafka, KafkaConfig, Listener, Postgres, PostgresConfig, Progress, Purpose};
use kafka::TopicSpec;
use secrecy::ExposeSecret as _;
use tempfile::TempDir;
use tokio::sync::Mutex;
use tokio_postgres::{Client, NoTls};

pub(crate) use service::{Program, Recipe, Service};

use crate::args::Args;
use crate::proxy::Link;
use crate::report::say;

/// How many brokers; topics have as many replicas and need two in sync.
pub(crate) const BROKERS: usize = 3;
/// How long a request to make or describe a topic may take.
const ADMIN_TIMEOUT: Duration = Duration::from_secs(30);
/// The database that all others are copied from.
const TEMPLATE: &str = "faults_template";

/// The proxies, by who connects to whom.
#[derive(Debug)]
pub(crate) struct Links {
    /// Clients to ingest-api.
    pub(crate) producer_ingest: Link,
    /// ingest-api to the brokers.
    pub(crate) ingest_kafka: Link,
    /// Writers to the brokers.
    pub(crate) writer_kafka: Link,
    /// Writers to the database.
    pub(crate) writer_postgres: Link,
    /// query-api to the database.
    pub(crate) query_postgres: Link,
    /// Readers to query-api.
    pub(crate) reader_query: Link,
}

impl Links {
    /// Everything passes again, everywhere.
    pub(crate) fn clear(&self) {
        self.producer_ingest.clear();
        self.ingest_kafka.clear();
        self.writer_kafka.clear();
        self.writer_postgres.clear();
        self.query_postgres.clear();
        self.reader_query.clear();
    }
}

/// What a campaign plays on.
pub(crate) struct Stack {
    pub(crate) kafka: Mutex<Kafka>,
    pub(crate) postgres: Mutex<Postgres>,
    pub(crate) links: Links,
    pub(crate) admin: kafka::Admin,
    /// The brokers themselves, without a proxy: for the harness alone.
    pub(crate) brokers: String,
    /// The server itself, without a proxy; another one after a fail-over ([`Stack::postgres_moved`]).
    postgres_url: std::sync::Mutex<String>,
    pub(crate) producer_key: String,
    pub(crate) reader_key: String,
    pub(crate) keys_file: PathBuf,
    pub(crate) binaries: PathBuf,
    folder: Option<TempDir>,
    counter: AtomicU32,
}

impl Stack {
    /// Starts both, brings the schema into a template and makes the keys.
    pub(crate) async fn start(args: &Args) -> anyhow::Result<Arc<Self>> {
        let folder = tempfile::Builder::new()
            .prefix("flumen-faults-")
            // PostgreSQL may run as another user, who must get through.
            .permissions(std::fs::Permissions::from_mode(0o755))
            .tempdir_in(&args.scratch)
            .context("make a folder for the run")?;
        let links = Links {
            producer_ingest: Link::open(1).await?,
            ingest_kafka: Link::open(BROKERS).await?,
            writer_kafka: Link::open(BROKERS).await?,
            writer_postgres: Link::open(1).await?,
            query_postgres: Link::open(1).await?,
            reader_query: Link::open(1).await?,
        };
        let progress = Progress::new(|line| say(line));
        let kafka = KafkaConfig {
            brokers: BROKERS,
            listeners: vec![
                listener("INGEST", &links.ingest_kafka),
                listener("WRITER", &links.writer_kafka),
            ],
            ..KafkaConfig::new(folder.path().join("kafka"), Purpose::Keep)
        };
        let postgres = PostgresConfig {
            max_connections: 200,
            ..PostgresConfig::new(folder.path().join("postgres"), Purpose::Keep)
        };
        let (kafka, postgres) = tokio::try_join!(
            Kafka::start(kafka, &progress),
            Postgres::start(postgres, &progress)
        )?;
        for (name, link) in [
            ("INGEST", &links.ingest_kafka),
            ("WRITER", &links.writer_kafka),
        ] {
            for (index, address) in kafka.listener(name).into_iter().enumerate() {
                link.lead_to(index, vec![address]);
            }
        }
        links.writer_postgres.lead_to(0, vec![postgres.address()]);
        links.query_postgres.lead_to(0, vec![postgres.address()]);
        let config = kafka::Config {
            brokers: kafka.bootstrap(),
            client_id: "faults".to_owned(),
            ..kafka::Config::default()
        };
        let admin = kafka::Admin::new(&config, ADMIN_TIMEOUT).context("reach Kafka")?;
        let everything = [SourcePattern::parse("*").context("the pattern of all sources")?];
        let producer = ::service::keys::create("producer", &[Scope::Ingest], &everything, None)?;
        let reader = ::service::keys::create("reader", &[Scope::Read], &everything, None)?;
        let keys_file = folder.path().join("keys.toml");
        std::fs::write(&keys_file, format!("{}\n{}", producer.entry, reader.entry))
            .context("write the keys")?;
        let binaries = match &args.binaries {
            Some(folder) => folder.clone(),
            None => std::env::current_exe()
                .context("find this executable")?
                .with_file_name(""),
        };
        let stack = Self {
            brokers: kafka.bootstrap(),
            postgres_url: std::sync::Mutex::new(postgres.url("")),
            kafka: Mutex::new(kafka),
            postgres: Mutex::new(postgres),
            links,
            admin,
            producer_key: producer.token.expose_secret().to_owned(),
            reader_key: reader.token.expose_secret().to_owned(),
            keys_file,
            binaries,
            folder: Some(folder),
            counter: AtomicU32::new(0),
        };
        stack.make_template().await?;
        Ok(Arc::new(stack))
    }

    async fn make_template(&self) -> anyhow::Result<()> {
        let sql = self.sql("postgres").await?;
        sql.batch_execute(&format!("CREATE DATABASE {TEMPLATE}"))
            .await
            .context("make a database")?;
        let config = store::Config::with_url(&self.database_url(TEMPLATE));
        let pool = store::Pool::new(&config).context("reach the database")?;
        store::migrate::migrate(&pool)
            .await
            .context("bring the schema in")?;
        pool.close();
        Ok(())
    }

    /// Makes a database with the schema and no rows, and returns its name.
    pub(crate) async fn make_database(&self) -> anyhow::Result<String> {
        let name = self.unique("faults");
        let sql = self.sql("postgres").await?;
        sql.batch_execute(&format!("CREATE DATABASE {name} TEMPLATE {TEMPLATE}"))
            .await
            .context("make a database")?;
        Ok(name)
    }

    /// Makes a topic as an installation has it: three replicas, two of which must be in sync.
    pub(crate) async fn make_topic(&self, partitions: i32) -> anyhow::Result<String> {
        let name = self.unique("events");
        let spec = TopicSpec {
            name: name.clone(),
            partitions,
            replication: 3,
            settings: [
                ("max.message.bytes".to_owned(), "2097152".to_owned()),
                ("min.insync.replicas".to_owned(), "2".to_owned()),
            ]
            .into(),
        };
        self.admin.create(&spec).await.context("make a topic")?;
        Ok(name)
    }

    /// Removes what a scene left.
    pub(crate) async fn forget(&self, topic: &str, database: &str) -> anyhow::Result<()> {
        self.admin.delete(topic).await.context("delete a topic")?;
        self.sql("postgres")
            .await?
            .batch_execute(&format!("DROP DATABASE {database} WITH (FORCE)"))
            .await
            .context("drop a database")
    }

    /// The address of a database, without a proxy.
    pub(crate) fn database_url(&self, database: &str) -> String {
        let url = self
            .postgres_url
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        format!("{url}{database}")
    }

    /// The address of a database through a link.
    pub(crate) fn linked_url(link: &Link, database: &str) -> String {
        format!("postgres://postgres@{}/{database}", link.address())
    }

    /// Says that another server is the primary now; both links lead there from here on.
    pub(crate) fn postgres_moved(&self, address: &str) {
        let url = format!("postgres://postgres@{address}/");
        *self
            .postgres_url
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner) = url;
        let address = vec![address.to_owned()];
        self.links.writer_postgres.lead_to(0, address.clone());
        self.links.query_postgres.lead_to(0, address);
    }

    /// A connection to a database, without a proxy.
    pub(crate) async fn sql(&self, database: &str) -> anyhow::Result<Client> {
        let (client, connection) = tokio_postgres::connect(&self.database_url(database), NoTls)
            .await
            .context("connect to PostgreSQL")?;
        // Its error reaches whoever uses the client.
        tokio::spawn(async move { drop(connection.await) });
        Ok(client)
    }

    /// Everything runs and passes again, whatever a fault left behind.
    pub(crate) async fn restore(&self) -> anyhow::Result<()> {
        self.links.clear();
        let mut postgres = self.postgres.lock().await;
        if postgres
            .process()
            .is_none_or(|process| process.exited().is_some())
        {
            postgres.start_again().await?;
        }
        drop(postgres);
        let mut kafka = self.kafka.lock().await;
        for index in 0..kafka.size() {
            if let Some(process) = kafka.broker(index) {
                process.signal(devstack::Signal::SIGCONT);
            }
        }
        kafka.start_stopped().await?;
        Ok(())
    }

    /// Waits until every replica of a topic is in sync again.
    pub(crate) async fn in_sync(&self, topic: &str, budget: Duration) -> anyhow::Result<()> {
        let wanted = i32::try_from(BROKERS)?;
        let deadline = tokio::time::Instant::now() + budget;
        loop {
            let seen = self.admin.describe(topic).await;
            if matches!(&seen, Ok(Some(topic)) if topic.in_sync == wanted) {
                return Ok(());
            }
            anyhow::ensure!(
                tokio::time::Instant::now() < deadline,
                "not every replica is in sync after {} s: {seen:?}",
                budget.as_secs()
            );
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    /// Stops both; what they kept goes with the folder, unless it is to be kept.
    pub(crate) async fn stop(&self) {
        let mut kafka = self.kafka.lock().await;
        let mut postgres = self.postgres.lock().await;
        let kills = async {
            for index in 0..kafka.size() {
                kafka.kill_broker(index).await;
            }
        };
        tokio::join!(kills, postgres.stop());
    }

    /// A path in the run's folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder().join(name)
    }

    /// The run's folder.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.as_ref().map_or(Path::new(""), TempDir::path)
    }

    /// A name that nothing else of the run has.
    pub(crate) fn unique(&self, what: &str) -> String {
        format!("{what}_{}", self.counter.fetch_add(1, Ordering::Relaxed))
    }

    /// Keeps the folder beyond the end of this process.
    pub(crate) fn keep(&self) {
        // Removing is what a `TempDir` does when it is dropped; a copy of its path outlives it otherwise.
        if let Some(folder) = &self.folder {
            let kept = folder.path().with_extension("kept");
            if std::fs::rename(folder.path(), &kept).is_ok() {
                say(format!("logs and data are kept in {}", kept.display()));
            }
        }
    }
}

fn listener(name: &str, link: &Link) -> Listener {
    Listener {
        name: name.to_owned(),
        advertised: link.ports().to_vec(),
    }
}

/// The addresses of a link's listeners, as Kafka clients take them.
pub(crate) fn bootstrap(link: &Link) -> String {
    let addresses: Vec<String> = link
        .ports()
        .iter()
        .map(|port| format!("127.0.0.1:{port}"))
        .collect();
    addresses.join(",")
}
