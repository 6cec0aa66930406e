//! Kafka and PostgreSQL for one run: durable as an installation has them, and gone afterwards.

mod client;
mod cost;
mod database;
mod http;
mod service;
mod topic;

pub(crate) use self::service::{Program, Service};
pub(crate) use client::{Chunks, Client};
pub(crate) use cost::{Cost, resident_mib};
pub(crate) use database::{Content, Database, connect};
pub(crate) use http::{get, post};
pub(crate) use topic::Topic;

use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use ::service::keys::{Scope, SourcePattern};
use anyhow::Context as _;
use devstack::{Kafka, KafkaConfig, Postgres, PostgresConfig, Progress, Purpose};
use secrecy::ExposeSecret as _;
use tempfile::TempDir;

use crate::args::Args;
use crate::progress::say;

/// How long a request to make or describe a topic may take.
const ADMIN_TIMEOUT: Duration = Duration::from_secs(30);
/// As `flumen up` makes it.
pub(crate) const PARTITIONS: i32 = 6;

/// Keys for tails: a hundred each, at the defaults.
const TAIL_KEYS: usize = 10;

/// What a run measures against.
pub(crate) struct Stack {
    pub(crate) args: Args,
    pub(crate) kafka: Kafka,
    pub(crate) postgres: Postgres,
    pub(crate) admin: kafka::Admin,
    pub(crate) cluster_id: String,
    pub(crate) producer_key: String,
    pub(crate) reader_key: String,
    /// As [`Self::reader_key`], for as many tails as one key may not have.
    pub(crate) tail_keys: Vec<String>,
    pub(crate) keys_file: PathBuf,
    folder: TempDir,
    counter: AtomicU32,
}

impl Stack {
    /// Starts both, brings the schema into a template and makes the keys.
    pub(crate) async fn start(args: &Args) -> anyhow::Result<Self> {
        let folder = tempfile::Builder::new()
            .prefix("flumen-bench-")
            // PostgreSQL may run as another user, who must get through.
            .permissions(std::fs::Permissions::from_mode(0o755))
            .tempdir_in(&args.scratch)
            .context("make a folder for the run")?;
        let progress = Progress::new(|line| say(line));
        let kafka = KafkaConfig::new(folder.path().join("kafka"), Purpose::Keep);
        let postgres = PostgresConfig {
            max_connections: 300,
            ..PostgresConfig::new(folder.path().join("postgres"), Purpose::Keep)
        };
        let (kafka, postgres) = tokio::try_join!(
            Kafka::start(kafka, &progress),
            Postgres::start(postgres, &progress)
        )?;
        let config = kafka::Config {
            brokers: kafka.bootstrap(),
            client_id: "bench".to_owned(),
            ..kafka::Config::default()
        };
        let admin = kafka::Admin::new(&config, ADMIN_TIMEOUT).context("reach Kafka")?;
        let cluster_id = admin.cluster_id().await.context("ask Kafka who it is")?;
        let everything = [SourcePattern::parse("*").context("the pattern of all sources")?];
        let producer = ::service::keys::create("bench", &[Scope::Ingest], &everything, None)?;
        let reader = ::service::keys::create("bench", &[Scope::Read], &everything, None)?;
        let keys_file = folder.path().join("keys.toml");
        let mut entries = format!("{}\n{}", producer.entry, reader.entry);
        let mut tail_keys = Vec::new();
        for number in 0..TAIL_KEYS {
            let name = format!("tail-{number}");
            let key = ::service::keys::create(&name, &[Scope::Read], &everything, None)?;
            entries = format!("{entries}\n{}", key.entry);
            tail_keys.push(key.token.expose_secret().to_owned());
        }
        std::fs::write(&keys_file, entries).context("write the keys")?;
        let stack = Self {
            args: args.clone(),
            kafka,
            postgres,
            admin,
            cluster_id,
            producer_key: producer.token.expose_secret().to_owned(),
            reader_key: reader.token.expose_secret().to_owned(),
            tail_keys,
            keys_file,
            folder,
            counter: AtomicU32::new(0),
        };
        database::make_template(&stack).await?;
        Ok(stack)
    }

    /// Stops both; what they kept goes with the folder.
    pub(crate) async fn stop(self) {
        let Self {
            kafka,
            mut postgres,
            folder,
            ..
        } = self;
        tokio::join!(kafka.stop(), postgres.stop());
        drop(folder);
    }

    /// A path in the run's folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A name that nothing else of the run has.
    pub(crate) fn unique(&self, what: &str) -> String {
        format!("{what}_{}", self.counter.fetch_add(1, Ordering::Relaxed))
    }
}
