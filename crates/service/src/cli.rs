//! The command line that every service has, and what its `main` does around the service.

use std::fmt::Display;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use crate::lifecycle::Exit;

/// Arguments of every service; a service's own parser flattens them.
#[derive(Debug, Clone, Default, Args)]
pub struct ServiceArgs {
    /// Configuration file (TOML), laid over the built-in defaults
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,

    /// Sets one key over every other layer; may be repeated
    #[arg(long = "set", value_name = "SECTION.KEY=VALUE", value_parser = parse_set)]
    pub set: Vec<(String, String)>,

    /// Checks the configuration, shows it without secrets and exits
    #[arg(long)]
    pub check_config: bool,

    /// Shuts down when standard input ends, as it does when the parent process is gone
    #[arg(long)]
    pub exit_with_parent: bool,
}

/// Tells why the configuration is refused; no log is running yet.
pub fn refuse(error: &impl Display) -> ExitCode {
    complain(error);
    Exit::Misconfigured.into()
}

/// Shows a configuration that is valid, for `--check-config`.
pub fn show(redacted: &serde_json::Value) -> ExitCode {
    // A reader that closed its end wants to see no more.
    let _ = writeln!(std::io::stdout(), "{redacted:#}");
    Exit::Clean.into()
}

/// Runs a service on a runtime of its own and turns its end, an [`Exit`] or a code of its own, into the process's.
pub fn run<C: Into<ExitCode>, E: Display>(service: impl Future<Output = Result<C, E>>) -> ExitCode {
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            complain(&format_args!("cannot start the runtime: {error}"));
            return Exit::Failed.into();
        }
    };
    let exit = match runtime.block_on(service) {
        Ok(exit) => exit.into(),
        Err(error) => {
            complain(&format_args!("{error:#}"));
            Exit::Failed.into()
        }
    };
    // What still blocks in the background is not waited for: every step of the shutdown had its time.
    runtime.shutdown_background();
    exit
}

fn complain(error: &impl Display) {
    let _ = writeln!(std::io::stderr(), "error: {error}");
}

fn parse_set(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.trim().is_empty() => {
            Ok((key.trim().to_owned(), value.to_owned()))
        }
        _ => Err("write section.key=value".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_flag_is_split_at_its_first_equals_sign() {
        assert_eq!(
            parse_set("a.b=c=d"),
            Ok(("a.b".to_owned(), "c=d".to_owned()))
        );
        assert_eq!(parse_set("a.b="), Ok(("a.b".to_owned(), String::new())));
        assert!(parse_set("a.b").is_err() && parse_set("=x").is_err());
    }
}
