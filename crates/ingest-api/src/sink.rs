//! From events to records that Kafka holds: everything is sent first, then there is one wait.

use std::time::{Duration, Instant};

use event::{Event, Rejection, RejectionKind, Uid};
use kafka::{Countdown, Headers, Outcome, Producer, Record, SendError};

use crate::applications::Tally;
use crate::metrics::{FORBIDDEN, Metrics};

/// What became of one event.
#[derive(Debug)]
pub(crate) enum Verdict {
    /// Kafka holds it on all in-sync replicas.
    Accepted(Uid),
    /// It will never be accepted as it is.
    Rejected(Rejection),
    /// The key may not send as this source.
    Forbidden(String),
    /// It may be accepted later; it may be stored already.
    Failed(SendError),
}

/// Sends the events that are to be sent, waits for all of them under one deadline, and says what became of each.
///
/// `may_send` is asked for every source, and is true of `sendable` events. `traceparent` goes with events that have none of their own; `tally` counts by source. As soon as one
/// record cannot be sent now but may be later, nothing more is sent and nothing is waited for: the answer is known, and
/// the client is to send all of it again. Cancel safe in that records which were sent are still delivered.
pub(crate) async fn deliver<'e>(
    producer: &Producer,
    events: Vec<Result<Event<'e>, Rejection>>,
    may_send: impl Fn(&str) -> bool,
    sendable: usize,
    traceparent: Option<&str>,
    timeout: Duration,
    (metrics, mut tally): (&Metrics, Tally<'e>),
) -> Vec<Verdict> {
    let countdown = Countdown::new(sendable);
    let started = Instant::now();
    let mut sent = 0;
    let mut hopeless = None;
    let mut verdicts = Vec::with_capacity(events.len());
    for event in events {
        verdicts.push(match event {
            Err(rejection) => {
                tally.unread();
                Verdict::Rejected(rejection)
            }
            Ok(event) if !may_send(&event.source) => {
                tally.forbidden(&event.source);
                Verdict::Forbidden(event.source.into_owned())
            }
            Ok(event) => {
                if let Some(error) = hopeless {
                    countdown.fail(sent, error);
                } else if let Err(error) =
                    producer.send(record(&event, traceparent), &countdown, sent)
                {
                    hopeless = Some(error).filter(|error| error.is_retriable());
                }
                sent += 1;
                // To be taken back where the countdown says otherwise.
                let verdict = Verdict::Accepted(event.uid());
                tally.sent(event.source);
                verdict
            }
        });
    }
    if sendable > 0 && hopeless.is_none() {
        // Whatever is not settled by then counts as not acknowledged.
        let _ = tokio::time::timeout(timeout, countdown.wait()).await;
        metrics.ack_seconds.observe(started.elapsed().as_secs_f64());
    }
    let accepted = verdicts
        .iter_mut()
        .filter(|verdict| matches!(verdict, Verdict::Accepted(_)));
    for (index, verdict) in accepted.enumerate() {
        match countdown.outcome(index) {
            Outcome::Acked => {}
            Outcome::Pending => *verdict = Verdict::Failed(SendError::TimedOut),
            Outcome::Failed(SendError::TooLarge) => *verdict = Verdict::Rejected(too_large()),
            Outcome::Failed(error) => *verdict = Verdict::Failed(error),
        }
    }
    count(&verdicts, metrics);
    tally.count(&verdicts);
    verdicts
}

fn record<'e>(event: &'e Event<'_>, traceparent: Option<&str>) -> Record<'e> {
    let mut headers = Headers::default();
    event.encode_headers(|name, value| headers.push(name, value));
    if let (None, Some(traceparent)) = (&event.traceparent, traceparent) {
        headers.push("traceparent", traceparent.as_bytes());
    }
    Record {
        key: event.key(),
        value: event.value(),
        headers,
        timestamp_millis: Some(event.recorded.as_millis()),
        partition: None,
    }
}

fn too_large() -> Rejection {
    Rejection {
        kind: RejectionKind::TooLarge,
        detail:
            "the event is larger than a record of the topic may be; send what is large by reference"
                .to_owned(),
        pointer: None,
    }
}

fn count(verdicts: &[Verdict], metrics: &Metrics) {
    let mut accepted = 0;
    for verdict in verdicts {
        match verdict {
            Verdict::Accepted(_) => accepted += 1,
            Verdict::Rejected(rejection) => metrics.rejected(rejection.kind.name()),
            Verdict::Forbidden(_) => metrics.rejected(FORBIDDEN),
            Verdict::Failed(error) => metrics.failed(*error),
        }
    }
    metrics.accepted(accepted);
}
