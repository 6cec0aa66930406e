//! The public routes.

mod operate;
mod webhooks;

use std::future::Future;
use std::sync::Arc;

use actix_web::http::ConnectionType;
use actix_web::web::{self, Data, Payload, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse};
use service::http::RequestId;
use service::problem::method_not_allowed;

use crate::body::Budget;
use crate::config;
use crate::dispatch::Live;
use crate::error::Refusal;
use crate::metrics::Metrics;
use crate::outbox::Outbox;
use crate::senders::Senders;
use crate::webhook::Source;

/// What the routes need, shared by all workers.
#[derive(Debug)]
pub(crate) struct Relay {
    pub(crate) outbox: Outbox,
    pub(crate) senders: Senders,
    pub(crate) budget: Budget,
    pub(crate) live: Live,
    pub(crate) body: config::Body,
    pub(crate) alerts: config::Alerts,
    pub(crate) metrics: Metrics,
}

/// Adds the routes of the public listener.
pub(crate) fn configure(config: &mut ServiceConfig) {
    let only_post = || method_not_allowed("POST");
    config
        .service(
            web::resource("/")
                .route(web::get().to(about))
                .route(web::head().to(about))
                .default_service(method_not_allowed("GET, HEAD")),
        )
        .service(
            web::resource("/v1/alerts")
                .route(web::post().to(alertmanager))
                .default_service(only_post()),
        )
        .service(
            web::resource("/v1/grafana")
                .route(web::post().to(grafana))
                .route(web::put().to(grafana))
                .default_service(method_not_allowed("POST, PUT")),
        )
        .service(
            web::resource("/v1/test")
                .route(web::post().to(operate::test))
                .default_service(only_post()),
        )
        .service(
            web::resource("/v1/dead-letters")
                .route(web::get().to(operate::dead_letters))
                .default_service(method_not_allowed("GET")),
        )
        .service(
            web::resource("/v1/dead-letters/retry")
                .route(web::post().to(operate::retry))
                .default_service(only_post()),
        );
}

async fn about() -> HttpResponse {
    let version = env!("CARGO_PKG_VERSION");
    let body = format!(
        "{{\n  \"service\": \"flumen alert-relay\",\n  \"version\": \"{version}\",\n  \"alertmanager\": \"POST /v1/alerts\",\n  \"grafana\": \"POST /v1/grafana\"\n}}\n"
    );
    HttpResponse::Ok()
        .content_type("application/json")
        .body(body)
}

async fn alertmanager(
    request: HttpRequest,
    payload: Payload,
    relay: Data<Arc<Relay>>,
) -> HttpResponse {
    webhook(Source::Alertmanager, request, payload, relay).await
}

async fn grafana(request: HttpRequest, payload: Payload, relay: Data<Arc<Relay>>) -> HttpResponse {
    webhook(Source::Grafana, request, payload, relay).await
}

async fn webhook(
    source: Source,
    request: HttpRequest,
    payload: Payload,
    relay: Data<Arc<Relay>>,
) -> HttpResponse {
    let metrics = relay.metrics.clone();
    let taken = async {
        let taken = webhooks::take(source, &request, payload, &relay).await;
        metrics.webhook(
            source,
            taken.as_ref().map_or_else(Refusal::outcome, |_| "accepted"),
        );
        taken
    };
    answer(&request, taken).await
}

/// Makes an answer of what a route returns.
async fn answer(
    request: &HttpRequest,
    outcome: impl Future<Output = Result<HttpResponse, Refusal>>,
) -> HttpResponse {
    match outcome.await {
        Ok(response) => response,
        Err(refusal) => {
            let id = RequestId::of(request);
            let mut response = refusal.problem().respond(Some(id.as_str()));
            if refusal.leaves_body_unread() {
                response
                    .head_mut()
                    .set_connection_type(ConnectionType::Close);
            }
            response
        }
    }
}
