//! `stack.json`: what runs, where, and with which keys. For scripts, tests, `status` and `down`.

use std::path::Path;

use anyhow::Context as _;
use serde::{Deserialize, Serialize};

use super::state::write_private;

/// The name of the file in the state folder.
pub(crate) const NAME: &str = "stack.json";

/// Everything that runs.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct StackFile {
    /// The process that keeps the rest running.
    pub(crate) supervisor: Supervisor,
    /// The brokers.
    pub(crate) kafka: Kafka,
    /// The database.
    pub(crate) postgres: Postgres,
    /// The service that takes events in.
    pub(crate) ingest_api: Api,
    /// The services that move them into the database.
    pub(crate) writers: Vec<Writer>,
    /// The service that hands them out.
    pub(crate) query_api: Api,
    /// Keys for trying things out.
    pub(crate) keys: Keys,
}

/// The supervisor.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Supervisor {
    /// Its process id.
    pub(crate) pid: u32,
}

/// Kafka.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Kafka {
    /// Addresses, as clients take them.
    pub(crate) brokers: String,
    /// The topic that holds the events.
    pub(crate) topic: String,
    /// The brokers' processes; empty when they belong to somebody else.
    pub(crate) pids: Vec<u32>,
}

/// PostgreSQL.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Postgres {
    /// The address, with the password.
    pub(crate) url: String,
    /// The server's process; `null` when it belongs to somebody else.
    pub(crate) pid: Option<u32>,
}

/// A service with a public listener.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Api {
    /// Base URL of the public listener.
    pub(crate) url: String,
    /// Base URL of the admin listener.
    pub(crate) admin: String,
    /// Its process; `null` while it is being started again.
    pub(crate) pid: Option<u32>,
}

/// A writer.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Writer {
    /// Base URL of the admin listener.
    pub(crate) admin: String,
    /// Its process; `null` while it is being started again.
    pub(crate) pid: Option<u32>,
}

/// The keys of the state folder.
#[derive(Clone, Default, Serialize, Deserialize)]
pub(crate) struct Keys {
    /// May send events of every source.
    pub(crate) producer: String,
    /// May read events of every source.
    pub(crate) reader: String,
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Keys")
    }
}

impl StackFile {
    /// Reads the file of a state folder; `None` when there is none.
    pub(crate) fn read(folder: &Path) -> anyhow::Result<Option<Self>> {
        let path = folder.join(NAME);
        match std::fs::read(&path) {
            Ok(text) => serde_json::from_slice(&text)
                .map(Some)
                .with_context(|| format!("understand {}", path.display())),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).with_context(|| format!("read {}", path.display())),
        }
    }

    /// Writes the file; readers see the old one or the new one.
    pub(crate) fn write(&self, folder: &Path) -> anyhow::Result<()> {
        let mut text = serde_json::to_vec_pretty(self).context("write stack.json")?;
        text.push(b'\n');
        write_private(&folder.join(NAME), &text)
    }

    /// Every process of the stack but the supervisor.
    pub(crate) fn pids(&self) -> Vec<u32> {
        let services = [self.ingest_api.pid, self.query_api.pid, self.postgres.pid];
        let writers = self.writers.iter().map(|writer| writer.pid);
        services
            .into_iter()
            .chain(writers)
            .flatten()
            .chain(self.kafka.pids.iter().copied())
            .collect()
    }
}
