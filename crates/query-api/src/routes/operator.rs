//! `GET /v1/operator/lag`, `GET /v1/operator/dead-letters`: how the pipeline does, for keys with the scope `operator`.
//!
//! Both are of all sources, so the scope is one of its own.

use std::time::Duration;

use actix_web::{HttpRequest, HttpResponse, web};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use event::Timestamp;
use serde_json::{Map, Value, json};
use service::http::timing;
use service::keys::Scope;
use service::problem::{ErrorCode, Problem};
use store::StoreError;
use store::checkpoints::{self, Progress};
use store::dead_letters::{self, Shown};
use tracing::{error, warn};

use super::{State, admit};
use crate::freshness;
use crate::metrics::Kind;
use crate::params::{Arity, Params};

pub(crate) const LETTERS: [(&str, Arity); 3] = [
    ("reason", Arity::One),
    ("limit", Arity::One),
    ("cursor", Arity::One),
];

pub(crate) const DEFAULT_LIMIT: usize = 50;
pub(crate) const MAX_LIMIT: usize = 200;

/// Longer values are cut: they are looked at, not replayed from here.
pub(crate) const VALUE_BYTES: u32 = 16 * 1024;

/// Long enough for a failover to make progress.
const RETRY_AFTER: Duration = Duration::from_secs(2);

pub(super) async fn lag(
    request: HttpRequest,
    state: web::Data<State>,
) -> Result<HttpResponse, Problem> {
    admit(&request, &state, Scope::Operator)?;
    Params::read(request.query_string(), &[], 0)?;
    let topic = &state.config.feed.topic;
    let found = timing::database(
        &request,
        state
            .metrics
            .read(Kind::Operator, checkpoints::progress(&state.pool, topic)),
    )
    .await
    .map_err(failed)?;
    let partitions: Vec<Value> = found.iter().map(partition).collect();
    Ok(HttpResponse::Ok().json(json!({
        "topic": topic,
        "total": total(&found),
        "oldest_unwritten_seconds": oldest_unwritten_seconds(&found, Timestamp::now()),
        "as_of": freshness::as_of(&found).map(|time| time.to_string()),
        "partitions": partitions,
    })))
}

fn partition(found: &Progress) -> Value {
    let checkpoint = found.checkpoint;
    // A flush since the writer looked may have gone beyond what it saw.
    let end = found.end.map(|end| end.offset.max(checkpoint.next_offset));
    json!({
        "kafka_partition": checkpoint.partition,
        "next_offset": checkpoint.next_offset,
        "end_offset": end,
        "lag": found.lag(),
        "updated_at": checkpoint.updated_at.to_string(),
        "seen_at": found.end.map(|end| end.seen_at.to_string()),
        "as_of": found.as_of.map(|time| time.to_string()),
    })
}

/// The lag of all partitions; none as long as one is missing.
fn total(partitions: &[Progress]) -> Option<i64> {
    if partitions.is_empty() {
        return None;
    }
    partitions.iter().map(Progress::lag).sum()
}

/// Since when, at most, a record waits to be stored.
fn oldest_unwritten_seconds(partitions: &[Progress], now: Timestamp) -> Option<f64> {
    let waiting = partitions
        .iter()
        .filter(|found| found.lag().is_some_and(|lag| lag > 0));
    let oldest = waiting.filter_map(|found| found.as_of).min()?;
    let millis = (now.as_millis() - oldest.as_millis()).max(0);
    Some(Duration::from_millis(millis.unsigned_abs()).as_secs_f64())
}

pub(super) async fn dead_letters(
    request: HttpRequest,
    state: web::Data<State>,
) -> Result<HttpResponse, Problem> {
    admit(&request, &state, Scope::Operator)?;
    let params = Params::read(request.query_string(), &LETTERS, 0)?;
    let limit = params.limit(DEFAULT_LIMIT, MAX_LIMIT)?;
    let below = params.one("cursor").map(read_cursor).transpose()?;
    // One more tells whether there is a next page.
    let most = u32::try_from(limit + 1).unwrap_or(u32::MAX);
    let asked =
        dead_letters::newest_first(&state.pool, below, params.one("reason"), most, VALUE_BYTES);
    let found = timing::database(&request, state.metrics.read(Kind::Operator, asked))
        .await
        .map_err(failed)?;
    let next = found
        .get(limit)
        .and_then(|_| found.get(limit - 1))
        .map(|last| last.letter.id.to_string());
    let letters: Vec<Value> = found.into_iter().take(limit).map(shown).collect();
    Ok(HttpResponse::Ok().json(json!({ "dead_letters": letters, "next": next })))
}

/// Dead letters are few and the same for all who may see them, so their place is their number.
fn read_cursor(text: &str) -> Result<i64, Problem> {
    let id = text.parse().ok().filter(|id| *id > 0);
    id.ok_or_else(|| {
        let detail = "this is no cursor of this list; take `next` of the answer before";
        Problem::new(ErrorCode::InvalidCursor, detail)
    })
}

fn shown(found: Shown) -> Value {
    let letter = found.letter;
    let headers: Map<String, Value> = letter
        .headers
        .into_iter()
        .map(|(name, value)| {
            let text = value.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
            (name, text.into())
        })
        .collect();
    json!({
        "id": letter.id,
        "topic": letter.topic,
        "kafka_partition": letter.partition,
        "kafka_offset": letter.offset,
        "reason": letter.reason,
        "detail": letter.detail,
        "stored_at": letter.failed_at.to_string(),
        "record_time": letter.timestamp.map(|time| time.to_string()),
        "replayed_at": letter.replayed_at.map(|time| time.to_string()),
        "headers": headers,
        "value_base64": letter.value.map(|value| STANDARD.encode(value)),
        "value_bytes": found.value_bytes,
    })
}

fn failed(failure: StoreError) -> Problem {
    match failure.kind() {
        store::ErrorKind::Outage => {
            warn!(reason = %failure, "cannot read");
            let detail = "the store of events is not available at the moment; nothing is lost";
            Problem::new(ErrorCode::Unavailable, detail).retry_after(RETRY_AFTER)
        }
        _ => {
            error!(reason = %failure, "cannot read");
            let detail = "something went wrong on our side; the request id helps to find out what";
            Problem::new(ErrorCode::Internal, detail)
        }
    }
}
