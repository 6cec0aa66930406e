//! A child process that is watched, logged and never left behind.

use std::ffi::{OsStr, OsString};
use std::fs::{File, OpenOptions};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{ChildStdin, ExitStatus, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::sync::watch;

use crate::Error;
use crate::error::IoContext as _;
use crate::with_parent::Guard;

/// Lines of a log shown when a part fails.
const TAIL_LINES: usize = 15;

/// How a child is to be started.
#[derive(Debug)]
pub struct Launch {
    name: String,
    program: PathBuf,
    args: Vec<OsString>,
    env: Vec<(OsString, OsString)>,
    log: Option<PathBuf>,
    user: Option<(u32, u32)>,
    at_parents_death: Signal,
    on_drop: Signal,
    hold_stdin: bool,
    foreground: bool,
}

impl Launch {
    /// Starts `program`, called `name` in messages. It gets SIGTERM when this process dies, and
    /// SIGKILL when its [`Process`] is dropped.
    pub fn new(name: impl Into<String>, program: impl Into<PathBuf>) -> Self {
        Self {
            name: name.into(),
            program: program.into(),
            args: Vec::new(),
            env: Vec::new(),
            log: None,
            user: None,
            at_parents_death: Signal::SIGTERM,
            on_drop: Signal::SIGKILL,
            hold_stdin: false,
            foreground: false,
        }
    }

    /// Adds an argument.
    #[must_use]
    pub fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.args.push(arg.as_ref().to_owned());
        self
    }

    /// Adds arguments.
    #[must_use]
    pub fn args<A: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.args
            .extend(args.into_iter().map(|arg| arg.as_ref().to_owned()));
        self
    }

    /// Sets a variable of the environment.
    #[must_use]
    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.env
            .push((name.as_ref().to_owned(), value.as_ref().to_owned()));
        self
    }

    /// Appends what the child prints, to either stream, to a file.
    #[must_use]
    pub fn log(mut self, path: impl Into<PathBuf>) -> Self {
        self.log = Some(path.into());
        self
    }

    /// Keeps a pipe to the child's standard input open for as long as the [`Process`] lives, for
    /// programs that end when it closes.
    #[must_use]
    pub fn hold_stdin(mut self) -> Self {
        self.hold_stdin = true;
        self
    }

    /// Leaves the child in this process's group and on its terminal: Ctrl-C reaches it directly.
    #[must_use]
    pub fn foreground(mut self) -> Self {
        self.foreground = true;
        self
    }

    /// Runs the child as another user and group.
    #[must_use]
    pub(crate) fn user(mut self, user: Option<(u32, u32)>) -> Self {
        self.user = user;
        self
    }

    /// What the child gets when this process dies.
    #[must_use]
    pub(crate) fn at_parents_death(mut self, signal: Signal) -> Self {
        self.at_parents_death = signal;
        self
    }

    /// What the child gets when its [`Process`] is dropped while it runs.
    #[must_use]
    pub(crate) fn on_drop(mut self, signal: Signal) -> Self {
        self.on_drop = signal;
        self
    }

    /// Starts the child.
    pub fn spawn(self) -> Result<Process, Error> {
        let mut command = Guard::new(self.at_parents_death, self.user).command()?;
        command.arg(&self.program).args(&self.args);
        command.envs(self.env.iter().map(|(name, value)| (name, value)));
        if !self.foreground {
            command.process_group(0).stdin(Stdio::null());
        }
        if self.hold_stdin {
            command.stdin(Stdio::piped());
        }
        if let Some(path) = &self.log {
            let log = open_log(path)?;
            let again = log.try_clone().during(|| "share a log file".to_owned())?;
            command.stdout(log).stderr(again);
        }

        let (started, start) = std::sync::mpsc::sync_channel(1);
        let (ended, exit) = watch::channel(None);
        // One thread starts the child and waits for its end: the kernel ties the guard to the thread
        // that started the child, not to the process.
        std::thread::Builder::new()
            .name(format!("child {}", self.name))
            .spawn(move || match command.spawn() {
                Ok(mut child) => {
                    let _ = started.send(Ok((child.id(), child.stdin.take())));
                    // An error here means that somebody else reaped it: it is gone all the same.
                    let status = child.wait().unwrap_or_default();
                    ended.send_replace(Some(status));
                }
                Err(error) => {
                    let _ = started.send(Err(error));
                }
            })
            .during(|| format!("start a thread for {}", self.name))?;
        let (pid, stdin) = start
            .recv()
            .unwrap_or_else(|_| Err(std::io::Error::other("the thread ended")))
            .during(|| format!("start {}", self.name))?;
        Ok(Process {
            name: self.name,
            pid,
            _stdin: stdin,
            exit,
            log: self.log,
            on_drop: self.on_drop,
        })
    }
}

fn open_log(path: &Path) -> Result<File, Error> {
    OpenOptions::new()
        .create(true)
        .append(true)
        .open(path)
        .during(|| format!("open the log {}", path.display()))
}

/// A running (or ended) child. Dropping it ends it at once.
#[derive(Debug)]
pub struct Process {
    name: String,
    pid: u32,
    /// Held open, never written to.
    _stdin: Option<ChildStdin>,
    exit: watch::Receiver<Option<ExitStatus>>,
    log: Option<PathBuf>,
    on_drop: Signal,
}

impl Process {
    /// The name it was launched under.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// How it ended, if it has.
    pub fn exited(&self) -> Option<ExitStatus> {
        *self.exit.borrow()
    }

    /// Waits for its end. Cancel safe.
    pub async fn wait(&self) -> ExitStatus {
        let mut exit = self.exit.clone();
        match exit.wait_for(Option::is_some).await {
            Ok(status) => status.unwrap_or_default(),
            // The waiting thread is gone, and with it the child.
            Err(_) => ExitStatus::default(),
        }
    }

    /// Sends it a signal; nothing happens when it has ended.
    pub fn signal(&self, signal: Signal) {
        if self.exited().is_none()
            && let Ok(pid) = i32::try_from(self.pid)
        {
            // It may end between the look and the signal.
            let _ = kill(Pid::from_raw(pid), signal);
        }
    }

    /// Asks it to end, kills it after `patience`. True when it ended by itself.
    pub async fn stop(&mut self, signal: Signal, patience: Duration) -> bool {
        self.signal(signal);
        if tokio::time::timeout(patience, self.wait()).await.is_ok() {
            return true;
        }
        self.signal(Signal::SIGKILL);
        self.wait().await;
        false
    }

    /// Ends it at once, as a crash would.
    pub async fn kill(&mut self) {
        self.signal(Signal::SIGKILL);
        self.wait().await;
    }

    /// The error for a part that ended before it was ready.
    pub fn died(&self, status: ExitStatus) -> Error {
        Error::Died {
            name: self.name.clone(),
            status: status.to_string(),
            log: self.log.clone().unwrap_or_default(),
            tail: self.log.as_deref().map(tail).unwrap_or_default(),
        }
    }

    /// The error for a part that did not become ready in time.
    pub fn not_ready(&self, after: Duration) -> Error {
        Error::NotReady {
            name: self.name.clone(),
            seconds: after.as_secs(),
            log: self.log.clone().unwrap_or_default(),
            tail: self.log.as_deref().map(tail).unwrap_or_default(),
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.signal(self.on_drop);
    }
}

/// True while a process with this id runs; one that has ended but was not reaped does not.
pub fn is_running(pid: u32) -> bool {
    let exists = i32::try_from(pid)
        .is_ok_and(|pid| !matches!(kill(Pid::from_raw(pid), None), Err(nix::Error::ESRCH)));
    let ended = std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| {
        // The state follows the name, which is in parentheses and may hold anything.
        stat.rsplit(") ")
            .next()
            .is_some_and(|rest| rest.starts_with('Z'))
    });
    exists && !ended
}

/// The last lines of a log file, indented.
pub fn tail(path: &Path) -> String {
    let text = std::fs::read(path).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().collect();
    let from = lines.len().saturating_sub(TAIL_LINES);
    lines[from..]
        .iter()
        .map(|line| format!("    {line}"))
        .collect::<Vec<_>>()
        .join("\n")
}
