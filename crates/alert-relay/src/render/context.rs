//! What templates are given; `docs/alert-relay.md` lists it for those who write them.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Serialize;

use crate::alert::{Alert, Links, Status};
use crate::config;
use crate::outbox::{Count, Mail};

#[derive(Debug, Serialize)]
pub(super) struct Context<'a> {
    /// What the mails call themselves.
    name: &'a str,
    from: &'a str,
    reply_to: Option<&'a str>,
    to: &'a [String],
    route: &'a str,
    status: Status,
    severity: &'a str,
    /// Of the first alert.
    alertname: &'a str,
    summary: &'a str,
    is_digest: bool,
    firing: u64,
    resolved: u64,
    total: u64,
    alerts: Vec<Shown<'a>>,
    more: &'a [Count],
    /// Alerts that are not shown.
    more_total: u64,
    message_id: &'a str,
    thread_id: &'a str,
    created_at: String,
    /// Only for `api.json`.
    pub(super) subject: &'a str,
    pub(super) text: &'a str,
    pub(super) html: &'a str,
}

#[derive(Debug, Serialize)]
struct Shown<'a> {
    status: Status,
    name: &'a str,
    severity: &'a str,
    summary: &'a str,
    description: &'a str,
    starts_at: String,
    ends_at: String,
    labels: &'a std::collections::BTreeMap<String, String>,
    annotations: &'a std::collections::BTreeMap<String, String>,
    values: &'a std::collections::BTreeMap<String, String>,
    links: &'a Links,
    fingerprint: &'a str,
    /// For HTML: the colour of its severity, or of relief.
    color: &'static str,
}

impl<'a> Context<'a> {
    pub(super) fn new(mail: &'a Mail, config: &'a config::Mail) -> Self {
        let first = mail.alerts.first();
        let total = mail.firing + mail.resolved;
        Self {
            name: &config.name,
            from: &config.from,
            reply_to: config.reply_to.as_deref(),
            to: &mail.to,
            route: &mail.route,
            status: mail.status(),
            severity: mail.severity(),
            alertname: first.map_or("", |alert| &alert.name),
            summary: first.map_or("", |alert| &alert.summary),
            is_digest: mail.is_digest(),
            firing: mail.firing,
            resolved: mail.resolved,
            total,
            alerts: mail.alerts.iter().map(Shown::new).collect(),
            more: &mail.more,
            more_total: mail.more.iter().map(|count| count.count).sum(),
            message_id: &mail.message_id,
            thread_id: &mail.thread_id,
            created_at: time(&time_of(mail.created_ms)),
            subject: "",
            text: "",
            html: "",
        }
    }
}

impl<'a> Shown<'a> {
    fn new(alert: &'a Alert) -> Self {
        Self {
            status: alert.status,
            name: &alert.name,
            severity: &alert.severity,
            summary: &alert.summary,
            description: &alert.description,
            starts_at: time(&alert.starts_at),
            ends_at: time(&alert.ends_at),
            labels: &alert.labels,
            annotations: &alert.annotations,
            values: &alert.values,
            links: &alert.links,
            fingerprint: &alert.fingerprint,
            color: color(alert.status, &alert.severity),
        }
    }
}

fn color(status: Status, severity: &str) -> &'static str {
    match (status, crate::alert::severity_rank(severity)) {
        (Status::Resolved, _) => "#1a7f4b",
        (_, 0) => "#b3261e",
        (_, 1) => "#c2410c",
        (_, 2) => "#a16207",
        _ => "#1d4ed8",
    }
}

/// A time for people: to the second, in UTC. Empty when there is none.
fn time(text: &str) -> String {
    let Ok(time) = text.parse::<Timestamp>() else {
        return String::new();
    };
    time.to_zoned(TimeZone::UTC)
        .strftime("%Y-%m-%d %H:%M:%S UTC")
        .to_string()
}

pub(super) fn time_of(ms: u64) -> String {
    let time = Timestamp::from_millisecond(i64::try_from(ms).unwrap_or_default());
    time.map_or_else(|_| String::new(), |time| time.to_string())
}
