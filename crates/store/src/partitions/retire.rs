//! Retention: partitions whose events are all too old are detached and dropped.
//!
//! `DETACH .. CONCURRENTLY` lets reading and writing go on, but waits for transactions that use the table; `lock_timeout` bounds
//! the wait. What could not be finished is finished by the next run: a detach under way is shown by the catalogue, and a
//! detached table is recognised by its comment.

use std::time::Duration;

use event::Timestamp;
use tokio_postgres::types::Type;

use super::{Partition, list};
use crate::{ErrorKind, Pool, StoreError, pool::Session};

/// How long each step waits for a lock before it is left to the next run.
const PATIENCE: &str = "SET lock_timeout = '5s'; SET statement_timeout = '60s'";

/// What became of a partition whose time is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retired {
    /// Its name.
    pub name: String,
    /// Its size on disk before.
    pub bytes: u64,
    /// What was done.
    pub outcome: RetireOutcome,
}

/// What was done about a partition whose time is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RetireOutcome {
    /// Dropped.
    Dropped,
    /// It would be dropped: a dry run.
    Due,
    /// Somebody is using it; the next run tries again. With the reason.
    Postponed(String),
}

/// Drops the partitions of `events` and `event_counts` that end at or before `now` less `kept`, the oldest first.
///
/// # Errors
/// An outage that is no lock, or fatal. What was dropped until then stays dropped.
pub async fn retire(
    pool: &Pool,
    now: Timestamp,
    kept: Duration,
    dry_run: bool,
) -> Result<Vec<Retired>, StoreError> {
    let limit = now.saturating_sub(kept);
    let mut due: Vec<Partition> = list(pool)
        .await?
        .into_iter()
        .filter(|partition| partition.span.end <= limit)
        .collect();
    due.sort_by_key(|partition| partition.span);
    // A session of its own: the settings below go with it.
    let session = pool.session().await?;
    session
        .batch_execute(PATIENCE)
        .await
        .map_err(|error| StoreError::from_pg("retire partitions", &error))?;
    let mut retired = Vec::new();
    for (schema, name, bytes) in orphans(&session).await? {
        let outcome = match dry_run {
            true => RetireOutcome::Due,
            false => outcome(drop_table(&session, &schema, &name).await)?,
        };
        retired.push(Retired {
            name,
            bytes,
            outcome,
        });
    }
    for partition in due {
        let outcome = match dry_run {
            true => RetireOutcome::Due,
            false => outcome(detach_and_drop(&session, &partition).await)?,
        };
        retired.push(Retired {
            name: partition.name,
            bytes: partition.bytes,
            outcome,
        });
    }
    Ok(retired)
}

fn outcome(result: Result<(), StoreError>) -> Result<RetireOutcome, StoreError> {
    match result {
        Ok(()) => Ok(RetireOutcome::Dropped),
        Err(error)
            if error.kind() == ErrorKind::Outage
                && matches!(error.sqlstate(), Some("55P03" | "57014" | "40P01")) =>
        {
            Ok(RetireOutcome::Postponed(error.to_string()))
        }
        Err(error) => Err(error),
    }
}

async fn detach_and_drop(session: &Session, partition: &Partition) -> Result<(), StoreError> {
    const DOING: &str = "detach the partition";
    let parent = qualified(&partition.schema, &partition.parent);
    let child = qualified(&partition.schema, &partition.name);
    let how = if partition.detach_pending {
        "FINALIZE"
    } else {
        "CONCURRENTLY"
    };
    session
        .batch_execute(&format!(
            "ALTER TABLE {parent} DETACH PARTITION {child} {how}"
        ))
        .await
        .map_err(|error| StoreError::from_pg(DOING, &error))?;
    drop_table(session, &partition.schema, &partition.name).await
}

async fn drop_table(session: &Session, schema: &str, name: &str) -> Result<(), StoreError> {
    session
        .batch_execute(&format!("DROP TABLE {}", qualified(schema, name)))
        .await
        .map_err(|error| StoreError::from_pg("drop the partition", &error))
}

/// Tables that were partitions and are detached: an earlier run got that far.
async fn orphans(session: &Session) -> Result<Vec<(String, String, u64)>, StoreError> {
    let rows = session
        .query_typed(
            "SELECT n.nspname::text, c.relname::text, pg_total_relation_size(c.oid) \
               FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
              WHERE c.relkind = 'r' AND NOT c.relispartition AND n.nspname = current_schema() \
                AND obj_description(c.oid, 'pg_class') LIKE $1 ORDER BY 2",
            &[(&"flumen partition of %", Type::TEXT)],
        )
        .await
        .map_err(|error| StoreError::from_pg("look for detached partitions", &error))?;
    Ok(rows
        .iter()
        .map(|row| {
            let bytes = u64::try_from(row.get::<_, i64>(2)).unwrap_or(0);
            (row.get(0), row.get(1), bytes)
        })
        .collect())
}

fn qualified(schema: &str, name: &str) -> String {
    format!("{}.{}", quoted(schema), quoted(name))
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
