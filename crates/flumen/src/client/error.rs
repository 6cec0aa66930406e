//! What can go wrong with a request, named by what the caller does next.

use std::time::Duration;

use serde::Deserialize;

use crate::units;

/// Why a batch has no answer for its events.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// Nothing was decided: send the same bytes again later. Patience ended first.
    #[error("gave up after {attempts} attempts in {}: {reason}", units::short(*after))]
    GaveUp {
        /// How often it was tried.
        attempts: u32,
        /// For how long.
        after: Duration,
        /// What the last attempt met.
        reason: String,
    },
    /// The batch is too large as a whole: send it in parts.
    #[error("the batch is too large: {0}")]
    TooLarge(Problem),
    /// The server refuses every request like this one: stop and correct the cause.
    #[error("{0}")]
    Refused(Problem),
    /// The answer is not one an ingest-api gives: stop, the address is wrong or versions differ.
    #[error("not an answer of ingest-api: {0}")]
    Protocol(String),
}

/// A refusal of a whole request (RFC 9457), or what can be told of one.
#[derive(Debug, Clone, Deserialize)]
pub struct Problem {
    /// HTTP status.
    #[serde(default)]
    pub status: u16,
    /// Stable name of the problem, a relative URI.
    #[serde(default, rename = "type")]
    pub kind: Option<String>,
    /// What is wrong, in a sentence.
    #[serde(default)]
    pub detail: Option<String>,
    /// What is wrong, in a few words.
    #[serde(default)]
    pub title: Option<String>,
    /// Finds the request in the server's logs.
    #[serde(default)]
    pub request_id: Option<String>,
}

impl Problem {
    /// Reads a problem, or makes one from the status alone.
    pub(crate) fn parse(status: u16, body: &[u8]) -> Self {
        let mut problem = serde_json::from_slice::<Self>(body).unwrap_or(Self {
            status,
            kind: None,
            detail: None,
            title: None,
            request_id: None,
        });
        problem.status = status;
        problem
    }
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.status)?;
        if let Some(name) = self
            .kind
            .as_deref()
            .and_then(|kind| kind.rsplit('/').next())
        {
            write!(f, " {name}")?;
        }
        if let Some(text) = self.detail.as_ref().or(self.title.as_ref()) {
            write!(f, ": {text}")?;
        }
        let advice = match self.status {
            401 => {
                Some("check FLUMEN_PRODUCER_KEY; `flumen keys create --scope ingest` makes a key")
            }
            403 => Some("the key needs the scope `ingest` and the sources that are sent"),
            404 => Some("is this the address of ingest-api? query-api has another"),
            _ => None,
        };
        if let Some(advice) = advice {
            write!(f, " ({advice})")?;
        }
        if let Some(id) = &self.request_id {
            write!(f, " [request {id}]")?;
        }
        Ok(())
    }
}

/// One attempt without an answer.
#[derive(Debug)]
pub(crate) enum AttemptError {
    /// The same bytes may succeed later.
    Transient(Transient),
    /// They never will.
    Final(SendError),
}

/// Why to try again, and when at the earliest.
#[derive(Debug)]
pub(crate) struct Transient {
    pub(crate) reason: String,
    pub(crate) retry_after: Option<Duration>,
}

impl AttemptError {
    pub(crate) fn transient(reason: String, retry_after: Option<Duration>) -> Self {
        Self::Transient(Transient {
            reason,
            retry_after,
        })
    }

    /// Everything about the transport may pass, except a request that cannot be made at all.
    pub(crate) fn from_transport(error: &reqwest::Error, url: &reqwest::Url) -> Self {
        if error.is_builder() {
            return Self::Final(SendError::Protocol(causes(error)));
        }
        let what = if error.is_timeout() {
            "no answer in time from"
        } else if error.is_connect() {
            "cannot connect to"
        } else {
            "lost the connection to"
        };
        let host = url.host_str().unwrap_or_default();
        let port = url.port_or_known_default().unwrap_or_default();
        Self::transient(format!("{what} {host}:{port} ({})", innermost(error)), None)
    }
}

fn causes(error: &reqwest::Error) -> String {
    format!("{error}: {}", innermost(error))
}

fn innermost(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    cause.to_string()
}
