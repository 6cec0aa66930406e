//! Which sources there are, so that a prefix of them is read by index ranges as well.
//!
//! A key for `shop-*` cannot use the index by source and time with its prefix, since the order it needs is that of time. With the names that the prefix
//! stands for, each is an index range, and the ranges are merged. The names come from a loose scan of the index, one probe for each source and
//! partition, and are kept for a short while: events of a source that was never seen before may join such pages that much later.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::TryStreamExt;
use tokio::sync::Mutex;
use tokio_postgres::types::Type;

use super::ReadError;
use super::filter::PatternSet;
use super::session::Lease;
use super::sql::Statement;

const DOING: &str = "list the sources";

/// More sources than this are not worth listing: then a prefix is likely to stand for more than are merged.
const MAX_SOURCES: i64 = 2_000;

/// The list is made again after this, or after twenty times what it took when that is longer.
const KEPT_FOR: Duration = Duration::from_secs(2);

/// A list that takes longer is not made, and not tried again for a while.
const BUDGET: Duration = Duration::from_millis(500);
const KEPT_FOR_AFTER_FAILURE: Duration = Duration::from_secs(60);

/// The names of all sources, as of a moment ago; `None` when there are too many.
type Names = Option<Arc<Vec<String>>>;

/// The sources that are known.
#[derive(Debug, Default)]
pub(super) struct KnownSources {
    kept: Mutex<Option<(Names, Instant)>>,
}

impl KnownSources {
    /// The single sources that a set means, when they can be told and are at most `most`.
    pub(super) async fn resolve(
        &self,
        lease: &Lease,
        wanted: &PatternSet,
        most: usize,
    ) -> Result<Option<Vec<String>>, ReadError> {
        if wanted.is_any() {
            return Ok(None);
        }
        let mut names: Vec<String> = wanted.exact().map(str::to_owned).collect();
        if wanted.prefixes().next().is_some() {
            let Some(known) = self.names(lease).await? else {
                return Ok(None);
            };
            names.extend(known.iter().filter(|name| wanted.contains(name)).cloned());
            names.sort_unstable();
            names.dedup();
        }
        Ok((names.len() <= most).then_some(names))
    }

    /// One caller makes the list, the others wait for it.
    async fn names(&self, lease: &Lease) -> Result<Names, ReadError> {
        let mut kept = self.kept.lock().await;
        if let Some((names, until)) = kept.as_ref()
            && Instant::now() < *until
        {
            return Ok(names.clone());
        }
        let started = Instant::now();
        let (names, keep) = match list(lease).await {
            Ok(names) => (names, KEPT_FOR.max(started.elapsed() * 20)),
            Err(ReadError::Timeout { .. }) => (None, KEPT_FOR_AFTER_FAILURE),
            Err(error) => return Err(error),
        };
        *kept = Some((names.clone(), Instant::now() + keep));
        Ok(names)
    }
}

async fn list(lease: &Lease) -> Result<Names, ReadError> {
    let mut sql = Statement::new(
        "WITH RECURSIVE found(name) AS ((SELECT source FROM events ORDER BY source LIMIT 1) UNION ALL \
         SELECT (SELECT e.source FROM events AS e WHERE e.source > found.name ORDER BY e.source LIMIT 1) \
         FROM found WHERE found.name IS NOT NULL) SELECT name FROM found WHERE name IS NOT NULL LIMIT ",
    );
    sql.bind(MAX_SOURCES + 1, Type::INT8);
    let rows = lease.rows_in(DOING, BUDGET, sql).await?;
    lease
        .within(async {
            let rows: Vec<_> = rows
                .try_collect()
                .await
                .map_err(|error| lease.error(DOING, &error))?;
            let names: Vec<String> = rows.iter().filter_map(|row| row.try_get(0).ok()).collect();
            let is_complete = i64::try_from(names.len()).is_ok_and(|count| count <= MAX_SOURCES);
            Ok(is_complete.then(|| Arc::new(names)))
        })
        .await
}
