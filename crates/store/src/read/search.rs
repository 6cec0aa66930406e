//! Pages whose filters no index answers: searched step by step, within a time budget.
//!
//! One statement that looks for what is rare runs until it has found enough or is ended, and an ended one tells nothing. So the range is looked
//! through in steps of so many rows: a probe finds the key that lies that far away (from an index alone), then the rows up to it are filtered.
//! Whatever happens, it is known up to which key everything was looked at, and the page goes on from there. Steps grow while they are
//! quick, so a filter that matches often costs one short probe more than a statement of its own.

use std::time::{Duration, Instant};

use event::Uid;
use futures_util::TryStreamExt;
use tokio_postgres::types::Type;

use super::along::Way;
use super::page::{Found, PageQuery, after_position, is_descending, order_by, select};
use super::row::Key;
use super::session::Lease;
use super::sql::Statement;
use super::{ReadError, Reader};
use crate::StoreError;
use crate::pg::PgTime;

const DOING: &str = "search a page";

/// Rows of the first step: enough for a filter that matches one in ten.
const FIRST_STEP: i64 = 1_000;

/// Rows of the largest one.
const LAST_STEP: i64 = 1 << 18;

/// A step that takes a smaller part of the budget is followed by a larger one.
const QUICK: u32 = 20;

/// A step that takes a larger part of it is followed by a smaller one.
const SLOW: u32 = 5;

impl Reader {
    /// Of several ways, the one whose entries lie furthest apart: a step along it gets furthest.
    pub(super) async fn sparsest(
        &self,
        lease: &Lease,
        query: &PageQuery,
        ways: Vec<Way>,
    ) -> Result<Option<Way>, ReadError> {
        if ways.len() < 2 {
            return Ok(ways.into_iter().next());
        }
        let mut best: Option<(Way, Key)> = None;
        for way in ways {
            let Some(end) = probe(lease, self.budgets.page, query, &way, FIRST_STEP).await? else {
                // Fewer than a step in all.
                return Ok(Some(way));
            };
            let is_further = |best: &Key| match is_descending(query) {
                true => end.time < best.time,
                false => end.time > best.time,
            };
            if best.as_ref().is_none_or(|(_, key)| is_further(key)) {
                best = Some((way, end));
            }
        }
        Ok(best.map(|(way, _)| way))
    }

    /// Looks for events until the page is full, the range is at its end, or the budget is used up.
    pub(super) async fn search(
        &self,
        lease: &Lease,
        query: &PageQuery,
        way: &Way,
    ) -> Result<Found, ReadError> {
        let (started, budget) = (Instant::now(), self.budgets.search);
        let mut query = query.clone();
        let mut found = Found::showing(query.fields);
        let mut rows = FIRST_STEP;
        loop {
            let (step, before) = (Instant::now(), found.last);
            let outcome = self.step(lease, &query, way, rows, &mut found).await;
            let end = match outcome {
                Ok(end) => end,
                // What was looked at before stands; the connection is in the middle of something.
                Err(ReadError::Timeout { .. }) if found.searched_to.is_some() => {
                    found.is_drained = false;
                    if found.last != before {
                        found.searched_to = found.last;
                    }
                    return Ok(found);
                }
                Err(error) => return Err(error),
            };
            let Some(end) = end.filter(|_| !found.has_more) else {
                found.searched_to = None;
                return Ok(found);
            };
            found.searched_to = Some(end);
            if started.elapsed() >= budget {
                return Ok(found);
            }
            query.at = Some((query.side(), end.exclusive()));
            rows = next_step(rows, step.elapsed(), budget);
        }
    }

    /// Looks at about so many rows. Tells the key of the last one, unless the range ended before.
    async fn step(
        &self,
        lease: &Lease,
        query: &PageQuery,
        way: &Way,
        rows: i64,
        found: &mut Found,
    ) -> Result<Option<Key>, ReadError> {
        // Of the first step nothing could be told if it were ended, so it has the time of any page.
        let budget = match found.searched_to {
            Some(_) => self.budgets.search.min(self.budgets.page),
            None => self.budgets.page,
        };
        let end = probe(lease, budget, query, way, rows).await?;
        let found_rows = lease
            .rows_in(DOING, budget, select(query, way, end))
            .await?;
        lease
            .within(found.collect(lease, query, found_rows))
            .await?;
        Ok(end)
    }
}

/// The key of the row that is so many rows away; of several ranges, the nearest of those that lie an equal part of it away.
async fn probe(
    lease: &Lease,
    budget: Duration,
    query: &PageQuery,
    way: &Way,
    rows: i64,
) -> Result<Option<Key>, ReadError> {
    let mut sql = Statement::new("SELECT e.time, e.uid FROM ");
    match way.values() {
        Some(values) => {
            let count = i64::try_from(values.len().max(1)).unwrap_or(i64::MAX);
            sql.push("unnest(").bind(values.to_vec(), Type::TEXT_ARRAY);
            sql.push(") AS wanted(name) CROSS JOIN LATERAL (SELECT time, uid FROM events WHERE ");
            way.push_range(&mut sql, |sql| {
                sql.push("wanted.name");
            });
            far(&mut sql, query, (rows / count).max(100));
        }
        None => {
            sql.push("(SELECT time, uid FROM events WHERE true");
            far(&mut sql, query, rows);
        }
    }
    sql.push(") AS e").push(order_by(query)).push(" LIMIT 1");
    let found = lease.rows_in(DOING, budget, sql).await?;
    lease
        .within(async {
            let rows: Vec<_> = found
                .try_collect()
                .await
                .map_err(|error| lease.error(DOING, &error))?;
            let Some(row) = rows.first() else {
                return Ok(None);
            };
            let wrong = |error: tokio_postgres::Error| StoreError::bug(DOING, error.to_string());
            let uid: uuid::Uuid = row.try_get(1).map_err(wrong)?;
            let PgTime(time) = row.try_get(0).map_err(wrong)?;
            Ok(Some(Key {
                time,
                uid: Uid::from_bytes(uid.into_bytes()),
            }))
        })
        .await
}

fn far(sql: &mut Statement, query: &PageQuery, rows: i64) {
    after_position(sql, query);
    sql.push(order_by(query))
        .push(" OFFSET ")
        .bind(rows - 1, Type::INT8)
        .push(" LIMIT 1");
}

/// Adds the condition that ends a step: up to and with a key.
pub(super) fn up_to(sql: &mut Statement, query: &PageQuery, end: Key) {
    let (bound, comparison) = if is_descending(query) {
        (" AND time >= ", " AND (time, uid) >= (")
    } else {
        (" AND time <= ", " AND (time, uid) <= (")
    };
    sql.push(bound).bind_time(end.time).push(comparison);
    sql.bind_time(end.time)
        .push(", ")
        .bind(uuid::Uuid::from_bytes(*end.uid.as_bytes()), Type::UUID)
        .push(")");
}

fn next_step(rows: i64, took: Duration, budget: Duration) -> i64 {
    if took < budget / QUICK {
        (rows * 4).min(LAST_STEP)
    } else if took > budget / SLOW {
        (rows / 4).max(FIRST_STEP)
    } else {
        rows
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_grow_while_they_are_quick_and_shrink_when_they_are_slow() {
        let budget = Duration::from_secs(2);
        assert_eq!(next_step(1_000, Duration::from_millis(5), budget), 4_000);
        assert_eq!(next_step(4_000, Duration::from_millis(200), budget), 4_000);
        assert_eq!(next_step(4_000, Duration::from_millis(900), budget), 1_000);
        assert_eq!(next_step(1_000, Duration::from_millis(900), budget), 1_000);
        assert_eq!(next_step(LAST_STEP, Duration::ZERO, budget), LAST_STEP);
    }
}
