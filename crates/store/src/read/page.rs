//! Pages of events by time.
//!
//! The position is the key `(time, uid)` of an event, so a page costs the same wherever it is, and events of one and the same time are told apart.
//! A row comparison prunes no partitions, so the redundant condition on `time` alone stands beside it.

use std::pin::pin;

use event::{Timestamp, Uid};
use futures_util::TryStreamExt;
use tokio_postgres::RowStream;
use tokio_postgres::types::Type;

use super::along::{Along, Way};
use super::fields::Fields;
use super::filter::Filter;
use super::json::Events;
use super::row::Key;
use super::search::up_to;
use super::session::Lease;
use super::sql::Statement;
use super::{ReadError, Reader};

const DOING: &str = "read a page";

/// Up to so many sources, or values of a column, are read each by its own index range and merged; of more, one is likely to be near in the order of all
/// events.
pub(super) const MAX_MERGED: usize = 64;

/// The order of a listing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Order {
    /// Newest first.
    Descending,
    /// Oldest first.
    Ascending,
}

/// Where a page begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Position {
    /// The time of the event there.
    pub time: Timestamp,
    /// Its uid.
    pub uid: Uid,
    /// Whether that event itself belongs to the page.
    pub inclusive: bool,
}

/// On which side of its position a page lies, in the order of the listing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Side {
    /// What follows.
    After,
    /// What comes before.
    Before,
}

/// Which page is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageQuery {
    /// Which events.
    pub filter: Filter,
    /// Not earlier than this.
    pub from: Option<Timestamp>,
    /// Earlier than this.
    pub to: Option<Timestamp>,
    /// In which order.
    pub order: Order,
    /// Where; absent, at the beginning.
    pub at: Option<(Side, Position)>,
    /// At most so many events.
    pub limit: usize,
    /// No further event once the page has so many bytes.
    pub max_bytes: usize,
    /// What is shown of each.
    pub fields: Fields,
}

/// A page and where it continues.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Page {
    /// The events, in the order of the listing whatever the side.
    pub events: Events,
    /// Where what follows begins; absent at the end.
    pub next: Option<(Side, Position)>,
    /// Where what comes before ends; absent at the beginning.
    pub prev: Option<(Side, Position)>,
    /// How far was looked, when the time for it was used up before the page was full.
    pub searched_to: Option<Timestamp>,
}

impl PageQuery {
    pub(super) fn side(&self) -> Side {
        self.at.map_or(Side::After, |(side, _)| side)
    }
}

impl Key {
    /// What lies beyond this event.
    pub(super) fn exclusive(self) -> Position {
        Position {
            time: self.time,
            uid: self.uid,
            inclusive: false,
        }
    }
}

impl Reader {
    /// Reads one page. It may be short, or empty, and have [`Page::searched_to`], when its filters match rarely.
    ///
    /// # Errors
    /// [`ReadError::Timeout`] when the server is slow beyond that.
    pub async fn page(&self, query: &PageQuery) -> Result<Page, ReadError> {
        if query.filter.sources.is_nothing() || query.limit == 0 {
            return Ok(Page::default());
        }
        let lease = self.lease(self.budgets.page).await?;
        let way = self.way(&lease, query).await?;
        let found = if way.finds_only(&query.filter) {
            let rows = lease.rows(DOING, select(query, &way, None)).await?;
            let mut found = Found::showing(query.fields);
            lease.within(found.collect(&lease, query, rows)).await?;
            found
        } else {
            self.search(&lease, query, &way).await?
        };
        if found.is_drained {
            lease.finish();
        }
        Ok(found.into_page(query))
    }
}

impl Reader {
    /// Chooses the index that a page is read along.
    async fn way(&self, lease: &Lease, query: &PageQuery) -> Result<Way, ReadError> {
        let mut ways = self.indexes.ranges(lease, &query.filter).await?;
        let hides = !ways.is_empty();
        let sources = self
            .sources
            .resolve(lease, &query.filter.sources, MAX_MERGED)
            .await?;
        // Sources that are not read each by its index are one more filter.
        ways.extend(sources.map(Along::Sources));
        let ways = ways.into_iter().map(|along| Way { along, hides }).collect();
        let way = self.sparsest(lease, query, ways).await?;
        Ok(way.unwrap_or(Way::plain(Along::Time)))
    }

    /// The plan of the statement that a page begins with, as the server shows it; for tests.
    #[doc(hidden)]
    pub async fn explain(&self, query: &PageQuery) -> Result<String, ReadError> {
        let lease = self.lease(self.budgets.page).await?;
        let way = self.way(&lease, query).await?;
        let mut statement = select(query, &way, None);
        statement.sql.insert_str(0, "EXPLAIN (COSTS OFF) ");
        statement.is_common = false;
        let rows = lease.rows(DOING, statement).await?;
        let lines: Vec<_> = rows
            .try_collect()
            .await
            .map_err(|error| lease.error(DOING, &error))?;
        lease.finish();
        let lines: Vec<&str> = lines.iter().filter_map(|row| row.try_get(0).ok()).collect();
        Ok(lines.join("\n"))
    }
}

/// What was found of a page so far.
#[derive(Default)]
pub(super) struct Found {
    events: Events,
    first: Option<Key>,
    /// The last one taken; rows come in order, so everything up to it was looked at.
    pub(super) last: Option<Key>,
    /// Whether there is at least one more event than the page takes.
    pub(super) has_more: bool,
    /// Whether the connection has nothing under way.
    pub(super) is_drained: bool,
    /// The key up to which everything was looked at, when there is something beyond it.
    pub(super) searched_to: Option<Key>,
}

impl Found {
    pub(super) fn showing(fields: Fields) -> Self {
        Self {
            events: Events::showing(fields),
            ..Self::default()
        }
    }

    /// Takes rows until the page is full.
    pub(super) async fn collect(
        &mut self,
        lease: &Lease,
        query: &PageQuery,
        rows: RowStream,
    ) -> Result<(), ReadError> {
        let mut rows = pin!(rows);
        while let Some(row) = rows
            .try_next()
            .await
            .map_err(|error| lease.error(DOING, &error))?
        {
            if self.events.len() == query.limit || self.events.bytes() >= query.max_bytes {
                self.has_more = true;
                break;
            }
            let key = self.events.push(&row, 0)?;
            self.first.get_or_insert(key);
            self.last = Some(key);
        }
        // More than the one row too many may be under way when the page was cut by its bytes.
        self.is_drained = !self.has_more || rows.try_next().await.is_ok_and(|row| row.is_none());
        Ok(())
    }

    fn into_page(mut self, query: &PageQuery) -> Page {
        // Rows were read away from the position: the far end is the last one, on whichever side, or where the search ended.
        let far = if self.has_more {
            self.last
        } else {
            self.searched_to
        };
        let far = far.map(Key::exclusive);
        let near = query.at.map(|(_, at)| match self.first {
            Some(first) => first.exclusive(),
            // Nothing was found, so the other way begins at the position itself.
            None => Position {
                inclusive: !at.inclusive,
                ..at
            },
        });
        let searched_to = self.searched_to.map(|key| key.time);
        match query.side() {
            Side::After => Page {
                next: far.map(|at| (Side::After, at)),
                prev: near.map(|at| (Side::Before, at)),
                events: self.events,
                searched_to,
            },
            Side::Before => {
                self.events.reverse();
                Page {
                    next: near.map(|at| (Side::After, at)),
                    prev: far.map(|at| (Side::Before, at)),
                    events: self.events,
                    searched_to,
                }
            }
        }
    }
}

/// `end` is the last key to look at.
pub(super) fn select(query: &PageQuery, way: &Way, end: Option<Key>) -> Statement {
    // One row too many tells whether there is more.
    let limit = i64::try_from(query.limit)
        .unwrap_or(i64::MAX)
        .saturating_add(1);
    let mut sql = Statement::new("SELECT ");
    sql.push_columns(query.fields);
    match way.values() {
        Some(values) if values.len() != 1 => {
            sql.push(" FROM unnest(")
                .bind(values.to_vec(), Type::TEXT_ARRAY);
            sql.push(") AS wanted(name) CROSS JOIN LATERAL (SELECT ")
                .push_columns(Fields::ALL);
            sql.push(" FROM events WHERE ");
            way.push_range(&mut sql, |sql| {
                sql.push("wanted.name");
            });
            along(&mut sql, query, way, end);
            sql.push(order_by(query))
                .push(" LIMIT ")
                .bind(limit, Type::INT8)
                .push(") AS e");
        }
        values => {
            let value = values.unwrap_or_default().concat();
            sql.push(" FROM events WHERE ");
            way.push_range(&mut sql, |sql| {
                sql.bind(value.clone(), Type::TEXT);
            });
            along(&mut sql, query, way, end);
        }
    }
    sql.push(order_by(query))
        .push(" LIMIT ")
        .bind(limit, Type::INT8);
    sql
}

/// Adds what is asked for beside the range.
fn along(sql: &mut Statement, query: &PageQuery, way: &Way, end: Option<Key>) {
    way.push_rest(sql, &query.filter);
    after_position(sql, query);
    if let Some(end) = end {
        up_to(sql, query, end);
    }
}

/// Adds the filter beside the sources, and where it begins.
pub(super) fn conditions(sql: &mut Statement, query: &PageQuery) {
    sql.push_filter(&query.filter);
    after_position(sql, query);
}

/// Adds the conditions on time and on the position.
pub(super) fn after_position(sql: &mut Statement, query: &PageQuery) {
    if let Some(from) = query.from {
        sql.push(" AND time >= ").bind_time(from);
    }
    if let Some(to) = query.to {
        sql.push(" AND time < ").bind_time(to);
    }
    let Some((_, at)) = query.at else { return };
    let (bound, comparison) = match (is_descending(query), at.inclusive) {
        (true, false) => (" AND time <= ", " AND (time, uid) < ("),
        (true, true) => (" AND time <= ", " AND (time, uid) <= ("),
        (false, false) => (" AND time >= ", " AND (time, uid) > ("),
        (false, true) => (" AND time >= ", " AND (time, uid) >= ("),
    };
    sql.push(bound)
        .bind_time(at.time)
        .push(comparison)
        .bind_time(at.time);
    sql.push(", ")
        .bind(uuid::Uuid::from_bytes(*at.uid.as_bytes()), Type::UUID)
        .push(")");
}

/// Whether rows are read newest first: what comes before a position is read backwards.
pub(super) fn is_descending(query: &PageQuery) -> bool {
    let is_before = matches!(query.at, Some((Side::Before, _)));
    (query.order == Order::Descending) != is_before
}

pub(super) fn order_by(query: &PageQuery) -> &'static str {
    if is_descending(query) {
        " ORDER BY time DESC, uid DESC"
    } else {
        " ORDER BY time, uid"
    }
}
