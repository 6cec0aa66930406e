//! The failures that services share.

use actix_web::http::StatusCode;

macro_rules! codes {
    ($($(#[$doc:meta])* $variant:ident => $status:ident, $name:literal, $title:literal;)*) => {
        /// What went wrong, in one short word that callers can rely on.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum ErrorCode {
            $($(#[$doc])* $variant,)*
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
        }
    };
}

codes! {
    /// The request cannot be understood, and no closer word fits.
    BadRequest => BAD_REQUEST, "bad-request", "Bad request";
    /// The body is not JSON.
    MalformedJson => BAD_REQUEST, "malformed-json", "Malformed JSON";
    /// The body is not what its `Content-Encoding` says.
    BadEncoding => BAD_REQUEST, "bad-encoding", "Bad content encoding";
    /// The URL is not well formed.
    MalformedUrl => BAD_REQUEST, "malformed-url", "Malformed URL";
    /// A key stands in the query string.
    KeyInQuery => BAD_REQUEST, "key-in-query", "Key in the query string";
    /// A parameter that does not exist.
    UnknownParameter => BAD_REQUEST, "unknown-parameter", "Unknown parameter";
    /// A parameter that may stand once stands twice.
    RepeatedParameter => BAD_REQUEST, "repeated-parameter", "Repeated parameter";
    /// A parameter's value is not one it can have.
    InvalidParameter => BAD_REQUEST, "invalid-parameter", "Invalid parameter";
    /// The cursor is not one that this query was given.
    InvalidCursor => BAD_REQUEST, "invalid-cursor", "Invalid cursor";
    /// More filters than a query may have.
    TooManyFilters => BAD_REQUEST, "too-many-filters", "Too many filters";
    /// More buckets than an answer may have.
    TooManyBuckets => BAD_REQUEST, "too-many-buckets", "Too many buckets";
    /// No valid key.
    Unauthorized => UNAUTHORIZED, "unauthorized", "Unauthorized";
    /// The key is valid and may not do this.
    Forbidden => FORBIDDEN, "forbidden", "Forbidden";
    /// There is nothing here, or nothing that this key may see.
    NotFound => NOT_FOUND, "not-found", "Not found";
    /// The method does not exist here.
    MethodNotAllowed => METHOD_NOT_ALLOWED, "method-not-allowed", "Method not allowed";
    /// No representation that the client accepts.
    NotAcceptable => NOT_ACCEPTABLE, "not-acceptable", "Not acceptable";
    /// The client took too long to send its request.
    RequestTimeout => REQUEST_TIMEOUT, "request-timeout", "Request timeout";
    /// The cursor points before what is still kept.
    CursorExpired => GONE, "cursor-expired", "Cursor expired";
    /// The body, or what it unpacks to, is larger than allowed.
    PayloadTooLarge => PAYLOAD_TOO_LARGE, "payload-too-large", "Payload too large";
    /// The URL is longer than allowed.
    UriTooLong => URI_TOO_LONG, "uri-too-long", "URI too long";
    /// The media type is none of those taken.
    UnsupportedMediaType => UNSUPPORTED_MEDIA_TYPE, "unsupported-media-type", "Unsupported media type";
    /// The content encoding is none of those taken.
    UnsupportedEncoding => UNSUPPORTED_MEDIA_TYPE, "unsupported-encoding", "Unsupported content encoding";
    /// Understood and refused.
    Unprocessable => UNPROCESSABLE_ENTITY, "unprocessable", "Unprocessable content";
    /// The key's rate is used up.
    Throttled => TOO_MANY_REQUESTS, "throttled", "Too many requests";
    /// A fault of our own; the log has the reason under the request id.
    Internal => INTERNAL_SERVER_ERROR, "internal", "Internal error";
    /// A local limit is reached; nothing is wrong with the request.
    Overloaded => SERVICE_UNAVAILABLE, "overloaded", "Overloaded";
    /// Something this service needs is away.
    Unavailable => SERVICE_UNAVAILABLE, "unavailable", "Temporarily unavailable";
    /// The query took longer than its time budget.
    QueryTimeout => GATEWAY_TIMEOUT, "query-timeout", "Query timeout";
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
}
