//! The ids of events without a time of their own, remembered for a window.

use std::time::Duration;

use event::Timestamp;

use crate::{Pool, StoreError, pg::PgTime};

/// Rows deleted at once: short transactions, little to replay after a crash.
const STEP: i64 = 20_000;

/// Deletes the ids received before `now` less the window, and answers how many. A dry run only counts them.
///
/// An id that is older but not deleted yet does no harm: the writer compares times.
///
/// # Errors
/// An outage, or fatal without the schema. What was deleted until then stays deleted.
pub async fn expire(
    pool: &Pool,
    now: Timestamp,
    window: Duration,
    dry_run: bool,
) -> Result<u64, StoreError> {
    let client = pool.get().await?;
    let fail = |error| StoreError::from_pg("expire the recent ids", &error);
    let before = PgTime(now.saturating_sub(window));
    if dry_run {
        let statement = client
            .prepare_cached("SELECT count(*) FROM recent_ids WHERE time < $1")
            .await
            .map_err(fail)?;
        let row = client
            .query_one(&statement, &[&before])
            .await
            .map_err(fail)?;
        return Ok(u64::try_from(row.get::<_, i64>(0)).unwrap_or(0));
    }
    let statement = client
        .prepare_cached(
            "DELETE FROM recent_ids WHERE ctid = ANY (ARRAY(SELECT ctid FROM recent_ids WHERE time < $1 LIMIT $2))",
        )
        .await
        .map_err(fail)?;
    let mut deleted = 0;
    loop {
        let step = client
            .execute(&statement, &[&before, &STEP])
            .await
            .map_err(fail)?;
        deleted += step;
        if step == 0 {
            return Ok(deleted);
        }
    }
}
