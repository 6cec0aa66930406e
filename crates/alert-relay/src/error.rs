//! Why a request was refused, and how that is told.
//!
//! Alertmanager and Grafana send a webhook again after a 5xx and drop it after a 4xx: what may be taken later must be a 5xx.

use std::time::Duration;

use actix_web::http::StatusCode;
use service::problem::{ErrorCode, Problem};

use crate::outbox::OutboxError;
use crate::webhook::WebhookError;

/// What a 503 advises.
const RETRY_AFTER: Duration = Duration::from_secs(5);

/// Why a request was refused, named by what the sender does next.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refusal {
    /// Split it.
    #[error(
        "the body has more than {limit} bytes; let fewer alerts share a webhook, with `max_alerts` in Alertmanager"
    )]
    TooLarge {
        /// The limit.
        limit: usize,
    },
    /// Send it faster.
    #[error("the body did not come in time")]
    SlowBody,
    /// Send all of it.
    #[error("the body ended before it was complete")]
    CutOff,
    /// Send it as it is.
    #[error("the body must not be encoded")]
    Encoded,
    /// Say who you are.
    #[error("send a valid token as `Authorization: Bearer <token>`, or a valid signature")]
    Unauthorized,
    /// Ask with another token.
    #[error("this token is not an operator's")]
    Forbidden,
    /// Mend it.
    #[error(transparent)]
    Webhook(#[from] WebhookError),
    /// Come again: too much is being read.
    #[error("too many bytes are being read; send this again a little later")]
    Saturated,
    /// Come again: there is no room, or the disk has a fault.
    #[error("alerts cannot be kept at the moment; send this again a little later")]
    Outbox(#[from] OutboxError),
}

impl Refusal {
    /// The word of the metric.
    pub(crate) fn outcome(&self) -> &'static str {
        match self {
            Self::Unauthorized | Self::Forbidden => "unauthorized",
            Self::Saturated | Self::Outbox(OutboxError::Full) => "saturated",
            Self::Outbox(_) => "unavailable",
            _ => "rejected",
        }
    }

    /// The problem to answer with.
    pub(crate) fn problem(&self) -> Problem {
        let detail = self.to_string();
        match self {
            Self::TooLarge { .. } => Problem::new(ErrorCode::PayloadTooLarge, detail),
            Self::SlowBody => Problem::new(ErrorCode::RequestTimeout, detail),
            Self::CutOff => Problem::new(ErrorCode::BadRequest, detail),
            Self::Encoded => Problem::new(ErrorCode::UnsupportedEncoding, detail),
            Self::Unauthorized => Problem::new(ErrorCode::Unauthorized, detail)
                .with_header("www-authenticate", "Bearer realm=\"alert-relay\""),
            Self::Forbidden => Problem::new(ErrorCode::Forbidden, detail),
            Self::Webhook(WebhookError::Malformed { .. }) => {
                Problem::new(ErrorCode::MalformedJson, detail)
            }
            Self::Webhook(WebhookError::Shape { .. }) => {
                Problem::new(ErrorCode::Unprocessable, detail)
            }
            Self::Saturated | Self::Outbox(OutboxError::Full) => Problem::named(
                StatusCode::SERVICE_UNAVAILABLE,
                "saturated",
                "Saturated",
                detail,
            )
            .retry_after(RETRY_AFTER),
            Self::Outbox(_) => {
                Problem::new(ErrorCode::Unavailable, detail).retry_after(RETRY_AFTER)
            }
        }
    }

    /// Whether bytes may be under way that nobody will read, so that the connection cannot be used again.
    pub(crate) fn leaves_body_unread(&self) -> bool {
        !matches!(self, Self::Webhook(_) | Self::Outbox(_))
    }
}
