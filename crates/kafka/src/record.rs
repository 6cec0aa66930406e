//! Records on their way out ([`Headers`]) and in ([`RecordView`]).

use rdkafka::{
    Message, Timestamp,
    message::{BorrowedHeaders, BorrowedMessage, Header, Headers as _, OwnedHeaders},
};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// The name under which [`RecordView::headers`] shows a header whose real name is not UTF-8.
pub const MALFORMED_HEADER: &str = "\u{fffd}";

/// The headers of a record to send, written straight into librdkafka's own form.
#[derive(Debug)]
pub struct Headers(OwnedHeaders);

impl Headers {
    /// Makes room for `count` headers.
    #[must_use]
    pub fn with_capacity(count: usize) -> Self {
        Self(OwnedHeaders::new_with_capacity(count))
    }

    /// Adds one header; names may repeat, the order is kept.
    pub fn push(&mut self, name: &str, value: &[u8]) {
        // rdkafka only offers to insert by value: move out and back, no copy.
        let headers = std::mem::replace(&mut self.0, OwnedHeaders::new_with_capacity(0));
        self.0 = headers.insert(Header {
            key: name,
            value: Some(value),
        });
    }

    /// Adds a header without a value, which Kafka tells apart from an empty one.
    pub fn push_null(&mut self, name: &str) {
        let headers = std::mem::replace(&mut self.0, OwnedHeaders::new_with_capacity(0));
        self.0 = headers.insert(Header::<&[u8]> {
            key: name,
            value: None,
        });
    }

    pub(crate) fn into_inner(self) -> OwnedHeaders {
        self.0
    }
}

impl Default for Headers {
    fn default() -> Self {
        Self::with_capacity(12)
    }
}

/// One consumed record, borrowed from librdkafka's fetch buffer: reading it copies nothing.
#[derive(Debug)]
pub struct RecordView<'a>(BorrowedMessage<'a>);

impl<'a> RecordView<'a> {
    pub(crate) fn new(message: BorrowedMessage<'a>) -> Self {
        Self(message)
    }

    /// The topic it was read from.
    #[must_use]
    pub fn topic(&self) -> &str {
        self.0.topic()
    }

    /// The partition it was read from.
    #[must_use]
    pub fn partition(&self) -> i32 {
        self.0.partition()
    }

    /// Its offset in that partition.
    #[must_use]
    pub fn offset(&self) -> i64 {
        self.0.offset()
    }

    /// Its timestamp in milliseconds since the Unix epoch: that of the producer or of the log, as the topic is configured.
    #[must_use]
    pub fn timestamp_millis(&self) -> Option<i64> {
        match self.0.timestamp() {
            Timestamp::NotAvailable => None,
            Timestamp::CreateTime(millis) | Timestamp::LogAppendTime(millis) => Some(millis),
        }
    }

    /// Its key, if it has one.
    #[must_use]
    pub fn key(&self) -> Option<&[u8]> {
        self.0.key()
    }

    /// Its value; none for a null value.
    #[must_use]
    pub fn value(&self) -> Option<&[u8]> {
        self.0.payload()
    }

    /// Its headers in order. One whose name is not UTF-8 shows as [`MALFORMED_HEADER`], without a value.
    pub fn headers(&self) -> impl Iterator<Item = (&str, Option<&[u8]>)> {
        let headers = self.0.headers();
        let count = headers.map_or(0, |headers| headers.count());
        (0..count).filter_map(move |index| header(headers?, index))
    }

    /// Bytes of key and value.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.0.key_len() + self.0.payload_len()
    }
}

/// rdkafka panics on a header name that is not UTF-8, and anybody who may write to the topic can send one.
fn header(headers: &BorrowedHeaders, index: usize) -> Option<(&str, Option<&[u8]>)> {
    match catch_unwind(AssertUnwindSafe(|| headers.try_get(index))) {
        Ok(header) => header.map(|header| (header.key, header.value)),
        Err(_) => Some((MALFORMED_HEADER, None)),
    }
}
