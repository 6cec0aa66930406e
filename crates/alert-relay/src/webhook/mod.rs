//! What Alertmanager (version 4) and Grafana send, read into [`Alert`]s.
//!
//! The body is read once for its frame, with every alert left as the text it came as; the alerts are then read one at a time, so
//! that a body of ten thousand needs little more memory than its own. Nothing in one alert can sink its neighbours: what cannot
//! be read becomes an alert of its own that says so.

mod read;

pub(crate) use read::AlertReader;

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

/// Who sent it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Source {
    /// Alertmanager, `version` "4".
    Alertmanager,
    /// Grafana, `version` "1".
    Grafana,
}

impl Source {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Alertmanager => "alertmanager",
            Self::Grafana => "grafana",
        }
    }

    fn version(self) -> &'static str {
        match self {
            Self::Alertmanager => "4",
            Self::Grafana => "1",
        }
    }
}

/// Why a webhook is refused. Its text is for the sender.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WebhookError {
    /// Not JSON.
    #[error("the body is not JSON: line {line}, column {column}")]
    Malformed {
        /// Where.
        line: usize,
        /// Where in it.
        column: usize,
    },
    /// JSON of another shape.
    #[error("the body is not a webhook of {sender}: {what}")]
    Shape {
        /// Who it was said to be from.
        sender: &'static str,
        /// What is wrong.
        what: String,
    },
}

/// The frame of a webhook; the alerts are as they came.
#[derive(Debug, Deserialize)]
pub(crate) struct Webhook<'a> {
    #[serde(default, borrow)]
    version: Cow<'a, str>,
    #[serde(default, borrow, rename = "groupKey")]
    pub(crate) group_key: Cow<'a, str>,
    #[serde(default, borrow, rename = "externalURL")]
    pub(crate) external_url: Cow<'a, str>,
    #[serde(default, rename = "truncatedAlerts")]
    pub(crate) truncated_alerts: u64,
    #[serde(borrow)]
    pub(crate) alerts: Vec<&'a RawValue>,
}

impl<'a> Webhook<'a> {
    /// Reads the frame.
    pub(crate) fn parse(source: Source, body: &'a [u8]) -> Result<Self, WebhookError> {
        let webhook: Self = serde_json::from_slice(body).map_err(|error| {
            if error.is_data() {
                let what = crate::clean::line(&error.to_string(), 200);
                WebhookError::Shape {
                    sender: source.name(),
                    what,
                }
            } else {
                WebhookError::Malformed {
                    line: error.line(),
                    column: error.column(),
                }
            }
        })?;
        if webhook.version != source.version() {
            let what = format!(
                "its version is `{}`, and `{}` is understood",
                webhook.version,
                source.version()
            );
            let what = crate::clean::line(&what, 200);
            return Err(WebhookError::Shape {
                sender: source.name(),
                what,
            });
        }
        Ok(webhook)
    }
}

#[cfg(test)]
mod tests;
