//! A topic and a database of its own for every test, on a stack that all tests share.
//!
//! The addresses come from `FLUMEN_TEST_KAFKA` and `FLUMEN_TEST_POSTGRES`, which `devstack run` sets. A
//! test without them fails and says how to run it; it is never skipped.

use std::fmt::Debug;
use std::panic::Location;
use std::time::{Duration, Instant};

use rand::Rng as _;
use tokio_postgres::NoTls;

use crate::wire;

/// How often [`eventually`] looks.
const LOOK: Duration = Duration::from_millis(25);
/// How long a topic may take to get its leaders.
const TOPIC_BUDGET: Duration = Duration::from_secs(30);
/// How long cleaning up may hold a test.
const DROP_BUDGET: Duration = Duration::from_secs(10);

/// The addresses of the shared Kafka's brokers.
///
/// # Panics
/// When no stack runs, with the way out.
pub fn brokers() -> String {
    address("FLUMEN_TEST_KAFKA")
}

/// The address of the shared PostgreSQL's database `postgres`, for its superuser.
///
/// # Panics
/// When no stack runs, with the way out.
pub fn postgres_admin_url() -> String {
    address("FLUMEN_TEST_POSTGRES")
}

fn address(variable: &str) -> String {
    std::env::var(variable).unwrap_or_else(|_| {
        panic!(
            "{variable} is not set: this test needs a real Kafka and PostgreSQL. Run `make test`, or `cargo run -p devstack -- run -- cargo nextest run -p CRATE`"
        )
    })
}

/// A name that no other test uses: the prefix and 12 random letters and digits.
pub fn unique(prefix: &str) -> String {
    const LETTERS: &[u8] = b"abcdefghijklmnopqrstuvwxyz0123456789";
    let mut rng = rand::rng();
    let tail: String = (0..12)
        .map(|_| char::from(LETTERS[rng.random_range(0..LETTERS.len())]))
        .collect();
    format!(
        "{prefix}{}{tail}",
        if prefix.is_empty() { "t" } else { "_" }
    )
}

/// What a look at a condition may answer: `bool`, `Option<T>`, or `Result<T, E>`.
pub trait Observation {
    /// What [`eventually`] returns.
    type Value;

    /// The value when the condition holds, else what was seen.
    fn settled(self) -> Result<Self::Value, String>;
}

impl Observation for bool {
    type Value = ();

    fn settled(self) -> Result<(), String> {
        if self {
            Ok(())
        } else {
            Err("false".to_owned())
        }
    }
}

impl<T> Observation for Option<T> {
    type Value = T;

    fn settled(self) -> Result<T, String> {
        self.ok_or_else(|| "nothing".to_owned())
    }
}

impl<T, E: Debug> Observation for Result<T, E> {
    type Value = T;

    fn settled(self) -> Result<T, String> {
        self.map_err(|error| format!("{error:?}"))
    }
}

/// Looks again and again until the condition holds, and returns what it gave.
///
/// # Panics
/// When it does not hold in time, with the place of the call and what was seen last.
#[track_caller]
pub fn eventually<F, O>(
    timeout: Duration,
    mut look: impl FnMut() -> F,
) -> impl Future<Output = O::Value>
where
    F: Future<Output = O>,
    O: Observation,
{
    let place = Location::caller();
    async move {
        let deadline = Instant::now() + timeout;
        let mut last = "no answer".to_owned();
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            // At least one look, whatever the timeout.
            let patience = left.max(Duration::from_millis(1));
            if let Ok(seen) = tokio::time::timeout(patience, look()).await {
                match seen.settled() {
                    Ok(value) => return value,
                    Err(seen) => last = seen,
                }
            }
            assert!(
                Instant::now() < deadline,
                "not within {timeout:?}, at {place}; seen last: {last}"
            );
            tokio::time::sleep(LOOK).await;
        }
    }
}

/// A topic that no other test uses. Deleted at the end, when that works.
#[derive(Debug)]
pub struct TestTopic {
    name: String,
    partitions: usize,
}

impl TestTopic {
    /// Creates a topic, with the cluster's replication, and waits until every partition has a leader.
    ///
    /// # Panics
    /// When Kafka is missing or refuses.
    pub async fn create(partitions: usize) -> Self {
        Self::create_named(unique("test"), partitions).await
    }

    /// Creates a topic under a name of the test's choice.
    ///
    /// # Panics
    /// When Kafka is missing or refuses.
    pub async fn create_named(name: String, partitions: usize) -> Self {
        let address = first_broker();
        wire::kafka_create_topic(&address, &name, partitions)
            .await
            .unwrap_or_else(|error| panic!("create topic {name} at {address}: {error}"));
        let topic = Self { name, partitions };
        topic.wait_for_leaders().await;
        topic
    }

    async fn wait_for_leaders(&self) {
        for address in brokers().split(',') {
            eventually(TOPIC_BUDGET, || async {
                let cluster = wire::kafka_metadata(address, &[&self.name]).await;
                let led = cluster.map(|cluster| cluster.led_partitions);
                led.is_ok_and(|led| led == [self.partitions])
            })
            .await;
        }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How many partitions it was created with.
    pub fn partitions(&self) -> usize {
        self.partitions
    }
}

impl Drop for TestTopic {
    fn drop(&mut self) {
        let name = std::mem::take(&mut self.name);
        clean_up(async move {
            // A topic that stays harms nobody.
            let _ = wire::kafka_delete_topic(&first_broker(), &name).await;
        });
    }
}

fn first_broker() -> String {
    let brokers = brokers();
    brokers.split(',').next().unwrap_or_default().to_owned()
}

/// A database that no other test uses. Dropped at the end, with whoever is connected to it.
#[derive(Debug)]
pub struct TestDatabase {
    name: String,
    url: String,
}

impl TestDatabase {
    /// Creates an empty database.
    ///
    /// # Panics
    /// When PostgreSQL is missing or refuses.
    pub async fn create() -> Self {
        let name = unique("test");
        admin(&format!("CREATE DATABASE {name}"))
            .await
            .unwrap_or_else(|error| panic!("create database {name}: {error:?}"));
        let url = with_database(&postgres_admin_url(), &name);
        Self { name, url }
    }

    /// Creates a database with the schema of this version (feature `store`).
    ///
    /// # Panics
    /// When PostgreSQL is missing or refuses.
    #[cfg(feature = "store")]
    pub async fn migrated() -> Self {
        let database = Self::create().await;
        let config = store::Config {
            url: database.url.clone().into(),
            ..store::Config::default()
        };
        let pool = store::Pool::new(&config).unwrap_or_else(|error| panic!("make a pool: {error}"));
        store::migrate::migrate(&pool)
            .await
            .unwrap_or_else(|error| panic!("migrate database {}: {error}", database.name));
        pool.close();
        database
    }

    /// Its address, for the superuser.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        let name = std::mem::take(&mut self.name);
        clean_up(async move {
            // A database that stays harms nobody.
            let _ = admin(&format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)")).await;
        });
    }
}

/// The same server and user, another database.
fn with_database(url: &str, database: &str) -> String {
    let (address, parameters) = url.split_once('?').unwrap_or((url, ""));
    let server = address
        .rsplit_once('/')
        .map_or(address, |(server, _)| server);
    let question = if parameters.is_empty() { "" } else { "?" };
    format!("{server}/{database}{question}{parameters}")
}

async fn admin(statement: &str) -> Result<(), tokio_postgres::Error> {
    let url = postgres_admin_url();
    let (client, connection) = tokio_postgres::connect(&url, NoTls).await?;
    let connection = tokio::spawn(connection);
    let outcome = client.batch_execute(statement).await;
    drop(client);
    let _ = connection.await;
    outcome
}

/// Runs a future to its end from `drop`, where no runtime can be relied upon.
fn clean_up(work: impl Future<Output = ()> + Send + 'static) {
    let cleaner = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        if let Ok(runtime) = runtime {
            let _ = runtime.block_on(async { tokio::time::timeout(DROP_BUDGET, work).await });
        }
    });
    let _ = cleaner.join();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_replaces_only_the_name_in_an_address() {
        assert_eq!(
            with_database("postgres://u:p@h:5432/postgres?sslmode=disable", "x"),
            "postgres://u:p@h:5432/x?sslmode=disable"
        );
        assert_eq!(
            with_database("postgres://h/postgres", "x"),
            "postgres://h/x"
        );
    }

    #[tokio::test]
    async fn eventually_returns_what_the_look_gave() {
        let mut looks = 0;
        let value = eventually(Duration::from_secs(5), || {
            looks += 1;
            let seen = (looks == 3).then_some(looks);
            async move { seen }
        })
        .await;
        assert_eq!(value, 3);
    }

    #[tokio::test]
    #[should_panic(expected = "seen last: \"not yet\"")]
    async fn eventually_says_what_it_saw_last() {
        eventually(Duration::from_millis(60), || async {
            Err::<(), _>("not yet")
        })
        .await;
    }
}
