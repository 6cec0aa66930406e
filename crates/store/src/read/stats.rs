//! Counts per bucket of time, exact, from `event_counts`: no event is read for them.

use event::Timestamp;
use futures_util::TryStreamExt;
use tokio_postgres::types::Type;

use super::filter::Filter;
use super::sql::Statement;
use super::{ReadError, Reader};
use crate::StoreError;

const DOING: &str = "read statistics";

/// What a count is broken down by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum GroupBy {
    /// One series in all.
    Nothing,
    /// One for each source.
    Source,
    /// One for each type.
    Type,
}

/// What is counted. Counts are kept by source and type, so a filter by subject has no place here and is not looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatsQuery {
    /// Which events.
    pub filter: Filter,
    /// Begin of the first bucket; a multiple of the bucket.
    pub from: Timestamp,
    /// End of the last one; a multiple of the bucket.
    pub to: Timestamp,
    /// Length of a bucket in seconds; a multiple of 60.
    pub bucket_seconds: i64,
    /// The break-down.
    pub by: GroupBy,
    /// Most series; what is beyond them is summed up as [`Series::key`] `None`.
    pub max_series: usize,
}

/// One series of counts, one for each bucket, zeros included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Series {
    /// The source or type; absent for the sum of all, or of the ones beyond the most.
    pub key: Option<String>,
    /// Events in all buckets.
    pub total: i64,
    /// Events in each bucket.
    pub counts: Vec<i64>,
}

/// Counts per bucket.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Stats {
    /// The series, those with the most events first, the sum of the rest last.
    pub series: Vec<Series>,
    /// How many series the last one sums up.
    pub rest: i64,
}

impl StatsQuery {
    fn buckets(&self) -> usize {
        let seconds = (self.to.as_micros() - self.from.as_micros()) / 1_000_000;
        usize::try_from(seconds / self.bucket_seconds).unwrap_or(0)
    }
}

impl Reader {
    /// Counts events.
    ///
    /// # Errors
    /// [`ReadError`].
    pub async fn stats(&self, query: &StatsQuery) -> Result<Stats, ReadError> {
        let buckets = query.buckets();
        if query.filter.sources.is_nothing() || buckets == 0 {
            return Ok(Stats::default());
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
        let mut stats = Stats::default();
        let wrong = |error: tokio_postgres::Error| StoreError::bug(DOING, error.to_string());
        let mut rank = 0;
        // Rows come series by series.
        for row in &rows {
            let this: i64 = row.try_get(0).map_err(wrong)?;
            if this != rank {
                rank = this;
                stats.rest = row.try_get(4).map_err(wrong)?;
                let key: Option<String> = row.try_get(1).map_err(wrong)?;
                let key = key.filter(|_| query.by != GroupBy::Nothing);
                stats.series.push(Series {
                    key,
                    total: 0,
                    counts: vec![0; buckets],
                });
            }
            let bucket: i64 = row.try_get(2).map_err(wrong)?;
            let count: i64 = row.try_get(3).map_err(wrong)?;
            let Some(series) = stats.series.last_mut() else {
                continue;
            };
            let index = bucket - query.from.as_micros() / 1_000_000 / query.bucket_seconds;
            if let Some(slot) = usize::try_from(index)
                .ok()
                .and_then(|index| series.counts.get_mut(index))
            {
                *slot += count;
                series.total += count;
            }
        }
        Ok(stats)
    }
}

fn statement(query: &StatsQuery) -> Statement {
    let key = match query.by {
        GroupBy::Nothing => "''::text",
        GroupBy::Source => "source",
        GroupBy::Type => "type",
    };
    let most = i64::try_from(query.max_series).unwrap_or(i64::MAX);
    let mut sql = Statement::planned_anew("WITH counted AS (SELECT ");
    sql.push(key)
        .push(" AS key, (extract(epoch FROM bucket)::bigint / ")
        .bind(query.bucket_seconds, Type::INT8);
    sql.push(") AS slot, sum(count)::bigint AS count FROM event_counts WHERE bucket >= ")
        .bind_time(query.from);
    sql.push(" AND bucket < ").bind_time(query.to);
    sql.push_patterns("source", &query.filter.sources)
        .push_patterns("type", &query.filter.types);
    sql.push(
        " GROUP BY 1, 2), ranked AS (SELECT key, row_number() OVER (ORDER BY sum(count) DESC, key) AS rank FROM counted GROUP BY key) \
         SELECT least(r.rank, ",
    );
    sql.bind(most, Type::INT8)
        .push(" + 1) AS place, CASE WHEN r.rank <= ")
        .bind(most, Type::INT8);
    sql.push(" THEN c.key END AS name, c.slot, sum(c.count)::bigint, (SELECT count(*) FROM ranked WHERE rank > ");
    sql.bind(most, Type::INT8)
        .push(") FROM counted AS c JOIN ranked AS r USING (key) GROUP BY 1, 2, 3 ORDER BY 1, 3");
    sql
}
