//! The steps of a flush, each a statement on an open transaction.

use std::pin::pin;

use deadpool_postgres::ClientWrapper;
use event::Timestamp;
use futures_util::{SinkExt, future};
use tokio_postgres::{CopyInSink, Row, Statement};

use super::{
    batch::Batch,
    copy::{HEADER, Slice, TRAILER},
    counts::Count,
    dead::DeadRows,
    sql,
};
use crate::pg::PgTime;

/// Statements prepared once a connection.
pub(crate) struct Statements {
    pub(crate) advance: Statement,
    pub(crate) remember: Statement,
    pub(crate) count: Statement,
    pub(crate) copy_events: Statement,
    pub(crate) copy_dead: Statement,
}

impl Statements {
    pub(crate) async fn of(client: &ClientWrapper) -> Result<Self, tokio_postgres::Error> {
        // The first time on a connection these go out together; afterwards they come from its cache.
        let (advance, remember, count, copy_events, copy_dead) = future::try_join5(
            client.prepare_cached(sql::ADVANCE),
            client.prepare_cached(sql::REMEMBER),
            client.prepare_cached(sql::COUNT),
            client.prepare_cached(sql::COPY_EVENTS),
            client.prepare_cached(sql::COPY_DEAD_LETTERS),
        )
        .await?;
        Ok(Self {
            advance,
            remember,
            count,
            copy_events,
            copy_dead,
        })
    }
}

/// Moves the checkpoints of the batch; answers with the partitions moved.
pub(crate) async fn advance(
    client: &ClientWrapper,
    statements: &Statements,
    batch: &Batch,
) -> Result<Vec<Row>, tokio_postgres::Error> {
    let partitions: Vec<i32> = batch.advances().iter().map(|a| a.partition).collect();
    let expected: Vec<i64> = batch.advances().iter().map(|a| a.expected).collect();
    let next: Vec<i64> = batch.advances().iter().map(|a| a.next).collect();
    let now = Timestamp::now();
    let as_of: Vec<Option<PgTime>> = batch
        .known()
        .map(|(advance, known)| known.as_of(advance.next, now).map(PgTime))
        .collect();
    let (ends, seen): (Vec<Option<i64>>, Vec<Option<PgTime>>) = batch
        .known()
        .map(|(_, known)| known.end)
        .map(|end| {
            (
                end.map(|end| end.offset),
                end.map(|end| PgTime(end.seen_at)),
            )
        })
        .unzip();
    client
        .query(
            &statements.advance,
            &[
                &batch.cluster_id,
                &batch.topic,
                &partitions,
                &expected,
                &next,
                &as_of,
                &ends,
                &seen,
            ],
        )
        .await
}

/// Sends rows as one COPY stream and waits for the number stored.
pub(crate) async fn send(
    copy: CopyInSink<Slice>,
    slices: Vec<Slice>,
) -> Result<u64, tokio_postgres::Error> {
    let mut copy = pin!(copy);
    copy.feed(Slice::of(HEADER)).await?;
    for slice in slices {
        copy.feed(slice).await?;
    }
    copy.feed(Slice::of(TRAILER)).await?;
    copy.finish().await
}

/// Adds up the counts, given in order.
pub(crate) async fn add_counts(
    client: &ClientWrapper,
    statements: &Statements,
    counts: &[Count<'_>],
) -> Result<(), tokio_postgres::Error> {
    if counts.is_empty() {
        return Ok(());
    }
    let buckets: Vec<PgTime> = counts
        .iter()
        .map(|c| PgTime::from_micros(c.minute_micros))
        .collect();
    let sources: Vec<&str> = counts.iter().map(|c| c.source).collect();
    let kinds: Vec<&str> = counts.iter().map(|c| c.kind).collect();
    let partitions: Vec<i32> = counts.iter().map(|c| c.partition).collect();
    let numbers: Vec<i64> = counts.iter().map(|c| c.count).collect();
    client
        .execute(
            &statements.count,
            &[&buckets, &sources, &kinds, &partitions, &numbers],
        )
        .await
        .map(|_| ())
}

/// Stores dead letters.
pub(crate) async fn copy_dead<const N: usize>(
    client: &ClientWrapper,
    statements: &Statements,
    rows: [&DeadRows; N],
) -> Result<(), tokio_postgres::Error> {
    if rows.iter().all(|rows| rows.len() == 0) {
        return Ok(());
    }
    let copy = client.copy_in(&statements.copy_dead).await?;
    let slices = rows.iter().flat_map(|rows| rows.slices()).collect();
    send(copy, slices).await.map(|_| ())
}
