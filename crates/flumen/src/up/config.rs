//! The configuration files that the services of a stack are started with.

use std::path::{Path, PathBuf};

use toml::{Table, Value};

use super::ports::Ports;
use super::state::{Secrets, State, write_private};

/// Addresses of what stands behind the services.
#[derive(Debug, Clone)]
pub(super) struct Backing {
    pub(super) brokers: String,
    pub(super) database_url: String,
}

/// One service to run.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    /// The name of its executable.
    pub(super) service: &'static str,
    /// What this process of it is called: `writer-2`.
    pub(super) name: String,
    /// Its configuration file.
    pub(super) config: PathBuf,
    /// Base URL of its admin listener.
    pub(super) admin: String,
    /// Base URL of its public listener, when it has one.
    pub(super) url: Option<String>,
}

/// Writes one configuration file for every process, and returns what to run.
pub(super) fn write(
    state: &State,
    ports: &Ports,
    backing: &Backing,
    secrets: &Secrets,
) -> anyhow::Result<Vec<Plan>> {
    let keys = || ("keys", table([("file", path(&state.path("keys.toml")))]));
    let kafka = || ("kafka", table([("brokers", text(&backing.brokers))]));
    let database = || ("database", table([("url", text(&backing.database_url))]));
    // Of its own, so that cursors outlive a restart.
    let cursors = ("cursors", table([("secret", text(&secrets.cursor))]));
    let mut plans = Vec::new();
    plans.push(plan(
        state,
        "ingest-api",
        "ingest-api".to_owned(),
        Some(ports.ingest.public),
        ports.ingest.admin,
        vec![kafka(), keys()],
    )?);
    for (index, &admin) in ports.writers.iter().enumerate() {
        let name = format!("writer-{}", index + 1);
        // A name that survives restarts: the group does not wait for one that crashed.
        let member = table([
            ("brokers", text(&backing.brokers)),
            ("consumer", table([("instance_id", text(&name))])),
        ]);
        plans.push(plan(
            state,
            "writer",
            name,
            None,
            admin,
            vec![("kafka", member), database()],
        )?);
    }
    plans.push(plan(
        state,
        "query-api",
        "query-api".to_owned(),
        Some(ports.query.public),
        ports.query.admin,
        vec![database(), keys(), cursors],
    )?);
    Ok(plans)
}

fn plan(
    state: &State,
    service: &'static str,
    name: String,
    public: Option<u16>,
    admin: u16,
    sections: Vec<(&str, Value)>,
) -> anyhow::Result<Plan> {
    let address = |port: u16| format!("127.0.0.1:{port}");
    let mut document: Table = sections
        .into_iter()
        .map(|(name, section)| (name.to_owned(), section))
        .collect();
    document.insert(
        "admin".to_owned(),
        table([("address", text(&address(admin)))]),
    );
    if let Some(port) = public {
        document.insert(
            "listen".to_owned(),
            table([("address", text(&address(port)))]),
        );
    }
    let config = state.path("config").join(format!("{name}.toml"));
    let content = format!("# Written by `flumen up` at every start.\n\n{document}");
    write_private(&config, content.as_bytes())?;
    Ok(Plan {
        service,
        name,
        config,
        admin: format!("http://{}", address(admin)),
        url: public.map(|port| format!("http://{}", address(port))),
    })
}

fn table<const N: usize>(entries: [(&str, Value); N]) -> Value {
    let entries = entries.map(|(key, value)| (key.to_owned(), value));
    Value::Table(Table::from_iter(entries))
}

fn text(value: &str) -> Value {
    Value::String(value.to_owned())
}

fn path(value: &Path) -> Value {
    Value::String(value.display().to_string())
}
