//! Exit statuses, decided in one place.
//!
//! 0 done; 1 failed; 2 the command line or a configuration is wrong; 3 done, but some of the input
//! was refused. A subcommand that needs another status than 1 returns an [`Exit`].

use std::{fmt, process::ExitCode};

/// The command line or a configuration is wrong.
pub const USAGE: u8 = 2;
/// Everything was tried and some of the input was refused for good.
pub const REJECTS: u8 = 3;

/// An outcome that asks for an exit status of its own.
#[derive(Debug)]
pub struct Exit {
    /// The exit status.
    pub code: u8,
    /// What to tell the operator; nothing is printed when it is empty.
    pub message: String,
}

impl Exit {
    /// An outcome with this status and message, as an error to return.
    pub fn error(code: u8, message: impl Into<String>) -> anyhow::Error {
        anyhow::Error::new(Self {
            code,
            message: message.into(),
        })
    }
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Exit {}

/// Prints the error with its causes to standard error and gives its exit status.
#[expect(
    clippy::print_stderr,
    reason = "this is where the command line tells the operator what went wrong"
)]
pub fn report(error: &anyhow::Error) -> ExitCode {
    let code = error
        .chain()
        .find_map(|cause| cause.downcast_ref::<Exit>())
        .map_or(1, |exit| exit.code);
    let message = format!("{error:#}");
    if !message.is_empty() {
        eprintln!("error: {message}");
    }
    ExitCode::from(code)
}
