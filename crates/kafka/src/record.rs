//! Records on their way out ([`Headers`]) and in ([`RecordView`]).

use rdkafka::{
    Message, Timestamp,
    message::{BorrowedHeaders, BorrowedMessage, Header, Headers as _, OwnedHeaders},
};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// The name under which [`RecordView::headers`] shows a header whose real name is not UTF-8.
pub const MALFORMED_HEADER: &str = "\u{fffd}";

/// The headers of a record to send, written straight into librdkafka's own form.
///
/// An option, since rdkafka only offers to insert by value: what is moved out comes back, without a list made in between.
#[derive(Debug)]
pub struct Headers(Option<OwnedHeaders>);

impl Headers {
    /// Makes room for `count` headers.
    #[must_use]
    pub fn with_capacity(count: usize) -> Self {
        Self(Some(OwnedHeaders::new_with_capacity(count)))
    }

    /// Adds one header; names may repeat, the order is kept.
    pub fn push(&mut self, name: &str, value: &[u8]) {
        self.insert(Header {
            key: name,
            value: Some(value),
        });
    }

    /// Adds a header without a value, which Kafka tells apart from an empty one.
    pub fn push_null(&mut self, name: &str) {
        self.insert(Header::<&[u8]> {
            key: name,
            value: None,
        });
    }

    fn insert(&mut self, header: Header<'_, &[u8]>) {
        let headers = self.0.take().unwrap_or_default();
        self.0 = Some(headers.insert(header));
    }

    pub(crate) fn into_inner(self) -> OwnedHeaders {
        self.0.unwrap_or_default()
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
    #[must_use]
    pub fn headers(&self) -> Vec<(&str, Option<&[u8]>)> {
        let Some(headers) = self.0.headers() else {
            return Vec::new();
        };
        let count = headers.count();
        let all = || {
            let mut all = Vec::with_capacity(count);
            all.extend((0..count).filter_map(|index| plain(headers, index)));
            all
        };
        // rdkafka panics on a name that is not UTF-8, and anybody who may write to the topic can send one. That is rare: only then is each
        // header looked at on its own.
        catch_unwind(AssertUnwindSafe(all)).unwrap_or_else(|_| {
            let each = (0..count).filter_map(|index| guarded(headers, index));
            each.collect()
        })
    }

    /// Bytes of key and value.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.0.key_len() + self.0.payload_len()
    }
}

fn plain(headers: &BorrowedHeaders, index: usize) -> Option<(&str, Option<&[u8]>)> {
    let header = headers.try_get(index)?;
    Some((header.key, header.value))
}

fn guarded(headers: &BorrowedHeaders, index: usize) -> Option<(&str, Option<&[u8]>)> {
    catch_unwind(AssertUnwindSafe(|| plain(headers, index)))
        .unwrap_or(Some((MALFORMED_HEADER, None)))
}
