//! `flumen relay`: does a mail about an alert arrive?
//!
//! Asks a running alert-relay to send a test mail, at once and past its outbox, so that whatever stands in its way (a password,
//! a certificate, a firewall, a refused address) is told here and now instead of at night.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use anyhow::{Context as _, bail};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};

use crate::units;

const EXAMPLES: &str = "\
Examples:
  flumen relay test --token-file relay.token
  flumen relay test --label team=db --label severity=critical    which route would this take?";

const TEST_EXAMPLES: &str = "\
Examples:
  flumen relay test --token-file relay.token
  FLUMEN_RELAY_TOKEN=.. flumen relay test --url https://relay.example.com --label team=db

The token is that of a sender with `operator = true` in alert-relay's senders file.
Exit status: 0 the mail was taken by the mail server or API; 1 it was not, and the message says why.";

/// Arguments of `relay`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The subcommands of `relay`.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Sends a test mail and says what became of it.
    Test(TestArgs),
}

/// Arguments of `relay test`.
#[derive(Debug, clap::Args)]
#[command(after_help = TEST_EXAMPLES)]
pub struct TestArgs {
    /// Base URL of alert-relay.
    #[arg(
        long,
        value_name = "URL",
        env = "FLUMEN_RELAY_URL",
        default_value = "http://127.0.0.1:8083"
    )]
    pub url: String,

    /// Token of an operator.
    #[arg(
        long,
        value_name = "TOKEN",
        env = "FLUMEN_RELAY_TOKEN",
        hide_env_values = true
    )]
    pub token: Option<SecretString>,

    /// File with the token.
    #[arg(long, value_name = "FILE", conflicts_with = "token")]
    pub token_file: Option<PathBuf>,

    /// Label that the test alert has, to choose a route (repeatable).
    #[arg(long = "label", value_name = "NAME=VALUE", value_parser = label)]
    pub labels: Vec<(String, String)>,

    /// How long to wait for the mail server.
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = units::duration)]
    pub timeout: Duration,
}

fn label(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.trim().is_empty() => {
            Ok((name.trim().to_owned(), value.to_owned()))
        }
        _ => Err("write name=value".to_owned()),
    }
}

/// Runs the subcommand.
///
/// # Errors
/// When the mail could not be sent, with the reason.
pub async fn run(args: Args) -> anyhow::Result<()> {
    match args.command {
        Command::Test(args) => test(args).await,
    }
}

#[expect(
    clippy::print_stdout,
    reason = "the outcome is what the command prints"
)]
async fn test(args: TestArgs) -> anyhow::Result<()> {
    let token = token(&args)?;
    let labels: BTreeMap<_, _> = args.labels.into_iter().collect();
    let client = reqwest::Client::builder()
        .timeout(args.timeout)
        .build()
        .context("make a client")?;
    let url = format!("{}/v1/test", args.url.trim_end_matches('/'));
    let response = client
        .post(&url)
        .bearer_auth(token.expose_secret())
        .json(&json!({ "labels": labels }))
        .send()
        .await
        .with_context(|| format!("ask {url}; does alert-relay run there?"))?;
    let status = response.status();
    let answer: Value = response
        .json()
        .await
        .with_context(|| format!("{url} answered {status} and is not alert-relay"))?;
    let route = answer["route"].as_str().unwrap_or("?");
    let to: Vec<_> = answer["to"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    if status.is_success() {
        println!(
            "sent to {} by route {route} in {} ms, as {}",
            to.join(", "),
            answer["elapsed_ms"],
            answer["message_id"].as_str().unwrap_or("?")
        );
        return Ok(());
    }
    let detail = answer["detail"].as_str().unwrap_or("no reason was given");
    if to.is_empty() {
        bail!("{detail} ({status})");
    }
    bail!("not sent to {} by route {route}: {detail}", to.join(", "))
}

fn token(args: &TestArgs) -> anyhow::Result<SecretString> {
    match (&args.token, &args.token_file) {
        (Some(token), _) => Ok(token.clone()),
        (None, Some(file)) => {
            let text = std::fs::read_to_string(file)
                .with_context(|| format!("read the token from {}", file.display()))?;
            Ok(SecretString::from(text.trim()))
        }
        (None, None) => bail!("give a token: --token-file FILE, or FLUMEN_RELAY_TOKEN"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_is_split_at_its_first_equals_sign() {
        assert_eq!(label("a=b=c"), Ok(("a".to_owned(), "b=c".to_owned())));
        assert!(label("a").is_err() && label("=b").is_err());
    }
}
