//! The feed: everything in the order it was stored, without loss, whatever the number of writers.
//!
//! # Why nothing is missed and nothing is seen twice
//!
//! Let `C(p)` be the checkpoint of Kafka partition `p`: the next offset to store. A writer commits the rows of offsets
//! `[a, b)` of `p` together with the move of `C(p)` from `a` to `b`, by compare-and-swap. So at any moment that a snapshot can show:
//!
//! 1. every row of `p` whose offset is below `C(p)` is committed (or was set aside or recognised as a repeat, and never will be a row), and
//! 2. no row of `p` with an offset below `C(p)` will ever be committed later, for the writer that would do so would have to move `C(p)` from a
//!    value that it no longer has.
//!
//! A position holds one next offset `n(p)` for each partition. A call reads the checkpoints first, then, with a later snapshot of the same server,
//! rows of offsets in `[n(p), C(p))` in order of offset, up to some offset `m(p) <= C(p)`, and returns the position with `n'(p) = m(p)`. By (1) it has seen
//! all rows in `[n(p), m(p))`; by (2) there will never be others. Ranges of successive calls join without overlapping, so each row is seen exactly once.
//!
//! The time of an event plays no part in it: late events come in the order they were stored. A position never moves backwards, so a replica that lags
//! behind the one asked before shows nothing new rather than something again. A partition that is not in the position is read from its beginning.
//!
//! # Bounds
//!
//! When filters let little through, a call looks at a bounded number of offsets of each partition and moves on past what it has looked at: a
//! page may be empty and still advance. Gaps in the offsets (repeats, dead letters, retention) are jumped over, not walked through.

mod plan;

use std::collections::BTreeMap;
use std::pin::pin;

use futures_util::TryStreamExt;
use tokio_postgres::types::Type;

use super::fields::Fields;
use super::filter::Filter;
use super::json::Events;
use super::session::Lease;
use super::sql::Statement;
use super::{ReadError, Reader};
use crate::StoreError;
use plan::Plan;

const DOING: &str = "read the feed";

/// How far the writers are: the next offset to store, for every Kafka partition.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Checkpoints {
    /// Which cluster and topic the offsets belong to, as a hash; 0 when nothing was ever stored.
    pub log: u64,
    /// The next offset to store.
    pub next: BTreeMap<i32, i64>,
}

/// A place in the feed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FeedPosition {
    /// As in [`Checkpoints`]; 0 fits every log.
    pub log: u64,
    /// The partition whose turn it is to come first.
    pub turn: i32,
    /// The next offset to read; a partition that is missing is read from its beginning.
    pub next: BTreeMap<i32, i64>,
}

/// What is asked of the feed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeedQuery {
    /// Which events.
    pub filter: Filter,
    /// At most so many.
    pub limit: usize,
    /// No further event once there are so many bytes.
    pub max_bytes: usize,
    /// What is shown of each.
    pub fields: Fields,
}

/// A part of the feed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeedPage {
    /// The events: of each partition in the order of its log.
    pub events: Events,
    /// Where to go on.
    pub next: FeedPosition,
    /// Whether there was nothing more when this was read.
    pub is_caught_up: bool,
}

/// What a reader of many needs to know of an event without reading its JSON.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeedHead {
    /// Its Kafka partition.
    pub partition: i32,
    /// Its offset there.
    pub offset: i64,
    /// Its source.
    pub source: String,
    /// Its type.
    pub kind: String,
    /// Its subject.
    pub subject: Option<String>,
}

impl FeedPosition {
    /// Says whether everything below these checkpoints was read.
    pub fn has_reached(&self, checkpoints: &Checkpoints) -> bool {
        checkpoints
            .next
            .iter()
            .all(|(partition, next)| self.offset(*partition) >= *next)
    }

    fn offset(&self, partition: i32) -> i64 {
        self.next.get(&partition).copied().unwrap_or(0)
    }
}

impl From<Checkpoints> for FeedPosition {
    /// The place behind all that is stored: what comes from now on.
    fn from(checkpoints: Checkpoints) -> Self {
        Self {
            log: checkpoints.log,
            turn: 0,
            next: checkpoints.next,
        }
    }
}

impl Reader {
    /// Reads how far the writers of a topic are. Of several clusters, the one that was written to last counts.
    ///
    /// # Errors
    /// [`ReadError`].
    pub async fn checkpoints(&self, topic: &str) -> Result<Checkpoints, ReadError> {
        let lease = self.lease(self.budgets.lookup).await?;
        let found = checkpoints(&lease, topic).await?;
        lease.finish();
        Ok(found)
    }

    /// Reads on from a position; see the module for the promise.
    ///
    /// # Errors
    /// [`ReadError::LogReplaced`] when the position is of another cluster or topic.
    pub async fn feed(
        &self,
        topic: &str,
        at: &FeedPosition,
        query: &FeedQuery,
    ) -> Result<FeedPage, ReadError> {
        let (page, _) = self.read_feed(topic, at, query, None).await?;
        Ok(page)
    }

    /// Reads on as [`Reader::feed`] does, and tells the head of each event.
    ///
    /// # Errors
    /// As [`Reader::feed`].
    pub async fn follow(
        &self,
        topic: &str,
        at: &FeedPosition,
        query: &FeedQuery,
    ) -> Result<(FeedPage, Vec<FeedHead>), ReadError> {
        self.read_feed(topic, at, query, Some(Vec::new())).await
    }

    async fn read_feed(
        &self,
        topic: &str,
        at: &FeedPosition,
        query: &FeedQuery,
        heads: Option<Vec<FeedHead>>,
    ) -> Result<(FeedPage, Vec<FeedHead>), ReadError> {
        // Both statements on one connection: behind a balancer of replicas, another one could be behind the first.
        let lease = self.lease(self.budgets.feed).await?;
        let reached = checkpoints(&lease, topic).await?;
        if at.log != 0 && reached.log != 0 && at.log != reached.log {
            lease.finish();
            return Err(ReadError::LogReplaced);
        }
        let mut plan = Plan::new(at, &reached, query);
        plan.heads = heads;
        if plan.windows.is_empty() {
            lease.finish();
            return Ok((plan.into_page(at, &reached), Vec::new()));
        }
        let rows = lease.rows(DOING, plan.statement(query)).await?;
        let collect = async {
            let mut rows = pin!(rows);
            while let Some(row) = rows
                .try_next()
                .await
                .map_err(|error| lease.error(DOING, &error))?
            {
                if plan.events.bytes() >= query.max_bytes {
                    plan.is_cut = true;
                    break;
                }
                plan.take(&row)?;
            }
            Ok(())
        };
        lease.within(collect).await?;
        if !plan.is_cut {
            lease.finish();
        }
        let heads = plan.heads.take().unwrap_or_default();
        Ok((plan.into_page(at, &reached), heads))
    }
}

async fn checkpoints(lease: &Lease, topic: &str) -> Result<Checkpoints, ReadError> {
    let mut sql = Statement::new(
        "SELECT cluster_id, kafka_partition, next_offset FROM checkpoints WHERE (cluster_id, topic) = \
         (SELECT cluster_id, topic FROM checkpoints WHERE topic = ",
    );
    sql.bind(topic.to_owned(), Type::TEXT)
        .push(" ORDER BY updated_at DESC LIMIT 1)");
    let rows = lease.rows(DOING, sql).await?;
    lease
        .within(async {
            let rows: Vec<_> = rows
                .try_collect()
                .await
                .map_err(|error| lease.error(DOING, &error))?;
            let mut found = Checkpoints::default();
            for row in &rows {
                let wrong =
                    |error: tokio_postgres::Error| StoreError::bug(DOING, error.to_string());
                found.log = log_of(row.try_get(0).map_err(wrong)?, topic);
                found.next.insert(
                    row.try_get(1).map_err(wrong)?,
                    row.try_get(2).map_err(wrong)?,
                );
            }
            Ok(found)
        })
        .await
}

/// FNV-1a over cluster and topic; never 0, which stands for none.
fn log_of(cluster: &str, topic: &str) -> u64 {
    let bytes = cluster.bytes().chain([0]).chain(topic.bytes());
    let hash = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    hash.max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logs_are_told_apart_and_never_0() {
        assert_ne!(log_of("a", "bc"), log_of("ab", "c"));
        assert_ne!(log_of("", ""), 0);
    }
}
