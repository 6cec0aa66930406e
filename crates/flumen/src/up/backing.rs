//! Kafka and PostgreSQL of a stack: its own, or those it is given.

use std::time::Duration;

use anyhow::Context as _;
use devstack::{Kafka, KafkaConfig, Postgres, PostgresConfig, Progress, Purpose};
use kafka::{Admin, InMemoryBroker, TopicSpec};
use store::Pool;

use super::ports::Ports;
use super::state::{Secrets, State};
use super::{Args, Console, config};

/// The name of the database that a PostgreSQL of our own gets.
const DATABASE: &str = "flumen";
/// The topic that holds the events.
pub(super) const TOPIC: &str = "events";
/// One event may be 1 MiB, and its attributes come on top.
const MAX_MESSAGE_BYTES: &str = "2097152";
/// How long one request to create the topic may take.
const ADMIN_TIMEOUT: Duration = Duration::from_secs(30);

/// What runs here; `None` where somebody else's is used.
#[derive(Debug)]
pub(super) struct Running {
    pub(super) kafka: Option<Kafka>,
    pub(super) in_memory: Option<InMemoryBroker>,
    pub(super) postgres: Option<Postgres>,
}

/// Starts what is not given, and returns the addresses.
pub(super) async fn start(
    args: &Args,
    state: &State,
    ports: &Ports,
    secrets: &Secrets,
    console: Console,
) -> anyhow::Result<(Running, config::Backing)> {
    let progress = Progress::new(move |line| console.say(line));
    let in_memory = if args.in_memory_broker {
        let broker = InMemoryBroker::start(TOPIC, args.partitions)?;
        console.say("a broker in memory stands in for Kafka: for a look only, nothing is safe");
        Some(broker)
    } else {
        None
    };
    let kafka = async {
        if in_memory.is_some() {
            return anyhow::Ok(None);
        }
        if let Some(brokers) = &args.kafka {
            let alive = devstack::probe::kafka(brokers).await;
            let alive = alive.with_context(|| format!("reach Kafka at {brokers}"))?;
            console.say(format!("using Kafka at {brokers} ({alive} brokers)"));
            return Ok(None);
        }
        let config = KafkaConfig {
            brokers: args.brokers.parse().context("read --brokers")?,
            port: ports.kafka,
            ..KafkaConfig::new(state.path("kafka"), Purpose::Keep)
        };
        Ok(Some(Kafka::start(config, &progress).await?))
    };
    let postgres = async {
        if args.postgres.is_some() {
            console.say("using the PostgreSQL that is given");
            return anyhow::Ok(None);
        }
        let config = PostgresConfig {
            version: args.postgres_version,
            port: ports.postgres,
            password: Some(secrets.postgres.clone()),
            database: Some(DATABASE.to_owned()),
            max_connections: 200,
            ..PostgresConfig::new(state.path("postgres"), Purpose::Keep)
        };
        Ok(Some(Postgres::start(config, &progress).await?))
    };
    let (kafka, postgres) = tokio::try_join!(kafka, postgres)?;
    let brokers = match (&kafka, &in_memory) {
        (Some(kafka), _) => kafka.bootstrap(),
        (None, Some(broker)) => broker.brokers().to_owned(),
        (None, None) => args.kafka.clone().unwrap_or_default(),
    };
    let database_url = match &postgres {
        Some(postgres) => postgres.url(DATABASE),
        None => args.postgres.clone().unwrap_or_default(),
    };
    let backing = config::Backing {
        brokers,
        database_url,
    };
    let running = Running {
        kafka,
        in_memory,
        postgres,
    };
    Ok((running, backing))
}

/// Brings the schema and the topic into being.
pub(super) async fn prepare(
    args: &Args,
    backing: &config::Backing,
    own_kafka: bool,
    console: Console,
) -> anyhow::Result<()> {
    tokio::try_join!(
        migrate(&backing.database_url, console),
        topic(args, &backing.brokers, own_kafka, console)
    )?;
    Ok(())
}

async fn migrate(url: &str, console: Console) -> anyhow::Result<()> {
    let config = store::Config {
        url: url.to_owned().into(),
        application_name: "flumen up".to_owned(),
        ..store::Config::default()
    };
    let pool = Pool::new(&config).context("read the address of the database")?;
    let report = store::migrate::migrate(&pool)
        .await
        .context("migrate the database")?;
    pool.close();
    console.say(match report.applied.len() {
        0 => format!("the schema is up to date (version {})", report.version),
        count => format!(
            "the schema is at version {} ({count} migrations)",
            report.version
        ),
    });
    Ok(())
}

async fn topic(args: &Args, brokers: &str, own: bool, console: Console) -> anyhow::Result<()> {
    if args.in_memory_broker {
        // It was started with the topic.
        return Ok(());
    }
    let config = kafka::Config {
        brokers: brokers.to_owned(),
        client_id: "flumen-up".to_owned(),
        ..kafka::Config::default()
    };
    let admin = Admin::new(&config, ADMIN_TIMEOUT).context("read the address of Kafka")?;
    let found = admin.describe(TOPIC).await.context("look for the topic")?;
    if let Some(found) = found {
        console.say(format!(
            "topic {TOPIC} is there ({} partitions)",
            found.partitions
        ));
        return Ok(());
    }
    let spec = TopicSpec {
        name: TOPIC.to_owned(),
        partitions: args.partitions,
        // Somebody else's cluster has its own default.
        replication: if own { args.brokers.parse()? } else { -1 },
        settings: [("max.message.bytes".to_owned(), MAX_MESSAGE_BYTES.to_owned())].into(),
    };
    admin.create(&spec).await.context("make the topic")?;
    console.say(format!(
        "made topic {TOPIC} ({} partitions)",
        spec.partitions
    ));
    Ok(())
}

impl Running {
    /// Stops both.
    pub(super) async fn stop(self) {
        let kafka = async {
            if let Some(kafka) = self.kafka {
                kafka.stop().await;
            }
        };
        let postgres = async {
            if let Some(mut postgres) = self.postgres {
                postgres.stop().await;
            }
        };
        tokio::join!(kafka, postgres);
        drop(self.in_memory);
    }
}
