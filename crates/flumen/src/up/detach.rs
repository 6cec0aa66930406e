//! `flumen up --detach`: leaves a supervisor running and returns when everything is ready.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Seek as _, SeekFrom, Write as _};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::Context as _;
use tokio::process::Command;

use super::stack_file::StackFile;
use super::state::State;
use super::{Args, Console, screen};

/// How often the supervisor's log is looked at.
const LOOK: Duration = Duration::from_millis(100);

/// Starts the supervisor and shows what it says until everything is ready.
pub(super) async fn run(args: &Args, console: Console) -> anyhow::Result<()> {
    let state = State::at(&args.state)?;
    state.create()?;
    if let Some(pid) = state.holder() {
        return Err(crate::exit::Exit::error(
            crate::exit::USAGE,
            format!(
                "a pipeline runs in {} already (process {pid}): `flumen status` shows it, `flumen down` ends it",
                state.folder().display()
            ),
        ));
    }
    let path = state.log("up");
    let log = File::options()
        .create(true)
        .append(true)
        .open(&path)
        .with_context(|| format!("open {}", path.display()))?;
    let again = log.try_clone().context("share the log")?;
    let mut shown = Follow::from_the_end(&path)?;
    // Its stack.json counts, not that of one before.
    let _ = std::fs::remove_file(state.path(super::stack_file::NAME));

    let mut child = Command::new(std::env::current_exe().context("find this executable")?)
        .args(std::env::args_os().skip(1))
        .arg("--detached")
        .stdin(Stdio::null())
        .stdout(log)
        .stderr(again)
        .spawn()
        .context("start the supervisor")?;
    loop {
        shown.show();
        if let Some(status) = child.try_wait().context("look at the supervisor")? {
            shown.show();
            anyhow::bail!(
                "the pipeline did not start ({status}); see {}",
                path.display()
            );
        }
        if let Some(stack) = StackFile::read(state.folder())? {
            shown.show();
            console.say("everything is ready and stays running");
            screen::show(&stack, &state);
            screen::show_end(&format!(
                "End it:\n\n  flumen down --state {}\n",
                state.folder().display()
            ));
            return Ok(());
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// Shows the lines that are added to a file.
struct Follow {
    lines: BufReader<File>,
    part: String,
}

impl Follow {
    fn from_the_end(path: &Path) -> anyhow::Result<Self> {
        let mut file = File::open(path).context("read the log")?;
        file.seek(SeekFrom::End(0)).context("read the log")?;
        Ok(Self {
            lines: BufReader::new(file),
            part: String::new(),
        })
    }

    fn show(&mut self) {
        while self
            .lines
            .read_line(&mut self.part)
            .is_ok_and(|read| read > 0)
        {
            if !self.part.ends_with('\n') {
                return;
            }
            // A terminal that was closed is no reason to stop.
            let _ = std::io::stderr().write_all(self.part.as_bytes());
            self.part.clear();
        }
    }
}
