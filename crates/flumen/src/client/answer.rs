//! Understands answers of `ingest-api`, and refuses those that do not add up.

use std::time::Duration;

use serde::Deserialize;

use super::{
    Request,
    error::{AttemptError, Problem, SendError},
};

/// Every event of a request, answered for.
#[derive(Debug)]
pub struct Answer {
    /// Events that are durable in Kafka.
    pub accepted: u32,
    /// Events that never will be, with the reason.
    pub rejected: Vec<Outcome>,
    /// Outcomes of accepted events, when they were asked for.
    pub accepted_events: Vec<Outcome>,
    /// From the first byte out to the last byte in, of the attempt that was answered.
    pub latency: Duration,
}

/// What became of one event.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Outcome {
    /// Position in the request, from 0.
    pub index: u32,
    /// Flumen's key of an accepted event.
    #[serde(default)]
    pub uid: Option<String>,
    /// HTTP status of this event alone.
    pub status: u16,
    /// Stable name of the reason, a relative URI.
    #[serde(default, rename = "type")]
    pub kind: Option<String>,
    /// The reason in a sentence.
    #[serde(default)]
    pub detail: Option<String>,
    /// JSON pointer of the culprit.
    #[serde(default)]
    pub pointer: Option<String>,
}

impl Outcome {
    /// Short name of the reason: `too-deep` of `/problems/too-deep`.
    pub fn reason(&self) -> &str {
        self.kind
            .as_deref()
            .and_then(|kind| kind.rsplit('/').next())
            .filter(|name| !name.is_empty())
            .unwrap_or("unknown")
    }

    /// An event that may be accepted when it is sent again.
    fn is_transient(&self) -> bool {
        self.status == 429 || self.status >= 500
    }
}

#[derive(Deserialize)]
struct Body {
    accepted: u32,
    rejected: u32,
    #[serde(default)]
    events: Vec<Outcome>,
}

/// Turns status and body into an answer for every event, or says what to do instead.
pub(crate) fn understand(
    status: u16,
    retry_after: Option<Duration>,
    body: &[u8],
    request: &Request,
    latency: Duration,
) -> Result<Answer, AttemptError> {
    match status {
        408 | 429 | 500 | 502 | 503 | 504 => {
            let problem = Problem::parse(status, body);
            return Err(AttemptError::transient(problem.to_string(), retry_after));
        }
        _ => {}
    }
    match serde_json::from_slice::<Body>(body) {
        Ok(body) => of_outcomes(body, request, latency, retry_after),
        Err(_) if (200..300).contains(&status) => Err(protocol(format!(
            "status {status} with a body that holds no outcomes; is something else listening there?"
        ))),
        Err(_) => {
            let problem = Problem::parse(status, body);
            Err(AttemptError::Final(if status == 413 {
                SendError::TooLarge(problem)
            } else {
                SendError::Refused(problem)
            }))
        }
    }
}

fn of_outcomes(
    body: Body,
    request: &Request,
    latency: Duration,
    retry_after: Option<Duration>,
) -> Result<Answer, AttemptError> {
    let events = u64::from(request.events);
    if u64::from(body.accepted) + u64::from(body.rejected) != events {
        return Err(protocol(format!(
            "{events} events were sent and {} + {} answered for",
            body.accepted, body.rejected
        )));
    }
    let (accepted_events, rejected): (Vec<_>, Vec<_>) = body
        .events
        .into_iter()
        .partition(|outcome| outcome.status < 400);
    if let Some(outcome) = rejected.iter().find(|outcome| outcome.is_transient()) {
        let reason = format!("event {} was answered {}", outcome.index, outcome.status);
        return Err(AttemptError::transient(reason, retry_after));
    }
    let mut seen = vec![false; request.events as usize];
    for outcome in &rejected {
        match seen.get_mut(outcome.index as usize) {
            Some(seen) if !*seen => *seen = true,
            _ => {
                return Err(protocol(format!(
                    "event {} of {events} is answered for twice, or was never sent",
                    outcome.index
                )));
            }
        }
    }
    if rejected.len() != body.rejected as usize {
        return Err(protocol(format!(
            "{} events were rejected and {} reasons given",
            body.rejected,
            rejected.len()
        )));
    }
    Ok(Answer {
        accepted: body.accepted,
        rejected,
        accepted_events,
        latency,
    })
}

fn protocol(message: String) -> AttemptError {
    AttemptError::Final(SendError::Protocol(message))
}
