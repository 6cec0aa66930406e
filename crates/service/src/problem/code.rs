//! The catalogue of problems: every failure that callers can be told, in one place.
//!
//! Both APIs serve it at `/problems`, each problem at `/problems/<name>`, which is what the `type` of a problem points to.

use actix_web::http::StatusCode;

macro_rules! codes {
    ($(#[doc = $meaning:expr] $variant:ident => $status:ident, $name:literal, $title:literal, $advice:literal;)*) => {
        /// What went wrong, in one short word that callers can rely on.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum ErrorCode {
            $(#[doc = $meaning] $variant,)*
        }

        impl ErrorCode {
            /// Every code, for documentation and tests.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The status it is answered with.
            pub fn status(self) -> StatusCode {
                match self {
                    $(Self::$variant => StatusCode::$status,)*
                }
            }

            /// The last part of the problem's `type`; never changes.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }

            /// The problem's `title`.
            pub fn title(self) -> &'static str {
                match self {
                    $(Self::$variant => $title,)*
                }
            }

            /// What it means, in a sentence.
            pub fn meaning(self) -> &'static str {
                match self {
                    $(Self::$variant => $meaning.trim_ascii(),)*
                }
            }

            /// What whoever meets it does next.
            pub fn advice(self) -> &'static str {
                match self {
                    $(Self::$variant => $advice,)*
                }
            }
        }
    };
}

codes! {
    /// The request cannot be understood, and no closer word fits.
    BadRequest => BAD_REQUEST, "bad-request", "Bad request",
        "Read `detail`, and mend the request.";
    /// The body, or a line of it, is not JSON.
    MalformedJson => BAD_REQUEST, "malformed-json", "Malformed JSON",
        "`offset` or `detail` tells the byte where reading stopped. Nothing of it was accepted; in NDJSON only that line was not.";
    /// The body is not what its `Content-Encoding` says, or was cut off.
    BadEncoding => BAD_REQUEST, "bad-encoding", "Bad content encoding",
        "Compress it again, or send it as it is.";
    /// The URL is not well formed.
    MalformedUrl => BAD_REQUEST, "malformed-url", "Malformed URL",
        "Percent-encode names and values as UTF-8; a `%` itself is `%25`, and NUL cannot be sent.";
    /// A key stands in the query string, where logs and histories keep it.
    KeyInQuery => BAD_REQUEST, "key-in-query", "Key in the query string",
        "Send it as `Authorization: Bearer <key>`, and have this one replaced.";
    /// There is no parameter of the name that `parameter` tells.
    UnknownParameter => BAD_REQUEST, "unknown-parameter", "Unknown parameter",
        "`detail` lists those that there are.";
    /// A parameter that may be given once is given twice.
    RepeatedParameter => BAD_REQUEST, "repeated-parameter", "Repeated parameter",
        "Give it once.";
    /// The value of a parameter is not one that it can have.
    InvalidParameter => BAD_REQUEST, "invalid-parameter", "Invalid parameter",
        "`parameter` names it, `detail` tells what it may be.";
    /// The cursor is not one that was given for this query and this key.
    InvalidCursor => BAD_REQUEST, "invalid-cursor", "Invalid cursor",
        "Send it unchanged, with the same filters, the same order and the same key; or begin again without it.";
    /// The query has more filters than a query may have.
    TooManyFilters => BAD_REQUEST, "too-many-filters", "Too many filters",
        "Use a trailing `*`, or ask several times.";
    /// The time asked for has more buckets than an answer may have.
    TooManyBuckets => BAD_REQUEST, "too-many-buckets", "Too many buckets",
        "Take a wider bucket, which `detail` names, or a shorter time.";
    /// There is no key, or it is not valid (any more).
    Unauthorized => UNAUTHORIZED, "unauthorized", "Unauthorized",
        "Send a valid key as `Authorization: Bearer <key>`.";
    /// The key is valid and may not do this.
    Forbidden => FORBIDDEN, "forbidden", "Forbidden",
        "Ask whoever gave you the key for the scope or the source that `detail` names.";
    /// There is nothing at this address, or nothing that this key may see.
    NotFound => NOT_FOUND, "not-found", "Not found",
        "Check the address. An event that was accepted a moment ago is found with `?wait=5s`.";
    /// This address does not take this method.
    MethodNotAllowed => METHOD_NOT_ALLOWED, "method-not-allowed", "Method not allowed",
        "`Allow` lists those it takes.";
    /// There is no representation that the client accepts.
    NotAcceptable => NOT_ACCEPTABLE, "not-acceptable", "Not acceptable",
        "Accept `application/json`, or send no `Accept`.";
    /// The client took too long to send its request.
    RequestTimeout => REQUEST_TIMEOUT, "request-timeout", "Request timeout",
        "Send it again, faster or in smaller parts.";
    /// The log that the cursor belongs to was replaced by another one.
    CursorExpired => GONE, "cursor-expired", "Cursor expired",
        "Begin again without a cursor; what is stored is still there by time.";
    /// The body, or what it unpacks to, is larger than allowed.
    PayloadTooLarge => PAYLOAD_TOO_LARGE, "payload-too-large", "Payload too large",
        "Send the events in several requests.";
    /// The URL is longer than 8 KiB.
    UriTooLong => URI_TOO_LONG, "uri-too-long", "URI too long",
        "Use fewer filters, or patterns with a trailing `*`.";
    /// The `Content-Type` is none of those taken.
    UnsupportedMediaType => UNSUPPORTED_MEDIA_TYPE, "unsupported-media-type", "Unsupported media type",
        "`Accept-Post` lists them.";
    /// The `Content-Encoding` is none of those taken.
    UnsupportedEncoding => UNSUPPORTED_MEDIA_TYPE, "unsupported-encoding", "Unsupported content encoding",
        "`Accept-Encoding` lists them; encodings cannot be stacked.";
    /// The request is understood and refused.
    Unprocessable => UNPROCESSABLE_ENTITY, "unprocessable", "Unprocessable content",
        "Read `detail`, and mend the request.";
    /// The key has used up its rate, or has as many requests, tails or unread answers under way as it may have.
    Throttled => TOO_MANY_REQUESTS, "throttled", "Too many requests",
        "Wait for as long as `Retry-After` tells; `RateLimit` tells what is left.";
    /// Something went wrong on our side.
    Internal => INTERNAL_SERVER_ERROR, "internal", "Internal error",
        "Tell the operator the `request_id`; the log has the reason under it.";
    /// The service does as much as it can; nothing is wrong with the request.
    Overloaded => SERVICE_UNAVAILABLE, "overloaded", "Overloaded",
        "Come again after `Retry-After`.";
    /// Something that the service needs is away. Nothing is lost.
    Unavailable => SERVICE_UNAVAILABLE, "unavailable", "Temporarily unavailable",
        "Come again after `Retry-After`. Events: send all of them again, nothing is stored twice.";
    /// The query took longer than its time budget.
    QueryTimeout => GATEWAY_TIMEOUT, "query-timeout", "Query timeout",
        "Narrow the time with `from` and `to`, or name an exact `source`.";
    /// So much is being worked on that no more is taken at the moment.
    Saturated => SERVICE_UNAVAILABLE, "saturated", "Saturated",
        "Send all of it again after `Retry-After`; nothing is stored twice.";
    /// Kafka did not confirm the event in time; it may be stored all the same.
    NotAcknowledged => SERVICE_UNAVAILABLE, "not-acknowledged", "Not acknowledged",
        "Send all of it again after `Retry-After`; nothing is stored twice.";
    /// The body holds no event.
    EmptyBatch => BAD_REQUEST, "empty-batch", "No events",
        "Send at least one.";
    /// The body holds more events than a request may.
    TooManyEvents => PAYLOAD_TOO_LARGE, "too-many-events", "Too many events",
        "Send them in several requests; `limit` tells how many fit into one.";
    /// A batch is a JSON array of events, and this is none.
    NotAnArray => BAD_REQUEST, "not-an-array", "Not an array",
        "Send an array, or one event with the content type for one.";
    /// No event was accepted, for several reasons.
    EventsRejected => UNPROCESSABLE_ENTITY, "events-rejected", "Events rejected",
        "`events` tells the reason of each.";
    /// An event is a JSON object, and this is none.
    NotAnObject => UNPROCESSABLE_ENTITY, "not-an-object", "Not an event",
        "Send an object with at least `source` and `type`.";
    /// A required attribute is missing.
    MissingAttribute => UNPROCESSABLE_ENTITY, "missing-attribute", "Missing attribute",
        "`pointer` names it. `source` and `type` are always required; CloudEvents also need `id` and `specversion`.";
    /// An attribute has a JSON type that it cannot have.
    WrongType => UNPROCESSABLE_ENTITY, "wrong-type", "Wrong type",
        "`pointer` names it. Attributes are strings; extensions may be numbers or booleans.";
    /// The value of an attribute is empty, too long, or not what it must be.
    InvalidAttribute => UNPROCESSABLE_ENTITY, "invalid-attribute", "Invalid attribute",
        "`pointer` names it, `detail` tells the rule.";
    /// The name of an extension is not made of lower-case letters and digits, or is too long.
    InvalidAttributeName => UNPROCESSABLE_ENTITY, "invalid-attribute-name", "Invalid attribute name",
        "Rename it; names are `[a-z0-9]`.";
    /// The name is one that Flumen writes itself.
    ReservedAttribute => UNPROCESSABLE_ENTITY, "reserved-attribute", "Reserved attribute",
        "Leave it out: `uid`, `recordedtime`, `kafkapartition` and `kafkaoffset` are added when an event is shown.";
    /// An attribute stands twice.
    DuplicateAttribute => UNPROCESSABLE_ENTITY, "duplicate-attribute", "Duplicate attribute",
        "Send it once.";
    /// The event has more extensions than an event may have.
    TooManyExtensions => UNPROCESSABLE_ENTITY, "too-many-extensions", "Too many extensions",
        "Put what is not for routing into `data`.";
    /// The event is of another version of CloudEvents than 1.0.
    UnsupportedSpecversion => UNPROCESSABLE_ENTITY, "unsupported-specversion", "Unsupported specversion",
        "Send `\"specversion\": \"1.0\"`.";
    /// `time` is not a time of RFC 3339 with its zone.
    TimeInvalid => UNPROCESSABLE_ENTITY, "time-invalid", "Invalid time",
        "Send it as `2026-01-31T12:00:00Z`, or leave it out.";
    /// `time` is older or further ahead than this installation takes.
    TimeOutOfRange => UNPROCESSABLE_ENTITY, "time-out-of-range", "Time out of range",
        "`detail` tells the bounds; the operator can widen `accept.max_age` for an import of history.";
    /// A text is not UTF-8, or a header is not percent-encoded as CloudEvents want it.
    InvalidEncoding => UNPROCESSABLE_ENTITY, "invalid-encoding", "Invalid encoding",
        "Encode it as UTF-8.";
    /// The event has `data` and `data_base64`.
    DataConflict => UNPROCESSABLE_ENTITY, "data-conflict", "Conflicting data",
        "Send one of them.";
    /// `data_base64` is not Base64, or does not hold the JSON that it says it holds.
    InvalidBase64 => UNPROCESSABLE_ENTITY, "invalid-base64", "Invalid Base64",
        "Encode the bytes again, with padding.";
    /// `data` is nested more deeply than PostgreSQL is asked to keep.
    TooDeep => UNPROCESSABLE_ENTITY, "too-deep", "Too deep",
        "`pointer` tells where; flatten it, or send it as `data_base64`.";
    /// A number has more digits than are kept exactly; numbers are never rounded.
    NumberTooLong => UNPROCESSABLE_ENTITY, "number-too-long", "Number too long",
        "`pointer` names it; send it as a string.";
    /// `NaN` and infinities are not JSON.
    NotANumber => UNPROCESSABLE_ENTITY, "not-a-number", "Not a number",
        "`pointer` names it; send null or a string.";
    /// A text holds U+0000, which PostgreSQL cannot keep.
    NulCharacter => UNPROCESSABLE_ENTITY, "nul-character", "NUL character",
        "`pointer` names it; leave it out, or send the data as `data_base64`.";
    /// A text holds half of a surrogate pair, which is no character.
    LoneSurrogate => UNPROCESSABLE_ENTITY, "lone-surrogate", "Lone surrogate",
        "`pointer` names it; whoever cut the text cut through a character.";
    /// A text holds a control character that must be escaped.
    ControlCharacter => UNPROCESSABLE_ENTITY, "control-character", "Control character",
        "Write it as `\\n`, `\\t` or `\\u00XX`.";
    /// The event carries more data than one event may.
    TooLarge => PAYLOAD_TOO_LARGE, "too-large", "Event too large",
        "Put the data elsewhere, and send where it is.";
}

impl ErrorCode {
    /// The code that fits a status when nothing closer is known.
    pub fn of_status(status: StatusCode) -> Self {
        match status.as_u16() {
            401 => Self::Unauthorized,
            403 => Self::Forbidden,
            404 => Self::NotFound,
            405 => Self::MethodNotAllowed,
            406 => Self::NotAcceptable,
            408 => Self::RequestTimeout,
            413 => Self::PayloadTooLarge,
            414 => Self::UriTooLong,
            415 => Self::UnsupportedMediaType,
            422 => Self::Unprocessable,
            429 => Self::Throttled,
            503 => Self::Unavailable,
            504 => Self::QueryTimeout,
            code if code < 500 => Self::BadRequest,
            _ => Self::Internal,
        }
    }

    /// Finds a code by the last part of its `type`.
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|code| code.name() == name)
    }
}
