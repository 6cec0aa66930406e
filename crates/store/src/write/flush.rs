//! One batch, one transaction.

use std::{
    collections::HashSet,
    sync::Arc,
    time::{Duration, Instant},
};

use deadpool_postgres::ClientWrapper;
use futures_util::future;
use tokio_postgres::{CopyInSink, Row};
use uuid::Uuid;

use super::{
    batch::Batch,
    copy::Slice,
    rows::NO_SLOT,
    staged,
    steps::{Statements, add_counts, advance, copy_dead, send},
};
use crate::{
    Config, Pool, StoreError,
    failpoint::{self, Point},
    partitions::Partitions,
    pg::PgTime,
    pool::Session,
};

pub(crate) const DOING: &str = "flush the batch";

/// Stores batches. Cheap to clone; clones share the connections and what is known of the partitions.
#[derive(Debug, Clone)]
pub struct Sink {
    pool: Pool,
    partitions: Arc<Partitions>,
    recent_window: Duration,
}

/// What a flush did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FlushOutcome {
    /// Events stored.
    pub inserted: u64,
    /// Events that were stored already, and are no second time.
    pub duplicates: u64,
    /// Records set aside: those pushed as dead letters and those PostgreSQL refused.
    pub dead_lettered: u64,
    /// Of the dead letters, those PostgreSQL refused.
    pub refused: u64,
    /// Whether the batch went through the temporary table.
    pub staged: bool,
    /// Whether it had to be halved to find the rows PostgreSQL refuses.
    pub bisected: bool,
    /// Whether an earlier flush of this batch had been committed although its answer was lost.
    pub already_stored: bool,
    /// Partitions made for it.
    pub partitions_created: u32,
    /// How long it took.
    pub timings: Timings,
}

/// How long the steps of a flush took.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Timings {
    /// Making partitions and getting a connection.
    pub prepare: Duration,
    /// Everything from `BEGIN` to before `COMMIT`.
    pub write: Duration,
    /// `COMMIT`.
    pub commit: Duration,
    /// All of it, with failed attempts.
    pub total: Duration,
}

/// Why an attempt was given up.
pub(crate) enum Failure {
    /// Something in it is stored already: go through the temporary table.
    Unique,
    /// Some row is refused: find it, through the temporary table as well.
    Refused,
    /// A partition is not there although it was known to be: somebody dropped it.
    NoPartition,
    /// A checkpoint is not where it was expected.
    Moved,
    /// For the caller.
    Store(StoreError),
}

impl Failure {
    pub(crate) fn of(error: &tokio_postgres::Error) -> Self {
        if let Some(db) = error.as_db_error() {
            match db.code().code() {
                "23505" => return Self::Unique,
                // The state of a violated check, but of no named constraint.
                "23514" if db.constraint().is_none() => return Self::NoPartition,
                _ => {}
            }
        }
        match StoreError::from_pg(DOING, error) {
            StoreError::Data { .. } => Self::Refused,
            other => Self::Store(other),
        }
    }
}

impl Sink {
    /// A sink on this pool.
    #[must_use]
    pub fn new(pool: Pool, config: &Config) -> Self {
        Self {
            partitions: Arc::new(Partitions::new(config.partition_interval)),
            recent_window: config.recent_id_window,
            pool,
        }
    }

    /// What is known of the partitions.
    #[must_use]
    pub fn partitions(&self) -> &Partitions {
        &self.partitions
    }

    /// Stores the batch: events, dead letters, counts and checkpoints in one transaction.
    ///
    /// Cancel safe: dropped in the middle, the connection is closed and the server rolls back; whether a `COMMIT` under way went
    /// through is found out by flushing the same batch again.
    ///
    /// # Errors
    /// By [`StoreError::kind`]: after an outage flush the same batch again, for ever; after a conflict drop it
    /// and let go of the partition; anything else is for people.
    pub async fn flush(&self, batch: &Batch) -> Result<FlushOutcome, StoreError> {
        let started = Instant::now();
        if batch.advances().is_empty() {
            return if batch.is_empty() {
                Ok(FlushOutcome::default())
            } else {
                Err(StoreError::bug(
                    DOING,
                    "the batch has records and moves no checkpoint",
                ))
            };
        }
        let mut outcome = self.attempts(batch, started).await?;
        outcome.timings.total = started.elapsed();
        Ok(outcome)
    }

    async fn attempts(&self, batch: &Batch, started: Instant) -> Result<FlushOutcome, StoreError> {
        let mut stage = false;
        let mut made = self
            .partitions
            .cover_days(&self.pool, batch.rows.days())
            .await?;
        let mut missing = 0;
        loop {
            let session = self.pool.session().await?;
            let prepare = started.elapsed();
            match self.attempt(&session, batch, stage).await {
                Ok(mut outcome) => {
                    session.release();
                    outcome.partitions_created = made;
                    outcome.timings.prepare = prepare;
                    return Ok(outcome);
                }
                Err(failure) => {
                    roll_back(session).await;
                    match failure {
                        Failure::Unique | Failure::Refused if !stage => stage = true,
                        Failure::NoPartition if missing < 3 => {
                            missing += 1;
                            self.partitions.forget();
                            made += self
                                .partitions
                                .cover_days(&self.pool, batch.rows.days())
                                .await?;
                        }
                        Failure::Moved => return self.resolve(batch).await,
                        Failure::Store(error) => return Err(error),
                        Failure::NoPartition => {
                            return Err(StoreError::outage(
                                DOING,
                                "partitions vanish as fast as they are made",
                            ));
                        }
                        Failure::Unique | Failure::Refused => {
                            return Err(StoreError::bug(
                                DOING,
                                "postgres refuses something that is no event of the batch",
                            ));
                        }
                    }
                }
            }
        }
    }

    async fn attempt(
        &self,
        client: &ClientWrapper,
        batch: &Batch,
        stage: bool,
    ) -> Result<FlushOutcome, Failure> {
        let started = Instant::now();
        let fail = |error: tokio_postgres::Error| Failure::of(&error);
        let statements = Statements::of(client).await.map_err(fail)?;
        let mut outcome = FlushOutcome {
            staged: stage,
            ..FlushOutcome::default()
        };

        // One round trip: everything that needs no answer of something before it.
        let copy_now = !stage && !batch.rows.is_empty();
        let (begun, moved, remembered, copy) = future::join4(
            client.batch_execute("BEGIN"),
            advance(client, &statements, batch),
            self.remember(client, &statements, batch),
            async {
                match copy_now {
                    true => client.copy_in(&statements.copy_events).await.map(Some),
                    false => Ok(None),
                }
            },
        )
        .await;
        begun.map_err(fail)?;
        if moved.map_err(fail)?.len() != batch.advances().len() {
            return Err(Failure::Moved);
        }
        let known = known_rows(batch, &remembered.map_err(fail)?);
        let copy: Option<CopyInSink<Slice>> = copy.map_err(fail)?;
        outcome.duplicates = count(&known);

        if stage {
            staged::write(client, &statements, batch, &known, &mut outcome).await?;
            failpoint::hit(Point::AfterCopy)
                .await
                .map_err(Failure::Store)?;
        } else {
            let all = 0..batch.rows.len();
            let rows = batch.rows.slices(all.filter(|row| !is(&known, *row)));
            let not_stored = (0..batch.rows.len())
                .filter(|row| is(&known, *row))
                .map(|row| batch.rows.meta[row].count);
            let counts = batch.rows.counts.sorted(not_stored);
            // One round trip: the answers are read together.
            let (copied, counted, dead) = future::join3(
                async {
                    let copied = match copy {
                        Some(copy) => send(copy, rows).await.map_err(fail)?,
                        None => 0,
                    };
                    failpoint::hit(Point::AfterCopy)
                        .await
                        .map_err(Failure::Store)?;
                    Ok::<_, Failure>(copied)
                },
                add_counts(client, &statements, &counts),
                copy_dead(client, &statements, [&batch.dead]),
            )
            .await;
            outcome.inserted = copied?;
            counted.map_err(fail)?;
            dead.map_err(fail)?;
        }
        outcome.dead_lettered = batch.dead.len() as u64 + outcome.refused;
        outcome.timings.write = started.elapsed();

        failpoint::hit(Point::BeforeCommit)
            .await
            .map_err(Failure::Store)?;
        let committing = Instant::now();
        client.batch_execute("COMMIT").await.map_err(fail)?;
        failpoint::hit(Point::AfterCommit)
            .await
            .map_err(Failure::Store)?;
        outcome.timings.commit = committing.elapsed();
        Ok(outcome)
    }

    /// Remembers the ids of events without a time of their own; the answer holds those that are new.
    async fn remember(
        &self,
        client: &ClientWrapper,
        statements: &Statements,
        batch: &Batch,
    ) -> Result<Vec<Row>, tokio_postgres::Error> {
        if batch.rows.timeless.is_empty() {
            return Ok(Vec::new());
        }
        // Sorted, so that two writers wait for each other rather than deadlock; once each, as one statement must not touch a row
        // twice. The sort is stable: of several, the first in the batch.
        let mut ids: Vec<_> = batch.rows.timeless.iter().collect();
        ids.sort_by_key(|id| id.id_hash);
        ids.dedup_by_key(|id| id.id_hash);
        let hashes: Vec<Uuid> = ids.iter().map(|id| Uuid::from_bytes(id.id_hash)).collect();
        let times: Vec<PgTime> = ids
            .iter()
            .map(|id| PgTime::from_micros(id.micros))
            .collect();
        let uids: Vec<Uuid> = ids.iter().map(|id| Uuid::from_bytes(id.uid)).collect();
        let window = i64::try_from(self.recent_window.as_micros()).unwrap_or(i64::MAX);
        client
            .query(&statements.remember, &[&hashes, &times, &uids, &window])
            .await
    }

    /// Looks at checkpoints that were not as expected: is another writer ahead, or did an earlier `COMMIT` go through unseen?
    async fn resolve(&self, batch: &Batch) -> Result<FlushOutcome, StoreError> {
        let partitions: Vec<i32> = batch.advances().iter().map(|a| a.partition).collect();
        let found =
            crate::checkpoints::load(&self.pool, &batch.cluster_id, &batch.topic, &partitions)
                .await?;
        let at = |partition: i32| {
            found
                .iter()
                .find(|checkpoint| checkpoint.partition == partition)
                .map(|checkpoint| checkpoint.next_offset)
        };
        if batch
            .advances()
            .iter()
            .all(|a| at(a.partition) == Some(a.next))
        {
            return Ok(FlushOutcome {
                already_stored: true,
                ..FlushOutcome::default()
            });
        }
        let first = batch
            .advances()
            .iter()
            .find(|a| at(a.partition) != Some(a.expected))
            .or(batch.advances().first())
            .expect("a batch that failed to move checkpoints has some");
        Err(StoreError::Conflict {
            topic: batch.topic.clone(),
            partition: first.partition,
            expected: first.expected,
            found: at(first.partition),
        })
    }
}

/// Ends the transaction; a connection that cannot say so is closed.
async fn roll_back(session: Session) {
    if session.batch_execute("ROLLBACK").await.is_ok() {
        session.release();
    }
}

/// Which rows are events that were stored before, by their id. Empty when none is.
fn known_rows(batch: &Batch, remembered: &[Row]) -> Vec<bool> {
    if remembered.len() == batch.rows.timeless.len() {
        return Vec::new();
    }
    let mut new: HashSet<Uuid> = remembered.iter().map(|row| row.get(0)).collect();
    batch
        .rows
        .meta
        .iter()
        .map(|row| {
            row.slot != NO_SLOT
                && !new.remove(&Uuid::from_bytes(
                    batch.rows.timeless[row.slot as usize].id_hash,
                ))
        })
        .collect()
}

pub(crate) fn is(flags: &[bool], row: usize) -> bool {
    flags.get(row).copied().unwrap_or(false)
}

fn count(flags: &[bool]) -> u64 {
    flags.iter().filter(|flag| **flag).count() as u64
}
