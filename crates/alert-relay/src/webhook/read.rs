//! One alert of a webhook.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::{Source, Webhook};
use crate::alert::{self, Alert, Links, Status};
use crate::clean;
use crate::config;

/// Longest word that names a severity.
const SEVERITY_BYTES: usize = 32;
/// Longest description: a page of text.
const DESCRIPTION_BYTES: usize = 4096;
/// Most bytes of all labels together, and again of all annotations: what a mail of many alerts can hold.
const PAIRS_BYTES: usize = 8192;
/// How much of an alert that cannot be read is shown.
const UNREADABLE_BYTES: usize = 1024;
/// What Go writes for "never".
const ZERO_TIME: &str = "0001-01-01T00:00:00Z";

/// An alert as it is sent. Values may be of any type: one sender's number is no reason to lose its alert.
#[derive(Deserialize)]
struct Wire<'a> {
    #[serde(default, borrow)]
    status: Cow<'a, str>,
    #[serde(default)]
    labels: BTreeMap<String, Value>,
    #[serde(default)]
    annotations: BTreeMap<String, Value>,
    #[serde(default, borrow, rename = "startsAt")]
    starts_at: Cow<'a, str>,
    #[serde(default, borrow, rename = "endsAt")]
    ends_at: Cow<'a, str>,
    #[serde(default, borrow, rename = "generatorURL")]
    generator_url: Cow<'a, str>,
    #[serde(default, borrow)]
    fingerprint: Cow<'a, str>,
    #[serde(default, borrow, rename = "silenceURL")]
    silence_url: Cow<'a, str>,
    #[serde(default, borrow, rename = "dashboardURL")]
    dashboard_url: Cow<'a, str>,
    #[serde(default, borrow, rename = "panelURL")]
    panel_url: Cow<'a, str>,
    #[serde(default)]
    values: Option<BTreeMap<String, Value>>,
}

/// Reads the alerts of one webhook.
#[derive(Debug)]
pub(crate) struct AlertReader<'a> {
    source: Source,
    /// Where Alertmanager's page is, for links.
    page: String,
    limits: &'a config::Alerts,
}

impl<'a> AlertReader<'a> {
    pub(crate) fn new(
        source: Source,
        webhook: &Webhook<'_>,
        alertmanager_url: &str,
        limits: &'a config::Alerts,
    ) -> Self {
        let own =
            Some(alertmanager_url).filter(|url| !url.is_empty() && source == Source::Alertmanager);
        let page = clean::url(own.unwrap_or(&webhook.external_url));
        Self {
            source,
            page,
            limits,
        }
    }

    /// Reads one alert; never fails.
    pub(crate) fn read(&self, raw: &RawValue) -> Alert {
        match serde_json::from_str::<Wire<'_>>(raw.get()) {
            Ok(wire) => self.clean(wire),
            Err(_) => self.unreadable(raw.get()),
        }
    }

    fn clean(&self, wire: Wire<'_>) -> Alert {
        let max = self.limits.max_value_bytes.as_usize();
        let labels = self.pairs(wire.labels, max);
        let mut annotations = self.pairs(wire.annotations, DESCRIPTION_BYTES.max(max));
        let mut take = |names: &[&str]| {
            let found = names.iter().find(|name| annotations.contains_key(**name));
            found
                .and_then(|name| annotations.remove(*name))
                .unwrap_or_default()
        };
        let summary = clean::line(&take(&["summary", "title"]), max);
        let description = take(&["description", "message"]);
        let runbook = clean::url(&take(&["runbook_url", "runbook"]));
        let dashboard = take(&["dashboard_url", "dashboard"]);
        let dashboard = [
            &dashboard,
            wire.panel_url.as_ref(),
            wire.dashboard_url.as_ref(),
        ]
        .map(clean::url)
        .into_iter()
        .find(|url| !url.is_empty())
        .unwrap_or_default();
        let silence = match self.source {
            Source::Grafana => clean::url(&wire.silence_url),
            Source::Alertmanager => self.silence(&labels),
        };
        let status = if wire.status.eq_ignore_ascii_case("resolved") {
            Status::Resolved
        } else {
            Status::Firing
        };
        let given = clean::line(&wire.fingerprint, 64);
        let fingerprint = if given.is_empty() {
            alert::fingerprint(&labels)
        } else {
            given
        };
        let severity = labels
            .get("severity")
            .or_else(|| labels.get("priority"))
            .map_or("", String::as_str);
        Alert {
            status,
            name: labels
                .get("alertname")
                .filter(|name| !name.is_empty())
                .map_or_else(|| "unnamed alert".to_owned(), |name| clean::line(name, max)),
            severity: clean::line(severity, SEVERITY_BYTES).to_lowercase(),
            fingerprint,
            starts_at: time(&wire.starts_at),
            ends_at: if status == Status::Resolved {
                time(&wire.ends_at)
            } else {
                String::new()
            },
            summary,
            description: clean::text(&description, DESCRIPTION_BYTES),
            values: self.pairs(wire.values.unwrap_or_default(), 64),
            annotations,
            links: Links {
                runbook,
                dashboard,
                silence,
                source: clean::url(&wire.generator_url),
            },
            labels,
        }
    }

    fn pairs(&self, pairs: BTreeMap<String, Value>, max_bytes: usize) -> BTreeMap<String, String> {
        let text = |value: Value| match value {
            Value::String(text) => text,
            Value::Null => String::new(),
            other => other.to_string(),
        };
        let cleaned = pairs.into_iter().map(|(name, value)| {
            let value = text(value);
            (clean::name(&name), clean::text(&value, max_bytes))
        });
        let mut left = PAIRS_BYTES;
        let fits = cleaned.take_while(|(name, value)| {
            let bytes = name.len() + value.len();
            let fits = bytes <= left;
            left = left.saturating_sub(bytes);
            fits
        });
        fits.take(self.limits.max_labels).collect()
    }

    /// A new silence for exactly this alert, on Alertmanager's own page.
    fn silence(&self, labels: &BTreeMap<String, String>) -> String {
        if self.page.is_empty() {
            return String::new();
        }
        let quote = |value: &str| {
            value
                .replace('\\', "\\\\")
                .replace('"', "\\\"")
                .replace('\n', "\\n")
        };
        let matchers: Vec<_> = labels
            .iter()
            .map(|(name, value)| format!("{name}=\"{}\"", quote(value)))
            .collect();
        let filter = clean::percent(&format!("{{{}}}", matchers.join(",")));
        clean::url(&format!(
            "{}/#/silences/new?filter={filter}",
            self.page.trim_end_matches('/')
        ))
    }

    fn unreadable(&self, raw: &str) -> Alert {
        let mut labels = BTreeMap::from([("alertname".to_owned(), "UnreadableAlert".to_owned())]);
        labels.insert("severity".to_owned(), "warning".to_owned());
        labels.insert("sender".to_owned(), self.source.name().to_owned());
        Alert {
            status: Status::Firing,
            name: "UnreadableAlert".to_owned(),
            severity: "warning".to_owned(),
            fingerprint: alert::fingerprint(&BTreeMap::from([("raw".to_owned(), raw.to_owned())])),
            starts_at: String::new(),
            ends_at: String::new(),
            summary: format!("{} sent an alert that cannot be read", self.source.name()),
            description: clean::text(raw, UNREADABLE_BYTES),
            labels,
            annotations: BTreeMap::new(),
            values: BTreeMap::new(),
            links: Links::default(),
        }
    }
}

/// A time as it came, when it is one.
fn time(text: &str) -> String {
    match text.parse::<jiff::Timestamp>() {
        Ok(_) if text != ZERO_TIME && text.len() <= 40 => text.to_owned(),
        _ => String::new(),
    }
}
