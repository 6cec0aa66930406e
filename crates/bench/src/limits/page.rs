//! The limit of reading a page: the same SQL on prepared statements at the same concurrency, without HTTP and without JSON.
//!
//! By `pgbench -M prepared` where there is one (Debian: postgresql-contrib), else by a loop of our own over tokio-postgres.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use tokio::process::Command;
use tokio_postgres::Statement;

use crate::fixture::{FIRST_SOURCE, SOURCES};
use crate::stack::{Database, Stack, connect};

/// The statement of the query-api for a page of one source; one row too many tells whether there is more.
const SELECT: &str = "SELECT time, uid, received_at, kafka_offset, kafka_partition, source, type, id, subject, \
     datacontenttype, dataschema, traceparent, extensions, data, data_bytes FROM events WHERE source = ";
const ORDER: &str = " ORDER BY time DESC, uid DESC LIMIT 101";

/// How the limit is measured on this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tool {
    Pgbench,
    Loop,
}

impl Tool {
    /// Finds out what there is.
    pub(crate) async fn find() -> Self {
        let found = Command::new("pgbench").arg("--version").output().await;
        match found {
            Ok(output) if output.status.success() => Self::Pgbench,
            _ => Self::Loop,
        }
    }

    /// What the limit is called.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Pgbench => "pgbench -M prepared, same SQL and concurrency",
            Self::Loop => "prepared statements over tokio-postgres, same SQL and concurrency",
        }
    }

    /// Pages a second.
    pub(crate) async fn run(
        self,
        stack: &Stack,
        database: &Database,
        clients: usize,
        seconds: f64,
    ) -> anyhow::Result<f64> {
        match self {
            Self::Pgbench => pgbench(stack, database, clients, seconds).await,
            Self::Loop => own_loop(database, clients, seconds).await,
        }
    }
}

async fn pgbench(
    stack: &Stack,
    database: &Database,
    clients: usize,
    seconds: f64,
) -> anyhow::Result<f64> {
    let script = stack.path("page.sql");
    let text = format!(
        "\\set s random({FIRST_SOURCE}, {})\n{SELECT}'shop-' || :s{ORDER};\n",
        FIRST_SOURCE + SOURCES - 1
    );
    std::fs::write(&script, text).context("write the script")?;
    let output = Command::new("pgbench")
        .args(["-n", "-M", "prepared", "-j", "2", "-c"])
        .arg(clients.to_string())
        .arg("-T")
        .arg(format!("{:.0}", seconds.ceil()))
        .arg("-f")
        .arg(&script)
        .arg(&database.url)
        .kill_on_drop(true)
        .output()
        .await
        .context("run pgbench")?;
    let text = String::from_utf8_lossy(&output.stdout);
    let rate = text
        .lines()
        .find_map(|line| line.strip_prefix("tps = ")?.split(' ').next()?.parse().ok());
    rate.with_context(|| {
        format!(
            "understand pgbench: {text}{}",
            String::from_utf8_lossy(&output.stderr)
        )
    })
}

async fn own_loop(database: &Database, clients: usize, seconds: f64) -> anyhow::Result<f64> {
    let mut sessions = Vec::new();
    for _ in 0..clients {
        let client = connect(&database.url).await?;
        let statement: Statement = client.prepare(&format!("{SELECT}$1{ORDER}")).await?;
        sessions.push((client, statement));
    }
    let started = Instant::now();
    let ends = started + Duration::from_secs_f64(seconds);
    let tasks: Vec<_> = sessions
        .into_iter()
        .enumerate()
        .map(|(number, (client, statement))| {
            tokio::spawn(async move {
                let mut pages = 0u64;
                let mut source = number as u64;
                while Instant::now() < ends {
                    source = (source + 1) % SOURCES;
                    let name = format!("shop-{}", FIRST_SOURCE + source);
                    client.query(&statement, &[&name]).await?;
                    pages += 1;
                }
                anyhow::Ok(pages)
            })
        })
        .collect();
    let mut pages = 0;
    for task in tasks {
        pages += task.await??;
    }
    Ok(pages as f64 / started.elapsed().as_secs_f64())
}
