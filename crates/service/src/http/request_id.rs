//! One name for a request, in its answer, in every log line about it and in its problem.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use actix_web::http::header::{HeaderMap, HeaderName};
use actix_web::{HttpMessage, HttpRequest};
use uuid::Uuid;

/// Longer ids are not taken from clients.
const MAX_BYTES: usize = 128;

/// The id of a request: the client's `x-request-id` when it is harmless, else one of our own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestId(Arc<str>);

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
            .get(const { HeaderName::from_static("x-request-id") })
            .and_then(|value| value.to_str().ok());
        given
            .filter(|id| is_harmless(id))
            .map_or_else(Self::fresh, |id| Self(id.into()))
    }

    fn fresh() -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        let millis = since.map_or(0, |since| since.as_millis());
        let millis = u64::try_from(millis).unwrap_or(u64::MAX);
        // Not `Uuid::now_v7`, which asks the kernel for randomness each time.
        let id = uuid::Builder::from_unix_timestamp_millis(millis, &rand::random()).into_uuid();
        let mut text = Uuid::encode_buffer();
        let text: &str = id.simple().encode_lower(&mut text);
        Self(text.into())
    }
}

/// No blanks, quotes or control characters, which would let a client write into our logs.
fn is_harmless(id: &str) -> bool {
    let is_plain = |b: u8| {
        b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b':' | b'/' | b'=' | b'+')
    };
    !id.is_empty() && id.len() <= MAX_BYTES && id.bytes().all(is_plain)
}
