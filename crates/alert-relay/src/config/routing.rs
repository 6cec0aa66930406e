//! Who gets which alerts, when, and how many mails of them.

use std::time::Duration;

use serde::Deserialize;

/// `[grouping]`: which alerts share a mail.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Grouping {
    /// Labels that must be equal; empty for the sender's own groups.
    pub by: Vec<String>,
    /// How long a mail waits for more.
    #[serde(with = "units::duration")]
    pub wait: Duration,
    /// Most alerts shown in full.
    pub max_alerts: usize,
}

/// `[rate]`: how many mails a route may have.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rate {
    /// At once.
    pub mails: u32,
    /// The time in which as many may follow.
    #[serde(with = "units::duration")]
    pub per: Duration,
    /// The time between digests.
    #[serde(with = "units::duration")]
    pub digest_every: Duration,
}

/// `[[routes]]`: who gets which alerts.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Route {
    /// Its name, in metrics and logs.
    pub name: String,
    /// What an alert's labels must be.
    pub matchers: Vec<String>,
    /// Recipients.
    pub to: Vec<String>,
    /// Whether later routes get the alert as well.
    #[serde(default)]
    pub r#continue: bool,
}

/// `[[quiet_hours]]`: when alerts wait.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QuietHours {
    /// Whose.
    pub severities: Vec<String>,
    /// Their begin, `HH:MM`.
    pub from: String,
    /// Their end, `HH:MM`.
    pub to: String,
    /// Days on which they begin; empty for all.
    #[serde(default)]
    pub days: Vec<String>,
    /// Where it is that late.
    pub time_zone: String,
}
