//! Checkpoints: the next Kafka offset to store, per partition.
//!
//! They are moved only by [`Sink::flush`](crate::write::Sink::flush); here they are read, made when a partition is
//! met for the first time, and set by an operator who knows what he does.

use event::Timestamp;

use crate::{Pool, StoreError, pg::PgTime};

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

/// Makes the checkpoints that are missing, at the given `(partition, next offset)`, and reads all of them. One that exists stays
/// as it is.
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
        client
            .execute(&statement, &[&cluster_id, &topic, &partitions, &offsets])
            .await
            .map_err(fail)?;
    }
    load(pool, cluster_id, topic, &partitions).await
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
