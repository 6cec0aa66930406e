//! `flumen down`: ends a pipeline that runs on this machine.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::stack::DEFAULT_STATE;
use crate::up::stack_file::{NAME, StackFile};
use crate::up::state::State;

/// How often the folder is looked at.
const LOOK: Duration = Duration::from_millis(100);
/// How long the parts have to follow a supervisor that was killed.
const FORCE_BUDGET: Duration = Duration::from_secs(20);

/// Arguments of the subcommand.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  flumen down\n  flumen down --state /tmp/a --timeout 10s")]
pub struct Args {
    /// The state folder of the pipeline.
    #[arg(long, value_name = "DIR", default_value = DEFAULT_STATE)]
    pub state: PathBuf,

    /// How long it has to end by itself before it is killed.
    #[arg(long, value_name = "DURATION", default_value = "90s", value_parser = crate::units::duration)]
    pub timeout: Duration,
}

/// Runs the subcommand. Done, too, when nothing runs there.
///
/// # Errors
/// When a process outlives even being killed.
pub async fn run(args: Args) -> anyhow::Result<()> {
    let state = State::at(&args.state)?;
    let shown = state.folder().display();
    // Before it ends: afterwards nobody knows which processes there were.
    let stack = StackFile::read(state.folder()).unwrap_or_default();
    let Some(supervisor) = state.holder() else {
        forget(state.folder());
        say(&format!("nothing runs in {shown}"));
        return Ok(());
    };

    let started = Instant::now();
    send(supervisor, Signal::SIGTERM);
    let gently = ended(&state, args.timeout).await;
    if !gently {
        say(&format!(
            "it did not end within {} s: killing it",
            args.timeout.as_secs()
        ));
        send(supervisor, Signal::SIGKILL);
        let pids = stack.map(|stack| stack.pids()).unwrap_or_default();
        if !ended(&state, FORCE_BUDGET).await || !gone(&pids, FORCE_BUDGET).await {
            anyhow::bail!("some of its processes do not end: {pids:?}");
        }
        forget(state.folder());
    }
    say(&format!(
        "ended what ran in {shown} after {:.1} s; the data stays",
        started.elapsed().as_secs_f64()
    ));
    Ok(())
}

fn forget(folder: &Path) {
    // Left by one that was killed, or not there.
    let _ = std::fs::remove_file(folder.join(NAME));
}

fn send(pid: u32, signal: Signal) {
    if let Ok(pid) = i32::try_from(pid) {
        // It may have ended by itself.
        let _ = kill(Pid::from_raw(pid), signal);
    }
}

async fn ended(state: &State, patience: Duration) -> bool {
    within(patience, || state.holder().is_none()).await
}

/// The parts die with the supervisor; here we only make sure.
async fn gone(pids: &[u32], patience: Duration) -> bool {
    within(patience, || {
        !pids.iter().any(|&pid| devstack::is_running(pid))
    })
    .await
}

async fn within(patience: Duration, holds: impl Fn() -> bool) -> bool {
    let deadline = Instant::now() + patience;
    while !holds() {
        if Instant::now() > deadline {
            return false;
        }
        tokio::time::sleep(LOOK).await;
    }
    true
}

fn say(line: &str) {
    // Nobody reads it: it is done all the same.
    let _ = writeln!(std::io::stderr(), "{line}");
}
