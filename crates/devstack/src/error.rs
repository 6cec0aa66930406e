//! What can go wrong, named by what the caller does next.

use std::path::PathBuf;

/// An error of the development stack. Messages are written for the person at the terminal.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A program that is needed is not installed; `ways_out` says what to do.
    #[error("{program} is needed {purpose} and was not found\n{ways_out}")]
    Missing {
        /// The program looked for in `PATH`.
        program: String,
        /// What it is needed for.
        purpose: String,
        /// What the user can do, one way a line.
        ways_out: String,
    },
    /// Maven could not bring the parts.
    #[error(
        "could not fetch {what} with maven; behind a proxy or a mirror ~/.m2/settings.xml has to name it:\n{output}"
    )]
    Fetch {
        /// What was being fetched.
        what: String,
        /// The last lines Maven printed.
        output: String,
    },
    /// This machine has no build of what was asked for.
    #[error("{0}")]
    Unsupported(String),
    /// A part ended before it was ready.
    #[error("{name} ended before it was ready ({status}); last lines of {}:\n{tail}", log.display())]
    Died {
        /// Which part.
        name: String,
        /// How it ended.
        status: String,
        /// Its log file.
        log: PathBuf,
        /// The last lines of the log file.
        tail: String,
    },
    /// A part did not become ready in time.
    #[error("{name} was not ready after {seconds} s; last lines of {}:\n{tail}", log.display())]
    NotReady {
        /// Which part.
        name: String,
        /// How long it was given.
        seconds: u64,
        /// Its log file.
        log: PathBuf,
        /// The last lines of the log file.
        tail: String,
    },
    /// The program that runs this code does not answer the hidden subcommand that guards children.
    #[error(
        "no helper guards child processes: call devstack::with_parent::intercept() first in main, or devstack::with_parent::set_helper() with such a binary"
    )]
    NoHelper,
    /// The operating system refused.
    #[error("{context}: {source}")]
    Io {
        /// What was being done.
        context: String,
        /// What the system said.
        source: std::io::Error,
    },
}

/// Adds what was being done to an I/O error.
pub(crate) trait IoContext<T> {
    /// Names the step, in the present tense.
    fn during(self, context: impl FnOnce() -> String) -> Result<T, Error>;
}

impl<T, E: Into<std::io::Error>> IoContext<T> for Result<T, E> {
    fn during(self, context: impl FnOnce() -> String) -> Result<T, Error> {
        self.map_err(|source| Error::Io {
            context: context(),
            source: source.into(),
        })
    }
}
