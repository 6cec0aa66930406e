//! `GET /v1/sources`, `GET /v1/types`: what there is to filter by, with exact counts.

use actix_web::{HttpRequest, HttpResponse, web};
use event::Timestamp;
use serde_json::{Value, json};
use service::http::timing;
use service::problem::Problem;
use store::read::{Facet, FacetQuery, GroupBy};

use super::{Caller, State};
use crate::metrics::Kind;
use crate::params::{Arity, Params};

pub(crate) const KNOWN: [(&str, Arity); 5] = [
    ("source", Arity::Many),
    ("type", Arity::Many),
    ("from", Arity::One),
    ("to", Arity::One),
    ("limit", Arity::One),
];

const DEFAULT_LIMIT: usize = 100;

/// Counts are kept by the minute.
const MINUTE: i64 = 60_000_000;

pub(super) async fn sources(
    request: HttpRequest,
    state: web::Data<State>,
) -> Result<HttpResponse, Problem> {
    list(&request, &state, GroupBy::Source).await
}

pub(super) async fn types(
    request: HttpRequest,
    state: web::Data<State>,
) -> Result<HttpResponse, Problem> {
    list(&request, &state, GroupBy::Type).await
}

async fn list(request: &HttpRequest, state: &State, of: GroupBy) -> Result<HttpResponse, Problem> {
    let caller = Caller::of(request, state)?;
    let (stats, query) = (&state.config.stats, &state.config.query);
    let params = Params::read(request.query_string(), &KNOWN, query.max_filters)?;
    let (from, to) = params.window()?;
    let most = stats.max_facets;
    let asked = FacetQuery {
        filter: caller.filter(&params)?,
        from: from.map(minute_of),
        to: to.map(minute_after),
        of,
        limit: params.limit(DEFAULT_LIMIT.min(most), most)?,
    };
    let found = timing::database(
        request,
        state
            .metrics
            .read(Kind::Facets, state.reader.facets(&asked)),
    )
    .await
    .map_err(|failure| state.failed(failure))?;
    let values: Vec<Value> = found.values.into_iter().map(shown).collect();
    Ok(HttpResponse::Ok().json(json!({ "values": values, "more": found.has_more })))
}

fn shown(facet: Facet) -> Value {
    json!({ "value": facet.value, "count": facet.count, "last_seen": facet.last_seen.to_string() })
}

/// The begin of a time's minute.
fn minute_of(time: Timestamp) -> Timestamp {
    let micros = time.as_micros();
    Timestamp::from_micros(micros.saturating_sub(micros.rem_euclid(MINUTE)))
}

/// The end of the minute of the last moment before a time.
fn minute_after(time: Timestamp) -> Timestamp {
    let begin = minute_of(time);
    if begin == time {
        return time;
    }
    Timestamp::from_micros(begin.as_micros().saturating_add(MINUTE))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_is_widened_to_whole_minutes() {
        let at = |text: &str| Timestamp::parse_rfc3339(text).expect("a time");
        let (noon, later) = (
            at("2026-01-15T12:00:00Z"),
            at("2026-01-15T12:00:00.000001Z"),
        );
        assert_eq!((minute_of(noon), minute_of(later)), (noon, noon));
        assert_eq!(minute_after(noon), noon);
        assert_eq!(minute_after(later), at("2026-01-15T12:01:00Z"));
        assert_eq!(
            minute_of(at("1969-12-31T23:59:59Z")),
            at("1969-12-31T23:59:00Z")
        );
    }
}
