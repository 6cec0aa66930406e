//! The arguments that say where `ingest-api` is and with which key to talk to it.

use std::{path::PathBuf, time::Duration};

use anyhow::Context as _;
use secrecy::SecretString;

use crate::{
    client::{Client, Options},
    exit::{self, Exit},
    stack::Stack,
    units::{self, Patience},
};

/// Where to send events, with which key, and how patiently.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Connection")]
#[group(skip)]
pub struct Args {
    /// Base URL of ingest-api [default: that of the stack, else http://127.0.0.1:8080].
    #[arg(long, value_name = "URL", env = "FLUMEN_INGEST_URL")]
    pub url: Option<String>,

    /// Key with the scope `ingest`. Prefer the variable: arguments are seen by others on this machine.
    #[arg(
        long,
        value_name = "KEY",
        env = "FLUMEN_PRODUCER_KEY",
        hide_env_values = true,
        conflicts_with = "key_file"
    )]
    pub key: Option<SecretString>,

    /// File that holds the key.
    #[arg(long, value_name = "FILE")]
    pub key_file: Option<PathBuf>,

    /// State folder of `flumen up`, for its address and key [default: .flumen when something runs there].
    #[arg(long, value_name = "DIR")]
    pub state: Option<PathBuf>,

    /// How long one request may take before it is sent again.
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = units::duration)]
    pub timeout: Duration,

    /// How long to repeat a batch that is answered 503 or 429, times out or finds nobody; or `forever`.
    #[arg(long, value_name = "DURATION", default_value = "10m", value_parser = units::patience)]
    pub retry_for: Patience,

    /// PEM file with certificates to trust besides the system's.
    #[arg(long, value_name = "FILE")]
    pub ca: Option<PathBuf>,
}

impl Args {
    /// Makes the client these arguments describe.
    ///
    /// # Errors
    /// When there is no key, or an argument cannot be used.
    pub fn client(&self, connections: usize) -> anyhow::Result<Client> {
        let stack = if self.url.is_some() && (self.key.is_some() || self.key_file.is_some()) {
            None
        } else {
            Stack::find(self.state.as_ref())?
        };
        let key = match (&self.key, &self.key_file, &stack) {
            (Some(key), ..) => key.clone(),
            (None, Some(file), _) => key_from(file)?,
            (None, None, Some(stack)) => stack.keys.producer.clone(),
            (None, None, None) => {
                return Err(Exit::error(
                    exit::USAGE,
                    "no key: set FLUMEN_PRODUCER_KEY, give --key-file, or name the folder of `flumen up` with --state",
                ));
            }
        };
        let url = match (&self.url, &stack) {
            (Some(url), _) => url.clone(),
            (None, Some(stack)) => stack.ingest_api.url.clone(),
            (None, None) => "http://127.0.0.1:8080".to_owned(),
        };
        Client::new(&Options {
            url,
            key,
            timeout: self.timeout,
            retry_for: self.retry_for,
            connections,
            ca: self.ca.clone(),
        })
    }
}

fn key_from(file: &PathBuf) -> anyhow::Result<SecretString> {
    let text = std::fs::read_to_string(file)
        .with_context(|| format!("read the key from {}", file.display()))?;
    Ok(SecretString::from(text.trim().to_owned()))
}
