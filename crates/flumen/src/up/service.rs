//! One service as a process: started, waited for, started again when it dies.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use devstack::{Launch, Process, Signal};
use tokio_util::sync::CancellationToken;

use super::config::Plan;
use super::state::State;
use super::supervisor::Stack;
use super::{Args, Console};
use crate::exit::{self, Exit};

/// How often a starting service is asked.
const LOOK: Duration = Duration::from_millis(100);
/// Above the sum of a service's own shutdown budgets.
const STOP_BUDGET: Duration = Duration::from_secs(40);
/// The first pause before a service is started again; it doubles.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
/// The longest pause.
const LAST_PAUSE: Duration = Duration::from_secs(30);
/// A service that ran this long begins with the first pause again.
const STABLE: Duration = Duration::from_secs(60);

/// A service and how to run it.
#[derive(Debug)]
pub(super) struct Service {
    plan: Plan,
    program: PathBuf,
    settings: Vec<String>,
    state: State,
    http: reqwest::Client,
    process: Option<Process>,
}

impl Service {
    pub(super) fn new(plan: Plan, args: &Args, state: &State) -> anyhow::Result<Self> {
        Ok(Self {
            program: beside_us(plan.service)?,
            settings: args.settings(plan.service).map(str::to_owned).collect(),
            state: state.clone(),
            http: reqwest::Client::builder()
                .no_proxy()
                .timeout(Duration::from_secs(5))
                .build()
                .context("make an HTTP client")?,
            plan,
            process: None,
        })
    }

    pub(super) fn plan(&self) -> &Plan {
        &self.plan
    }

    pub(super) fn pid(&self) -> Option<u32> {
        self.process.as_ref().map(Process::pid)
    }

    /// Starts the process; does not wait until it serves.
    pub(super) fn launch(&mut self) -> anyhow::Result<()> {
        let mut launch = Launch::new(&self.plan.name, &self.program)
            .arg("--config")
            .arg(&self.plan.config)
            .arg("--exit-with-parent")
            .hold_stdin()
            .log(self.state.log(&self.plan.name));
        for setting in &self.settings {
            launch = launch.arg("--set").arg(setting);
        }
        self.process = Some(launch.spawn()?);
        Ok(())
    }

    /// Waits until the service says that it is ready.
    pub(super) async fn ready(&self, budget: Duration) -> anyhow::Result<()> {
        let process = self
            .process
            .as_ref()
            .context("the service was not started")?;
        let url = format!("{}/readyz", self.plan.admin);
        let deadline = Instant::now() + budget;
        let mut reason = String::from("nothing listens yet");
        loop {
            if let Some(status) = process.exited() {
                return Err(process.died(status).into());
            }
            match self.http.get(&url).send().await {
                Ok(answer) if answer.status().is_success() => return Ok(()),
                Ok(answer) => reason = answer.text().await.unwrap_or_default(),
                Err(_) => {}
            }
            if Instant::now() > deadline {
                let error = process.not_ready(budget);
                return Err(anyhow::Error::new(error).context(format!("it said last: {reason}")));
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Keeps the service running until the token is cancelled, then stops it.
    pub(super) async fn keep(mut self, stack: Stack, end: CancellationToken, console: Console) {
        let mut pause = FIRST_PAUSE;
        let mut since = Instant::now();
        loop {
            if let Some(process) = &self.process {
                let status = tokio::select! {
                    () = end.cancelled() => break,
                    status = process.wait() => status,
                };
                console.say(format!(
                    "{} ended ({status}); its log is {}",
                    self.plan.name,
                    self.state.log(&self.plan.name).display()
                ));
                self.process = None;
                stack.set_pid(&self.plan, None);
            }
            if since.elapsed() > STABLE {
                pause = FIRST_PAUSE;
            }
            tokio::select! {
                () = end.cancelled() => break,
                () = tokio::time::sleep(pause) => {}
            }
            pause = (2 * pause).min(LAST_PAUSE);
            since = Instant::now();
            if let Err(error) = self.launch() {
                console.say(format!(
                    "{} could not be started: {error:#}",
                    self.plan.name
                ));
                continue;
            }
            let pid = self.pid();
            tokio::select! {
                () = end.cancelled() => break,
                ready = self.ready(LAST_PAUSE) => if ready.is_ok() {
                    console.say(format!("{} runs again", self.plan.name));
                },
            }
            stack.set_pid(&self.plan, pid);
        }
        self.stop(console).await;
    }

    /// Stops it gently, within a bound.
    pub(super) async fn stop(&mut self, console: Console) {
        if let Some(mut process) = self.process.take()
            && !process.stop(Signal::SIGTERM, STOP_BUDGET).await
        {
            console.say(format!(
                "{} did not end within {} s and was killed",
                self.plan.name,
                STOP_BUDGET.as_secs()
            ));
        }
    }
}

/// The path of an executable that lies beside our own.
pub(super) fn beside_us(name: &str) -> anyhow::Result<PathBuf> {
    let own = std::env::current_exe().context("find this executable")?;
    let path = own.with_file_name(name);
    if path.is_file() {
        return Ok(path);
    }
    Err(Exit::error(
        exit::USAGE,
        format!(
            "{name} was not found beside {}: build it into the same folder (`cargo build -p {name}`)",
            own.display()
        ),
    ))
}
