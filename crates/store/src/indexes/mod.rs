//! Indexes that the operator adds for what readers filter by often.
//!
//! Each is on `(column, time, uid)` of every partition of `events`, as the one by source is, so that a page by such a column is a range of
//! an index in its own order. It is built while the pipeline runs: on the parent alone first (in no time, and not valid yet), on each
//! partition concurrently, and attached; with the last one it becomes valid. New partitions have it from the beginning. A run that is broken off
//! leaves at most one index that is not valid, which the next run drops and builds again.
//!
//! The index on the parent carries a comment that tells what it is on; that is how the read side and later runs know it.

mod catalog;
mod column;

use std::time::{Duration, Instant};

pub use column::{Column, DataPath};

use crate::{ErrorKind, Pool, StoreError, pool::Session};
use catalog::{Found, Part, qualified, quoted};

pub(crate) use catalog::COMMENT;

const DOING: &str = "build an index";

/// For what must wait for a lock while others queue behind it: it is left to the next run rather than waited for.
const SHORT_WAIT: &str = "SET lock_timeout = '5s'; SET statement_timeout = 0";

/// A concurrent build waits for transactions to end, and nobody waits for it.
const LONG_WAIT: &str = "SET lock_timeout = 0; SET statement_timeout = 0";

/// What [`maintain`] tells while it works.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// It is there and whole.
    There(Column),
    /// It would be built, on so many partitions: a dry run.
    Due(Column, usize),
    /// Building it on a partition begins, which may take long.
    Building(Column, String),
    /// What a broken run left on a partition was dropped.
    Swept(Column, String),
    /// A partition has it now.
    Built(Column, String, Duration),
    /// All of it is built: pages use it from now on.
    Whole(Column),
    /// It is there and not asked for any more.
    Unwanted(Column),
    /// It was dropped.
    Dropped(Column),
    /// Somebody held a lock; the next run goes on. With the reason.
    Postponed(Column, String),
    /// Another run is at it.
    Busy,
}

/// What to do beside building what is missing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Options {
    /// Only says what would be done.
    pub dry_run: bool,
    /// Drops what is not asked for any more.
    pub drop_unwanted: bool,
}

/// Brings the added indexes to what is asked for, and tells each step as it is done. Safe to repeat, to break off and to run twice at once.
///
/// # Errors
/// An outage that is no lock; fatal for whoever does not own the tables, or when the disk is full.
pub async fn maintain(
    pool: &Pool,
    wanted: &[Column],
    options: Options,
    mut told: impl FnMut(Step),
) -> Result<(), StoreError> {
    // A session of its own: its settings and the lock go with it.
    let session = pool.session().await?;
    let run = Run { session };
    if !run.is_alone().await? {
        told(Step::Busy);
        return Ok(());
    }
    for found in catalog::added(&run.session).await? {
        if wanted.contains(&found.column) {
            continue;
        }
        let column = found.column.clone();
        if !options.drop_unwanted || options.dry_run {
            told(Step::Unwanted(column));
            continue;
        }
        match run.drop(&found).await.map_err(postponed) {
            Ok(()) => told(Step::Dropped(column)),
            Err(Ok(why)) => told(Step::Postponed(column, why)),
            Err(Err(error)) => return Err(error),
        }
    }
    let mut done: Vec<&Column> = Vec::new();
    for column in wanted {
        if done.contains(&column) {
            continue;
        }
        done.push(column);
        match run
            .ensure(column, options, &mut told)
            .await
            .map_err(postponed)
        {
            Ok(()) => {}
            Err(Ok(why)) => told(Step::Postponed(column.clone(), why)),
            Err(Err(error)) => return Err(error),
        }
    }
    Ok(())
}

/// Tells a lock that was not free in time from what ends the run.
fn postponed(error: StoreError) -> Result<String, StoreError> {
    let is_lock = error.kind() == ErrorKind::Outage
        && matches!(error.sqlstate(), Some("55P03" | "57014" | "40P01"));
    if is_lock {
        Ok(error.to_string())
    } else {
        Err(error)
    }
}

struct Run {
    session: Session,
}

impl Run {
    async fn is_alone(&self) -> Result<bool, StoreError> {
        let row = self
            .session
            .query_one(
                "SELECT pg_try_advisory_lock(hashtextextended('flumen indexes', 0))",
                &[],
            )
            .await
            .map_err(|error| StoreError::from_pg(DOING, &error))?;
        Ok(row.get(0))
    }

    async fn execute(&self, settings: &str, sql: &str) -> Result<(), StoreError> {
        let fail = |error| StoreError::from_pg(DOING, &error);
        self.session.batch_execute(settings).await.map_err(fail)?;
        self.session.batch_execute(sql).await.map_err(fail)
    }

    async fn ensure(
        &self,
        column: &Column,
        options: Options,
        told: &mut impl FnMut(Step),
    ) -> Result<(), StoreError> {
        let schema = catalog::schema(&self.session).await?;
        let found = catalog::added(&self.session)
            .await?
            .into_iter()
            .find(|found| found.column == *column);
        if found.as_ref().is_some_and(|found| found.is_valid) {
            told(Step::There(column.clone()));
            return Ok(());
        }
        let parts = catalog::parts(&self.session, column).await?;
        let missing = parts.iter().filter(|part| !part.is_attached).count();
        if options.dry_run {
            told(Step::Due(column.clone(), missing));
            return Ok(());
        }
        // Every partition has it and still it is not whole: the one that lacked it is gone, and nothing makes it valid any more.
        let is_stuck = found.is_some() && missing == 0;
        if let Some(found) = found.as_ref().filter(|_| is_stuck) {
            self.drop(found).await?;
        }
        if found.is_none() || is_stuck {
            self.begin(&schema, column).await?;
        }
        // Again, for what was dropped with its parent; a partition that is made meanwhile brings its own.
        for part in catalog::parts(&self.session, column).await? {
            if !part.is_attached {
                self.build(column, &part, told).await?;
            }
        }
        told(Step::Whole(column.clone()));
        Ok(())
    }

    /// Makes the index of the parent alone, with the comment that it is known by, both or none.
    async fn begin(&self, schema: &str, column: &Column) -> Result<(), StoreError> {
        let name = catalog::parent_name(column);
        let (table, index) = (qualified(schema, "events"), qualified(schema, &name));
        let sql = format!(
            "CREATE INDEX {} ON ONLY {table} {}; COMMENT ON INDEX {index} IS '{COMMENT}{column}'",
            quoted(&name),
            definition(column)
        );
        self.execute(SHORT_WAIT, &sql).await
    }

    async fn build(
        &self,
        column: &Column,
        part: &Part,
        told: &mut impl FnMut(Step),
    ) -> Result<(), StoreError> {
        let index = qualified(&part.schema, &part.index);
        if part.is_built == Some(false) {
            let sql = format!("DROP INDEX CONCURRENTLY {index}");
            self.execute(LONG_WAIT, &sql).await?;
            told(Step::Swept(column.clone(), part.name.clone()));
        }
        let started = Instant::now();
        if part.is_built != Some(true) {
            told(Step::Building(column.clone(), part.name.clone()));
            let sql = format!(
                "CREATE INDEX CONCURRENTLY {} ON {} {}",
                quoted(&part.index),
                qualified(&part.schema, &part.name),
                definition(column)
            );
            self.execute(LONG_WAIT, &sql).await?;
        }
        let parent = qualified(&part.schema, &catalog::parent_name(column));
        let sql = format!("ALTER INDEX {parent} ATTACH PARTITION {index}");
        self.execute(SHORT_WAIT, &sql).await?;
        told(Step::Built(
            column.clone(),
            part.name.clone(),
            started.elapsed(),
        ));
        Ok(())
    }

    /// Drops the index of the parent, with those attached to it, and what was built and not attached.
    async fn drop(&self, found: &Found) -> Result<(), StoreError> {
        let schema = catalog::schema(&self.session).await?;
        let sql = format!("DROP INDEX {}", qualified(&schema, &found.name));
        self.execute(SHORT_WAIT, &sql).await?;
        for part in catalog::parts(&self.session, &found.column).await? {
            if part.is_built.is_some() && !part.is_attached {
                let index = qualified(&part.schema, &part.index);
                let sql = format!("DROP INDEX CONCURRENTLY {index}");
                self.execute(LONG_WAIT, &sql).await?;
            }
        }
        Ok(())
    }
}

/// What stands behind the table's name.
fn definition(column: &Column) -> String {
    let condition = column.condition();
    let condition = condition.map_or_else(String::new, |condition| format!(" WHERE {condition}"));
    format!("({}, time, uid){condition}", column.key())
}
