//! `flumen up`: the whole pipeline on this machine, each part a process of its own.
//!
//! One supervisor starts Kafka and PostgreSQL (or uses those it is given), brings schema and topic
//! into being, starts the services that lie beside its own executable, waits until each is ready, and
//! then keeps them running: what dies is started again. Whatever ends the supervisor ends everything.
//!
//! The state folder holds all there is: `stack.json` (what runs, and the keys), `secrets.json`,
//! `keys.toml`, `config/`, `logs/`, `kafka/`, `postgres/`. Only its owner can read the secrets.

mod args;
mod backing;
mod config;
mod detach;
mod ports;
mod screen;
mod service;
mod signals;
pub(crate) mod stack_file;
pub(crate) mod state;
mod supervisor;

use std::io::Write as _;
use std::time::Instant;

pub use args::Args;

/// Progress lines for the person at the terminal, with the time since the start.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Console {
    started: Instant,
}

impl Console {
    fn new() -> Self {
        Self {
            started: Instant::now(),
        }
    }

    /// Prints one line to standard error.
    pub(crate) fn say(self, line: impl AsRef<str>) {
        let seconds = self.started.elapsed().as_secs_f64();
        // A terminal that was closed is no reason to stop.
        let _ = writeln!(std::io::stderr(), "{seconds:>7.1} s  {}", line.as_ref());
    }
}

/// Runs the subcommand.
///
/// # Errors
/// When a part does not start, with the end of its log; what was started is stopped again.
pub async fn run(args: Args) -> anyhow::Result<()> {
    let args = args.checked()?;
    let console = Console::new();
    if args.detach && !args.detached {
        return detach::run(&args, console).await;
    }
    supervisor::run(args, console).await
}
