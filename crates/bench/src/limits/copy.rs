//! The limit of storing events: COPY BINARY of the very same rows, from memory, into the same table, or into the narrow one of others.
//!
//! The rows are read back from a table that the writer filled, in the order in which they lie there, one set for each of the writer's
//! connections, cut into transactions of the size the writer's had. What is left out is everything that is not COPY: Kafka, decoding,
//! encoding, counts and checkpoints.

use std::time::Instant;

use anyhow::Context as _;
use bytes::Bytes;
use futures_util::{SinkExt as _, TryStreamExt as _};
use tokio_postgres::Client;

use crate::stack::{Database, connect};

/// The table that rows are copied into, and their columns.
#[derive(Debug)]
pub(crate) struct Target {
    pub(crate) table: &'static str,
    pub(crate) columns: &'static str,
    /// Makes the table, where it is not one of Flumen's.
    make: &'static str,
}

/// Flumen's own.
pub(crate) const EVENTS: Target = Target {
    table: "events",
    columns: "time, uid, received_at, kafka_offset, kafka_partition, source, type, id, subject, \
     datacontenttype, dataschema, traceparent, extensions, data, data_bytes",
    make: "",
};

/// The one that others are measured with: no partitions, seven columns, the primary key.
pub(crate) const NARROW: Target = Target {
    table: "narrow_events",
    columns: "time, uid, source, type, subject, id, data",
    make: "CREATE TABLE narrow_events (time timestamptz NOT NULL, uid uuid NOT NULL, source text NOT NULL, type text NOT NULL, \
     subject text, id text NOT NULL, data jsonb, PRIMARY KEY (time, uid))",
};

/// Signature, flags and length of the extension.
const HEADER: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
const TRAILER: &[u8] = b"\xff\xff";
/// As the writer sends them.
const CHUNK_BYTES: usize = 256 * 1024;

/// Rows of a table, ready to be copied.
pub(crate) struct Rows {
    /// For each connection its transactions, each a run of chunks.
    lanes: Vec<Vec<Vec<Bytes>>>,
    /// How many they are.
    pub(crate) count: u64,
    /// Bytes of all of them.
    pub(crate) bytes: u64,
    /// How many rows the writer stored in one transaction, on average.
    pub(crate) per_transaction: usize,
    first: String,
    last: String,
    pub(crate) target: &'static Target,
}

impl Rows {
    /// Reads all rows of a database that the writer filled over `lanes` connections, as far as the target has columns for them.
    pub(crate) async fn read(
        database: &Database,
        lanes: usize,
        target: &'static Target,
    ) -> anyhow::Result<Self> {
        let sql = connect(&database.url).await?;
        let row = sql
            .query_one(
                "SELECT count(*), count(DISTINCT xmin::text), min(time)::text, max(time)::text FROM events",
                &[],
            )
            .await
            .context("look at the rows")?;
        let (count, transactions): (i64, i64) = (row.get(0), row.get(1));
        let count = u64::try_from(count)?;
        let per_transaction = usize::try_from(count.div_ceil(u64::try_from(transactions.max(1))?))?;
        let mut rows = Self {
            lanes: Vec::new(),
            count,
            bytes: 0,
            per_transaction,
            first: row.get(2),
            last: row.get(3),
            target,
        };
        for lane in 0..lanes {
            let bytes = read_lane(&sql, lane, lanes, target.columns).await?;
            rows.bytes += bytes.len() as u64;
            rows.lanes.push(cut(&Bytes::from(bytes), per_transaction)?);
        }
        Ok(rows)
    }

    /// Makes the table, or the partitions that the rows belong to, and does `change` to it.
    pub(crate) async fn prepare(&self, database: &Database, change: &str) -> anyhow::Result<()> {
        let sql = connect(&database.url).await?;
        for statement in [self.target.make, change] {
            sql.batch_execute(statement)
                .await
                .context("make the table")?;
        }
        sql.batch_execute(&format!(
            "SELECT flumen_ensure_partition(m, m, m + interval '1 month') FROM generate_series(\
             date_trunc('month', timestamptz '{}'), timestamptz '{}', interval '1 month') AS m",
            self.first, self.last
        ))
        .await
        .context("make the partitions")
    }

    /// Copies them, every connection at the same time, and returns the seconds it took.
    pub(crate) async fn copy_into(&self, database: &Database) -> anyhow::Result<f64> {
        let mut clients = Vec::new();
        for _ in &self.lanes {
            clients.push(connect(&database.url).await?);
        }
        let started = Instant::now();
        let lanes = clients.iter().zip(&self.lanes);
        futures_util::future::try_join_all(
            lanes.map(|(client, transactions)| copy_lane(client, transactions, self.target)),
        )
        .await?;
        Ok(started.elapsed().as_secs_f64())
    }
}

async fn copy_lane(
    client: &Client,
    transactions: &[Vec<Bytes>],
    target: &Target,
) -> anyhow::Result<()> {
    let Target { table, columns, .. } = target;
    let statement = client
        .prepare(&format!(
            "COPY {table} ({columns}) FROM STDIN (FORMAT binary)"
        ))
        .await?;
    for chunks in transactions {
        let sink = client.copy_in::<_, Bytes>(&statement).await?;
        let mut sink = std::pin::pin!(sink);
        sink.feed(Bytes::from_static(HEADER)).await?;
        for chunk in chunks {
            sink.feed(chunk.clone()).await?;
        }
        sink.feed(Bytes::from_static(TRAILER)).await?;
        sink.finish().await?;
    }
    Ok(())
}

/// The bytes of one lane's rows, without header and trailer.
async fn read_lane(
    sql: &Client,
    lane: usize,
    lanes: usize,
    columns: &str,
) -> anyhow::Result<Vec<u8>> {
    let stream = sql
        .copy_out(&format!(
            "COPY (SELECT {columns} FROM events WHERE kafka_partition % {lanes} = {lane}) TO STDOUT (FORMAT binary)"
        ))
        .await
        .context("read the rows")?;
    let mut bytes = Vec::new();
    let mut stream = std::pin::pin!(stream);
    while let Some(chunk) = stream.try_next().await? {
        bytes.extend_from_slice(&chunk);
    }
    anyhow::ensure!(
        bytes.starts_with(HEADER) && bytes.ends_with(TRAILER),
        "PostgreSQL did not answer with COPY BINARY"
    );
    bytes.truncate(bytes.len() - TRAILER.len());
    bytes.drain(..HEADER.len());
    Ok(bytes)
}

/// Cuts rows into transactions, and those into chunks, both at the ends of rows.
fn cut(bytes: &Bytes, per_transaction: usize) -> anyhow::Result<Vec<Vec<Bytes>>> {
    let mut transactions = Vec::new();
    let mut chunks = Vec::new();
    let (mut start, mut at, mut rows) = (0, 0, 0);
    while at < bytes.len() {
        at = end_of_row(bytes, at).context("a row is cut off")?;
        rows += 1;
        let is_full = rows == per_transaction || at == bytes.len();
        if is_full || at - start >= CHUNK_BYTES {
            chunks.push(bytes.slice(start..at));
            start = at;
        }
        if is_full {
            transactions.push(std::mem::take(&mut chunks));
            rows = 0;
        }
    }
    Ok(transactions)
}

/// A row is a count of fields, then each field's length (-1 for null) and bytes.
fn end_of_row(bytes: &[u8], mut at: usize) -> Option<usize> {
    let fields = i16::from_be_bytes(bytes.get(at..at + 2)?.try_into().ok()?);
    at += 2;
    for _ in 0..fields {
        let length = i32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?);
        at += 4 + usize::try_from(length).unwrap_or(0);
    }
    (at <= bytes.len()).then_some(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_cut_at_their_ends_and_none_is_lost() {
        let row = |value: u8| {
            let mut row = vec![0, 2, 0, 0, 0, 1, value];
            row.extend_from_slice(&(-1i32).to_be_bytes());
            row
        };
        let all: Vec<u8> = (0..10).flat_map(row).collect();
        let transactions = cut(&Bytes::from(all.clone()), 4).expect("whole rows");
        assert_eq!(transactions.len(), 3);
        let again: Vec<u8> = transactions
            .iter()
            .flatten()
            .flat_map(|chunk| chunk.to_vec())
            .collect();
        assert_eq!(again, all);
        assert!(cut(&Bytes::from(all[..all.len() - 2].to_vec()), 4).is_err());
    }
}
