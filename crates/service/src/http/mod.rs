//! Around every route of a public listener: request id, span, URL checks, metrics, security headers, problem bodies, CORS and packing.

pub mod accept;
pub mod assets;
pub mod cached;
mod compress;
mod cors;
mod held;
mod request_id;
mod server;
mod stamp;
pub mod timing;
pub mod url;

pub use assets::Assets;
pub use request_id::RequestId;
pub use server::{Listener, bind, serve};
pub use stamp::Stamp;

use std::time::Instant;

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, X_CONTENT_TYPE_OPTIONS,
};
use actix_web::http::{ConnectionType, Method};
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage, web};
use prometheus_client::registry::Registry;
use tracing::{Instrument, Span, debug, info_span, warn};

use crate::admin::Readiness;
use crate::config::Listen;
use crate::metrics::{Exemplar, HttpMetrics};
use crate::problem::{self, Problem};
use crate::telemetry::TraceParent;
use crate::{limits, telemetry};
use cors::Cors;

/// What [`edge`] needs; put it into the application's data.
#[derive(Debug, Clone)]
pub struct Edge {
    metrics: HttpMetrics,
    cors: Cors,
    packs: bool,
    stamp: Option<Stamp>,
    readiness: Readiness,
}

impl Edge {
    /// Registers the request metrics.
    pub fn new(registry: &mut Registry) -> Self {
        Self {
            metrics: HttpMetrics::register(registry),
            cors: Cors::default(),
            packs: false,
            stamp: None,
            readiness: Readiness::new(),
        }
    }

    /// Ends every connection with its answer once the service drains: a client that were to keep one would lose the request that it
    /// sends at the very moment it is closed.
    #[must_use]
    pub fn draining(mut self, readiness: &Readiness) -> Self {
        self.readiness = readiness.clone();
        self
    }

    /// With a header of the application's own.
    #[must_use]
    pub fn stamping(mut self, stamp: Stamp) -> Self {
        self.stamp = Some(stamp);
        self
    }

    /// Does what the listener's settings say.
    fn with(mut self, listen: &Listen) -> Self {
        self.cors = Cors::new(&listen.cors_origins);
        self.packs = listen.compress;
        self
    }
}

/// The outermost middleware of a public listener:
/// `App::new().app_data(web::Data::new(edge)).wrap(actix_web::middleware::from_fn(service::http::edge))`.
///
/// Gives every request an id ([`RequestId`]) and a span, refuses a URL that is too long or not well formed, turns every failure
/// into a problem, adds the `RateLimit`, CORS and security headers and the application's [`Stamp`], and packs the answer for clients that accept it.
///
/// # Errors
/// Never: failures are answers by then.
pub async fn edge(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let started = Instant::now();
    let edge = request.app_data::<web::Data<Edge>>().cloned();
    let metrics = edge.as_ref().map(|edge| edge.metrics.clone());
    let origin = edge
        .as_ref()
        .and_then(|edge| edge.cors.origin(request.headers()));
    let preflight = edge.as_ref().and_then(|edge| edge.cors.preflight(&request));
    let stamp = edge
        .as_ref()
        .and_then(|edge| edge.stamp.as_ref()?.at(request.path()));
    let in_flight = metrics.as_ref().map(HttpMetrics::begin);
    let id = RequestId::choose(request.headers());
    request.extensions_mut().insert(id.clone());
    let method = request.method().clone();
    let span = span(&request, &method, &id);
    let caller = TraceParent::of_headers(request.headers());
    if let Some(caller) = caller {
        telemetry::adopt(&span, &caller);
        request.extensions_mut().insert(caller);
    }
    let mut response = match (url::check(&request), preflight) {
        (Err(problem), _) => request.into_response(problem.respond(Some(id.as_str()))),
        (Ok(()), Some(answer)) => request.into_response(answer),
        // No handle to the request may be kept here: actix must be its only owner until it is routed.
        (Ok(()), None) => match next.call(request).instrument(span.clone()).await {
            Ok(response) => finish(response, id.as_str()),
            // A middleware further in failed; the request is gone, and its answer carries what we know.
            Err(error) => return Err(failed(&error, &id)),
        },
    };
    let status = response.status();
    let request = response.request().clone();
    let headers = response.headers_mut();
    limits::write_fields(&request, headers);
    timing::write(&request, headers, started.elapsed());
    harden(headers, &id);
    if let Some((name, value)) = stamp {
        headers.insert(name, value);
    }
    if let Some(edge) = &edge {
        edge.cors.allow(origin, headers);
        if edge.readiness.is_draining() {
            let head = response.response_mut().head_mut();
            head.set_connection_type(ConnectionType::Close);
        }
        if edge.packs {
            response = pack(response);
        }
    }
    // Whatever the request holds on to, such as its place among those of its key, it holds until its answer is sent.
    let slot = request.extensions_mut().remove::<limits::Slot>();
    if let Some(slot) = slot {
        response = response.map_body(|_, body| held::until_sent(body, slot));
    }
    let route = request.match_pattern().unwrap_or_else(|| "none".to_owned());
    telemetry::answered(&span, method_label(&method), &route, status.as_u16());
    let elapsed = started.elapsed();
    if let Some(metrics) = metrics {
        let answer = (method_label(&method), status.as_u16());
        let trace = TraceParent::kept(&span, caller);
        metrics.observe(&route, answer, elapsed, trace.map(Exemplar::of));
    }
    drop(in_flight);
    let _entered = span.enter();
    if status.is_server_error() {
        warn!(
            route,
            http.status = status.as_u16(),
            elapsed_ms = crate::millis(elapsed),
            "answered with a server error"
        );
    } else {
        debug!(
            route,
            http.status = status.as_u16(),
            elapsed_ms = crate::millis(elapsed),
            "answered"
        );
    }
    Ok(response)
}

/// The request's span. What is known of it only at its end goes to the trace and not into the span's fields: lines of JSON would read and
/// write all of these again, 10 µs that no line may need.
fn span(request: &ServiceRequest, method: &Method, id: &RequestId) -> Span {
    if telemetry::is_exporting() {
        return info_span!(
            target: telemetry::SPANS,
            "request",
            "http.method" = %method,
            "http.path" = request.path(),
            "otel.kind" = "server",
            request_id = id.as_str(),
        );
    }
    info_span!(
        "request",
        "http.method" = %method,
        "http.path" = request.path(),
        request_id = id.as_str(),
    )
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

/// Packs an answer when that is worth it and the client accepts it.
fn pack(mut response: ServiceResponse<BoxBody>) -> ServiceResponse<BoxBody> {
    if !compress::is_worth_it(response.headers(), response.response().body().size()) {
        return response;
    }
    compress::vary(response.headers_mut());
    match accept::coding(response.request().headers(), &compress::OFFERED) {
        None => response,
        Some(coding) => {
            response.map_body(|head, body| compress::pack(head.headers_mut(), coding, body))
        }
    }
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
mod answer_tests;
#[cfg(test)]
mod tests;
