//! Many alerts become one mail: the worst are shown, the rest is counted, each alert in its latest state.

use std::collections::HashMap;

use sha2::{Digest, Sha256};

use crate::alert::{Alert, Status, first_16};

use super::{Compose, Count, Mail};

/// Kinds of alerts that are told apart among those only counted.
const KINDS: usize = 30;

type Kind = (String, String, Status);

/// Collects the alerts of one mail.
pub(super) struct Composer {
    max_alerts: usize,
    hash: Sha256,
    seen: HashMap<u64, Status>,
    counts: HashMap<Kind, u64>,
    shown: Vec<Alert>,
}

impl Composer {
    pub(super) fn new(what: &Compose) -> Self {
        let mut hash = Sha256::new();
        hash.update(what.route.as_bytes());
        Self {
            max_alerts: what.max_alerts,
            hash,
            seen: HashMap::new(),
            counts: HashMap::new(),
            shown: Vec::new(),
        }
    }

    /// Says whether the mail has this alert in another state already.
    pub(super) fn conflicts(&self, alert: &Alert) -> bool {
        self.seen
            .get(&key(alert))
            .is_some_and(|status| *status != alert.status)
    }

    /// Adds an alert, in the order of acceptance.
    pub(super) fn add(&mut self, alert: Alert, accepted_ms: u64) {
        self.hash.update(alert.identity("").to_be_bytes());
        self.hash.update(accepted_ms.to_be_bytes());
        let kind = |status| (alert.name.clone(), alert.severity.clone(), status);
        match self.seen.insert(key(&alert), alert.status) {
            Some(before) if before == alert.status => return,
            Some(before) => {
                if let Some(count) = self.counts.get_mut(&kind(before)) {
                    *count = count.saturating_sub(1);
                }
                self.shown
                    .retain(|shown| shown.fingerprint != alert.fingerprint);
            }
            None => {}
        }
        *self.counts.entry(kind(alert.status)).or_default() += 1;
        self.shown.push(alert);
        if self.shown.len() > 2 * self.max_alerts {
            self.trim();
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.seen.is_empty()
    }

    fn trim(&mut self) {
        self.shown.sort_by(|a, b| {
            a.rank()
                .cmp(&b.rank())
                .then_with(|| a.starts_at.cmp(&b.starts_at))
        });
        self.shown.truncate(self.max_alerts);
    }

    pub(super) fn finish(mut self, id: u64, what: Compose) -> Mail {
        self.trim();
        let total = |status| {
            self.counts
                .iter()
                .filter(|(kind, _)| kind.2 == status)
                .map(|(_, count)| count)
                .sum()
        };
        let (firing, resolved) = (total(Status::Firing), total(Status::Resolved));
        for alert in &self.shown {
            if let Some(count) =
                self.counts
                    .get_mut(&(alert.name.clone(), alert.severity.clone(), alert.status))
            {
                *count = count.saturating_sub(1);
            }
        }
        let digest = first_16(&self.hash.finalize());
        let lane = if what.is_digest {
            None
        } else {
            what.lanes.first().copied()
        };
        let thread = crate::alert::lane(&[
            &what.route,
            &lane.map_or_else(|| "digest".to_owned(), |lane| lane.to_string()),
        ]);
        Mail {
            id,
            lane,
            message_id: format!("<{digest:032x}@{}>", what.domain),
            thread_id: format!("<lane-{thread:016x}@{}>", what.domain),
            route: what.route.to_string(),
            to: what.to,
            created_ms: what.now_ms,
            since_ms: what.now_ms,
            next_ms: what.now_ms,
            alerts: self.shown,
            firing,
            resolved,
            more: counted(self.counts),
            attempts: 0,
            refusals: 0,
            last_error: String::new(),
        }
    }
}

/// The kinds with the most alerts, worst first; those beyond as one.
fn counted(counts: HashMap<Kind, u64>) -> Vec<Count> {
    let mut more: Vec<_> = counts
        .into_iter()
        .filter(|(_, count)| *count > 0)
        .map(|((name, severity, status), count)| Count {
            name,
            severity,
            status,
            count,
        })
        .collect();
    let rank = |count: &Count| {
        (
            count.status,
            crate::alert::severity_rank(&count.severity),
            u64::MAX - count.count,
        )
    };
    more.sort_by(|a, b| rank(a).cmp(&rank(b)).then_with(|| a.name.cmp(&b.name)));
    for status in [Status::Firing, Status::Resolved] {
        let mut kept = 0;
        let mut rest = 0;
        more.retain(|count| {
            kept += usize::from(count.status == status);
            let is_over = count.status == status && kept > KINDS;
            rest += if is_over { count.count } else { 0 };
            !is_over
        });
        if rest > 0 {
            more.push(Count {
                name: "other alerts".to_owned(),
                severity: String::new(),
                status,
                count: rest,
            });
        }
    }
    more
}

/// Names an alert in a few bytes; ten thousand of them are in memory for one digest.
fn key(alert: &Alert) -> u64 {
    crate::alert::lane(&[&alert.fingerprint])
}
