//! `GET /v1/whoami`: what a key is and may do, for whoever holds it.

use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::json;
use service::keys;
use service::problem::Problem;

use super::State;
use crate::params::Params;

pub(super) async fn show(
    request: HttpRequest,
    state: web::Data<State>,
) -> Result<HttpResponse, Problem> {
    // Any valid key may ask about itself, whatever else it may do.
    let key = keys::identify(&request, &state.keys)?;
    state.limits.admit_request(&request, &key)?;
    state.limits.enter(&request, &key)?;
    Params::read(request.query_string(), &[], 0)?;
    let scopes: Vec<&str> = key.scopes.iter().map(|scope| scope.name()).collect();
    let sources: Vec<String> = key.sources.iter().map(ToString::to_string).collect();
    Ok(HttpResponse::Ok().json(json!({ "name": key.name, "scopes": scopes, "sources": sources })))
}
