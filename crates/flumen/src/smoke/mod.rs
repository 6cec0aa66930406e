//! `flumen smoke`: one event through the whole pipeline, there and back, as a deploy wants it proved.
//!
//! Sent with a key that may only write, read with one that may only read, and compared.

mod compare;
#[cfg(test)]
mod tests;

use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail};
use bytes::Bytes;
use secrecy::SecretString;
use serde_json::{Value, json};

use crate::{
    client::{self, Client, Options, Request},
    exit::{self, Exit},
    stack::Stack,
    units::{self, Patience, short},
};

const EXAMPLES: &str = "\
Examples:
  flumen smoke --state .flumen
  FLUMEN_PRODUCER_KEY=fl_.. FLUMEN_READER_KEY=fl_.. \\
    flumen smoke --ingest-url https://ingest.example.com --query-url https://query.example.com --json

Exit status: 0 the event came back as it was sent; 1 it did not, and the message says where it stopped.";

/// One wait at query-api; it is repeated until the timeout.
const WAIT: Duration = Duration::from_secs(5);

/// Arguments of `smoke`.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Base URL of ingest-api [default: that of the stack, else http://127.0.0.1:8080].
    #[arg(long, value_name = "URL", env = "FLUMEN_INGEST_URL")]
    pub ingest_url: Option<String>,

    /// Base URL of query-api [default: that of the stack, else http://127.0.0.1:8081].
    #[arg(long, value_name = "URL", env = "FLUMEN_QUERY_URL")]
    pub query_url: Option<String>,

    /// Key with the scope `ingest`.
    #[arg(
        long,
        value_name = "KEY",
        env = "FLUMEN_PRODUCER_KEY",
        hide_env_values = true
    )]
    pub producer_key: Option<SecretString>,

    /// Key with the scope `read`.
    #[arg(
        long,
        value_name = "KEY",
        env = "FLUMEN_READER_KEY",
        hide_env_values = true
    )]
    pub reader_key: Option<SecretString>,

    /// State folder of `flumen up`, for addresses and keys [default: .flumen when something runs there].
    #[arg(long, value_name = "DIR")]
    pub state: Option<PathBuf>,

    /// `source` of the event; both keys must be allowed to use it.
    #[arg(long, default_value = "flumen-smoke")]
    pub source: String,

    /// How long it may take altogether.
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = units::duration)]
    pub timeout: Duration,

    /// PEM file with certificates to trust besides the system's.
    #[arg(long, value_name = "FILE")]
    pub ca: Option<PathBuf>,

    /// Print the outcome as JSON.
    #[arg(long)]
    pub json: bool,
}

/// How the test went.
#[derive(Debug)]
struct Outcome {
    uid: String,
    accepted_after: Duration,
    /// From the acceptance on.
    readable_after: Duration,
}

/// Runs the test.
///
/// # Errors
/// When the event was refused, did not come back in time, or came back changed.
#[expect(
    clippy::print_stdout,
    reason = "the outcome is what the command prints"
)]
pub async fn run(args: Args) -> anyhow::Result<()> {
    let outcome = match tokio::time::timeout(args.timeout, there_and_back(&args)).await {
        Ok(outcome) => outcome,
        Err(_) => Err(anyhow::anyhow!(
            "no answer within {}; `flumen status` and /readyz of the services say what is wrong",
            short(args.timeout)
        )),
    };
    if args.json {
        println!("{}", json_of(&outcome));
        return outcome.map(|_| ());
    }
    let outcome = outcome?;
    println!(
        "ok: accepted in {}, readable {} later, uid {}",
        short(outcome.accepted_after),
        short(outcome.readable_after),
        outcome.uid
    );
    Ok(())
}

fn json_of(outcome: &anyhow::Result<Outcome>) -> Value {
    let millis = |duration: Duration| duration.as_secs_f64() * 1e3;
    match outcome {
        Ok(outcome) => json!({
            "ok": true,
            "uid": outcome.uid,
            "accepted_ms": millis(outcome.accepted_after),
            "readable_ms": millis(outcome.readable_after),
        }),
        Err(error) => json!({"ok": false, "error": format!("{error:#}")}),
    }
}

async fn there_and_back(args: &Args) -> anyhow::Result<Outcome> {
    let ends = Ends::of(args)?;
    let event = event(&args.source);
    let started = Instant::now();
    let uid = send(args, &ends, &event).await?;
    let accepted_after = started.elapsed();
    let started = Instant::now();
    let shown = read(args, &ends, &uid).await?;
    let readable_after = started.elapsed();
    compare::same(&event, &shown).context("the event came back changed")?;
    Ok(Outcome {
        uid,
        accepted_after,
        readable_after,
    })
}

/// Both ends of the pipeline.
struct Ends {
    ingest_url: String,
    query_url: String,
    producer_key: SecretString,
    reader_key: SecretString,
}

impl Ends {
    fn of(args: &Args) -> anyhow::Result<Self> {
        let complete = args.ingest_url.is_some()
            && args.query_url.is_some()
            && args.producer_key.is_some()
            && args.reader_key.is_some();
        let stack = match complete {
            true => None,
            false => Stack::find(args.state.as_ref())?,
        };
        let url = |given: &Option<String>, of_stack: fn(&Stack) -> &str, default: &str| {
            given
                .clone()
                .or_else(|| stack.as_ref().map(|stack| of_stack(stack).to_owned()))
                .unwrap_or_else(|| default.to_owned())
        };
        let key =
            |given: &Option<SecretString>, of_stack: fn(&Stack) -> &SecretString, name: &str| {
                given
                    .clone()
                    .or_else(|| stack.as_ref().map(|stack| of_stack(stack).clone()))
                    .ok_or_else(|| {
                        let message = format!(
                            "no key: set {name}, or name the folder of `flumen up` with --state"
                        );
                        Exit::error(exit::USAGE, message)
                    })
            };
        Ok(Self {
            ingest_url: url(
                &args.ingest_url,
                |stack| &stack.ingest_api.url,
                "http://127.0.0.1:8080",
            ),
            query_url: url(
                &args.query_url,
                |stack| &stack.query_api.url,
                "http://127.0.0.1:8081",
            ),
            producer_key: key(
                &args.producer_key,
                |stack| &stack.keys.producer,
                "FLUMEN_PRODUCER_KEY",
            )?,
            reader_key: key(
                &args.reader_key,
                |stack| &stack.keys.reader,
                "FLUMEN_READER_KEY",
            )?,
        })
    }
}

/// An event with what is easily lost on the way: nested data, text beyond ASCII, big numbers.
fn event(source: &str) -> Value {
    let now = jiff::Timestamp::now();
    let now = jiff::Timestamp::from_microsecond(now.as_microsecond()).unwrap_or(now);
    json!({
        "specversion": "1.0",
        "id": uuid::Uuid::now_v7().to_string(),
        "source": source,
        "type": "flumen.smoke",
        "time": now.to_string(),
        "subject": "smoke",
        "datacontenttype": "application/json",
        "data": {"text": "Grüße, 世界 \"quoted\"", "number": 9_007_199_254_740_993_i64, "nested": [{"a": null}, true, 0.5]},
    })
}

async fn send(args: &Args, ends: &Ends, event: &Value) -> anyhow::Result<String> {
    let client = Client::new(&Options {
        url: ends.ingest_url.clone(),
        key: ends.producer_key.clone(),
        timeout: args.timeout,
        retry_for: Patience::For(args.timeout),
        connections: 1,
        ca: args.ca.clone(),
    })?;
    let mut request = Request::new(
        "application/cloudevents+json",
        Bytes::from(event.to_string()),
        1,
    );
    request.detailed = true;
    let answer = client
        .send(&request, |_| {})
        .await
        .with_context(|| format!("send the event to {}", ends.ingest_url))?;
    if let Some(outcome) = answer.rejected.first() {
        bail!(
            "ingest-api refused the event: {} {}: {}",
            outcome.status,
            outcome.reason(),
            outcome.detail.as_deref().unwrap_or("no detail given")
        );
    }
    answer
        .accepted_events
        .into_iter()
        .find_map(|outcome| outcome.uid)
        .context("ingest-api accepted the event without telling its uid")
}

/// Asks until the event is there; the caller bounds the time.
async fn read(args: &Args, ends: &Ends, uid: &str) -> anyhow::Result<Value> {
    let base = client::base_url(&ends.query_url)?;
    let http = client::http_client(&base, WAIT + Duration::from_secs(10), 1, args.ca.as_ref())?;
    let mut url = base
        .join(&format!("v1/events/{uid}"))
        .context("make the address of the event")?;
    url.set_query(Some("wait=5s"));
    let key = client::bearer(&ends.reader_key)?;
    loop {
        let asked = Instant::now();
        let answer = http
            .get(url.clone())
            .header(reqwest::header::AUTHORIZATION, key.clone())
            .send()
            .await;
        match answer {
            Ok(answer) if answer.status().is_success() => {
                let body = answer
                    .bytes()
                    .await
                    .context("read the event from query-api")?;
                return serde_json::from_slice(&body).context("understand the answer of query-api");
            }
            Ok(answer) if matches!(answer.status().as_u16(), 404 | 408 | 429 | 500..) => {
                tracing::info!(
                    status = answer.status().as_u16(),
                    "the event is not readable yet"
                );
            }
            Ok(answer) => {
                let status = answer.status();
                let body = answer.text().await.unwrap_or_default();
                bail!("query-api at {} answered {status}: {body}", ends.query_url);
            }
            Err(error) => tracing::info!(%error, "query-api cannot be reached yet"),
        }
        // Where the server waits, this one does not.
        tokio::time::sleep(Duration::from_millis(200).saturating_sub(asked.elapsed())).await;
    }
}
