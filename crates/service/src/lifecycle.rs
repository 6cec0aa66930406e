//! How a service ends: on a signal, with its parent, or by a fault; each step within a budget.
//!
//! There is one [`CancellationToken`], made by `main`. Whoever cancels it starts the shutdown; nobody else looks at signals.

use std::future::Future;
use std::process::ExitCode;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::admin::Reload;

/// How a process ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// As asked, with everything done.
    Clean,
    /// By a fault that a restart may mend.
    Failed,
    /// The configuration is wrong; a restart mends nothing.
    Misconfigured,
    /// As asked, but a step ran over its budget.
    OverBudget,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Clean => 0u8,
            Exit::Failed => 1,
            Exit::Misconfigured => 2,
            Exit::OverBudget => 3,
        })
    }
}

/// Starts to watch for the end: SIGTERM and SIGINT, and the end of standard input when `with_parent`.
///
/// SIGHUP runs the reload hooks. A second SIGINT or SIGTERM ends the process at once with status 130. Must be called within a tokio runtime.
///
/// # Errors
/// When the operating system refuses a signal handler.
pub fn watch(with_parent: bool, reload: Reload) -> std::io::Result<CancellationToken> {
    let token = CancellationToken::new();
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut hangup = signal(SignalKind::hangup())?;
    let ending = token.clone();
    tokio::spawn(async move {
        loop {
            tokio::select! {
                _ = terminate.recv() => stop(&ending, "SIGTERM"),
                _ = interrupt.recv() => stop(&ending, "SIGINT"),
                _ = hangup.recv() => drop(reload.run().await),
            }
        }
    });
    if with_parent {
        watch_parent(token.clone())?;
    }
    Ok(token)
}

fn stop(token: &CancellationToken, signal: &'static str) {
    if token.is_cancelled() {
        warn!(signal, "ending at once, since this is the second signal");
        std::process::exit(130);
    }
    info!(signal, "shutting down");
    token.cancel();
}

/// Reads standard input to its end on a thread of its own: a read of tokio's cannot be cancelled and would hold up the runtime's end.
fn watch_parent(token: CancellationToken) -> std::io::Result<()> {
    std::thread::Builder::new()
        .name("parent".to_owned())
        .spawn(move || {
            let mut stdin = std::io::stdin().lock();
            let _ = std::io::copy(&mut stdin, &mut std::io::sink());
            info!("shutting down, since standard input ended");
            token.cancel();
        })
        .map(drop)
}

/// Runs the steps of a shutdown, one after another, and remembers whether all kept their budget.
#[derive(Debug)]
pub struct Steps {
    exit: Exit,
}

impl Default for Steps {
    fn default() -> Self {
        Self::new()
    }
}

impl Steps {
    /// No step yet.
    pub fn new() -> Self {
        Self { exit: Exit::Clean }
    }

    /// Runs one step. `None` when it did not end within its budget; what it was doing is dropped then.
    pub async fn run<T>(
        &mut self,
        name: &'static str,
        budget: Duration,
        step: impl Future<Output = T>,
    ) -> Option<T> {
        let started = std::time::Instant::now();
        match tokio::time::timeout(budget, step).await {
            Ok(value) => {
                info!(
                    step = name,
                    elapsed_ms = crate::millis(started.elapsed()),
                    "shutdown step done"
                );
                Some(value)
            }
            Err(_) => {
                warn!(
                    step = name,
                    budget_ms = crate::millis(budget),
                    "shutdown step ran over its budget and was left"
                );
                self.exit = Exit::OverBudget;
                None
            }
        }
    }

    /// How the process may end now.
    pub fn exit(&self) -> Exit {
        self.exit
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_step_over_its_budget_is_left_and_the_next_one_still_runs() {
        let mut steps = Steps::new();
        assert_eq!(
            steps
                .run("quick", Duration::from_secs(5), async { 1 })
                .await,
            Some(1)
        );
        assert_eq!(steps.exit(), Exit::Clean);
        let stuck = std::future::pending::<()>();
        assert_eq!(
            steps.run("stuck", Duration::from_millis(1), stuck).await,
            None
        );
        assert_eq!(
            steps.run("last", Duration::from_secs(5), async { 2 }).await,
            Some(2)
        );
        assert_eq!(steps.exit(), Exit::OverBudget);
    }
}
