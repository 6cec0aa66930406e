//! `GET /v1`: what there is, for whoever arrives without a manual.

use actix_web::{HttpRequest, HttpResponse};
use serde_json::json;
use service::problem::Problem;

use crate::params::Params;

pub(super) async fn show(request: HttpRequest) -> Result<HttpResponse, Problem> {
    Params::read(request.query_string(), &[], 0)?;
    Ok(HttpResponse::Ok().json(json!({
        "service": "flumen query-api",
        "version": env!("CARGO_PKG_VERSION"),
        "authentication": "Authorization: Bearer <key with the scope `read`>",
        "routes": {
            "/": "the Explorer, a page for people",
            "/v1/whoami": "what your key may do",
            "/v1/events": "pages of events by time: source, type, subject, data.<path>, from, to, order, limit, cursor",
            "/v1/events/{uid}": "one event: wait",
            "/v1/export": "all events of a query as a file, NDJSON, CSV or Parquet: format, and what pages take",
            "/v1/feed": "everything in the order it was stored, without loss: after, start, limit, wait, source, type, subject",
            "/v1/tail": "the feed as server-sent events: after, source, type, subject",
            "/v1/sources": "which sources there are, with counts: from, to, source, type, limit",
            "/v1/types": "which types there are, with counts: from, to, source, type, limit",
            "/v1/operator/lag": "how far the writers are, for keys with the scope `operator`",
            "/v1/operator/dead-letters": "records that were set aside, newest first: reason, limit, cursor",
            "/openapi.json": "all of this as OpenAPI 3.1",
            "/docs": "the same for people",
            "/problems": "what refusals mean",
            "/v1/stats": "exact counts per bucket of time: bucket, by, from, to, source, type",
        },
    })))
}
