//! What is in the outbox, in memory: what the dispatcher needs to know to decide, and nothing of what the mails say.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::metrics::Metrics;

use super::Mail;

/// Alerts that wait to become a mail.
#[derive(Debug, Clone)]
pub(crate) struct Group {
    pub(crate) first_ms: u64,
    pub(crate) count: u64,
    pub(crate) severity: Arc<str>,
}

/// A mail that waits to be sent.
#[derive(Debug, Clone)]
pub(crate) struct Head {
    pub(crate) route: Arc<str>,
    pub(crate) lane: Option<u64>,
    pub(crate) created_ms: u64,
    pub(crate) next_ms: u64,
}

impl Head {
    pub(crate) fn of(mail: &Mail) -> Self {
        Self {
            route: mail.route.as_str().into(),
            lane: mail.lane,
            created_ms: mail.created_ms,
            next_ms: mail.next_ms,
        }
    }
}

/// What is in the outbox now.
#[derive(Debug, Default)]
pub(crate) struct Index {
    pub(crate) groups: BTreeMap<(Arc<str>, u64), Group>,
    pub(crate) mails: BTreeMap<u64, Head>,
    pub(crate) alerts: u64,
    pub(crate) dead: u64,
    pub(crate) bytes: u64,
    pub(crate) next_entry: u64,
    pub(crate) next_mail: u64,
}

/// What a transaction changes, told to the index once it is on disk.
#[derive(Debug, Default)]
pub(super) struct Change {
    pub(super) bytes: i64,
    pub(super) start_bytes: u64,
    pub(super) next_entry: u64,
    pub(super) next_mail: u64,
    pub(super) dead: i64,
    pub(super) dropped_dead_letters: u64,
    pub(super) is_written: bool,
    /// In their order.
    pub(super) steps: Vec<Step>,
}

#[derive(Debug)]
pub(super) enum Step {
    Waits {
        route: Arc<str>,
        lane: u64,
        severity: Arc<str>,
        at_ms: u64,
    },
    Taken {
        route: Arc<str>,
        lane: u64,
        count: u64,
    },
    Mail(u64, Head),
    Gone(u64),
}

impl Change {
    /// The bytes in the outbox if the transaction holds.
    pub(super) fn total_bytes(&self) -> u64 {
        self.start_bytes.saturating_add_signed(self.bytes)
    }
}

impl Index {
    pub(super) fn begin(&self) -> Change {
        Change {
            start_bytes: self.bytes,
            next_entry: self.next_entry,
            next_mail: self.next_mail,
            ..Change::default()
        }
    }

    pub(super) fn apply(&mut self, change: Change) {
        self.bytes = change.total_bytes();
        self.next_entry = change.next_entry;
        self.next_mail = change.next_mail;
        self.dead = self.dead.saturating_add_signed(change.dead);
        for step in change.steps {
            match step {
                Step::Waits {
                    route,
                    lane,
                    severity,
                    at_ms,
                } => self.wait(route, lane, severity, at_ms),
                Step::Taken { route, lane, count } => {
                    self.alerts = self.alerts.saturating_sub(count);
                    let key = (route, lane);
                    if let Some(group) = self.groups.get_mut(&key) {
                        group.count = group.count.saturating_sub(count);
                        if group.count == 0 {
                            self.groups.remove(&key);
                        }
                    }
                }
                Step::Mail(id, head) => drop(self.mails.insert(id, head)),
                Step::Gone(id) => drop(self.mails.remove(&id)),
            }
        }
    }

    pub(super) fn wait(&mut self, route: Arc<str>, lane: u64, severity: Arc<str>, at_ms: u64) {
        self.alerts += 1;
        let group = self.groups.entry((route, lane)).or_insert(Group {
            first_ms: at_ms,
            count: 0,
            severity,
        });
        group.count += 1;
    }

    pub(super) fn publish(&self, metrics: &Metrics) {
        let number = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
        metrics.outbox_bytes.set(number(self.bytes));
        metrics.outbox_alerts.set(number(self.alerts));
        metrics
            .outbox_mails
            .set(i64::try_from(self.mails.len()).unwrap_or(i64::MAX));
        metrics.dead_letters.set(number(self.dead));
    }
}
