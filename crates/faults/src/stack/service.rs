//! A service as a process of its own, which can be killed, frozen and started again at its old address.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use devstack::{Launch, Process, Signal, ports};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::{Stack, bootstrap};

/// A machine under load gets this long.
const START_BUDGET: Duration = Duration::from_secs(60);
/// Above the sum of a service's own shutdown budgets.
const STOP_BUDGET: Duration = Duration::from_secs(60);
/// How often a starting service is asked.
const LOOK: Duration = Duration::from_millis(20);

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

/// What a service is started with.
#[derive(Debug, Clone)]
pub(crate) struct Recipe {
    pub(crate) program: Program,
    pub(crate) topic: String,
    pub(crate) database: String,
    /// `section.key=value`, over the settings of every scene.
    pub(crate) settings: Vec<String>,
}

/// A service, running or not. Dropping it kills it.
#[derive(Debug)]
pub(crate) struct Service {
    recipe: Recipe,
    executable: PathBuf,
    config: PathBuf,
    log: PathBuf,
    process: Option<Process>,
    failpoint: Option<String>,
    /// Host and port of the public listener; the writer has none.
    pub(crate) address: String,
    /// Host and port of the admin listener.
    pub(crate) admin: String,
}

impl Service {
    /// Starts one and waits until it is ready.
    pub(crate) async fn start(stack: &Stack, recipe: Recipe) -> anyhow::Result<Self> {
        let mut service = Self::prepare(stack, recipe)?;
        service.start_again().await?;
        Ok(service)
    }

    /// One with its address and configuration, not started.
    pub(crate) fn prepare(stack: &Stack, recipe: Recipe) -> anyhow::Result<Self> {
        let free = ports::free(2);
        let address = format!("127.0.0.1:{}", free[0]);
        let admin = format!("127.0.0.1:{}", free[1]);
        let name = recipe.program.name();
        let executable = stack.binaries.join(name);
        anyhow::ensure!(
            executable.is_file(),
            "{} was not found: build the services first (`cargo build --workspace --bins`), or say where they are with --binaries",
            executable.display()
        );
        let unique = stack.unique(name);
        let config = stack.path(&format!("{unique}.toml"));
        std::fs::write(&config, settings(stack, &recipe, &address, &admin))
            .with_context(|| format!("write {}", config.display()))?;
        Ok(Self {
            log: stack.path(&format!("{unique}.log")),
            recipe,
            executable,
            config,
            process: None,
            failpoint: None,
            address,
            admin,
        })
    }

    /// From its next start on, it breaks at a named place (`FLUMEN_FAILPOINT`), or no more.
    pub(crate) fn set_failpoint(&mut self, failpoint: Option<&str>) {
        self.failpoint = failpoint.map(str::to_owned);
    }

    /// Starts it, with its old address and settings, and waits until it is ready.
    pub(crate) async fn start_again(&mut self) -> anyhow::Result<()> {
        self.launch()?;
        self.wait_until_ready().await
    }

    /// Starts it without waiting for anything.
    pub(crate) fn launch(&mut self) -> anyhow::Result<()> {
        let mut launch = Launch::new(self.recipe.program.name(), &self.executable)
            .arg("--config")
            .arg(&self.config)
            .arg("--exit-with-parent")
            .hold_stdin()
            .log(&self.log);
        for setting in &self.recipe.settings {
            launch = launch.arg("--set").arg(setting);
        }
        if let Some(failpoint) = &self.failpoint {
            launch = launch.env("FLUMEN_FAILPOINT", failpoint);
        }
        self.process = Some(launch.spawn()?);
        Ok(())
    }

    /// Waits until `/readyz` says yes.
    pub(crate) async fn wait_until_ready(&self) -> anyhow::Result<()> {
        let started = Instant::now();
        loop {
            let process = self.process.as_ref().context("it was not started")?;
            if let Some(status) = process.exited() {
                return Err(process.died(status).into());
            }
            if self.is_ready().await {
                return Ok(());
            }
            if started.elapsed() > START_BUDGET {
                return Err(process.not_ready(START_BUDGET).into());
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Whether `/readyz` says yes now.
    pub(crate) async fn is_ready(&self) -> bool {
        matches!(get(&self.admin, "/readyz").await, Ok((200, _)))
    }

    /// The value of a metric, summed over its labels; none when it cannot be had.
    pub(crate) async fn metric(&self, name: &str) -> Option<f64> {
        let (_, text) = get(&self.admin, "/metrics").await.ok()?;
        let values = text.lines().filter_map(|line| {
            let rest = line.strip_prefix(name)?;
            if !rest.starts_with(['{', ' ']) {
                return None;
            }
            rest.rsplit(' ').next()?.parse::<f64>().ok()
        });
        Some(values.sum())
    }

    /// The name of its executable.
    pub(crate) fn name(&self) -> &'static str {
        self.recipe.program.name()
    }

    /// Its process id, while it runs.
    pub(crate) fn pid(&self) -> Option<u32> {
        self.process
            .as_ref()
            .filter(|process| process.exited().is_none())
            .map(Process::pid)
    }

    /// The most memory it had resident since its start, in MiB; 0 when it does not run.
    pub(crate) fn peak_memory_mib(&self) -> f64 {
        let status = self.pid().map(|pid| format!("/proc/{pid}/status"));
        let status = status.and_then(|path| std::fs::read_to_string(path).ok());
        let peak = status
            .iter()
            .flat_map(|text| text.lines())
            .find_map(|line| {
                let rest = line.strip_prefix("VmHWM:")?;
                rest.split_whitespace().next()?.parse::<f64>().ok()
            });
        peak.unwrap_or_default() / 1024.0
    }

    /// True while it runs.
    pub(crate) fn runs(&self) -> bool {
        self.pid().is_some()
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        if let Some(process) = &self.process {
            process.signal(signal);
        }
    }

    /// Ends it as a crash would.
    pub(crate) async fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().await;
        }
    }

    /// Waits until it ends by itself.
    pub(crate) async fn ended(&mut self, budget: Duration) -> anyhow::Result<()> {
        let process = self.process.as_ref().context("it was not started")?;
        tokio::time::timeout(budget, process.wait())
            .await
            .with_context(|| format!("{} did not end by itself", process.name()))?;
        self.process = None;
        Ok(())
    }

    /// Asks it to end, as an operator or Kubernetes does.
    ///
    /// # Errors
    /// When it had to be killed.
    pub(crate) async fn stop(&mut self) -> anyhow::Result<()> {
        let Some(mut process) = self.process.take() else {
            return Ok(());
        };
        anyhow::ensure!(
            process.stop(Signal::SIGTERM, STOP_BUDGET).await,
            "{} did not end within {} s of SIGTERM",
            process.name(),
            STOP_BUDGET.as_secs()
        );
        Ok(())
    }

    /// The last lines of its log.
    pub(crate) fn tail(&self) -> String {
        devstack::tail(&self.log)
    }
}

/// What every scene sets: addresses, and a session timeout that does not make a campaign last for hours.
fn settings(stack: &Stack, recipe: &Recipe, address: &str, admin: &str) -> String {
    let links = &stack.links;
    let common =
        format!("[admin]\naddress = \"{admin}\"\n[telemetry]\nlog = \"info\"\nformat = \"text\"\n");
    let kafka = |link| {
        format!(
            "[kafka]\nbrokers = \"{}\"\ntopic = \"{}\"\n",
            bootstrap(link),
            recipe.topic
        )
    };
    let keys = format!("[keys]\nfile = \"{}\"\n", stack.keys_file.display());
    let listen = format!("[listen]\naddress = \"{address}\"\n");
    let database = |link| {
        format!(
            "[database]\nurl = \"{}\"\n",
            Stack::linked_url(link, &recipe.database)
        )
    };
    match recipe.program {
        Program::Ingest => format!("{common}{}{keys}{listen}", kafka(&links.ingest_kafka)),
        Program::Writer => format!(
            "{common}{}[kafka.consumer]\ngroup = \"{}\"\nsession_timeout = \"{}ms\"\n{}",
            kafka(&links.writer_kafka),
            recipe.topic,
            crate::scene::SESSION_TIMEOUT.as_millis(),
            database(&links.writer_postgres)
        ),
        Program::Query => format!(
            "{common}{keys}{listen}{}[feed]\ntopic = \"{}\"\n",
            database(&links.query_postgres),
            recipe.topic
        ),
    }
}

/// Sends `GET path` without a client library, and returns the status and the body.
async fn get(address: &str, path: &str) -> anyhow::Result<(u16, String)> {
    let ask = async {
        let request = format!("GET {path} HTTP/1.1\r\nhost: faults\r\nconnection: close\r\n\r\n");
        let mut stream = TcpStream::connect(address).await?;
        stream.write_all(request.as_bytes()).await?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await?;
        Ok::<_, std::io::Error>(answer)
    };
    let answer = tokio::time::timeout(Duration::from_secs(2), ask).await??;
    let answer = String::from_utf8_lossy(&answer);
    let status = answer
        .get(9..12)
        .and_then(|digits| digits.parse().ok())
        .context("understand the status")?;
    let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    Ok((status, body.to_owned()))
}
