//! The read side: pages, single events, the feed and statistics.
//!
//! Every statement is built from fixed fragments with all values bound, runs under the time budget of its class, and is cancelled on the
//! server when its future is dropped. Rows become JSON straight from the wire: `jsonb` is copied as text and never parsed.
//!
//! | call | cost |
//! |---|---|
//! | [`Reader::page`] | one index range for each source that is meant, whatever the position; of all events when they are too many |
//! | the same by a column that the operator has had indexed | one index range for each value that is named |
//! | the same with other filters | steps of rows that are looked through, until the page is full or the time for searching is over |
//! | [`Reader::event`] | one probe of one partition, since a uid holds its time |
//! | [`Reader::feed`] | one index range for each Kafka partition, bounded also when nothing matches |
//! | [`Reader::export`] | one index range for each source that is meant, or the table in order |
//! | [`Reader::stats`], [`Reader::facets`] | the minutes asked for, of `event_counts` |

mod along;
mod export;
mod facets;
mod feed;
mod fields;
mod filter;
mod json;
mod lookup;
mod page;
mod prepared;
mod row;
mod search;
mod session;
mod sources;
mod sql;
mod stats;

pub use export::Export;
pub use facets::{Facet, FacetQuery, Facets};
pub use feed::{Checkpoints, FeedHead, FeedPage, FeedPosition, FeedQuery};
pub use fields::{Field, Fields};
pub use filter::{DataFilter, Filter, Pattern, PatternSet};
pub use json::{Clock, Events, JsonWriter, write_base64, write_number, write_uid};
pub use page::{Order, Page, PageQuery, Position, Side};
pub use row::{EventRow, Payload};
pub use stats::{GroupBy, Series, Stats, StatsQuery};

use std::sync::Arc;
use std::time::Duration;

use along::KnownIndexes;
pub(crate) use prepared::Prepared;
use sources::KnownSources;
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::{Config, ErrorKind, Pool, StoreError};

/// How long a statement of each class may take.
#[derive(Debug, Clone, Copy)]
pub struct Budgets {
    /// Pages of events.
    pub page: Duration,
    /// How long a page looks for events that no index finds, before it comes short.
    pub search: Duration,
    /// One event by its uid.
    pub lookup: Duration,
    /// The feed.
    pub feed: Duration,
    /// Statistics.
    pub stats: Duration,
    /// Exports, from the first row to the last.
    pub export: Duration,
}

impl Default for Budgets {
    fn default() -> Self {
        Self {
            page: Duration::from_secs(10),
            search: Duration::from_secs(2),
            lookup: Duration::from_secs(2),
            feed: Duration::from_secs(10),
            stats: Duration::from_secs(10),
            export: Duration::from_secs(1_800),
        }
    }
}

/// Why nothing could be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The statement took longer than its budget: ask for less.
    #[error("the statement took longer than {} ms", budget.as_millis())]
    Timeout {
        /// The budget.
        budget: Duration,
    },
    /// The database cannot serve now; the same call may succeed later.
    #[error(transparent)]
    Unavailable(StoreError),
    /// The feed's position belongs to another Kafka cluster or topic than the one that is stored now: start again.
    #[error("the position belongs to another log than the one that is stored now")]
    LogReplaced,
    /// Nothing that the caller or waiting would mend.
    #[error(transparent)]
    Fatal(StoreError),
}

impl From<StoreError> for ReadError {
    fn from(error: StoreError) -> Self {
        match error.kind() {
            ErrorKind::Outage => Self::Unavailable(error),
            // A refused password, a missing table or right: to whoever reads an outage like any other, which ends when an operator has acted.
            ErrorKind::Fatal if error.advice().is_some() => Self::Unavailable(error),
            ErrorKind::Conflict | ErrorKind::Data | ErrorKind::Fatal => Self::Fatal(error),
        }
    }
}

/// Reads what the writer has stored. Cheap to clone; all clones share the pool.
#[derive(Clone)]
pub struct Reader {
    pool: Pool,
    /// To reach the server a second time, for a cancel request.
    tls: MakeRustlsConnect,
    budgets: Budgets,
    sources: Arc<KnownSources>,
    indexes: Arc<KnownIndexes>,
}

impl std::fmt::Debug for Reader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reader")
            .field("pool", &self.pool)
            .field("budgets", &self.budgets)
            .finish_non_exhaustive()
    }
}

impl Reader {
    /// A reader over a pool that was made of the same configuration. Connects to nothing.
    ///
    /// # Errors
    /// [`StoreError::Config`] when the configuration is wrong.
    pub fn new(pool: Pool, config: &Config, budgets: Budgets) -> Result<Self, StoreError> {
        Ok(Self {
            pool,
            tls: config.target()?.tls,
            budgets,
            sources: Arc::default(),
            indexes: Arc::default(),
        })
    }

    /// The pool it reads through.
    pub fn pool(&self) -> &Pool {
        &self.pool
    }
}
