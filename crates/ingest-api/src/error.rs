//! Why a whole request was refused, and how that is told.

use std::time::Duration;

use actix_web::http::StatusCode;
use event::BodyError;
use event::parse::{Mode, UnsupportedMediaType};
use service::problem::{ErrorCode, Problem};

use crate::admission::Saturated;
use crate::encoding;

/// Why a whole request was refused, named by what the client does next.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refusal {
    /// Split it.
    #[error("the body has more than {limit} bytes{}; send the events in several requests", if *unpacked { " when unpacked" } else { "" })]
    TooLarge {
        /// The limit.
        limit: usize,
        /// Whether this was found when unpacking.
        unpacked: bool,
    },
    /// Send it faster.
    #[error("the body did not come in time")]
    SlowBody,
    /// Send all of it.
    #[error("the body ended before it was complete")]
    CutOff,
    /// Pack it again.
    #[error("the body is not what its Content-Encoding says, or was cut off")]
    BadEncoding,
    /// Pack it otherwise.
    #[error("{0}")]
    UnsupportedEncoding(&'static str),
    /// Say what it is.
    #[error(transparent)]
    MediaType(#[from] UnsupportedMediaType),
    /// Mend it.
    #[error(transparent)]
    Body(#[from] BodyError),
    /// Come again: too much is being worked on here.
    #[error("too many bytes are being worked on; send this again a little later")]
    Saturated,
    /// Come again: Kafka is away.
    #[error("events cannot be stored at the moment; send this again a little later")]
    Unavailable,
    /// Send another key, or wait: refused before the body was read.
    #[error(transparent)]
    Caller(Box<Problem>),
    /// Wait: the events are more than the key may send.
    #[error(transparent)]
    Throttled(Box<Problem>),
}

impl From<Saturated> for Refusal {
    fn from(_: Saturated) -> Self {
        Self::Saturated
    }
}

impl Refusal {
    pub(crate) fn caller(problem: Problem) -> Self {
        Self::Caller(Box::new(problem))
    }

    pub(crate) fn throttled(problem: Problem) -> Self {
        Self::Throttled(Box::new(problem))
    }

    /// The problem to answer with.
    pub(crate) fn problem(&self, retry_after: Duration) -> Problem {
        let detail = self.to_string();
        match self {
            Self::TooLarge { .. } => Problem::new(ErrorCode::PayloadTooLarge, detail),
            Self::SlowBody => Problem::new(ErrorCode::RequestTimeout, detail),
            Self::CutOff => Problem::new(ErrorCode::BadRequest, detail),
            Self::BadEncoding => Problem::new(ErrorCode::BadEncoding, detail),
            Self::UnsupportedEncoding(_) => Problem::new(ErrorCode::UnsupportedEncoding, detail)
                .with_header("accept-encoding", encoding::ACCEPTED),
            Self::MediaType(_) => Problem::new(ErrorCode::UnsupportedMediaType, detail)
                .with_header("accept-post", Mode::ACCEPTED),
            Self::Body(error) => body(error, detail),
            Self::Saturated => Problem::named(
                StatusCode::SERVICE_UNAVAILABLE,
                "saturated",
                "Saturated",
                detail,
            )
            .retry_after(retry_after),
            Self::Unavailable => {
                Problem::new(ErrorCode::Unavailable, detail).retry_after(retry_after)
            }
            Self::Caller(problem) | Self::Throttled(problem) => problem.as_ref().clone(),
        }
    }

    /// Whether bytes may be under way that nobody will read, so that the connection cannot be used again.
    pub(crate) fn leaves_body_unread(&self) -> bool {
        match self {
            Self::BadEncoding | Self::Body(_) | Self::Throttled(_) => false,
            Self::TooLarge { unpacked, .. } => !unpacked,
            Self::SlowBody
            | Self::CutOff
            | Self::UnsupportedEncoding(_)
            | Self::MediaType(_)
            | Self::Saturated
            | Self::Unavailable
            | Self::Caller(_) => true,
        }
    }
}

fn body(error: &BodyError, detail: String) -> Problem {
    let (status, title) = match error {
        BodyError::MalformedJson { .. } => (StatusCode::BAD_REQUEST, "Malformed JSON"),
        BodyError::Empty => (StatusCode::BAD_REQUEST, "No events"),
        BodyError::TooManyEvents { .. } => (StatusCode::PAYLOAD_TOO_LARGE, "Too many events"),
        BodyError::NotAnArray => (StatusCode::BAD_REQUEST, "Not an array"),
        BodyError::NotAnObject | BodyError::NotEvents => (StatusCode::BAD_REQUEST, "Not an event"),
    };
    let problem = Problem::named(status, error.name(), title, detail);
    match error {
        BodyError::MalformedJson { offset, .. } => problem.with("offset", *offset),
        BodyError::TooManyEvents { limit } => problem.with("limit", *limit),
        _ => problem,
    }
}
