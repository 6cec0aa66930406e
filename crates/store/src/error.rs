//! What a failure of the database means for the caller.
//!
//! Retry code matches on [`StoreError::kind`] alone. The mapping from SQLSTATE is [`classify`]: what an outage looks like, what
//! is the fault of one row, and what nobody foresaw (which stops the process, loudly).

use deadpool_postgres::PoolError;
use tokio_postgres::error::DbError;

/// What the caller does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// The same call may succeed later, unchanged: wait and retry, for ever.
    Outage,
    /// Another writer moved the checkpoint: drop the batch and let go of the partition.
    Conflict,
    /// A value can never be stored: isolate the row.
    Data,
    /// Nothing that waiting would mend: stop and say so.
    Fatal,
}

/// An error of the store. No variant carries a connection string or a password.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database cannot serve now; the same call may succeed later.
    #[error("{doing}: postgres is not available: {reason}")]
    Outage {
        /// What was being done, in the present tense.
        doing: &'static str,
        /// Why, for the operator.
        reason: String,
        /// The SQLSTATE, when the server gave one.
        sqlstate: Option<String>,
    },
    /// A checkpoint is not where this writer left it.
    #[error(
        "checkpoint of {topic}[{partition}] is not at {expected} but at {}: {}",
        found.map_or_else(|| "no row".to_owned(), |offset| offset.to_string()),
        if is_behind(*expected, *found) {
            "the database went back in time"
        } else {
            "another writer owns the partition"
        }
    )]
    Conflict {
        /// The Kafka topic.
        topic: String,
        /// The first Kafka partition that differs.
        partition: i32,
        /// The next offset this writer expected.
        expected: i64,
        /// The next offset found, if there is a row.
        found: Option<i64>,
    },
    /// A value that PostgreSQL will never take.
    #[error("{doing}: postgres refuses a value ({sqlstate}): {reason}")]
    Data {
        /// What was being done.
        doing: &'static str,
        /// The server's reason.
        reason: String,
        /// The SQLSTATE.
        sqlstate: String,
    },
    /// Something that waiting does not mend.
    #[error("{doing}: {reason}{}", advice.map(|a| format!("; {a}")).unwrap_or_default())]
    Fatal {
        /// What was being done.
        doing: &'static str,
        /// What the server or the driver said.
        reason: String,
        /// The SQLSTATE, when the server gave one.
        sqlstate: Option<String>,
        /// The way out, when one is known.
        advice: Option<&'static str>,
    },
    /// A wrong setting; the message names its key.
    #[error("{key}: {reason}")]
    Config {
        /// The key under `[database]`.
        key: &'static str,
        /// What is wrong with it.
        reason: String,
    },
}

impl StoreError {
    /// What the caller does next.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Outage { .. } => ErrorKind::Outage,
            Self::Conflict { .. } => ErrorKind::Conflict,
            Self::Data { .. } => ErrorKind::Data,
            Self::Fatal { .. } | Self::Config { .. } => ErrorKind::Fatal,
        }
    }

    /// Whether a checkpoint was found behind where it had been committed, as after a fail-over to a standby that lagged: the rows behind it are
    /// gone as well.
    #[must_use]
    pub fn went_back(&self) -> bool {
        matches!(self, Self::Conflict { expected, found, .. } if is_behind(*expected, *found))
    }

    /// The SQLSTATE, when the server gave one.
    #[must_use]
    pub fn sqlstate(&self) -> Option<&str> {
        match self {
            Self::Outage { sqlstate, .. } | Self::Fatal { sqlstate, .. } => sqlstate.as_deref(),
            Self::Data { sqlstate, .. } => Some(sqlstate),
            Self::Conflict { .. } | Self::Config { .. } => None,
        }
    }

    /// The way out, when it is one that an operator can take.
    #[must_use]
    pub fn advice(&self) -> Option<&'static str> {
        match self {
            Self::Fatal { advice, .. } => *advice,
            _ => None,
        }
    }

    pub(crate) fn config(key: &'static str, reason: impl Into<String>) -> Self {
        Self::Config {
            key,
            reason: reason.into(),
        }
    }

    pub(crate) fn outage(doing: &'static str, reason: impl Into<String>) -> Self {
        Self::Outage {
            doing,
            reason: reason.into(),
            sqlstate: None,
        }
    }

    /// An error that is the fault of the code, not of the database.
    pub(crate) fn bug(doing: &'static str, reason: impl Into<String>) -> Self {
        Self::Fatal {
            doing,
            reason: reason.into(),
            sqlstate: None,
            advice: None,
        }
    }

    /// Classifies an error of the driver.
    pub(crate) fn from_pg(doing: &'static str, error: &tokio_postgres::Error) -> Self {
        match error.as_db_error() {
            Some(db) => Self::from_db(doing, db),
            None if is_io(error) => Self::Outage {
                doing,
                reason: chain(error),
                sqlstate: None,
            },
            None => Self::Fatal {
                doing,
                reason: chain(error),
                sqlstate: None,
                advice: None,
            },
        }
    }

    fn from_db(doing: &'static str, db: &DbError) -> Self {
        let sqlstate = db.code().code().to_owned();
        let reason = match db.detail() {
            // The detail of a data error quotes the row: it belongs into the dead letter only.
            Some(detail) if classify(&sqlstate) != ErrorKind::Data => {
                format!("{} ({detail})", db.message())
            }
            _ => db.message().to_owned(),
        };
        match classify(&sqlstate) {
            ErrorKind::Outage => Self::Outage {
                doing,
                reason,
                sqlstate: Some(sqlstate),
            },
            ErrorKind::Data => Self::Data {
                doing,
                reason,
                sqlstate,
            },
            ErrorKind::Conflict | ErrorKind::Fatal => Self::Fatal {
                doing,
                reason,
                advice: advice(&sqlstate),
                sqlstate: Some(sqlstate),
            },
        }
    }

    /// Classifies an error of the pool.
    pub(crate) fn from_pool(error: &PoolError) -> Self {
        const DOING: &str = "get a connection";
        match error {
            PoolError::Backend(error) => Self::from_pg("connect", error),
            PoolError::Timeout(_) => Self::outage(DOING, "no connection became free in time"),
            PoolError::Closed => Self::bug(DOING, "the pool is closed"),
            PoolError::NoRuntimeSpecified => Self::bug(DOING, "the pool has no runtime"),
            PoolError::PostCreateHook(error) => Self::outage(DOING, error.to_string()),
        }
    }
}

fn is_behind(expected: i64, found: Option<i64>) -> bool {
    found.is_none_or(|found| found < expected)
}

/// What a SQLSTATE means for the caller.
#[must_use]
pub fn classify(sqlstate: &str) -> ErrorKind {
    match sqlstate {
        // Lock timeout; read-only (a failover, a full disk on RDS); server-side statement timeout.
        "55P03" | "25006" | "57014" => ErrorKind::Outage,
        // Idle-in-transaction and transaction timeouts: this client was stalled, the same call may go through.
        "25P03" | "25P04" => ErrorKind::Outage,
        code => match code.get(..2) {
            // Connection, serialisation and deadlock, resources, operator intervention, system.
            Some("08" | "40" | "53" | "57" | "58") => ErrorKind::Outage,
            // Data, integrity, program limits (a value too deep or too long for jsonb or an index).
            Some("22" | "23" | "54") => ErrorKind::Data,
            _ => ErrorKind::Fatal,
        },
    }
}

fn advice(sqlstate: &str) -> Option<&'static str> {
    match sqlstate {
        "42P01" | "42703" | "42883" | "3F000" => {
            Some("run `flumen migrate` to bring the schema up to date")
        }
        "42501" => Some("run `flumen provision` to set up the roles and grants"),
        "3D000" => Some("create the database first, or correct `database.url`"),
        "28P01" | "28000" => Some("correct the user or the password in `database.url`"),
        _ => None,
    }
}

/// Whether the driver's own error is about the connection rather than about the call.
fn is_io(error: &tokio_postgres::Error) -> bool {
    use std::error::Error as _;
    if error.is_closed() {
        return true;
    }
    // The driver keeps its kinds private; their texts are the only way to tell two of them apart.
    match error.to_string().as_str() {
        "timeout waiting for server" | "unexpected message from server" => return true,
        "authentication error" | "error encoding message to server" => return false,
        _ => {}
    }
    error
        .source()
        .and_then(|source| source.downcast_ref::<std::io::Error>())
        // rustls reports a certificate it does not trust as InvalidData: no wait mends that.
        .is_some_and(|io| io.kind() != std::io::ErrorKind::InvalidData)
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        text.push_str(": ");
        text.push_str(&source.to_string());
        next = source.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sqlstate_class_says_what_to_do_next() {
        let table = [
            (
                ErrorKind::Outage,
                "08000 08003 08006 40001 40P01 53000 53100 53200 53300 53400 55P03 57000 57014 57P01 57P02 57P03 57P04 \
                 57P05 58000 58030 58P01 25006 25P03 25P04",
            ),
            (
                ErrorKind::Data,
                "22000 22001 22003 22007 22008 22021 22025 22P02 22P03 22P05 23502 23505 23514 54000 54001",
            ),
            (
                ErrorKind::Fatal,
                "42P01 42703 42501 42883 3D000 3F000 28P01 28000 25P02 0A000 XX000 XX001 55006 55000 P0001 F0000",
            ),
        ];
        for (kind, codes) in table {
            for code in codes.split_whitespace() {
                assert_eq!(classify(code), kind, "{code}");
            }
        }
        assert_eq!(classify(""), ErrorKind::Fatal);
    }

    #[test]
    fn a_missing_table_names_the_way_out() {
        let error = StoreError::Fatal {
            doing: "flush the batch",
            reason: "relation \"events\" does not exist".to_owned(),
            sqlstate: Some("42P01".to_owned()),
            advice: advice("42P01"),
        };
        assert_eq!(
            error.to_string(),
            "flush the batch: relation \"events\" does not exist; run `flumen migrate` to bring the schema up to date"
        );
    }
}
