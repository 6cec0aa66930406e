//! The client that remembers: every event it sent and what was answered, and that sends again whatever was not accepted, as clients should.

mod ledger;
mod load;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use event::{Timestamp, Uid};
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, RETRY_AFTER};
use serde::Deserialize;
use tokio_util::sync::CancellationToken;

pub(crate) use ledger::{Attempt, Key, Ledger};
pub(crate) use load::{Load, Pace};

/// How long a client waits for an answer before it gives up and sends again.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);
/// Between a broken connection and the next attempt.
const AFTER_A_BREAK: Duration = Duration::from_millis(200);

/// One event, as it is sent again and again.
#[derive(Debug, Clone)]
pub(crate) struct Sent {
    pub(crate) source: String,
    pub(crate) id: String,
    /// Its own time; an event without one is recognised by its id alone.
    pub(crate) time: Option<Timestamp>,
    pub(crate) json: String,
}

impl Sent {
    /// An event with some data.
    pub(crate) fn new(source: &str, id: &str, time: Option<Timestamp>) -> Self {
        let stated = time
            .map(|time| format!("\"time\":\"{time}\","))
            .unwrap_or_default();
        let json = format!(
            "{{\"specversion\":\"1.0\",\"source\":\"{source}\",\"type\":\"campaign.event\",\"id\":\"{id}\",{stated}\
             \"subject\":\"order-{id}\",\"data\":{{\"amount\":12.5,\"currency\":\"EUR\",\"items\":[{{\"sku\":\"a-1\",\"count\":2}},{{\"sku\":\"b-7\",\"count\":1}}]}}}}"
        );
        Self {
            source: source.to_owned(),
            id: id.to_owned(),
            time,
            json,
        }
    }

    /// Under which it is remembered.
    pub(crate) fn key(&self) -> Key {
        Key::of(&self.source, &self.id)
    }
}

/// What became of a request.
#[derive(Debug)]
pub(crate) enum Answer {
    /// All events are accepted.
    Accepted,
    /// Refused for now (503 or 429); to be sent again after so long.
    Later(Duration),
    /// No answer, or one that says nothing about when to come back.
    Broken,
    /// Refused for good.
    Refused,
}

/// Sends events and remembers.
pub(crate) struct Client {
    http: reqwest::Client,
    url: String,
    token: String,
    source: String,
    next: AtomicU64,
    ledger: Mutex<Ledger>,
    give_up: CancellationToken,
}

#[derive(Deserialize)]
struct Outcomes {
    #[serde(default)]
    events: Vec<Outcome>,
}

#[derive(Deserialize)]
struct Outcome {
    index: usize,
    uid: Option<String>,
    status: u16,
}

impl Client {
    /// A client of the ingest-api at `address` (host and port).
    pub(crate) fn new(address: &str, token: &str, source: &str) -> anyhow::Result<Self> {
        let http = reqwest::Client::builder()
            .timeout(PATIENCE)
            .connect_timeout(PATIENCE)
            .tcp_nodelay(true)
            .no_proxy()
            .build()
            .context("set up the HTTP client")?;
        Ok(Self {
            http,
            url: format!("http://{address}/v1/events"),
            token: token.to_owned(),
            source: source.to_owned(),
            next: AtomicU64::new(0),
            ledger: Mutex::new(Ledger::default()),
            give_up: CancellationToken::new(),
        })
    }

    /// A new event that happens now.
    pub(crate) fn event(&self) -> Sent {
        self.event_at(Some(Timestamp::now()))
    }

    /// A new event with this time, or none.
    pub(crate) fn event_at(&self, time: Option<Timestamp>) -> Sent {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        Sent::new(&self.source, &format!("{number:08}"), time)
    }

    /// So many new events that happen now.
    pub(crate) fn events(&self, count: usize) -> Vec<Sent> {
        (0..count).map(|_| self.event()).collect()
    }

    /// What it remembers.
    pub(crate) fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends events once, and remembers the answer.
    pub(crate) async fn send(&self, events: &[Sent]) -> Answer {
        self.send_to(&self.url, events).await
    }

    /// The same, to another ingest-api (host and port).
    pub(crate) async fn send_via(&self, address: &str, events: &[Sent]) -> Answer {
        self.send_to(&format!("http://{address}/v1/events"), events)
            .await
    }

    async fn send_to(&self, url: &str, events: &[Sent]) -> Answer {
        self.ledger().remember_sent(events);
        let mut body = String::with_capacity(events.len() * 320 + 2);
        body.push('[');
        for (index, event) in events.iter().enumerate() {
            if index > 0 {
                body.push(',');
            }
            body.push_str(&event.json);
        }
        body.push(']');
        let sent = Instant::now();
        let answer = self.exchange(url, body, events).await;
        self.ledger().attempts.push(Attempt {
            sent,
            done: Instant::now(),
            accepted: matches!(answer, Answer::Accepted),
        });
        answer
    }

    /// Sends events that are not all right, remembers nothing of them, and returns the status and the body.
    pub(crate) async fn send_wrong(&self, events: &[Sent]) -> anyhow::Result<(u16, String)> {
        let all: Vec<&str> = events.iter().map(|event| event.json.as_str()).collect();
        let response = self
            .http
            .post(&self.url)
            .header(AUTHORIZATION, format!("Bearer {}", self.token))
            .header(CONTENT_TYPE, "application/cloudevents-batch+json")
            .body(format!("[{}]", all.join(",")))
            .send()
            .await
            .context("send")?;
        let status = response.status().as_u16();
        Ok((status, response.text().await.context("read the answer")?))
    }

    async fn exchange(&self, url: &str, body: String, events: &[Sent]) -> Answer {
        let request = self
            .http
            .post(url)
            .header(AUTHORIZATION, format!("Bearer {}", self.token))
            .header(CONTENT_TYPE, "application/cloudevents-batch+json")
            .body(body);
        let response = match request.send().await {
            Ok(response) => response,
            Err(error) => return self.broken(&error),
        };
        let status = response.status().as_u16();
        let retry_after = response
            .headers()
            .get(RETRY_AFTER)
            .and_then(|value| value.to_str().ok()?.parse().ok())
            .map(Duration::from_secs);
        let body = match response.bytes().await {
            Ok(body) => body,
            Err(error) => return self.broken(&error),
        };
        let outcomes: Option<Outcomes> = serde_json::from_slice(&body).ok();
        // An event that is told as accepted counts, whatever became of its neighbours.
        let accepted = outcomes
            .iter()
            .flat_map(|outcomes| &outcomes.events)
            .filter(|outcome| outcome.status == 202)
            .filter_map(|outcome| {
                let event = events.get(outcome.index)?;
                Some((event, Uid::parse(outcome.uid.as_deref()?).ok()?))
            });
        let mut ledger = self.ledger();
        let mut count = 0;
        for (event, uid) in accepted {
            count += 1;
            ledger.remember_accepted(event, uid);
        }
        match (status, retry_after) {
            (202, _) if count == events.len() => Answer::Accepted,
            (503 | 429, Some(after)) => {
                ledger.shed += 1;
                Answer::Later(after)
            }
            (500.., _) => {
                ledger.fail(format!("status {status} without Retry-After"));
                Answer::Broken
            }
            _ => {
                let text = String::from_utf8_lossy(&body[..body.len().min(300)]).into_owned();
                ledger.refused.push(format!("status {status}: {text}"));
                Answer::Refused
            }
        }
    }

    fn broken(&self, error: &reqwest::Error) -> Answer {
        let mut text = error.to_string();
        let mut source = std::error::Error::source(error);
        while let Some(cause) = source {
            text = format!("{text}: {cause}");
            source = cause.source();
        }
        self.ledger().fail(text);
        Answer::Broken
    }

    /// Sends events, again and again, until they are accepted (true), refused for good, or the scene ends.
    pub(crate) async fn deliver(&self, events: &[Sent]) -> bool {
        loop {
            let attempt = tokio::select! {
                answer = self.send(events) => answer,
                () = self.give_up.cancelled() => return false,
            };
            let pause = match attempt {
                Answer::Accepted => return true,
                Answer::Refused => return false,
                Answer::Later(after) => after,
                Answer::Broken => AFTER_A_BREAK,
            };
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = self.give_up.cancelled() => return false,
            }
        }
    }
}
