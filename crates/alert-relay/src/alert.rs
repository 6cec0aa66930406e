//! One alert as it is kept: cleaned, bounded, the same whoever sent it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// Whether an alert began or ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Status {
    /// It holds.
    Firing,
    /// It held, and does no longer.
    Resolved,
}

impl Status {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Firing => "firing",
            Self::Resolved => "resolved",
        }
    }
}

/// Where an alert leads. Each is a web address or empty.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Links {
    /// What to do about it.
    pub(crate) runbook: String,
    /// Where it can be seen.
    pub(crate) dashboard: String,
    /// Where it can be silenced.
    pub(crate) silence: String,
    /// The expression or rule that fired.
    pub(crate) source: String,
}

/// One alert.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Alert {
    pub(crate) status: Status,
    /// `alertname`.
    pub(crate) name: String,
    /// In small letters; empty when there is none.
    pub(crate) severity: String,
    /// The sender's, or a hash of the labels.
    pub(crate) fingerprint: String,
    pub(crate) starts_at: String,
    /// Empty while it fires.
    pub(crate) ends_at: String,
    pub(crate) summary: String,
    pub(crate) description: String,
    pub(crate) labels: BTreeMap<String, String>,
    /// Those that are neither summary, description nor a link.
    pub(crate) annotations: BTreeMap<String, String>,
    /// Grafana: what the queries returned.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) values: BTreeMap<String, String>,
    pub(crate) links: Links,
}

impl Alert {
    /// What makes two notices of an alert one: fingerprint, status and the time it began. `route` keeps apart what goes to
    /// different people.
    pub(crate) fn identity(&self, route: &str) -> u128 {
        let mut hash = Sha256::new();
        for part in [
            route,
            &self.fingerprint,
            self.status.name(),
            &self.starts_at,
        ] {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part.as_bytes());
        }
        first_16(&hash.finalize())
    }

    /// The order in a mail: what burns, worst first.
    pub(crate) fn rank(&self) -> (Status, u8) {
        (self.status, severity_rank(&self.severity))
    }
}

/// 0 is the worst. Unknown words stand between warnings and notes.
pub(crate) fn severity_rank(severity: &str) -> u8 {
    match severity {
        "critical" | "page" | "emergency" | "fatal" | "disaster" => 0,
        "error" | "high" | "major" => 1,
        "warning" | "warn" | "medium" | "minor" => 2,
        "info" | "low" | "notice" | "none" | "debug" => 4,
        _ => 3,
    }
}

/// A number for a group of alerts, the same after every restart.
pub(crate) fn lane(parts: &[&str]) -> u64 {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part.as_bytes());
    }
    (first_16(&hash.finalize()) >> 64) as u64
}

pub(crate) fn first_16(digest: &[u8]) -> u128 {
    digest
        .iter()
        .take(16)
        .fold(0, |number, byte| (number << 8) | u128::from(*byte))
}

/// The fingerprint of an alert whose sender gave none.
pub(crate) fn fingerprint(labels: &BTreeMap<String, String>) -> String {
    let mut hash = Sha256::new();
    for (name, value) in labels {
        for part in [name, value] {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part.as_bytes());
        }
    }
    let digest = hash.finalize();
    digest
        .iter()
        .take(8)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}
