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

use std::collections::BTreeMap;
use std::pin::pin;

use futures_util::TryStreamExt;
use tokio_postgres::types::Type;

use super::filter::Filter;
use super::row::{COLUMN_COUNT, Events};
use super::session::Lease;
use super::sql::Statement;
use super::{ReadError, Reader};
use crate::StoreError;

const DOING: &str = "read the feed";

/// Offsets one call looks at, over all partitions, when filters are set: some 30 ms of work.
const SCAN_OFFSETS: i64 = 20_000;

/// Offsets one call looks at without filters: every row counts, so the limit ends it.
const UNBOUNDED: i64 = 1 << 40;

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

/// What one call reads of one partition.
struct Window {
    partition: i32,
    from: i64,
    to: i64,
    /// First offset that holds a row at all; `to` when there is none.
    first: i64,
    /// Behind the last row that was taken.
    taken: i64,
    /// Rows that were taken.
    count: i64,
    /// Whether the rows that were taken tell how far it was read.
    is_seen: bool,
}

struct Plan {
    windows: Vec<Window>,
    per_partition: i64,
    scan: i64,
    events: Events,
    /// Heads of the events, when they are wanted.
    heads: Option<Vec<FeedHead>>,
    is_cut: bool,
}

impl Plan {
    fn new(at: &FeedPosition, reached: &Checkpoints, query: &FeedQuery) -> Self {
        let mut windows: Vec<Window> = reached
            .next
            .iter()
            .map(|(partition, to)| (*partition, at.offset(*partition), *to))
            .filter(|(_, from, to)| from < to)
            .map(|(partition, from, to)| Window {
                partition,
                from,
                to,
                first: to,
                taken: from,
                count: 0,
                is_seen: false,
            })
            .collect();
        // Everyone in turn, beginning with the one whose turn it is.
        let turn = windows
            .iter()
            .position(|window| window.partition >= at.turn)
            .unwrap_or(0);
        windows.rotate_left(turn);
        windows.truncate(query.limit);
        let limit = i64::try_from(query.limit).unwrap_or(i64::MAX);
        let per_partition = share(&windows, limit);
        let scan = if query.filter.is_any() {
            UNBOUNDED
        } else {
            (SCAN_OFFSETS / i64::try_from(windows.len().max(1)).unwrap_or(1)).max(per_partition)
        };
        Self {
            windows,
            per_partition,
            scan,
            events: Events::default(),
            heads: None,
            is_cut: false,
        }
    }

    fn statement(&self, query: &FeedQuery) -> Statement {
        let column = |of: fn(&Window) -> i64| self.windows.iter().map(of).collect::<Vec<_>>();
        let partitions: Vec<i32> = self.windows.iter().map(|window| window.partition).collect();
        let mut sql = Statement::new("SELECT w.turn, f.first_offset, ");
        sql.push_columns()
            .push(" FROM unnest(")
            .bind(partitions, Type::INT4_ARRAY);
        sql.push(", ")
            .bind(column(|window| window.from), Type::INT8_ARRAY);
        sql.push(", ")
            .bind(column(|window| window.to), Type::INT8_ARRAY);
        // OFFSET 0 keeps the planner from pulling the first offset up into the conditions below, where it would be looked up again for
        // every row: a page of 1 000 from a million rows took 158 ms so, and 12 ms with it.
        sql.push(
            ") WITH ORDINALITY AS w(part, from_offset, to_offset, turn) \
             CROSS JOIN LATERAL (SELECT coalesce((SELECT g.kafka_offset FROM events AS g WHERE g.kafka_partition = w.part \
             AND g.kafka_offset >= w.from_offset AND g.kafka_offset < w.to_offset ORDER BY g.kafka_offset LIMIT 1), \
             w.to_offset) AS first_offset OFFSET 0) AS f \
             LEFT JOIN LATERAL (SELECT ",
        );
        sql.push_columns().push(
            " FROM events WHERE kafka_partition = w.part AND kafka_offset >= f.first_offset \
             AND kafka_offset < least(w.to_offset, f.first_offset + ",
        );
        sql.bind(self.scan, Type::INT8).push(")");
        sql.push_patterns("source", &query.filter.sources)
            .push_filter(&query.filter);
        sql.push(" ORDER BY kafka_offset LIMIT ")
            .bind(self.per_partition, Type::INT8);
        sql.push(") AS e ON true ORDER BY w.turn, e.kafka_offset");
        sql
    }

    /// Takes a row: one for each event, and one without an event for each partition that has none to show.
    fn take(&mut self, row: &tokio_postgres::Row) -> Result<(), ReadError> {
        let wrong = |error: tokio_postgres::Error| StoreError::bug(DOING, error.to_string());
        let turn: i64 = row.try_get(0).map_err(wrong)?;
        let window = usize::try_from(turn - 1)
            .ok()
            .and_then(|index| self.windows.get_mut(index));
        let window = window
            .ok_or_else(|| StoreError::bug(DOING, "a row of a partition that was not asked for"))?;
        window.first = row.try_get(1).map_err(wrong)?;
        window.is_seen = true;
        // `kafka_offset` is the fourth of the columns that follow the two above.
        if let Some(offset) = row.try_get::<_, Option<i64>>(2 + 3).map_err(wrong)? {
            debug_assert!(row.len() == 2 + COLUMN_COUNT);
            self.events.push(row, 2)?;
            if let Some(heads) = &mut self.heads {
                // In the order of the columns that follow the two above.
                heads.push(FeedHead {
                    partition: row.try_get(2 + 4).map_err(wrong)?,
                    offset,
                    source: row.try_get(2 + 5).map_err(wrong)?,
                    kind: row.try_get(2 + 6).map_err(wrong)?,
                    subject: row.try_get(2 + 8).map_err(wrong)?,
                });
            }
            window.taken = offset + 1;
            window.count += 1;
        }
        Ok(())
    }

    fn into_page(self, at: &FeedPosition, reached: &Checkpoints) -> FeedPage {
        let mut next = FeedPosition {
            log: reached.log.max(at.log),
            turn: at.turn,
            next: at.next.clone(),
        };
        // A cut falls into the last window that was seen; those behind it were not read at all.
        let last_seen = self.windows.iter().rposition(|window| window.is_seen);
        for (index, window) in self
            .windows
            .iter()
            .enumerate()
            .filter(|(_, window)| window.is_seen)
        {
            let is_cut_here = self.is_cut && Some(index) == last_seen;
            let reached = if is_cut_here || window.count >= self.per_partition {
                window.taken
            } else {
                // Every row up to the end of what was looked at was taken or left out by the filter.
                window.to.min(window.first.saturating_add(self.scan))
            };
            next.next.insert(window.partition, reached);
        }
        if let Some(last) = last_seen.map(|index| &self.windows[index]) {
            next.turn = if self.is_cut {
                last.partition
            } else {
                last.partition.saturating_add(1)
            };
        }
        let is_caught_up = next.has_reached(reached);
        FeedPage {
            events: self.events,
            next,
            is_caught_up,
        }
    }
}

/// The most rows of each partition that keep the sum within the limit: partitions with little to give leave their share to the others.
fn share(windows: &[Window], limit: i64) -> i64 {
    let mut lags: Vec<i64> = windows
        .iter()
        .map(|window| window.to - window.from)
        .collect();
    lags.sort_unstable();
    let (mut left, mut waiting) = (limit, i64::try_from(lags.len()).unwrap_or(i64::MAX));
    for lag in lags {
        if lag.saturating_mul(waiting) > left {
            return (left / waiting).max(1);
        }
        left -= lag;
        waiting -= 1;
    }
    limit
}

#[cfg(test)]
mod tests {
    use super::*;

    fn windows(lags: &[i64]) -> Vec<Window> {
        let window = |(partition, lag): (usize, &i64)| Window {
            partition: i32::try_from(partition).expect("few"),
            from: 0,
            to: *lag,
            first: 0,
            taken: 0,
            count: 0,
            is_seen: false,
        };
        lags.iter().enumerate().map(window).collect()
    }

    #[test]
    fn what_a_short_partition_leaves_goes_to_the_others_and_the_sum_stays_within_the_limit() {
        for (lags, limit, expected) in [
            (&[10, 10][..], 100, 100),
            (&[100, 100][..], 100, 50),
            (&[10, 500, 500][..], 100, 45),
            (&[1, 1, 1_000][..], 100, 98),
            (&[1_000][..], 100, 100),
            (&[5, 5, 5][..], 3, 1),
        ] {
            let n = share(&windows(lags), limit);
            assert_eq!(n, expected, "{lags:?} within {limit}");
            assert!(lags.iter().map(|lag| (*lag).min(n)).sum::<i64>() <= limit);
        }
    }

    #[test]
    fn logs_are_told_apart_and_never_0() {
        assert_ne!(log_of("a", "bc"), log_of("ab", "c"));
        assert_ne!(log_of("", ""), 0);
    }
}
