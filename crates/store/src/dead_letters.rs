//! Dead letters, for the operator: what was set aside, why, and what was produced again.
//!
//! They are written by [`Sink::flush`](crate::write::Sink::flush) alone.

use event::Timestamp;
use tokio_postgres::Row;

use crate::{Pool, StoreError, pg::PgTime};

/// A record that was set aside, as it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter {
    /// Grows with every dead letter.
    pub id: i64,
    /// The topic it came from.
    pub topic: String,
    /// The record's partition.
    pub partition: i32,
    /// The record's offset.
    pub offset: i64,
    /// The record's timestamp in Kafka, if any.
    pub timestamp: Option<Timestamp>,
    /// Its key.
    pub key: Option<Vec<u8>>,
    /// Its headers, in order.
    pub headers: Vec<(String, Option<Vec<u8>>)>,
    /// Its value.
    pub value: Option<Vec<u8>>,
    /// Why, as a stable short word.
    pub reason: String,
    /// Why, for people.
    pub detail: String,
    /// When it was set aside.
    pub failed_at: Timestamp,
    /// When it was produced again, if it was.
    pub replayed_at: Option<Timestamp>,
}

/// Which dead letters.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Only of this topic.
    pub topic: Option<String>,
    /// Only with this reason.
    pub reason: Option<String>,
    /// Only these ids; empty means any.
    pub ids: Vec<i64>,
    /// Only those set aside from then on.
    pub since: Option<Timestamp>,
    /// Those replayed already as well.
    pub replayed: bool,
    /// Only ids above this one: the page after it.
    pub after: i64,
}

const COLUMNS: &str = "id, topic, kafka_partition, kafka_offset, kafka_timestamp, key, header_names, header_values, value, \
     reason, detail, failed_at, replayed_at";
const MATCHES: &str = "($1::text IS NULL OR topic = $1) AND ($2::text IS NULL OR reason = $2) \
     AND (cardinality($3::int8[]) = 0 OR id = ANY ($3)) AND ($4::timestamptz IS NULL OR failed_at >= $4) \
     AND ($5::bool OR replayed_at IS NULL) AND id > $6";

/// The dead letters that match, oldest first, at most so many.
///
/// # Errors
/// An outage, or fatal without the schema.
pub async fn list(pool: &Pool, filter: &Filter, limit: u32) -> Result<Vec<DeadLetter>, StoreError> {
    let client = pool.get().await?;
    let fail = |error| StoreError::from_pg("list the dead letters", &error);
    let sql = format!("SELECT {COLUMNS} FROM dead_letters WHERE {MATCHES} ORDER BY id LIMIT $7");
    let statement = client.prepare_cached(&sql).await.map_err(fail)?;
    let rows = client
        .query(
            &statement,
            &[
                &filter.topic,
                &filter.reason,
                &filter.ids,
                &filter.since.map(PgTime),
                &filter.replayed,
                &filter.after,
                &i64::from(limit),
            ],
        )
        .await
        .map_err(fail)?;
    Ok(rows.iter().map(read).collect())
}

/// A dead letter with no more of its value than is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// What it is; its value is cut.
    pub letter: DeadLetter,
    /// How long the whole value is; `None` when there is none.
    pub value_bytes: Option<u64>,
}

/// The dead letters below an id, all when it is not given, newest first, at most so many, each with at most so many bytes of its value.
///
/// # Errors
/// An outage, or fatal without the schema.
pub async fn newest_first(
    pool: &Pool,
    below: Option<i64>,
    reason: Option<&str>,
    limit: u32,
    value_bytes: u32,
) -> Result<Vec<Shown>, StoreError> {
    let client = pool.get().await?;
    let fail = |error| StoreError::from_pg("list the dead letters", &error);
    let columns = COLUMNS.replace(" value,", " substring(value from 1 for $4) AS value,");
    let sql = format!(
        "SELECT {columns}, octet_length(value) FROM dead_letters WHERE id < $1 AND ($2::text IS NULL OR reason = $2) ORDER BY id DESC LIMIT $3"
    );
    let statement = client.prepare_cached(&sql).await.map_err(fail)?;
    let (below, limit) = (below.unwrap_or(i64::MAX), i64::from(limit));
    let most = i32::try_from(value_bytes).unwrap_or(i32::MAX);
    let rows = client
        .query(&statement, &[&below, &reason, &limit, &most])
        .await
        .map_err(fail)?;
    Ok(rows
        .iter()
        .map(|row| Shown {
            letter: read(row),
            value_bytes: row
                .get::<_, Option<i32>>(13)
                .and_then(|bytes| u64::try_from(bytes).ok()),
        })
        .collect())
}

/// Number of dead letters that match, by topic and reason, the most frequent first.
///
/// # Errors
/// An outage, or fatal without the schema.
pub async fn summary(
    pool: &Pool,
    filter: &Filter,
) -> Result<Vec<(String, String, u64)>, StoreError> {
    let client = pool.get().await?;
    let fail = |error| StoreError::from_pg("count the dead letters", &error);
    let sql = format!(
        "SELECT topic, reason, count(*) FROM dead_letters WHERE {MATCHES} GROUP BY 1, 2 ORDER BY 3 DESC, 1, 2"
    );
    let statement = client.prepare_cached(&sql).await.map_err(fail)?;
    let rows = client
        .query(
            &statement,
            &[
                &filter.topic,
                &filter.reason,
                &filter.ids,
                &filter.since.map(PgTime),
                &filter.replayed,
                &filter.after,
            ],
        )
        .await
        .map_err(fail)?;
    Ok(rows
        .iter()
        .map(|row| {
            let count = u64::try_from(row.get::<_, i64>(2)).unwrap_or(0);
            (row.get(0), row.get(1), count)
        })
        .collect())
}

/// One dead letter.
///
/// # Errors
/// An outage, or fatal without the schema.
pub async fn show(pool: &Pool, id: i64) -> Result<Option<DeadLetter>, StoreError> {
    let filter = Filter {
        ids: vec![id],
        replayed: true,
        ..Filter::default()
    };
    Ok(list(pool, &filter, 1).await?.pop())
}

/// The id of the newest dead letter; 0 when there is none.
///
/// # Errors
/// An outage, or fatal without the schema.
pub async fn newest(pool: &Pool) -> Result<i64, StoreError> {
    let client = pool.get().await?;
    let row = client
        .query_typed_one("SELECT coalesce(max(id), 0) FROM dead_letters", &[])
        .await
        .map_err(|error| StoreError::from_pg("look for the newest dead letter", &error))?;
    Ok(row.get(0))
}

/// Marks dead letters as produced again, now; those marked already keep their time. Answers how many were marked.
///
/// # Errors
/// An outage, or fatal without the schema.
pub async fn mark_replayed(pool: &Pool, ids: &[i64]) -> Result<u64, StoreError> {
    let client = pool.get().await?;
    let fail = |error| StoreError::from_pg("mark the dead letters as replayed", &error);
    let statement = client
        .prepare_cached("UPDATE dead_letters SET replayed_at = now() WHERE id = ANY ($1) AND replayed_at IS NULL")
        .await
        .map_err(fail)?;
    client.execute(&statement, &[&ids]).await.map_err(fail)
}

/// Deletes dead letters that were set aside before then and have been replayed. Answers how many.
///
/// # Errors
/// An outage, or fatal without the schema.
pub async fn delete_replayed(pool: &Pool, before: Timestamp) -> Result<u64, StoreError> {
    let client = pool.get().await?;
    let fail = |error| StoreError::from_pg("delete the replayed dead letters", &error);
    let statement = client
        .prepare_cached("DELETE FROM dead_letters WHERE failed_at < $1 AND replayed_at IS NOT NULL")
        .await
        .map_err(fail)?;
    client
        .execute(&statement, &[&PgTime(before)])
        .await
        .map_err(fail)
}

fn read(row: &Row) -> DeadLetter {
    let names: Vec<String> = row.get(6);
    let values: Vec<Option<Vec<u8>>> = row.get(7);
    let time = |at: usize| row.get::<_, Option<PgTime>>(at).map(|time| time.0);
    DeadLetter {
        id: row.get(0),
        topic: row.get(1),
        partition: row.get(2),
        offset: row.get(3),
        timestamp: time(4),
        key: row.get(5),
        headers: names.into_iter().zip(values).collect(),
        value: row.get(8),
        reason: row.get(9),
        detail: row.get(10),
        failed_at: row.get::<_, PgTime>(11).0,
        replayed_at: time(12),
    }
}
