//! Checkpoints: the next Kafka offset to store, per partition.
//!
//! They are moved only by [`Sink::flush`](crate::write::Sink::flush); here they are read, made when a partition is
//! met for the first time, told what an idle writer knows of the log, and set by an operator who knows what he does.

use std::{convert::Infallible, time::Duration};

use event::Timestamp;
use tokio_postgres::types::{ToSql, Type};

use crate::{Pool, StoreError, pg::PgTime, write::LogEnd};

/// How long a checkpoint may be held by somebody who does not own its partition any more. A writer that gives partitions back has
/// ended its transactions before.
const HANGS_AFTER: Duration = Duration::from_secs(2);

/// The checkpoint of one Kafka partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Checkpoint {
    /// The Kafka partition.
    pub partition: i32,
    /// The next offset to store.
    pub next_offset: i64,
    /// When it was last moved.
    pub updated_at: Timestamp,
}

/// Reads the checkpoints of these partitions, by partition; a partition without one is not in the answer.
///
/// # Errors
/// An outage, or fatal without the schema.
pub async fn load(
    pool: &Pool,
    cluster_id: &str,
    topic: &str,
    partitions: &[i32],
) -> Result<Vec<Checkpoint>, StoreError> {
    let client = pool.get().await?;
    let fail = |error| StoreError::from_pg("load the checkpoints", &error);
    let statement = client
        .prepare_cached(
            "SELECT kafka_partition, next_offset, updated_at FROM checkpoints \
             WHERE cluster_id = $1 AND topic = $2 AND kafka_partition = ANY ($3) ORDER BY kafka_partition",
        )
        .await
        .map_err(fail)?;
    let rows = client
        .query(&statement, &[&cluster_id, &topic, &partitions])
        .await
        .map_err(fail)?;
    Ok(rows
        .iter()
        .map(|row| Checkpoint {
            partition: row.get(0),
            next_offset: row.get(1),
            updated_at: row.get::<_, PgTime>(2).0,
        })
        .collect())
}

/// How far the writer of one partition is, and how fresh that makes the data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// How far.
    pub checkpoint: Checkpoint,
    /// Where the log ended when the writer last looked; none before its first report.
    pub end: Option<LogEnd>,
    /// Everything that was accepted before this moment is stored; none before the first report.
    pub as_of: Option<Timestamp>,
}

impl Progress {
    /// Records that are not stored yet, as far as the writer has told.
    #[must_use]
    pub fn lag(&self) -> Option<i64> {
        self.end
            .map(|end| (end.offset - self.checkpoint.next_offset).max(0))
    }
}

/// Reads the progress of all partitions of a topic, by partition; of the cluster whose checkpoints moved last, when there are several.
///
/// # Errors
/// An outage, or fatal without the schema.
pub async fn progress(pool: &Pool, topic: &str) -> Result<Vec<Progress>, StoreError> {
    let client = pool.get().await?;
    let fail = |error| StoreError::from_pg("load the checkpoints", &error);
    let statement = client
        .prepare_cached(
            "SELECT kafka_partition, next_offset, updated_at, end_offset, seen_at, as_of FROM checkpoints \
              WHERE topic = $1 AND cluster_id = \
             (SELECT cluster_id FROM checkpoints WHERE topic = $1 ORDER BY updated_at DESC LIMIT 1) ORDER BY kafka_partition",
        )
        .await
        .map_err(fail)?;
    let rows = client.query(&statement, &[&topic]).await.map_err(fail)?;
    Ok(rows
        .iter()
        .map(|row| {
            let time = |at: usize| row.get::<_, Option<PgTime>>(at).map(|time| time.0);
            let end = row.get::<_, Option<i64>>(3).zip(time(4));
            Progress {
                checkpoint: Checkpoint {
                    partition: row.get(0),
                    next_offset: row.get(1),
                    updated_at: row.get::<_, PgTime>(2).0,
                },
                end: end.map(|(offset, seen_at)| LogEnd { offset, seen_at }),
                as_of: time(5),
            }
        })
        .collect())
}

/// What a writer knows of a partition that no flush tells about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sighting {
    /// The Kafka partition.
    pub partition: i32,
    /// The next offset as the writer knows it.
    pub next_offset: i64,
    /// Where the log ends.
    pub end: LogEnd,
}

/// Tells the database what a writer has seen; answers for how many partitions that was taken down.
///
/// Checkpoints stay where they are. A log that ends where the checkpoint is makes the data as fresh as the look at it; one that ends before it was made anew
/// or has lost its tail, of which nothing follows. Waits for nobody: one that a flush holds at the moment is left to that flush. One that is behind
/// `next_offset` is left alone too, because its database went back in time and what the writer knows does not hold for it.
///
/// # Errors
/// An outage, or fatal without the schema.
pub async fn report(
    pool: &Pool,
    cluster_id: &str,
    topic: &str,
    sightings: &[Sighting],
) -> Result<u64, StoreError> {
    let client = pool.get().await?;
    let fail = |error| StoreError::from_pg("report the end of the log", &error);
    let statement = client
        .prepare_cached(
            "WITH a AS ( \
                 SELECT * FROM unnest($3::int4[], $4::int8[], $5::int8[], $6::timestamptz[]) \
                            AS a (kafka_partition, next_offset, end_offset, seen_at) \
             ), free AS MATERIALIZED ( \
                 SELECT c.kafka_partition FROM checkpoints c JOIN a USING (kafka_partition) \
                  WHERE c.cluster_id = $1 AND c.topic = $2 AND c.next_offset >= a.next_offset \
                  ORDER BY c.kafka_partition FOR UPDATE OF c SKIP LOCKED \
             ) \
             UPDATE checkpoints c SET end_offset = a.end_offset, seen_at = a.seen_at, \
                    as_of = CASE WHEN a.end_offset = a.next_offset THEN greatest(c.as_of, a.seen_at) ELSE c.as_of END \
               FROM a JOIN free USING (kafka_partition) \
              WHERE c.cluster_id = $1 AND c.topic = $2 AND c.kafka_partition = a.kafka_partition",
        )
        .await
        .map_err(fail)?;
    let partitions: Vec<i32> = sightings.iter().map(|s| s.partition).collect();
    let next: Vec<i64> = sightings.iter().map(|s| s.next_offset).collect();
    let ends: Vec<i64> = sightings.iter().map(|s| s.end.offset).collect();
    let seen: Vec<PgTime> = sightings.iter().map(|s| PgTime(s.end.seen_at)).collect();
    client
        .execute(
            &statement,
            &[&cluster_id, &topic, &partitions, &next, &ends, &seen],
        )
        .await
        .map_err(fail)
}

/// Makes the checkpoints that are missing, at the given `(partition, next offset)`, and reads all of them. One that exists stays
/// as it is.
///
/// Called by the owner of the partitions. Whoever owned them before may have been frozen, or cut off, in the middle of a
/// transaction: it holds its checkpoints then, and no timeout of the server ends a session that waits for the rows of a COPY. So a
/// session that stands in the way for `HANGS_AFTER` is ended. That loses nothing: what it had not committed is read again.
///
/// # Errors
/// An outage, or fatal without the schema.
pub async fn load_or_create(
    pool: &Pool,
    cluster_id: &str,
    topic: &str,
    starts: &[(i32, i64)],
) -> Result<Vec<Checkpoint>, StoreError> {
    let partitions: Vec<i32> = starts.iter().map(|(partition, _)| *partition).collect();
    let offsets: Vec<i64> = starts.iter().map(|(_, offset)| *offset).collect();
    {
        let client = pool.get().await?;
        let fail = |error| StoreError::from_pg("create the checkpoints", &error);
        let statement = client
            .prepare_cached(
                "INSERT INTO checkpoints (cluster_id, topic, kafka_partition, next_offset) \
                 SELECT $1, $2, s.kafka_partition, s.next_offset \
                   FROM unnest($3::int4[], $4::int8[]) AS s (kafka_partition, next_offset) ORDER BY s.kafka_partition \
                 ON CONFLICT DO NOTHING",
            )
            .await
            .map_err(fail)?;
        let own = client
            .query_typed("SELECT pg_backend_pid()", &[])
            .await
            .map_err(fail)?;
        let own: i32 = own.first().map_or(0, |row| row.get(0));
        let parameters: [&(dyn ToSql + Sync); 4] = [&cluster_id, &topic, &partitions, &offsets];
        let create = client.execute(&statement, &parameters);
        tokio::select! {
            created = create => created.map_err(fail)?,
            never = end_those_in_the_way(pool, own) => match never {},
        };
    }
    load(pool, cluster_id, topic, &partitions).await
}

/// Ends sessions of this role that hold what the session `own` waits for while they wait for their client, again and again.
async fn end_those_in_the_way(pool: &Pool, own: i32) -> Infallible {
    loop {
        tokio::time::sleep(HANGS_AFTER).await;
        let ended = async {
            let client = pool.get().await?;
            client
                .query_typed(
                    "SELECT pid, pg_terminate_backend(pid) FROM pg_stat_activity \
                      WHERE pid = ANY (pg_blocking_pids($1)) AND usename = current_user AND wait_event = 'ClientRead'",
                    &[(&own, Type::INT4)],
                )
                .await
                .map_err(|error| StoreError::from_pg("end a session that hangs", &error))
        };
        match ended.await {
            Ok(ended) => {
                for row in ended {
                    let pid: i32 = row.get(0);
                    tracing::warn!(
                        pid,
                        "a session that held a checkpoint and said nothing was ended; its writer is frozen or cut off"
                    );
                }
            }
            // Whoever waits learns of an outage by itself.
            Err(error) => tracing::debug!(%error, "sessions that hang could not be ended"),
        }
    }
}

/// All checkpoints there are, for the operator: cluster, topic and checkpoint.
///
/// # Errors
/// An outage, or fatal without the schema.
pub async fn list(pool: &Pool) -> Result<Vec<(String, String, Checkpoint)>, StoreError> {
    let client = pool.get().await?;
    let rows = client
        .query_typed(
            "SELECT cluster_id, topic, kafka_partition, next_offset, updated_at FROM checkpoints ORDER BY 1, 2, 3",
            &[],
        )
        .await
        .map_err(|error| StoreError::from_pg("list the checkpoints", &error))?;
    Ok(rows
        .iter()
        .map(|row| {
            let checkpoint = Checkpoint {
                partition: row.get(2),
                next_offset: row.get(3),
                updated_at: row.get::<_, PgTime>(4).0,
            };
            (row.get(0), row.get(1), checkpoint)
        })
        .collect())
}

/// Sets a checkpoint to where the operator says, whatever it was. A writer that owns the partition will lose it by conflict.
///
/// # Errors
/// An outage, or fatal without the schema.
pub async fn set(
    pool: &Pool,
    cluster_id: &str,
    topic: &str,
    partition: i32,
    next_offset: i64,
) -> Result<(), StoreError> {
    let client = pool.get().await?;
    let fail = |error| StoreError::from_pg("set the checkpoint", &error);
    let statement = client
        .prepare_cached(
            "INSERT INTO checkpoints AS c (cluster_id, topic, kafka_partition, next_offset) VALUES ($1, $2, $3, $4) \
             ON CONFLICT (cluster_id, topic, kafka_partition) \
             DO UPDATE SET next_offset = excluded.next_offset, updated_at = now()",
        )
        .await
        .map_err(fail)?;
    client
        .execute(&statement, &[&cluster_id, &topic, &partition, &next_offset])
        .await
        .map_err(fail)?;
    Ok(())
}
