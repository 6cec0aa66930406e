//! One name for a request, in its answer, in every log line about it and in its problem.

use actix_web::http::header::HeaderMap;
use actix_web::{HttpMessage, HttpRequest};
use uuid::Uuid;

/// Longer ids are not taken from clients.
const MAX_BYTES: usize = 128;

/// The id of a request: the client's `x-request-id` when it is harmless, else one of our own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestId(String);

impl RequestId {
    /// The id that the edge gave to this request; a fresh one where there was no edge.
    pub fn of(request: &HttpRequest) -> Self {
        let known = request.extensions().get::<Self>().cloned();
        known.unwrap_or_else(Self::fresh)
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub(super) fn choose(headers: &HeaderMap) -> Self {
        let given = headers
            .get("x-request-id")
            .and_then(|value| value.to_str().ok());
        given
            .filter(|id| is_harmless(id))
            .map_or_else(Self::fresh, |id| Self(id.to_owned()))
    }

    fn fresh() -> Self {
        Self(Uuid::now_v7().simple().to_string())
    }
}

/// No blanks, quotes or control characters, which would let a client write into our logs.
fn is_harmless(id: &str) -> bool {
    let is_plain = |b: u8| {
        b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b':' | b'/' | b'=' | b'+')
    };
    !id.is_empty() && id.len() <= MAX_BYTES && id.bytes().all(is_plain)
}
