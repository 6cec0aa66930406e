//! On what a run was made.

use std::fs;
use std::process::Command;

use anyhow::Context as _;

use crate::stack::{Stack, connect};

/// The machine and the versions of what ran on it.
#[derive(Debug)]
pub(crate) struct Machine {
    lines: Vec<(&'static str, String)>,
}

impl Machine {
    /// Asks the kernel, the database and the build.
    pub(crate) async fn look(stack: &Stack) -> anyhow::Result<Self> {
        let sql = connect(&stack.postgres.url("postgres")).await?;
        let row = sql
            .query_one(
                "SELECT current_setting('server_version'), current_setting('fsync'), current_setting('synchronous_commit'), \
                 current_setting('full_page_writes'), current_setting('shared_buffers'), current_setting('max_wal_size')",
                &[],
            )
            .await
            .context("ask PostgreSQL")?;
        let setting = |at: usize| row.get::<_, String>(at);
        let postgres = format!(
            "{}, fsync {}, synchronous_commit {}, full_page_writes {}, shared_buffers {}, max_wal_size {}",
            setting(0),
            setting(1),
            setting(2),
            setting(3),
            setting(4),
            setting(5)
        );
        let (_, librdkafka) = rdkafka::util::get_rdkafka_version();
        let lines = vec![
            ("processor", processor()),
            ("memory", memory()),
            ("load before the run", first_words("/proc/loadavg", 3)),
            ("kernel", first_words("/proc/sys/kernel/osrelease", 1)),
            ("PostgreSQL", postgres),
            (
                "Kafka",
                format!(
                    "{}, one broker, {} partitions, one replica",
                    kafka_version(),
                    crate::stack::PARTITIONS
                ),
            ),
            ("librdkafka", librdkafka),
            (
                "Flumen",
                format!(
                    "{} ({}), built with profile {}",
                    env!("CARGO_PKG_VERSION"),
                    commit(),
                    profile()
                ),
            ),
            ("compiler", said_by("rustc", &["--version"])),
        ];
        Ok(Self { lines })
    }

    /// A list of it.
    pub(super) fn markdown(&self) -> String {
        let mut out = String::from(
            "Load generator, services, Kafka, PostgreSQL and the limits share this machine:\n\n",
        );
        for (what, value) in &self.lines {
            out.push_str(&format!("- {what}: {value}\n"));
        }
        out
    }
}

fn processor() -> String {
    let text = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = text
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(": "))
        .map_or("unknown", |(_, model)| model);
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    format!("{model}, {cores} cores")
}

fn memory() -> String {
    let text = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let kib: Option<f64> = text
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:"))
        .and_then(|rest| rest.split_whitespace().next()?.parse().ok());
    kib.map_or_else(
        || "unknown".to_owned(),
        |kib| format!("{:.0} GiB", kib / 1024.0 / 1024.0),
    )
}

fn first_words(path: &str, count: usize) -> String {
    let text = fs::read_to_string(path).unwrap_or_default();
    text.split_whitespace()
        .take(count)
        .collect::<Vec<_>>()
        .join(" ")
}

/// The one that the pipeline fetches.
fn kafka_version() -> &'static str {
    const POM: &str = include_str!("../../../devstack/pom.xml");
    POM.split_once("<kafka.version>")
        .and_then(|(_, rest)| rest.split_once('<'))
        .map_or("unknown", |(version, _)| version)
}

/// The services are taken from beside this program, in the folder that cargo names by the profile.
fn profile() -> String {
    let folder = std::env::current_exe().ok().and_then(|program| {
        let folder = program.parent()?.file_name()?;
        Some(folder.to_string_lossy().into_owned())
    });
    folder.unwrap_or_else(|| "unknown".to_owned())
}

fn commit() -> String {
    said_by("git", &["describe", "--always", "--dirty", "--abbrev=10"])
}

fn said_by(program: &str, args: &[&str]) -> String {
    let output = Command::new(program).args(args).output();
    match output {
        Ok(output) if output.status.success() => {
            String::from_utf8_lossy(&output.stdout).trim().to_owned()
        }
        _ => "unknown".to_owned(),
    }
}
