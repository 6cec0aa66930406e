//! What is told of alerts and mails. A field's comment is its help text.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

use crate::webhook::Source;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Webhook {
    source: &'static str,
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Outcome {
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Reason {
    reason: &'static str,
}

/// What becomes of a webhook.
const WEBHOOKS: [&str; 5] = [
    "accepted",
    "rejected",
    "unauthorized",
    "saturated",
    "unavailable",
];
/// What becomes of an alert.
const ALERTS: [&str; 2] = ["accepted", "duplicate"];
/// What becomes of an attempt to send a mail.
const ATTEMPTS: [&str; 4] = ["sent", "postponed", "refused", "dead"];
/// Why an attempt failed.
pub(crate) const REASONS: [&str; 8] = [
    "connection",
    "timeout",
    "authentication",
    "throttled",
    "server",
    "refused",
    "protocol",
    "configuration",
];

/// Handles made once.
#[derive(Debug, Clone)]
pub(crate) struct Metrics {
    /// Webhooks by sender and what became of them.
    webhooks: Family<Webhook, Counter>,
    /// Alerts by what became of them; one that several routes take counts for each.
    alerts: Family<Outcome, Counter>,
    /// Alerts that the sender left out of its webhooks because they were too many.
    pub(crate) truncated: Counter,
    /// Mails by what became of an attempt to send them.
    mails: Family<Outcome, Counter>,
    /// Failed attempts by reason.
    failures: Family<Reason, Counter>,
    /// Digests made, because a route had more alerts than its rate allows mails.
    pub(crate) digests: Counter,
    /// Alerts that were counted in a mail and not shown.
    pub(crate) condensed: Counter,
    /// Time to send one mail, in seconds.
    pub(crate) send_seconds: Histogram,
    /// From the making of a mail to its acceptance by the other side, in seconds.
    pub(crate) delivery_seconds: Histogram,
    /// When a mail was last sent.
    pub(crate) last_sent: Gauge,
    /// Tokens asked for.
    tokens: Family<Outcome, Counter>,
    /// Templates of the operator that failed, so that the built-in one was used.
    pub(crate) template_failures: Counter,
    /// Bytes in the outbox.
    pub(crate) outbox_bytes: Gauge,
    /// Bytes it may have.
    pub(crate) outbox_limit: Gauge,
    /// Alerts that wait to become a mail.
    pub(crate) outbox_alerts: Gauge,
    /// Of those, alerts that wait for the end of quiet hours.
    pub(crate) quiet_alerts: Gauge,
    /// Mails that wait to be sent.
    pub(crate) outbox_mails: Gauge,
    /// Age of the oldest alert that is neither sent nor waiting for the end of quiet hours.
    pub(crate) oldest_seconds: Gauge,
    /// Transactions that failed.
    pub(crate) outbox_faults: Counter,
    /// 1 while the outbox cannot be written.
    pub(crate) outbox_faults_now: Gauge,
    /// Time of one transaction with its sync, in seconds.
    pub(crate) commit_seconds: Histogram,
    /// Mails set aside because they could not be sent.
    pub(crate) dead_letters: Gauge,
    /// Dead letters dropped because there were too many.
    pub(crate) dropped_dead_letters: Counter,
}

impl Metrics {
    /// Makes the handles, each outcome at zero, and registers them.
    pub(crate) fn register(registry: &mut Registry) -> Self {
        let metrics = Self {
            webhooks: Family::default(),
            alerts: Family::default(),
            truncated: Counter::default(),
            mails: Family::default(),
            failures: Family::default(),
            digests: Counter::default(),
            condensed: Counter::default(),
            send_seconds: Histogram::new(exponential_buckets(0.01, 2.0, 12)),
            delivery_seconds: Histogram::new(exponential_buckets(0.25, 2.0, 18)),
            last_sent: Gauge::default(),
            tokens: Family::default(),
            template_failures: Counter::default(),
            outbox_bytes: Gauge::default(),
            outbox_limit: Gauge::default(),
            outbox_alerts: Gauge::default(),
            quiet_alerts: Gauge::default(),
            outbox_mails: Gauge::default(),
            oldest_seconds: Gauge::default(),
            outbox_faults: Counter::default(),
            outbox_faults_now: Gauge::default(),
            commit_seconds: Histogram::new(exponential_buckets(0.0005, 2.0, 14)),
            dead_letters: Gauge::default(),
            dropped_dead_letters: Counter::default(),
        };
        for source in [Source::Alertmanager, Source::Grafana].map(Source::name) {
            for outcome in WEBHOOKS {
                drop(metrics.webhooks.get_or_create(&Webhook { source, outcome }));
            }
        }
        for outcome in ALERTS {
            drop(metrics.alerts.get_or_create(&Outcome { outcome }));
        }
        for outcome in ATTEMPTS {
            drop(metrics.mails.get_or_create(&Outcome { outcome }));
        }
        for reason in REASONS {
            drop(metrics.failures.get_or_create(&Reason { reason }));
        }
        for outcome in ["granted", "failed"] {
            drop(metrics.tokens.get_or_create(&Outcome { outcome }));
        }
        metrics.name(registry);
        metrics
    }

    fn name(&self, registry: &mut Registry) {
        registry.register(
            "flumen_relay_webhooks",
            "Webhooks by sender and what became of them",
            self.webhooks.clone(),
        );
        registry.register(
            "flumen_relay_alerts",
            "Alerts by what became of them; one that several routes take counts for each",
            self.alerts.clone(),
        );
        registry.register(
            "flumen_relay_truncated_alerts",
            "Alerts that the sender left out of its webhooks because they were too many",
            self.truncated.clone(),
        );
        registry.register(
            "flumen_relay_mails",
            "Attempts to send a mail by what became of them",
            self.mails.clone(),
        );
        registry.register(
            "flumen_relay_failures",
            "Failed attempts by reason",
            self.failures.clone(),
        );
        registry.register(
            "flumen_relay_digests",
            "Digests made because a route had more alerts than its rate allows mails",
            self.digests.clone(),
        );
        registry.register(
            "flumen_relay_condensed_alerts",
            "Alerts that were counted in a mail and not shown",
            self.condensed.clone(),
        );
        registry.register(
            "flumen_relay_send_seconds",
            "Time of one attempt to send a mail",
            self.send_seconds.clone(),
        );
        registry.register(
            "flumen_relay_delivery_seconds",
            "From the making of a mail to its acceptance by the other side",
            self.delivery_seconds.clone(),
        );
        registry.register(
            "flumen_relay_last_sent_timestamp_seconds",
            "When a mail was last sent; 0 when none was",
            self.last_sent.clone(),
        );
        registry.register(
            "flumen_relay_token_requests",
            "Requests for an OAuth2 token by what became of them",
            self.tokens.clone(),
        );
        registry.register(
            "flumen_relay_template_failures",
            "Templates that failed, so that the built-in one was used",
            self.template_failures.clone(),
        );
        registry.register(
            "flumen_relay_outbox_bytes",
            "Bytes in the outbox, dead letters with them",
            self.outbox_bytes.clone(),
        );
        registry.register(
            "flumen_relay_outbox_limit_bytes",
            "Bytes the outbox may have",
            self.outbox_limit.clone(),
        );
        registry.register(
            "flumen_relay_outbox_alerts",
            "Alerts that wait to become a mail",
            self.outbox_alerts.clone(),
        );
        registry.register(
            "flumen_relay_quiet_alerts",
            "Alerts that wait for the end of quiet hours",
            self.quiet_alerts.clone(),
        );
        registry.register(
            "flumen_relay_outbox_mails",
            "Mails that wait to be sent",
            self.outbox_mails.clone(),
        );
        registry.register(
            "flumen_relay_oldest_seconds",
            "Age of the oldest alert that is not sent and does not wait for the end of quiet hours",
            self.oldest_seconds.clone(),
        );
        registry.register(
            "flumen_relay_outbox_faults",
            "Transactions of the outbox that failed",
            self.outbox_faults.clone(),
        );
        registry.register(
            "flumen_relay_outbox_broken",
            "1 while the outbox cannot be written",
            self.outbox_faults_now.clone(),
        );
        registry.register(
            "flumen_relay_commit_seconds",
            "Time of one transaction with its sync",
            self.commit_seconds.clone(),
        );
        registry.register(
            "flumen_relay_dead_letters",
            "Mails set aside because they could not be sent",
            self.dead_letters.clone(),
        );
        registry.register(
            "flumen_relay_dropped_dead_letters",
            "Dead letters dropped because there were too many; must read 0",
            self.dropped_dead_letters.clone(),
        );
    }

    pub(crate) fn webhook(&self, source: Source, outcome: &'static str) {
        self.webhooks
            .get_or_create(&Webhook {
                source: source.name(),
                outcome,
            })
            .inc();
    }

    pub(crate) fn alerts(&self, outcome: &'static str, count: u64) {
        self.alerts
            .get_or_create(&Outcome { outcome })
            .inc_by(count);
    }

    pub(crate) fn mail(&self, outcome: &'static str) {
        self.mails.get_or_create(&Outcome { outcome }).inc();
    }

    pub(crate) fn failure(&self, reason: &'static str) {
        self.failures.get_or_create(&Reason { reason }).inc();
    }

    pub(crate) fn token(&self, outcome: &'static str) {
        self.tokens.get_or_create(&Outcome { outcome }).inc();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documentation_tells_every_metric() {
        let mut registry = Registry::default();
        let _ = Metrics::register(&mut registry);
        service::metrics::reference::check_section("alert-relay", &registry);
    }
}
