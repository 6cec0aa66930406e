//! A mail as it waits to be sent.

use serde::{Deserialize, Serialize};

use crate::alert::{Alert, Status};

/// Alerts that are counted and not shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Count {
    pub(crate) name: String,
    pub(crate) severity: String,
    pub(crate) status: Status,
    pub(crate) count: u64,
}

/// What one mail says, to whom, and how its sending goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Mail {
    pub(crate) id: u64,
    pub(crate) route: String,
    /// Absent for a digest, which keeps its place among all mails of the route.
    pub(crate) lane: Option<u64>,
    /// Those who have not got it yet.
    pub(crate) to: Vec<String>,
    /// The same at every attempt.
    pub(crate) message_id: String,
    /// The same for all mails of a lane, so that mail programs show them together.
    pub(crate) thread_id: String,
    pub(crate) created_ms: u64,
    /// Worst first.
    pub(crate) alerts: Vec<Alert>,
    /// All that fire, shown or not.
    pub(crate) firing: u64,
    /// All that are resolved, shown or not.
    pub(crate) resolved: u64,
    /// Those not shown.
    pub(crate) more: Vec<Count>,
    #[serde(default)]
    pub(crate) attempts: u32,
    #[serde(default)]
    pub(crate) refusals: u32,
    /// When its age began to count.
    pub(crate) since_ms: u64,
    pub(crate) next_ms: u64,
    #[serde(default)]
    pub(crate) last_error: String,
}

impl Mail {
    pub(crate) fn status(&self) -> Status {
        if self.firing > 0 {
            Status::Firing
        } else {
            Status::Resolved
        }
    }

    /// The worst severity in it.
    pub(crate) fn severity(&self) -> &str {
        let shown = self.alerts.iter().map(|alert| alert.severity.as_str());
        let counted = self.more.iter().map(|count| count.severity.as_str());
        shown
            .chain(counted)
            .min_by_key(|severity| crate::alert::severity_rank(severity))
            .unwrap_or_default()
    }

    pub(crate) fn is_digest(&self) -> bool {
        self.lane.is_none()
    }
}
