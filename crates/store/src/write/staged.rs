//! The slow path: through a temporary table, in halves when PostgreSQL refuses something.
//!
//! Each range of rows is copied into the temporary table and stored from there with `ON CONFLICT DO NOTHING`, under a savepoint. A
//! range that PostgreSQL refuses is halved until the bad row stands alone. The good rows, the bad ones as dead
//! letters, the counts and the checkpoint are still one transaction.

use std::{collections::HashMap, ops::Range};

use deadpool_postgres::ClientWrapper;
use tokio_postgres::Statement;
use uuid::Uuid;

use super::{
    batch::Batch,
    dead::{DeadRows, Origin},
    flush::{Failure, FlushOutcome, Statements, add_counts, copy_dead, is, send},
    rows::{NEVER, NO_SLOT},
    sql,
};

/// The reason of a dead letter that PostgreSQL refused.
const REFUSED: &str = "refused-by-postgres";
/// Rows of failed and finished ranges that the temporary table may hold before it is truncated: scanning them costs, and so does a
/// new file.
const LITTER_ROWS: usize = 10_000;

/// What became of a row.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    Skipped,
    Duplicate,
    Stored,
    Refused,
}

/// Writes the batch into the open transaction. `known` marks the rows to leave out.
pub(crate) async fn write(
    client: &ClientWrapper,
    statements: &Statements,
    batch: &Batch,
    known: &[bool],
    outcome: &mut FlushOutcome,
) -> Result<(), Failure> {
    let fail = |error: tokio_postgres::Error| Failure::of(&error);
    client
        .batch_execute(sql::CREATE_STAGE)
        .await
        .map_err(fail)?;
    // Once a connection, the first time it needs them: the table must be there to be prepared for.
    let copy = client.prepare_cached(sql::COPY_STAGE).await.map_err(fail)?;
    let store = client
        .prepare_cached(&sql::store_staged())
        .await
        .map_err(fail)?;

    let rows = batch.rows.len();
    let positions: HashMap<(i32, i64), usize> = (0..rows)
        .map(|row| {
            let meta = &batch.rows.meta[row];
            ((meta.partition, meta.offset), row)
        })
        .collect();
    let mut fates: Vec<Fate> = (0..rows)
        .map(|row| {
            if is(known, row) {
                Fate::Skipped
            } else {
                Fate::Duplicate
            }
        })
        .collect();
    let mut refused = DeadRows::default();
    let mut litter = 0;
    let mut ranges: Vec<Range<usize>> = Vec::new();
    ranges.push(0..rows);
    while let Some(range) = ranges.pop() {
        if range.clone().all(|row| fates[row] == Fate::Skipped) {
            continue;
        }
        litter += range.len();
        match store_range(
            client,
            &copy,
            &store,
            batch,
            known,
            range.clone(),
            &mut litter,
        )
        .await
        {
            Ok(stored) => {
                for position in stored {
                    let row = positions.get(&position).ok_or(Failure::Refused)?;
                    fates[*row] = Fate::Stored;
                }
            }
            Err(error) => {
                let Failure::Refused = Failure::of(&error) else {
                    return Err(Failure::of(&error));
                };
                client
                    .batch_execute("ROLLBACK TO SAVEPOINT range")
                    .await
                    .map_err(fail)?;
                outcome.bisected = true;
                if range.len() == 1 {
                    fates[range.start] = Fate::Refused;
                    set_aside(&mut refused, batch, range.start, &error);
                } else {
                    let middle = range.start + range.len() / 2;
                    // The first half comes off the stack first: of two equal events, the first is stored.
                    ranges.push(middle..range.end);
                    ranges.push(range.start..middle);
                }
            }
        }
    }

    let number = |fate: Fate| fates.iter().filter(|f| **f == fate).count() as u64;
    outcome.inserted = number(Fate::Stored);
    outcome.duplicates += number(Fate::Duplicate);
    outcome.refused = number(Fate::Refused);
    forget_refused(client, batch, &fates).await.map_err(fail)?;
    let not_stored = (0..rows)
        .filter(|row| fates[*row] != Fate::Stored)
        .map(|row| batch.rows.meta[row].count);
    let counts = batch.rows.counts.sorted(not_stored);
    add_counts(client, statements, &counts)
        .await
        .map_err(fail)?;
    copy_dead(client, statements, [&batch.dead, &refused])
        .await
        .map_err(fail)
}

/// Stores a range under a savepoint and answers with the positions stored. After an error the savepoint is still there.
async fn store_range(
    client: &ClientWrapper,
    copy: &Statement,
    store: &Statement,
    batch: &Batch,
    known: &[bool],
    range: Range<usize>,
    litter: &mut usize,
) -> Result<Vec<(i32, i64)>, tokio_postgres::Error> {
    let begin = client.batch_execute("SAVEPOINT range");
    let (begun, copy) = futures_util::future::join(begin, client.copy_in(copy)).await;
    begun?;
    send(copy?, batch.rows.slices(range, |row| !is(known, row))).await?;
    let stored = client
        .query(store, &[])
        .await?
        .iter()
        .map(|row| (row.get(0), row.get(1)))
        .collect();
    let empty = if *litter > LITTER_ROWS {
        *litter = 0;
        "TRUNCATE pg_temp.event_stage; RELEASE SAVEPOINT range"
    } else {
        "DELETE FROM pg_temp.event_stage; RELEASE SAVEPOINT range"
    };
    client.batch_execute(empty).await?;
    Ok(stored)
}

fn set_aside(refused: &mut DeadRows, batch: &Batch, row: usize, error: &tokio_postgres::Error) {
    let detail = error.as_db_error().map_or_else(
        || error.to_string(),
        |db| {
            let detail = db.detail().map(|d| format!(": {d}")).unwrap_or_default();
            format!("{}: {}{detail}", db.code().code(), db.message())
        },
    );
    let meta = &batch.rows.meta[row];
    let kept = batch.rows.kept(row);
    let origin = Origin {
        topic: &batch.topic,
        partition: meta.partition,
        offset: meta.offset,
        timestamp: (meta.appended != NEVER).then(|| event::Timestamp::from_micros(meta.appended)),
        reason: REFUSED,
        detail: &detail,
    };
    refused.push(&origin, kept.key, kept.headers.iter().copied(), kept.value);
}

/// An event that was not stored must not be taken for known when it comes again.
async fn forget_refused(
    client: &ClientWrapper,
    batch: &Batch,
    fates: &[Fate],
) -> Result<(), tokio_postgres::Error> {
    let hashes: Vec<Uuid> = fates
        .iter()
        .zip(&batch.rows.meta)
        .filter(|(fate, meta)| **fate == Fate::Refused && meta.slot != NO_SLOT)
        .map(|(_, meta)| Uuid::from_bytes(batch.rows.timeless[meta.slot as usize].id_hash))
        .collect();
    if hashes.is_empty() {
        return Ok(());
    }
    let forget = client.prepare_cached(sql::FORGET).await?;
    client.execute(&forget, &[&hashes]).await.map(|_| ())
}
