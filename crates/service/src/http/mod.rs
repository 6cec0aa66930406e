//! Around every route of a public listener: request id, span, URL checks, metrics, security headers and problem bodies.

mod request_id;
mod server;
pub mod url;

pub use request_id::RequestId;
pub use server::{bind, serve};

use std::time::Instant;

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, X_CONTENT_TYPE_OPTIONS,
};
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage, web};
use prometheus_client::registry::Registry;
use tracing::{Instrument, debug, field, info_span, warn};

use crate::metrics::HttpMetrics;
use crate::problem::{self, Problem};
use crate::telemetry::TraceParent;
use crate::{limits, telemetry};

/// What [`edge`] needs; put it into the application's data.
#[derive(Debug, Clone)]
pub struct Edge {
    metrics: HttpMetrics,
}

impl Edge {
    /// Registers the request metrics.
    pub fn new(registry: &mut Registry) -> Self {
        Self {
            metrics: HttpMetrics::register(registry),
        }
    }
}

/// The outermost middleware of a public listener:
/// `App::new().app_data(web::Data::new(edge)).wrap(actix_web::middleware::from_fn(service::http::edge))`.
///
/// Gives every request an id ([`RequestId`]) and a span, refuses a URL that is too long or not well formed, turns every failure
/// into a problem, and adds the `RateLimit` fields and the security headers.
///
/// # Errors
/// Never: failures are answers by then.
pub async fn edge(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let started = Instant::now();
    let metrics = request
        .app_data::<web::Data<Edge>>()
        .map(|edge| edge.metrics.clone());
    let in_flight = metrics.as_ref().map(HttpMetrics::begin);
    let id = RequestId::choose(request.headers());
    request.extensions_mut().insert(id.clone());
    let method = request.method().clone();
    let span = info_span!(
        "request",
        "http.method" = %method,
        "http.path" = request.path(),
        "http.status" = field::Empty,
        request_id = id.as_str(),
    );
    if let Some(parent) = TraceParent::of_headers(request.headers()) {
        telemetry::adopt(&span, &parent);
        request.extensions_mut().insert(parent);
    }
    let mut response = match url::check(&request) {
        Err(problem) => request.into_response(problem.respond(Some(id.as_str()))),
        // No handle to the request may be kept here: actix must be its only owner until it is routed.
        Ok(()) => match next.call(request).instrument(span.clone()).await {
            Ok(response) => finish(response, id.as_str()),
            // A middleware further in failed; the request is gone, and its answer carries what we know.
            Err(error) => return Err(failed(&error, &id)),
        },
    };
    let status = response.status();
    let request = response.request().clone();
    let headers = response.headers_mut();
    limits::write_fields(&request, headers);
    harden(headers, &id);
    span.record("http.status", status.as_u16());
    let route = request.match_pattern().unwrap_or_else(|| "none".to_owned());
    let elapsed = started.elapsed();
    if let Some(metrics) = metrics {
        metrics.observe(&route, method_label(&method), status.as_u16(), elapsed);
    }
    drop(in_flight);
    let _entered = span.enter();
    if status.is_server_error() {
        warn!(
            route,
            elapsed_ms = crate::millis(elapsed),
            "answered with a server error"
        );
    } else {
        debug!(route, elapsed_ms = crate::millis(elapsed), "answered");
    }
    Ok(response)
}

/// Makes a failure a problem with the request's id; what is no failure passes.
fn finish(
    response: ServiceResponse<impl MessageBody + 'static>,
    id: &str,
) -> ServiceResponse<BoxBody> {
    let status = response.status();
    if !(status.is_client_error() || status.is_server_error()) {
        return response.map_into_boxed_body();
    }
    let problem = match response.response().error() {
        Some(error) => problem::from_actix(error),
        // Another stage's own answer, such as a refused batch with an outcome for every event.
        None if has_content_type(response.headers()) => return response.map_into_boxed_body(),
        None => problem::of_status(status),
    };
    let allow = response.headers().get("allow").cloned();
    let mut response = response.into_response(problem.respond(Some(id)));
    if let Some(allow) = allow.filter(|_| !response.headers().contains_key("allow")) {
        response
            .headers_mut()
            .insert(HeaderName::from_static("allow"), allow);
    }
    response
}

fn has_content_type(headers: &HeaderMap) -> bool {
    let value = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    value.contains("json")
}

fn failed(error: &Error, id: &RequestId) -> Error {
    let problem: Problem = problem::from_actix(error).with("request_id", id.as_str());
    problem.with_header("x-request-id", id.as_str()).into()
}

fn harden(headers: &mut HeaderMap, id: &RequestId) {
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if !headers.contains_key(CACHE_CONTROL) {
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    if let Ok(value) = HeaderValue::from_str(id.as_str()) {
        headers.insert(HeaderName::from_static("x-request-id"), value);
    }
}

/// A method's name, for methods that exist: clients can make up any number of others.
fn method_label(method: &Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "PUT" => "PUT",
        "DELETE" => "DELETE",
        "PATCH" => "PATCH",
        "OPTIONS" => "OPTIONS",
        _ => "other",
    }
}

#[cfg(test)]
mod tests;
