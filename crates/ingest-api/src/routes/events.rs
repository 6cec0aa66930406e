//! `POST /v1/events`.

use std::sync::Arc;
use std::time::Duration;

use actix_web::http::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderName, RETRY_AFTER};
use actix_web::http::{ConnectionType, StatusCode};
use actix_web::web::{Data, Payload};
use actix_web::{HttpMessage as _, HttpRequest, HttpResponse};
use event::Timestamp;
use event::parse::{self, Limits, Mode};
use kafka::Producer;
use service::http::RequestId;
use service::keys::{self, Key, KeyStore, Scope};
use service::problem::CONTENT_TYPE as PROBLEM;
use service::telemetry::TraceParent;
use service::telemetry::span::{Kind, Work};
use tracing::warn;
use uuid::Uuid;

use crate::admission::Budget;
use crate::encoding::Encoding;
use crate::error::Refusal;
use crate::metrics::Metrics;
use crate::sink::Verdict;
use crate::{answer, body, config, sink};

/// What an event costs in memory beside its bytes, while it waits.
const EVENT_BYTES: usize = size_of::<event::Event<'static>>() + size_of::<Verdict>();

/// Those by which binary mode is told. Made beforehand: looking for a header by a text makes its name first, on the heap.
const CE_HEADERS: [HeaderName; 4] = [
    HeaderName::from_static("ce-specversion"),
    HeaderName::from_static("ce-id"),
    HeaderName::from_static("ce-source"),
    HeaderName::from_static("ce-type"),
];
const PREFER: HeaderName = HeaderName::from_static("prefer");
const PREFERENCE_APPLIED: HeaderName = HeaderName::from_static("preference-applied");

/// What the route needs, shared by all workers.
#[derive(Debug)]
pub(crate) struct Ingest {
    pub(crate) producer: Arc<Producer>,
    pub(crate) keys: KeyStore,
    pub(crate) rates: service::limits::Limits,
    pub(crate) budget: Budget,
    pub(crate) limits: Limits,
    pub(crate) body: config::Body,
    pub(crate) answer: config::Answer,
    pub(crate) metrics: Metrics,
}

/// Takes events.
pub(crate) async fn post(
    request: HttpRequest,
    payload: Payload,
    ingest: Data<Ingest>,
) -> HttpResponse {
    let id = RequestId::of(&request);
    let mut closes = false;
    let mut response = match accept(&request, payload, &ingest, id.as_str()).await {
        Ok(response) => response,
        Err(refusal) => {
            closes = refusal.leaves_body_unread();
            let problem = refusal.problem(ingest.answer.retry_after);
            problem.respond(Some(id.as_str()))
        }
    };
    if closes {
        response
            .head_mut()
            .set_connection_type(ConnectionType::Close);
    }
    response
}

/// Says what may be sent here.
pub(crate) async fn options() -> HttpResponse {
    HttpResponse::NoContent()
        .insert_header(("allow", "POST, OPTIONS"))
        .insert_header(("accept-post", Mode::ACCEPTED))
        .insert_header(("accept-encoding", crate::encoding::ACCEPTED))
        .finish()
}

async fn accept(
    request: &HttpRequest,
    payload: Payload,
    ingest: &Ingest,
    request_id: &str,
) -> Result<HttpResponse, Refusal> {
    let key = keys::authenticate(request, &ingest.keys, Scope::Ingest).map_err(Refusal::caller)?;
    ingest
        .rates
        .admit_request(request, &key)
        .and_then(|()| ingest.rates.enter(request, &key))
        .map_err(Refusal::caller)?;
    let headers = request.headers();
    let mode = mode(headers)?;
    let encoding = Encoding::of(headers)?;
    let declared = declared_length(headers, ingest.body.max_bytes.as_usize())?;
    if !ingest.producer.is_available() {
        return Err(Refusal::Unavailable);
    }

    let mut reservation = ingest
        .budget
        .reserve(&key.id, declared.unwrap_or_default())?;
    let body = body::read(payload, declared, encoding, &ingest.body, &mut reservation).await?;
    ingest.metrics.body_bytes.inc_by(body.len() as u64);

    let attributes = attributes(headers, mode);
    let mut new_id = || Uuid::now_v7().to_string();
    let now = Timestamp::now();
    let events = parse::parse(mode, &attributes, &body, &ingest.limits, now, &mut new_id)?;
    reservation.grow_to(reservation.bytes() + events.len() * EVENT_BYTES)?;
    #[expect(clippy::cast_precision_loss, reason = "far fewer than 2^52")]
    ingest
        .metrics
        .events_per_request
        .observe(events.len() as f64);

    let may_send_all = key.may_use_all();
    let may_send = |source: &str| may_send_all || key.may_use(source);
    let sendable = events
        .iter()
        .flatten()
        .filter(|event| may_send(&event.source))
        .count();
    ingest
        .rates
        .admit_events(request, &key, sendable)
        .map_err(Refusal::throttled)?;

    let mut sending = Work::below_request("send events", Kind::Producer);
    sending.tell("messaging.system", "kafka");
    sending.tell("messaging.operation.type", "send");
    sending.tell(
        "messaging.batch.message_count",
        i64::try_from(sendable).unwrap_or(i64::MAX),
    );
    let traceparent = traceparent(request, &sending);
    let timeout = ingest.answer.ack_timeout;
    let verdicts = sink::deliver(
        &ingest.producer,
        events,
        may_send,
        sendable,
        traceparent.as_deref(),
        timeout,
        (
            &ingest.metrics,
            ingest.metrics.applications.request(&key.name),
        ),
    )
    .await;
    let is_failed = |verdict: &Verdict| matches!(verdict, Verdict::Failed(_));
    if sending.is_open() && verdicts.iter().any(is_failed) {
        sending.fail("not acknowledged");
    }
    drop(sending);
    log_refusals(&verdicts, &key);
    Ok(respond(
        &verdicts,
        wants_minimal(headers),
        request_id,
        ingest.answer.retry_after,
    ))
}

fn mode(headers: &HeaderMap) -> Result<Mode, Refusal> {
    let content_type = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    let has_ce_headers = CE_HEADERS.iter().any(|name| headers.contains_key(name));
    Ok(Mode::of_content_type(content_type, has_ce_headers)?)
}

/// The length that the request declares, if it may be that long.
fn declared_length(headers: &HeaderMap, limit: usize) -> Result<Option<usize>, Refusal> {
    let Some(value) = headers.get(CONTENT_LENGTH) else {
        return Ok(None);
    };
    // What is no number never comes this far; a number too large for us is a body too large for us.
    match value
        .to_str()
        .ok()
        .and_then(|text| text.trim().parse().ok())
    {
        Some(length) if length <= limit => Ok(Some(length)),
        _ => Err(Refusal::TooLarge {
            limit,
            unpacked: false,
        }),
    }
}

/// The headers that carry attributes in binary mode.
fn attributes(headers: &HeaderMap, mode: Mode) -> Vec<(&str, &[u8])> {
    if mode != Mode::Binary {
        return Vec::new();
    }
    headers
        .iter()
        .filter(|(name, _)| *name == CONTENT_TYPE || name.as_str().starts_with("ce-"))
        .map(|(name, value)| (name.as_str(), value.as_bytes()))
        .collect()
}

/// What the records carry on: the place of what sends them, of the request, or of its caller.
fn traceparent(request: &HttpRequest, sending: &Work) -> Option<String> {
    let place = sending.place().or_else(|| {
        let received = request.extensions().get::<TraceParent>().copied();
        TraceParent::to_propagate(received)
    });
    place.map(|place| place.to_string())
}

/// Whether the client asked for `Prefer: return=minimal` (RFC 7240).
fn wants_minimal(headers: &HeaderMap) -> bool {
    headers
        .get_all(PREFER)
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split([',', ';']))
        .any(|preference| preference.trim().eq_ignore_ascii_case("return=minimal"))
}

fn respond(
    verdicts: &[Verdict],
    minimal: bool,
    request_id: &str,
    retry_after: Duration,
) -> HttpResponse {
    let answer = answer::write(verdicts, minimal, request_id);
    let mut response = HttpResponse::build(answer.status);
    response.content_type(if answer.is_problem {
        PROBLEM
    } else {
        "application/json"
    });
    if minimal {
        response.insert_header((PREFERENCE_APPLIED, "return=minimal"));
    }
    if answer.status == StatusCode::SERVICE_UNAVAILABLE {
        let seconds = retry_after.as_secs() + u64::from(retry_after.subsec_nanos() > 0);
        response.insert_header((RETRY_AFTER, seconds.max(1)));
    }
    response.body(answer.body)
}

/// Tells an operator once a request whose key sends what it may not.
fn log_refusals(verdicts: &[Verdict], key: &Key) {
    let mut forbidden = verdicts.iter().filter_map(|verdict| match verdict {
        Verdict::Forbidden(source) => Some(source),
        _ => None,
    });
    if let Some(source) = forbidden.next() {
        warn!(
            key.id = key.id,
            source,
            others = forbidden.count(),
            "a key sent events of a source that is not its"
        );
    }
}
