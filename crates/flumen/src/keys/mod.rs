//! `flumen keys`: makes, lists and revokes API keys.
//!
//! A key's secret is printed once, when it is made, and kept nowhere: the keys file holds its hash.

mod file;
#[cfg(test)]
mod tests;

use std::path::PathBuf;

use anyhow::Context as _;
use secrecy::ExposeSecret as _;
use service::keys::{Key, Scope, SourcePattern};

use self::file::KeysFile;
use crate::{
    exit::{self, Exit},
    units,
};

const EXAMPLES: &str = "\
Examples:
  flumen keys create --name 'billing, production' --scope ingest --source billing
      prints the key and the entry to add to the keys file
  flumen keys create --name shops --scope ingest --source 'shop-*' --file keys.toml
      adds the entry to the file and prints only the key
  flumen keys create --name partner --scope read --source '*' --expires 90d --file keys.toml
  flumen keys list --file keys.toml
  flumen keys revoke k3v9x2ab --file keys.toml

The APIs read the file at start and on SIGHUP or POST /reload on their admin listener.";

/// Arguments of `keys`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do with keys.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Makes a key and prints its secret, this once.
    Create(CreateArgs),
    /// Lists the keys of a file, without anything secret.
    List(ListArgs),
    /// Revokes a key of a file.
    Revoke(RevokeArgs),
}

/// Arguments of `keys create`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  flumen keys create --name billing --scope ingest --source billing
  KEY=$(flumen keys create --name shops --scope ingest --source 'shop-*' --file keys.toml)
  flumen keys create --name audit --scope read --source '*' --expires 2027-01-01T00:00:00Z --json")]
pub struct CreateArgs {
    /// What people call it: who uses it, and where.
    #[arg(long)]
    pub name: String,

    /// What it may do: ingest, read (repeatable).
    #[arg(long, required = true, value_parser = scope)]
    pub scope: Vec<Scope>,

    /// Sources it may write or read (repeatable); a trailing `*` matches the rest, `*` alone all.
    #[arg(long, required = true, value_parser = source)]
    pub source: Vec<SourcePattern>,

    /// When it ends: an RFC 3339 time, or from now (90d).
    #[arg(long, value_name = "TIME", value_parser = future)]
    pub expires: Option<jiff::Timestamp>,

    /// Its own limit of events per second.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub events_per_second: Option<u32>,

    /// Its own limit of requests per second.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub requests_per_second: Option<u32>,

    /// Keys file to add the entry to; made when it is not there.
    #[arg(long, env = "FLUMEN_KEYS_FILE")]
    pub file: Option<PathBuf>,

    /// Print id, token and entry as JSON.
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `keys list`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  flumen keys list --file keys.toml
  flumen keys list --file keys.toml --json | jq '.[] | select(.state == \"expired\")'")]
pub struct ListArgs {
    /// Keys file.
    #[arg(long, env = "FLUMEN_KEYS_FILE")]
    pub file: PathBuf,

    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `keys revoke`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  flumen keys revoke k3v9x2ab --file keys.toml             refused from the next reload on, kept for the record
  flumen keys revoke k3v9x2ab --file keys.toml --remove    leaves no trace of it")]
pub struct RevokeArgs {
    /// Id of the key: the part of it between `fl_` and the next `_`.
    pub id: String,

    /// Keys file.
    #[arg(long, env = "FLUMEN_KEYS_FILE")]
    pub file: PathBuf,

    /// Remove the entry instead of marking it.
    #[arg(long)]
    pub remove: bool,
}

/// Runs the subcommand.
///
/// # Errors
/// When the file cannot be read or written, or does not hold what was asked for.
pub async fn run(args: Args) -> anyhow::Result<()> {
    match args.command {
        Command::Create(args) => create(&args),
        Command::List(args) => list(&args),
        Command::Revoke(args) => revoke(args),
    }
}

#[expect(clippy::print_stdout, reason = "the key is what the command prints")]
fn create(args: &CreateArgs) -> anyhow::Result<()> {
    let expires = args.expires.map(|time| time.to_string());
    let mut key = service::keys::create(&args.name, &args.scope, &args.source, expires.as_deref())
        .context("make a key")?;
    for (name, limit) in [
        ("events_per_second", args.events_per_second),
        ("requests_per_second", args.requests_per_second),
    ] {
        if let Some(limit) = limit {
            key.entry.push_str(&format!("{name} = {limit}\n"));
        }
    }
    if let Some(path) = &args.file {
        KeysFile::open(path)?.add(&key.entry)?;
        note(&format!(
            "added key {} to {}; {RELOAD}",
            key.id,
            path.display()
        ));
    }
    let token = key.token.expose_secret();
    if args.json {
        println!(
            "{}",
            serde_json::json!({"id": key.id, "token": token, "entry": key.entry})
        );
    } else if args.file.is_some() {
        println!("{token}");
    } else {
        println!("{token}\n");
        print!("{}", key.entry);
        note(
            "\nThe first line is the key: it is shown this once. The rest is the entry to add to the keys file, which holds only its hash.",
        );
    }
    Ok(())
}

const RELOAD: &str = "the APIs know it after SIGHUP or POST /reload on their admin listener";

#[expect(clippy::print_stdout, reason = "the list is what the command prints")]
fn list(args: &ListArgs) -> anyhow::Result<()> {
    let keys = KeysFile::open(&args.file)?.keys()?;
    if args.json {
        let rows: Vec<_> = keys.iter().map(row_json).collect();
        println!("{}", serde_json::Value::from(rows));
    } else {
        print!("{}", table(&keys));
    }
    Ok(())
}

fn revoke(args: RevokeArgs) -> anyhow::Result<()> {
    // People paste whole keys; only the id of it is looked at.
    let id =
        service::keys::TokenParts::of(&args.id).map_or(args.id.clone(), |key| key.id.to_owned());
    let file = KeysFile::open(&args.file)?;
    let found = if args.remove {
        file.remove(&id)?
    } else {
        file.disable(&id)?
    };
    if !found {
        return Err(Exit::error(
            exit::USAGE,
            format!(
                "{} holds no key `{id}`; `flumen keys list` shows the ids",
                args.file.display()
            ),
        ));
    }
    note(&format!("revoked key {id}; {RELOAD}"));
    Ok(())
}

fn state(key: &Key) -> &'static str {
    if key.disabled {
        "revoked"
    } else if key.is_valid_at(std::time::SystemTime::now().into()) {
        "valid"
    } else {
        "expired"
    }
}

fn scopes(key: &Key) -> Vec<&'static str> {
    key.scopes.iter().map(|scope| scope.name()).collect()
}

fn sources(key: &Key) -> Vec<String> {
    key.sources.iter().map(ToString::to_string).collect()
}

fn expires(key: &Key) -> Option<String> {
    let seconds = key.expires?.unix_timestamp();
    jiff::Timestamp::from_second(seconds)
        .ok()
        .map(|time| time.to_string())
}

fn row_json(key: &Key) -> serde_json::Value {
    serde_json::json!({
        "id": key.id,
        "name": key.name,
        "state": state(key),
        "scopes": scopes(key),
        "sources": sources(key),
        "expires": expires(key),
        "events_per_second": key.events_per_second,
        "requests_per_second": key.requests_per_second,
    })
}

/// Columns as wide as they need to be.
fn table(keys: &[Key]) -> String {
    let head = ["ID", "STATE", "SCOPES", "SOURCES", "EXPIRES", "NAME"].map(str::to_owned);
    let rows: Vec<[String; 6]> = std::iter::once(head)
        .chain(keys.iter().map(|key| {
            [
                key.id.clone(),
                state(key).to_owned(),
                scopes(key).join(","),
                sources(key).join(","),
                expires(key).unwrap_or_else(|| "never".to_owned()),
                key.name.clone(),
            ]
        }))
        .collect();
    let mut out = String::new();
    for row in &rows {
        let mut line = String::new();
        for (column, cell) in row.iter().enumerate() {
            let width = rows
                .iter()
                .map(|row| row[column].chars().count())
                .max()
                .unwrap_or_default();
            line.push_str(&format!("{cell:width$}  "));
        }
        out.push_str(line.trim_end());
        out.push('\n');
    }
    out
}

fn scope(text: &str) -> Result<Scope, String> {
    Scope::parse(text)
        .ok_or_else(|| format!("`{text}` is not a scope; there are ingest, read and operator"))
}

fn source(text: &str) -> Result<SourcePattern, String> {
    SourcePattern::parse(text).ok_or_else(|| {
        format!("`{text}` is not a source; a `*` may stand at the end only, and alone means all")
    })
}

/// A time, or how far ahead.
fn future(text: &str) -> Result<jiff::Timestamp, String> {
    if let Ok(time) = text.parse::<jiff::Timestamp>() {
        return Ok(time);
    }
    let ahead = units::duration(text)
        .map_err(|_| format!("`{text}` is neither an RFC 3339 time nor a duration such as 90d"))?;
    let ahead = jiff::SignedDuration::try_from(ahead).map_err(|error| error.to_string())?;
    let time = jiff::Timestamp::now()
        .checked_add(ahead)
        .map_err(|error| error.to_string())?;
    jiff::Timestamp::from_second(time.as_second()).map_err(|error| error.to_string())
}

#[expect(clippy::print_stderr, reason = "notes are kept apart from the key")]
fn note(text: &str) {
    eprintln!("{text}");
}
