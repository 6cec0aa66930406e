//! Which sources and types there are, how many events they have and since when there are no more, from `event_counts`.

use event::Timestamp;
use futures_util::TryStreamExt;
use tokio_postgres::types::Type;

use super::filter::Filter;
use super::sql::Statement;
use super::stats::GroupBy;
use super::{ReadError, Reader};
use crate::StoreError;
use crate::pg::PgTime;

const DOING: &str = "read facets";

/// What is listed. As for [`super::StatsQuery`], only sources and types are looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FacetQuery {
    /// Which events.
    pub filter: Filter,
    /// Whole minutes from this on.
    pub from: Option<Timestamp>,
    /// Whole minutes before this.
    pub to: Option<Timestamp>,
    /// What is listed: sources or types.
    pub of: GroupBy,
    /// At most so many.
    pub limit: usize,
}

/// One source or type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facet {
    /// Its name.
    pub value: String,
    /// Its events.
    pub count: i64,
    /// The minute of its last one.
    pub last_seen: Timestamp,
}

/// The values with the most events, those first.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Facets {
    /// The values.
    pub values: Vec<Facet>,
    /// Whether there are more.
    pub has_more: bool,
}

impl Reader {
    /// Lists sources or types.
    ///
    /// # Errors
    /// [`ReadError`].
    pub async fn facets(&self, query: &FacetQuery) -> Result<Facets, ReadError> {
        if query.filter.sources.is_nothing() {
            return Ok(Facets::default());
        }
        let lease = self.lease(self.budgets.stats).await?;
        let rows = lease.rows(DOING, statement(query)).await?;
        let collect = async {
            rows.try_collect::<Vec<_>>()
                .await
                .map_err(|error| lease.error(DOING, &error))
        };
        let rows = lease.within(collect).await?;
        lease.finish();
        let wrong = |error: tokio_postgres::Error| StoreError::bug(DOING, error.to_string());
        let mut facets = Facets {
            has_more: rows.len() > query.limit,
            ..Facets::default()
        };
        for row in rows.iter().take(query.limit) {
            let PgTime(last_seen) = row.try_get(2).map_err(wrong)?;
            facets.values.push(Facet {
                value: row.try_get(0).map_err(wrong)?,
                count: row.try_get(1).map_err(wrong)?,
                last_seen,
            });
        }
        Ok(facets)
    }
}

fn statement(query: &FacetQuery) -> Statement {
    let of = match query.of {
        GroupBy::Nothing => "''::text",
        GroupBy::Source => "source",
        GroupBy::Type => "type",
    };
    // One too many tells whether there are more.
    let limit = i64::try_from(query.limit)
        .unwrap_or(i64::MAX)
        .saturating_add(1);
    let mut sql = Statement::planned_anew("SELECT ");
    sql.push(of)
        .push(", sum(count)::bigint, max(bucket) FROM event_counts WHERE true")
        .push_patterns("source", &query.filter.sources)
        .push_patterns("type", &query.filter.types);
    if let Some(from) = query.from {
        sql.push(" AND bucket >= ").bind_time(from);
    }
    if let Some(to) = query.to {
        sql.push(" AND bucket < ").bind_time(to);
    }
    // A count of 0 is left when events are taken away.
    sql.push(" GROUP BY 1 HAVING sum(count) > 0 ORDER BY 2 DESC, 1 LIMIT ")
        .bind(limit, Type::INT8);
    sql
}
