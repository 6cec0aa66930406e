//! The services as processes of their own: the release binaries, with their default settings but for addresses.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use devstack::{Launch, Process, Signal, ports};

use super::{Cost, Database, Stack, Topic, get};

/// How often a starting service is asked.
const LOOK: Duration = Duration::from_millis(2);
/// A machine under load gets this long.
const START_BUDGET: Duration = Duration::from_secs(30);
/// Above the sum of a service's own shutdown budgets.
const STOP_BUDGET: Duration = Duration::from_secs(40);

/// Which service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Program {
    Ingest,
    Writer,
    Query,
}

impl Program {
    /// The name of its executable.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Ingest => "ingest-api",
            Self::Writer => "writer",
            Self::Query => "query-api",
        }
    }
}

/// A running service. Dropping it kills it.
pub(crate) struct Service {
    process: Process,
    /// Host and port of the public listener; the writer has none.
    pub(crate) address: String,
    /// From the start of the process until it was ready.
    pub(crate) ready_after: Duration,
}

impl Service {
    /// Starts one and waits until it is ready.
    pub(crate) async fn start(
        stack: &Stack,
        program: Program,
        topic: &Topic,
        database: &Database,
    ) -> anyhow::Result<Self> {
        let free = ports::free(2);
        let address = format!("127.0.0.1:{}", free[0]);
        let admin = format!("127.0.0.1:{}", free[1]);
        let config = stack.path(&format!("{}.toml", stack.unique(program.name())));
        std::fs::write(
            &config,
            settings(stack, program, topic, database, &address, &admin),
        )
        .with_context(|| format!("write {}", config.display()))?;
        let log = stack.path(&format!("{}.log", program.name()));
        let mut launch = Launch::new(program.name(), beside_us(program.name())?)
            .arg("--config")
            .arg(&config)
            .arg("--exit-with-parent")
            .hold_stdin()
            .log(&log);
        for setting in stack.args.settings(program.name()) {
            launch = launch.arg("--set").arg(setting);
        }
        let started = Instant::now();
        let process = launch.spawn()?;
        loop {
            if let Some(status) = process.exited() {
                return Err(process.died(status).into());
            }
            if matches!(get(&admin, "/readyz", None).await, Ok((200, _))) {
                break;
            }
            if started.elapsed() > START_BUDGET {
                return Err(process.not_ready(START_BUDGET).into());
            }
            tokio::time::sleep(LOOK).await;
        }
        Ok(Self {
            ready_after: started.elapsed(),
            process,
            address,
        })
    }

    /// Its process id.
    pub(crate) fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// Fails when it has ended.
    pub(crate) fn check(&self) -> anyhow::Result<()> {
        match self.process.exited() {
            Some(status) => Err(self.process.died(status).into()),
            None => Ok(()),
        }
    }

    /// Says what it has cost, and stops it.
    pub(crate) async fn stop(mut self) -> anyhow::Result<Cost> {
        self.check()?;
        let cost = Cost::of(self.pid());
        anyhow::ensure!(
            self.process.stop(Signal::SIGTERM, STOP_BUDGET).await,
            "{} did not end within {} s",
            self.process.name(),
            STOP_BUDGET.as_secs()
        );
        Ok(cost)
    }
}

fn settings(
    stack: &Stack,
    program: Program,
    topic: &Topic,
    database: &Database,
    address: &str,
    admin: &str,
) -> String {
    let common =
        format!("[admin]\naddress = \"{admin}\"\n[telemetry]\nlog = \"warn\"\nformat = \"text\"\n");
    let kafka = format!(
        "[kafka]\nbrokers = \"{}\"\ntopic = \"{}\"\n",
        stack.kafka.bootstrap(),
        topic.name
    );
    let keys = format!("[keys]\nfile = \"{}\"\n", stack.keys_file.display());
    let listen = format!("[listen]\naddress = \"{address}\"\n");
    let url = format!("[database]\nurl = \"{}\"\n", database.url);
    match program {
        Program::Ingest => format!("{common}{kafka}{keys}{listen}"),
        Program::Writer => format!(
            "{common}{kafka}[kafka.consumer]\ngroup = \"{}\"\n{url}",
            stack.unique("group")
        ),
        Program::Query => format!(
            "{common}{keys}{listen}{url}[feed]\ntopic = \"{}\"\n",
            topic.name
        ),
    }
}

/// The path of an executable that lies beside our own.
pub(crate) fn beside_us(name: &str) -> anyhow::Result<PathBuf> {
    let own = std::env::current_exe().context("find this executable")?;
    let path = own.with_file_name(name);
    anyhow::ensure!(
        path.is_file(),
        "{name} was not found beside {}: build it into the same folder (`cargo build --release --bins`)",
        own.display()
    );
    Ok(path)
}
