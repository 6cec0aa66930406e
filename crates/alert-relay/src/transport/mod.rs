//! How mails leave: by SMTP or by an HTTP e-mail API.

mod api;
mod oauth;
mod smtp;

use std::path::Path;
use std::time::Duration;

use secrecy::SecretString;

use crate::config::{Config, TransportKind};
use crate::metrics::Metrics;
use crate::render::Rendered;

/// What became of an attempt.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// The other side has taken it.
    Sent,
    /// It has taken it for some recipients.
    Partly {
        /// Those who have not got it.
        left: Vec<String>,
        /// Why the last of them has not.
        failure: Failure,
    },
    /// It has not.
    Failed(Failure),
}

/// Why a mail did not leave. The text is for the operator's log.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum Failure {
    /// Nobody answers, or TLS fails.
    #[error("cannot connect: {0}")]
    Connection(String),
    /// No answer in time; the mail may have been taken.
    #[error("no answer within {0:?}")]
    Timeout(Duration),
    /// The other side does not know us; the operator mends it, and the mail goes then.
    #[error("authentication failed: {0}")]
    Authentication(String),
    /// We are too fast.
    #[error("asked to slow down: {text}")]
    Throttled {
        /// What was said.
        text: String,
        /// For how long.
        retry_after: Option<Duration>,
    },
    /// The other side has a fault of its own.
    #[error("the other side has a fault: {text}")]
    Server {
        /// What was said.
        text: String,
        /// When to come again.
        retry_after: Option<Duration>,
    },
    /// It will not take this mail.
    #[error("refused: {0}")]
    Refused(String),
    /// What came back is no answer.
    #[error("not an answer: {0}")]
    Protocol(String),
    /// A setting or template of ours is wrong.
    #[error("{0}")]
    Configuration(String),
}

impl Failure {
    /// One of [`crate::metrics::REASONS`].
    pub(crate) fn reason(&self) -> &'static str {
        match self {
            Self::Connection(_) => "connection",
            Self::Timeout(_) => "timeout",
            Self::Authentication(_) => "authentication",
            Self::Throttled { .. } => "throttled",
            Self::Server { .. } => "server",
            Self::Refused(_) => "refused",
            Self::Protocol(_) => "protocol",
            Self::Configuration(_) => "configuration",
        }
    }

    /// Whether the same mail would be refused again.
    pub(crate) fn is_refusal(&self) -> bool {
        matches!(self, Self::Refused(_))
    }

    /// Whether any other mail would have met the same.
    pub(crate) fn is_everyones(&self) -> bool {
        matches!(self, Self::Throttled { .. } | Self::Server { .. })
    }

    /// The pause that was asked for.
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Throttled { retry_after, .. } | Self::Server { retry_after, .. } => *retry_after,
            _ => None,
        }
    }
}

/// Why a transport cannot be made. Its text is for the operator.
#[derive(Debug, thiserror::Error)]
pub enum TransportError {
    /// A file of a secret or certificate.
    #[error("{setting}: cannot read {path}: {source}")]
    Read {
        /// The setting that names it.
        setting: &'static str,
        /// The file.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// A value is wrong.
    #[error("{setting}: {why}")]
    Wrong {
        /// The setting.
        setting: &'static str,
        /// Why.
        why: String,
    },
}

/// The one in use.
#[derive(Debug)]
pub(crate) enum Transport {
    Smtp(Box<smtp::Smtp>),
    Api(Box<api::Api>),
}

impl Transport {
    /// Reads secrets and certificates; connects to nothing. Blocks while it reads.
    ///
    /// # Errors
    /// [`TransportError`] names the setting.
    pub(crate) fn load(config: &Config) -> Result<Self, TransportError> {
        Ok(match config.mail.transport {
            TransportKind::Smtp => Self::Smtp(Box::new(smtp::Smtp::load(&config.smtp)?)),
            TransportKind::Api => Self::Api(Box::new(api::Api::load(&config.api)?)),
        })
    }

    /// Sends one mail to all of its recipients.
    pub(crate) async fn send(&self, mail: &Rendered, metrics: &Metrics) -> Outcome {
        match self {
            Self::Smtp(smtp) => smtp.send(mail).await,
            Self::Api(api) => match api.send(mail, metrics).await {
                Ok(()) => Outcome::Sent,
                Err(failure) => Outcome::Failed(failure),
            },
        }
    }
}

/// A secret: what its file holds when there is one, without the line end that editors add.
fn secret(
    setting: &'static str,
    value: &SecretString,
    file: &Path,
) -> Result<SecretString, TransportError> {
    if file.as_os_str().is_empty() {
        return Ok(value.clone());
    }
    let text = read(setting, file)?;
    let text = String::from_utf8(text).map_err(|_| TransportError::Wrong {
        setting,
        why: "the file is not text".to_owned(),
    })?;
    Ok(SecretString::from(text.trim_end_matches(['\r', '\n'])))
}

fn read(setting: &'static str, file: &Path) -> Result<Vec<u8>, TransportError> {
    std::fs::read(file).map_err(|source| TransportError::Read {
        setting,
        path: file.display().to_string(),
        source,
    })
}

/// What another side said, short and harmless.
fn said(text: &str) -> String {
    crate::clean::line(text, 200)
}
