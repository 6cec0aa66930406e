//! `GET /v1/operator/lag`, `GET /v1/operator/dead-letters`: how the pipeline does, for keys with the scope `operator`.
//!
//! Both are of all sources, so the scope is one of its own.

use std::time::Duration;

use actix_web::{HttpRequest, HttpResponse, web};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};
use service::http::timing;
use service::keys::Scope;
use service::problem::{ErrorCode, Problem};
use store::dead_letters::{self, Shown};
use store::{StoreError, checkpoints};
use tracing::{error, warn};

use super::{State, admit};
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
            .read(Kind::Operator, checkpoints::of_topic(&state.pool, topic)),
    )
    .await;
    let partitions: Vec<Value> = found
        .map_err(failed)?
        .into_iter()
        .map(|checkpoint| {
            json!({
                "kafka_partition": checkpoint.partition,
                "next_offset": checkpoint.next_offset,
                // Where the log ends only Kafka knows, and this service never asks it.
                "end_offset": null,
                "lag": null,
                "updated_at": checkpoint.updated_at.to_string(),
            })
        })
        .collect();
    Ok(HttpResponse::Ok().json(json!({
        "topic": topic,
        "total": null,
        "oldest_unwritten_seconds": null,
        "partitions": partitions,
    })))
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
