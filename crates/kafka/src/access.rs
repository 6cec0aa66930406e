//! Who may do what on the brokers, and how much of it: ACLs, quotas, and users with their passwords.

mod acl;
mod quota;
mod user;

use std::time::Duration;

use crate::{Config, Error, wire::Connection};

pub use acl::{Acl, Effect, Operation, Resource};

/// An administrative client for rights. Nothing here takes a right away.
pub struct AccessAdmin {
    connection: Connection,
}

impl std::fmt::Debug for AccessAdmin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AccessAdmin").finish_non_exhaustive()
    }
}

impl AccessAdmin {
    /// Connects to the first broker that answers, and logs in. Every request ends within `timeout`.
    ///
    /// # Errors
    /// [`Error::Unreachable`] when no broker answers, [`Error::Refused`] when one does not let us in, [`Error::Config`] for a wrong setting.
    pub async fn connect(config: &Config, timeout: Duration) -> Result<Self, Error> {
        Ok(Self {
            connection: Connection::open(config, timeout).await?,
        })
    }
}
