//! Children that do not outlive their parent, whatever ends it.
//!
//! Asking the kernel for a signal at the parent's death has to happen in the child, between fork and
//! exec. Without `unsafe` that place is out of reach, so a child is started through a second
//! executable that does it and then becomes the program: `<exe> __with-parent <ppid> ... -- program
//! args`. Every binary that starts parts of the stack calls [`intercept`] first in `main`.
//!
//! On systems without that kernel feature the helper stays, as a watcher: it runs the program as its
//! own child, passes signals on, and ends it when the parent is gone. Killing the watcher itself with
//! SIGKILL is the one case that leaves an orphan there.

use std::ffi::OsString;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

use nix::sys::signal::Signal;
use nix::unistd::{Gid, Pid, Uid, getppid, setgid, setuid};

use crate::Error;

/// The hidden subcommand.
const SUBCOMMAND: &str = "__with-parent";

/// What the helper exits with when it could not become the program, as shells do.
const CANNOT_EXEC: i32 = 127;

static HELPER: OnceLock<PathBuf> = OnceLock::new();

/// Answers the hidden subcommand, and makes this binary the helper of its own children.
///
/// Returns at once for any other command line. Call it first in `main`, before threads exist.
pub fn intercept() {
    let mut args = std::env::args_os().skip(1);
    if args.next().is_none_or(|first| first != SUBCOMMAND) {
        set_helper(own_executable());
        return;
    }
    let failure = match Guard::parse(args) {
        Ok((guard, program)) => guard.become_program(program),
        Err(message) => message,
    };
    report(&failure);
    std::process::exit(CANNOT_EXEC);
}

/// Names another binary that calls [`intercept`], for programs that do not, such as test harnesses.
/// The first call wins.
pub fn set_helper(path: PathBuf) {
    // A second call is harmless: any helper does the same.
    let _ = HELPER.set(path);
}

fn own_executable() -> PathBuf {
    // The link works even after the file was replaced by a newer build.
    if cfg!(target_os = "linux") {
        return PathBuf::from("/proc/self/exe");
    }
    std::env::current_exe().unwrap_or_else(|_| PathBuf::from("flumen"))
}

/// How a child is bound to this process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Guard {
    /// The process whose end ends the child.
    parent: i32,
    /// What the child gets when the parent is gone.
    signal: Signal,
    /// Who the child runs as, when not as the caller.
    user: Option<(u32, u32)>,
    /// Stay and watch instead of asking the kernel.
    watch: bool,
}

impl Guard {
    pub(crate) fn new(signal: Signal, user: Option<(u32, u32)>) -> Self {
        Self {
            parent: Pid::this().as_raw(),
            signal,
            user,
            watch: !cfg!(target_os = "linux"),
        }
    }

    /// The command line that starts a program under this guard.
    pub(crate) fn command(&self) -> Result<Command, Error> {
        let helper = HELPER.get().ok_or(Error::NoHelper)?;
        let mut command = Command::new(helper);
        command
            .arg(SUBCOMMAND)
            .arg(self.parent.to_string())
            .arg(self.signal.as_str());
        let user = self.user.map(|(uid, gid)| format!("{uid}:{gid}"));
        command.arg(user.as_deref().unwrap_or("-"));
        command.arg(if self.watch { "watch" } else { "kernel" });
        command.arg("--");
        Ok(command)
    }

    fn parse(mut args: impl Iterator<Item = OsString>) -> Result<(Self, Vec<OsString>), String> {
        let mut word = || {
            args.next()
                .and_then(|arg| arg.into_string().ok())
                .ok_or_else(|| format!("{SUBCOMMAND} is started by flumen itself, not by hand"))
        };
        let parent = word()?.parse().map_err(|_| "not a process id".to_owned())?;
        let signal = word()?.parse().map_err(|_| "not a signal".to_owned())?;
        let user = match word()?.split_once(':') {
            Some((uid, gid)) => Some((
                uid.parse().map_err(|_| "not a user id".to_owned())?,
                gid.parse().map_err(|_| "not a group id".to_owned())?,
            )),
            None => None,
        };
        let watch = word()? == "watch";
        word()?;
        let program: Vec<OsString> = args.collect();
        if program.is_empty() {
            return Err("no program to run".to_owned());
        }
        let guard = Self {
            parent,
            signal,
            user,
            watch,
        };
        Ok((guard, program))
    }

    /// Turns this process into the program; returns only a message about why that failed.
    fn become_program(self, program: Vec<OsString>) -> String {
        if let Some((uid, gid)) = self.user
            && let Err(error) = change_user(uid, gid)
        {
            return format!("could not become user {uid}: {error}");
        }
        let mut command = Command::new(&program[0]);
        command.args(&program[1..]);
        if self.watch {
            std::process::exit(watch::run(command, self.parent, self.signal));
        }
        // After the change of user, which clears it.
        if let Err(error) = signal_at_parents_death(self.signal) {
            return format!("could not ask for a signal at the parent's death: {error}");
        }
        // The parent may have gone before the request.
        if getppid().as_raw() != self.parent {
            return "the parent is gone".to_owned();
        }
        let error = command.exec();
        format!("could not start {}: {error}", program[0].display())
    }
}

fn change_user(uid: u32, gid: u32) -> nix::Result<()> {
    #[cfg(target_os = "linux")]
    nix::unistd::setgroups(&[])?;
    setgid(Gid::from_raw(gid))?;
    setuid(Uid::from_raw(uid))
}

#[cfg(target_os = "linux")]
fn signal_at_parents_death(signal: Signal) -> nix::Result<()> {
    nix::sys::prctl::set_pdeathsig(signal)
}

#[cfg(not(target_os = "linux"))]
fn signal_at_parents_death(_: Signal) -> nix::Result<()> {
    Err(nix::Error::ENOSYS)
}

fn report(message: &str) {
    use std::io::Write as _;
    // Nobody is left to tell when this fails.
    let _ = writeln!(std::io::stderr(), "{message}");
}

mod watch {
    //! The helper that stays, where the kernel does not tell of a parent's death.

    use std::os::unix::process::ExitStatusExt as _;
    use std::process::Command;
    use std::time::Duration;

    use nix::sys::signal::{Signal, kill};
    use nix::unistd::{Pid, getppid};
    use tokio::signal::unix::{SignalKind, signal};

    /// How often the watcher looks whether its parent is there.
    const LOOK: Duration = Duration::from_millis(250);
    /// How long the program has after the signal before it is killed.
    const PATIENCE: Duration = Duration::from_secs(10);

    /// Runs the program until it ends or the parent does; returns the exit status.
    pub(super) fn run(command: Command, parent: i32, at_death: Signal) -> i32 {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        match runtime.map(|runtime| runtime.block_on(watch(command, parent, at_death))) {
            Ok(Ok(status)) => status,
            Ok(Err(error)) | Err(error) => {
                super::report(&format!("could not watch a child: {error}"));
                super::CANNOT_EXEC
            }
        }
    }

    async fn watch(command: Command, parent: i32, at_death: Signal) -> std::io::Result<i32> {
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        let mut quit = signal(SignalKind::quit())?;
        let mut child = tokio::process::Command::from(command).spawn()?;
        let pid = child
            .id()
            .and_then(|id| i32::try_from(id).ok())
            .map(Pid::from_raw);
        let pass = |signal| pid.map(|pid| kill(pid, signal));
        loop {
            tokio::select! {
                status = child.wait() => {
                    let status = status?;
                    return Ok(status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0)));
                }
                _ = interrupt.recv() => { pass(Signal::SIGINT); }
                _ = terminate.recv() => { pass(Signal::SIGTERM); }
                _ = quit.recv() => { pass(Signal::SIGQUIT); }
                () = tokio::time::sleep(LOOK) => if getppid().as_raw() != parent {
                    pass(at_death);
                    if tokio::time::timeout(PATIENCE, child.wait()).await.is_err() {
                        child.kill().await?;
                    }
                    return Ok(super::CANNOT_EXEC);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guard_survives_its_own_command_line() {
        set_helper(PathBuf::from("helper"));
        for user in [None, Some((65_534, 65_534))] {
            let guard = Guard::new(Signal::SIGQUIT, user);
            let mut command = guard.command().expect("a helper is set");
            command.args(["sleep", "1"]);
            let args = command.get_args().skip(1).map(OsString::from);
            let (parsed, program) = Guard::parse(args).expect("own command line");
            assert_eq!(parsed, guard);
            assert_eq!(program, ["sleep", "1"]);
        }
    }

    #[test]
    fn refuses_a_command_line_without_a_program() {
        let args = ["1", "SIGTERM", "-", "kernel", "--"].map(OsString::from);
        assert!(Guard::parse(args.into_iter()).is_err());
    }
}
