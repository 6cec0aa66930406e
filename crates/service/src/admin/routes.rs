//! The routes of the admin listener.

use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use actix_web::{HttpResponse, web};
use serde_json::{Map, Value, json};

use super::State;
use crate::{metrics, problem};

pub(super) fn configure(app: &mut web::ServiceConfig) {
    let read_only = || problem::method_not_allowed("GET, HEAD");
    app.service(
        web::resource("/metrics")
            .get(show_metrics)
            .head(show_metrics)
            .default_service(read_only()),
    )
    .service(
        web::resource("/livez")
            .get(livez)
            .head(livez)
            .default_service(read_only()),
    )
    .service(
        web::resource("/readyz")
            .get(readyz)
            .head(readyz)
            .default_service(read_only()),
    )
    .service(
        web::resource("/config")
            .get(config)
            .head(config)
            .default_service(read_only()),
    )
    .service(
        web::resource("/reload")
            .post(reload)
            .default_service(problem::method_not_allowed("POST")),
    )
    .default_service(web::to(problem::not_found));
}

async fn show_metrics(state: web::Data<State>) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, metrics::CONTENT_TYPE))
        .body(metrics::render(&state.registry))
}

async fn livez(state: web::Data<State>) -> HttpResponse {
    let stalled = state.liveness.stalled();
    let reasons: Map<String, Value> = stalled
        .iter()
        .map(|(name, age)| {
            (
                name.clone(),
                format!("no progress for {} s", age.as_secs()).into(),
            )
        })
        .collect();
    health("alive", "stalled", stalled.is_empty(), reasons)
}

async fn readyz(state: web::Data<State>) -> HttpResponse {
    let checks: Map<String, Value> = state
        .readiness
        .report()
        .into_iter()
        .map(|(name, reason)| (name, reason.unwrap_or_else(|| "ok".to_owned()).into()))
        .collect();
    health("ready", "not ready", state.readiness.is_ready(), checks)
}

fn health(good: &str, bad: &str, is_good: bool, checks: Map<String, Value>) -> HttpResponse {
    let mut response = if is_good {
        HttpResponse::Ok()
    } else {
        HttpResponse::ServiceUnavailable()
    };
    response
        .insert_header((CACHE_CONTROL, "no-store"))
        .json(json!({ "status": if is_good { good } else { bad }, "checks": checks }))
}

/// 200 when everything was read again; 422 when something was not, and stays as it was.
async fn reload(state: web::Data<State>) -> HttpResponse {
    let outcomes = state.reload.run().await;
    let all = outcomes.iter().all(|outcome| outcome.reloaded);
    let mut response = if all {
        HttpResponse::Ok()
    } else {
        HttpResponse::UnprocessableEntity()
    };
    response.json(json!({ "reloaded": all, "outcomes": outcomes }))
}

async fn config(state: web::Data<State>) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((CACHE_CONTROL, "no-store"))
        .json(state.config.0.load().as_ref())
}
