//! A real Kafka and a real PostgreSQL, started and stopped on this machine.
//!
//! Both come from one `pom.xml` inside the binary, through Maven, into the user's cache folder, once.
//! [`Kafka`] is one or three brokers in KRaft mode, [`Postgres`] one server; both can be stopped,
//! killed and restarted one by one, so that tests can play the faults of a real installation. What a
//! stack starts never outlives the process that started it: see [`with_parent`].
//!
//! Used by `flumen up` (kept safe: [`Purpose::Keep`]) and by tests (fast: [`Purpose::Test`]). The binary
//! `devstack run -- CMD` starts a stack for one command. With the feature `testing`, [`testing`]
//! gives every test a topic and a database of its own (with the schema in it: feature `store`).

mod cache;
mod error;
mod jar;
mod kafka;
pub mod ports;
mod postgres;
pub mod probe;
mod process;
#[cfg(feature = "testing")]
pub mod secured;
#[cfg(feature = "testing")]
pub mod testing;
mod wire;
pub mod with_parent;

use std::sync::Arc;

pub use error::Error;
pub use kafka::{Kafka, KafkaConfig, Listener};
pub use nix::sys::signal::Signal;
pub use postgres::{Postgres, PostgresConfig, PostgresVersion};
pub use process::{Launch, Process, is_running, tail};

/// What a stack is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Data that somebody wants to keep: durable, patient, sized for real work.
    Keep,
    /// Data that is thrown away: small, no fsync, ended without ceremony.
    Test,
}

/// Where progress lines go. Cheap to clone.
#[derive(Clone)]
pub struct Progress(Arc<dyn Fn(&str) + Send + Sync>);

impl Progress {
    /// Hands every line to a function.
    pub fn new(show: impl Fn(&str) + Send + Sync + 'static) -> Self {
        Self(Arc::new(show))
    }

    /// Shows nothing.
    pub fn silent() -> Self {
        Self::new(|_| ())
    }

    /// Shows one line.
    pub fn say(&self, line: impl AsRef<str>) {
        (self.0)(line.as_ref());
    }
}

/// The folder with Kafka's jars, fetched when it is not there yet: for tests that compile something against them.
///
/// # Errors
/// When Java or Maven is missing, or the jars cannot be fetched.
pub async fn kafka_jars(progress: &Progress) -> Result<std::path::PathBuf, Error> {
    cache::kafka(progress).await
}

impl std::fmt::Debug for Progress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Progress")
    }
}
