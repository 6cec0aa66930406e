//! PostgreSQL's own programs: found, asked for their version, run.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::Context as _;
use secrecy::ExposeSecret as _;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::Command;

/// Names the folder of the programs, when it is not in `PATH`.
const FOLDER: &str = "FLUMEN_PG_BIN";
/// Lines of a program's errors that are shown.
const SHOWN: usize = 12;

/// Where a program is: in `FLUMEN_PG_BIN`, else wherever `PATH` finds it.
fn program(name: &str) -> PathBuf {
    std::env::var_os(FOLDER).map_or_else(
        || PathBuf::from(name),
        |folder| Path::new(&folder).join(name),
    )
}

/// What a program says of its version.
///
/// # Errors
/// When it is not there; says what to install.
pub(super) async fn version(name: &str) -> anyhow::Result<String> {
    let found = Command::new(program(name)).arg("--version").output().await;
    let output = found.with_context(|| {
        format!("{name} is not there: install PostgreSQL's client programs (Debian: postgresql-client), or name their folder in {FOLDER}")
    })?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// The first number of a version: 18 of `pg_dump (PostgreSQL) 18.4`, and of `18.1 (Debian 18.1-1)`.
pub(super) fn major(version: &str) -> Option<u32> {
    let digits = version.trim_start_matches(|c: char| !c.is_ascii_digit());
    digits
        .split(|c: char| !c.is_ascii_digit())
        .next()?
        .parse()
        .ok()
}

/// Holds that a program is not older than the server, as it would refuse in words of its own.
///
/// # Errors
/// When it is.
pub(super) fn fits(name: &str, program: &str, server: &str) -> anyhow::Result<()> {
    match (major(program), major(server)) {
        (Some(ours), Some(theirs)) if ours < theirs => anyhow::bail!(
            "{name} is of version {ours} and the server of version {theirs}: install the client programs of {theirs}, or name their folder in {FOLDER}"
        ),
        _ => Ok(()),
    }
}

/// Runs a program against a database to its end.
///
/// # Errors
/// When it fails; with the last lines of what it said.
pub(super) async fn run(
    name: &str,
    arguments: &[String],
    database: &store::Config,
) -> anyhow::Result<()> {
    let mut command = Command::new(program(name));
    command
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    for (variable, value) in store::libpq::environment(database)? {
        command.env(variable, value.expose_secret());
    }
    let mut child = command.spawn().with_context(|| format!("start {name}"))?;
    let mut said = Vec::new();
    if let Some(errors) = child.stderr.take() {
        let mut lines = BufReader::new(errors).lines();
        while let Some(line) = lines
            .next_line()
            .await
            .with_context(|| format!("read what {name} says"))?
        {
            tracing::info!(program = name, "{line}");
            said.push(line);
        }
    }
    let status = child
        .wait()
        .await
        .with_context(|| format!("wait for {name}"))?;
    if !status.success() {
        let last = said[said.len().saturating_sub(SHOWN)..].join("\n  ");
        anyhow::bail!("{name} failed ({status}):\n  {last}");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_by_their_first_number() {
        assert_eq!(major("pg_dump (PostgreSQL) 18.4"), Some(18));
        assert_eq!(major("15.18 (Debian 15.18-0+deb12u1)"), Some(15));
        assert_eq!(major("no number"), None);
        assert!(fits("pg_dump", "pg_dump (PostgreSQL) 18.4", "15.2").is_ok());
        let error = fits("pg_dump", "pg_dump (PostgreSQL) 15.18", "18.1").expect_err("older");
        assert!(error.to_string().contains("FLUMEN_PG_BIN"), "{error}");
    }
}
