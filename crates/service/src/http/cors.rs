//! Which pages of other origins may read our answers in a browser (CORS): those that are named, to the letter.
//!
//! Keys travel in a header, never in a cookie, so credentials are not allowed.

use std::sync::Arc;

use actix_web::HttpResponse;
use actix_web::dev::ServiceRequest;
use actix_web::http::Method;
use actix_web::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD,
    HeaderMap, HeaderValue, ORIGIN, VARY,
};

/// What pages may send.
const HEADERS: &str = "authorization, content-type, content-encoding, last-event-id, prefer, x-request-id, traceparent, if-none-match";

/// What pages may read beside the few headers that they always may.
const EXPOSED: &str = "allow, content-disposition, etag, link, ratelimit, ratelimit-policy, retry-after, server-timing, \
     trailer, x-flumen-as-of, x-request-id";

const METHODS: &str = "GET, HEAD, POST, OPTIONS";

/// Browsers ask again after an hour.
const MAX_AGE: &str = "3600";

/// The origins that are allowed.
#[derive(Debug, Clone, Default)]
pub(super) struct Cors(Arc<[String]>);

impl Cors {
    pub(super) fn new(origins: &[String]) -> Self {
        Self(origins.into())
    }

    /// The origin of a request, if it is allowed.
    pub(super) fn origin(&self, headers: &HeaderMap) -> Option<HeaderValue> {
        if self.0.is_empty() {
            return None;
        }
        let origin = headers.get(ORIGIN)?;
        let is_known = self
            .0
            .iter()
            .any(|known| known.as_bytes() == origin.as_bytes());
        is_known.then(|| origin.clone())
    }

    /// The answer to a browser that asks whether it may; `None` when it does not ask, or may not.
    pub(super) fn preflight(&self, request: &ServiceRequest) -> Option<HttpResponse> {
        let headers = request.headers();
        if request.method() != Method::OPTIONS
            || !headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD)
        {
            return None;
        }
        self.origin(headers)?;
        let mut answer = HttpResponse::NoContent();
        answer.insert_header((ACCESS_CONTROL_ALLOW_METHODS, METHODS));
        answer.insert_header((ACCESS_CONTROL_ALLOW_HEADERS, HEADERS));
        answer.insert_header((ACCESS_CONTROL_MAX_AGE, MAX_AGE));
        Some(answer.finish())
    }

    /// Tells the browser that the page may read this answer, and caches that others may not.
    pub(super) fn allow(&self, origin: Option<HeaderValue>, headers: &mut HeaderMap) {
        if self.0.is_empty() {
            return;
        }
        headers.append(VARY, HeaderValue::from_static("origin"));
        if let Some(origin) = origin {
            headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
            headers.insert(
                ACCESS_CONTROL_EXPOSE_HEADERS,
                HeaderValue::from_static(EXPOSED),
            );
        }
    }
}
