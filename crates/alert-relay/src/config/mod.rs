//! Settings; `config/default.toml` says what each means.
//!
//! What comes in is here, who gets it and when in `routing`, how it leaves in `sending`, and what must hold across all of them in `check`.

mod check;
mod routing;
mod sending;
#[cfg(test)]
mod tests;

pub(crate) use check::mailbox;
pub(crate) use routing::{Grouping, QuietHours, Rate, Route};
pub(crate) use sending::{Api, Authentication, Mail, Retry, Security, Smtp, TransportKind};

use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;
use service::config::{Admin, ByteSize, ConfigError, Layers, Listen, Loaded, Shutdown, Telemetry};

/// The commented reference of all settings.
pub const DEFAULT_TOML: &str = include_str!("../../config/default.toml");

/// Everything alert-relay can be told.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The public listener.
    pub listen: Listen,
    /// The operators' listener.
    pub admin: Admin,
    /// Who may send.
    pub senders: Senders,
    /// How webhooks are read.
    pub body: Body,
    /// What is kept of an alert.
    pub alerts: Alerts,
    /// What was accepted and is not yet sent.
    pub outbox: Outbox,
    /// Which alerts share a mail.
    pub grouping: Grouping,
    /// How many mails a route may have.
    pub rate: Rate,
    /// The mails.
    pub mail: Mail,
    /// Who gets which alerts.
    #[serde(default)]
    pub routes: Vec<Route>,
    /// When alerts wait.
    #[serde(default)]
    pub quiet_hours: Vec<QuietHours>,
    /// Sending by SMTP.
    pub smtp: Smtp,
    /// Sending by an HTTP API.
    pub api: Api,
    /// What happens after a failure.
    pub retry: Retry,
    /// Logs and traces.
    pub telemetry: Telemetry,
    /// The end.
    pub shutdown: Shutdown,
}

/// `[senders]`: who may send.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Senders {
    /// The senders file.
    pub file: PathBuf,
}

/// `[body]`: how webhooks are read.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Body {
    /// Most bytes of one.
    pub max_bytes: ByteSize,
    /// Most bytes of all at a time.
    pub max_in_flight_bytes: ByteSize,
    /// Time for a whole one.
    #[serde(with = "units::duration")]
    pub timeout: Duration,
}

/// `[alerts]`: what is kept of an alert.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Alerts {
    /// Most bytes of a value.
    pub max_value_bytes: ByteSize,
    /// Most labels, and again annotations.
    pub max_labels: usize,
}

/// `[outbox]`: what was accepted and is not yet sent.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Outbox {
    /// Its file.
    pub path: PathBuf,
    /// Most bytes in it.
    pub max_bytes: ByteSize,
    /// Memory for its pages.
    pub cache_bytes: ByteSize,
    /// How long an alert is known.
    #[serde(with = "units::duration")]
    pub dedup_window: Duration,
    /// How many are.
    pub dedup_alerts: u64,
    /// Most dead letters.
    pub max_dead_letters: u64,
}

impl Config {
    /// Loads and checks the configuration. Connects to nothing.
    ///
    /// # Errors
    /// [`ConfigError`] names the key and where its value came from.
    pub fn load(layers: Layers) -> Result<Loaded<Self>, ConfigError> {
        let loaded = service::config::load::<Self>(layers)?;
        match loaded.config.fault() {
            Some((key, why)) => Err(loaded.invalid(&key, why)),
            None => Ok(loaded),
        }
    }
}
