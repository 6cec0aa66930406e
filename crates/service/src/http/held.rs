//! What is held until an answer is sent.

use std::pin::Pin;
use std::task::{Context, Poll};

use actix_web::body::{BodySize, BoxBody, MessageBody};
use bytes::Bytes;

/// What is smaller is handed to the socket at once, and holds nothing.
const AT_ONCE_BYTES: u64 = 64 * 1024;

/// Keeps `what` until the body was sent or given up.
pub(super) fn until_sent<T: 'static>(body: BoxBody, what: T) -> BoxBody {
    match body.size() {
        BodySize::None => body,
        BodySize::Sized(bytes) if bytes <= AT_ONCE_BYTES => body,
        _ => BoxBody::new(Held { body, _what: what }),
    }
}

struct Held<T> {
    body: BoxBody,
    _what: T,
}

// The body is boxed, and nothing else here is pinned.
impl<T> Unpin for Held<T> {}

impl<T> MessageBody for Held<T> {
    type Error = Box<dyn std::error::Error>;

    fn size(&self) -> BodySize {
        self.body.size()
    }

    fn poll_next(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Self::Error>>> {
        Pin::new(&mut self.get_mut().body).poll_next(context)
    }
}
