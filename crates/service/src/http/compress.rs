//! Answers packed on their way out, for clients that accept it.
//!
//! Small answers, streams of events and what is packed already pass as they are. Packing is done chunk by chunk where the answer is sent, so
//! that a client that does not read costs no more than before.

use std::io::{self, Write};
use std::pin::Pin;
use std::task::{Context, Poll};

use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::http::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderValue, VARY};
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;

use super::accept::Coding;

/// What is smaller fits into one packet anyway.
const FROM_BYTES: u64 = 1024;

/// In the order in which we like them: zstd packs faster and better.
pub(super) const OFFERED: [Coding; 2] = [Coding::Zstd, Coding::Gzip];

/// The fastest levels: answers are made once and sent once.
const ZSTD_LEVEL: i32 = 1;
const GZIP_LEVEL: Compression = Compression::new(1);

/// What is handed on at a time, at least, while the answer goes on.
const CHUNK_BYTES: usize = 16 * 1024;

/// Says whether packing an answer is worth it.
pub(super) fn is_worth_it(headers: &HeaderMap, size: BodySize) -> bool {
    let is_large = match size {
        BodySize::None => false,
        BodySize::Sized(bytes) => bytes >= FROM_BYTES,
        BodySize::Stream => true,
    };
    is_large && !headers.contains_key(CONTENT_ENCODING) && is_text(headers)
}

fn is_text(headers: &HeaderMap) -> bool {
    let value = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    let Some(kind) = value.and_then(|value| value.split(';').next()) else {
        return false;
    };
    let kind = kind.trim();
    // A client waits for each event of a stream; packed, it would wait for the next ones.
    kind != "text/event-stream"
        && (kind.starts_with("text/")
            || kind.ends_with("json")
            || kind.ends_with("+xml")
            || kind == "text/csv")
}

/// Packs a body and says so in its headers.
pub(super) fn pack(headers: &mut HeaderMap, coding: Coding, body: BoxBody) -> BoxBody {
    let encoder = match coding {
        Coding::Zstd => zstd::stream::write::Encoder::new(Vec::new(), ZSTD_LEVEL)
            .map(Box::new)
            .map(Encoder::Zstd),
        _ => Ok(Encoder::Gzip(GzEncoder::new(Vec::new(), GZIP_LEVEL))),
    };
    // Only without memory; the answer as it is is an answer too.
    let Ok(encoder) = encoder else { return body };
    headers.insert(CONTENT_ENCODING, HeaderValue::from_static(coding.name()));
    BoxBody::new(Packed {
        body,
        encoder: Some(encoder),
    })
}

/// Tells caches that the answer depends on what the client accepts.
pub(super) fn vary(headers: &mut HeaderMap) {
    headers.append(VARY, HeaderValue::from_static("accept-encoding"));
}

enum Encoder {
    Gzip(GzEncoder<Vec<u8>>),
    Zstd(Box<zstd::stream::write::Encoder<'static, Vec<u8>>>),
}

impl Encoder {
    fn write(&mut self, chunk: &[u8]) -> io::Result<()> {
        match self {
            Self::Gzip(encoder) => encoder.write_all(chunk),
            Self::Zstd(encoder) => encoder.write_all(chunk),
        }
    }

    /// What is packed so far, when it is enough to be sent.
    fn take(&mut self) -> Option<Bytes> {
        let packed = match self {
            Self::Gzip(encoder) => encoder.get_mut(),
            Self::Zstd(encoder) => encoder.get_mut(),
        };
        (packed.len() >= CHUNK_BYTES).then(|| Bytes::from(std::mem::take(packed)))
    }

    fn finish(self) -> io::Result<Bytes> {
        let packed = match self {
            Self::Gzip(encoder) => encoder.finish(),
            Self::Zstd(encoder) => encoder.finish(),
        };
        packed.map(Bytes::from)
    }
}

/// A body that is packed as it is read. An answer that fails in the middle fails here as well, without the end that would make it look whole.
struct Packed {
    body: BoxBody,
    /// `None` after the end.
    encoder: Option<Encoder>,
}

impl MessageBody for Packed {
    type Error = Box<dyn std::error::Error>;

    fn size(&self) -> BodySize {
        BodySize::Stream
    }

    fn poll_next(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Self::Error>>> {
        let this = self.get_mut();
        loop {
            let Some(encoder) = this.encoder.as_mut() else {
                return Poll::Ready(None);
            };
            match Pin::new(&mut this.body).poll_next(context) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Some(Ok(chunk))) => {
                    encoder.write(&chunk)?;
                    if let Some(packed) = encoder.take() {
                        return Poll::Ready(Some(Ok(packed)));
                    }
                }
                Poll::Ready(Some(Err(error))) => {
                    this.encoder = None;
                    return Poll::Ready(Some(Err(error)));
                }
                Poll::Ready(None) => {
                    let last = this.encoder.take().map(Encoder::finish).transpose()?;
                    return Poll::Ready(last.map(Ok));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use actix_web::body::{BodyStream, to_bytes};
    use futures_util::stream;

    use super::*;

    fn headers(kind: &'static str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
        headers
    }

    #[test]
    fn text_of_some_size_is_packed_and_nothing_else() {
        let large = BodySize::Sized(FROM_BYTES);
        for kind in [
            "application/json",
            "application/x-ndjson",
            "text/csv",
            "text/html; charset=utf-8",
            "image/svg+xml",
        ] {
            assert!(is_worth_it(&headers(kind), large), "{kind}");
            assert!(is_worth_it(&headers(kind), BodySize::Stream), "{kind}");
            assert!(
                !is_worth_it(&headers(kind), BodySize::Sized(FROM_BYTES - 1)),
                "{kind}"
            );
        }
        for kind in [
            "text/event-stream",
            "application/vnd.apache.parquet",
            "image/png",
        ] {
            assert!(!is_worth_it(&headers(kind), BodySize::Stream), "{kind}");
        }
        let mut packed = headers("application/json");
        packed.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        assert!(!is_worth_it(&packed, large));
    }

    #[actix_web::test]
    async fn what_is_packed_unpacks_to_what_it_was() {
        let text: Vec<u8> = (0..200_000u32).flat_map(|n| n.to_le_bytes()).collect();
        for coding in OFFERED {
            let mut headers = headers("text/csv");
            let body = BoxBody::new(Bytes::from(text.clone()));
            let packed = to_bytes(pack(&mut headers, coding, body))
                .await
                .expect("packed");
            assert_eq!(headers.get(CONTENT_ENCODING).expect("told"), coding.name());
            assert!(packed.len() < text.len());
            let mut plain = Vec::new();
            match coding {
                Coding::Zstd => plain = zstd::decode_all(&packed[..]).expect("zstd"),
                _ => {
                    let read = flate2::read::GzDecoder::new(&packed[..]).read_to_end(&mut plain);
                    read.map(drop).expect("gzip");
                }
            }
            assert_eq!(plain, text, "{coding:?}");
        }
    }

    #[actix_web::test]
    async fn an_answer_that_fails_in_the_middle_does_not_end_well() {
        let parts = [
            Ok(Bytes::from_static(b"half")),
            Err(io::Error::other("gone")),
        ];
        let body = BoxBody::new(BodyStream::new(stream::iter(parts)));
        let packed = pack(&mut headers("text/csv"), Coding::Zstd, body);
        assert!(to_bytes(packed).await.is_err());
    }
}
