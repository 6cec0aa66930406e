//! The slow path: through a temporary table, in halves when PostgreSQL refuses something.
//!
//! Each range of rows is copied into the temporary table and stored from there with `ON CONFLICT DO NOTHING`, under a savepoint. A
//! range that PostgreSQL refuses is cut at the row its message names, or in half, until the bad row stands alone. The
//! good rows, the bad ones as dead letters, the counts and the checkpoint are still one transaction.

use std::{collections::HashMap, ops::Range};

use deadpool_postgres::ClientWrapper;
use futures_util::future;
use tokio_postgres::Statement;
use uuid::Uuid;

use super::{
    batch::Batch,
    dead::{DeadRows, Origin},
    flush::{Failure, FlushOutcome, is},
    rows::{NEVER, NO_SLOT},
    sql,
    steps::{Statements, add_counts, copy_dead, send},
};

/// The reason of a dead letter that PostgreSQL refused.
const REFUSED: &str = "refused-by-postgres";
/// Rows of failed and finished ranges that the temporary table may hold before it is truncated: scanning them costs, and so does a
/// new file.
const LITTER_ROWS: usize = 1_000;

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
    let mut ranges = Ranges::of(rows);
    while let Some(range) = ranges.next() {
        let sent: Vec<usize> = range.clone().filter(|row| !is(known, *row)).collect();
        if sent.is_empty() {
            continue;
        }
        litter += sent.len();
        match store_range(client, &copy, &store, batch, &sent, &mut litter).await {
            Ok(stored) => {
                for position in stored {
                    let row = positions.get(&position).ok_or(Failure::Refused)?;
                    fates[*row] = Fate::Stored;
                }
                ranges.went_well();
            }
            Err(error) => {
                let Failure::Refused = Failure::of(&error) else {
                    return Err(Failure::of(&error));
                };
                // Released as well: savepoints left behind would nest, and every look at a row walks down all of them.
                client
                    .batch_execute("ROLLBACK TO SAVEPOINT range; RELEASE SAVEPOINT range")
                    .await
                    .map_err(fail)?;
                outcome.bisected = true;
                if let [row] = sent[..] {
                    fates[row] = Fate::Refused;
                    set_aside(&mut refused, batch, row, &error);
                } else {
                    let named = line(&error).and_then(|line| sent.get(line.checked_sub(1)?));
                    ranges.cut(range, named.copied());
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

/// The ranges still to be stored, in order.
struct Ranges {
    /// The next one last.
    left: Vec<Range<usize>>,
    /// The most rows of a range: where many are bad, little is sent in vain.
    stride: usize,
}

impl Ranges {
    fn of(rows: usize) -> Self {
        Self {
            left: std::iter::once(0..rows).collect(),
            stride: rows,
        }
    }

    fn next(&mut self) -> Option<Range<usize>> {
        let range = self.left.pop()?;
        if range.len() <= self.stride {
            return Some(range);
        }
        let middle = range.start + self.stride;
        self.left.push(middle..range.end);
        Some(range.start..middle)
    }

    fn went_well(&mut self) {
        self.stride = self.stride.saturating_mul(4);
    }

    /// Cuts a refused range of several rows around the row that is to blame, or in half when none is named.
    ///
    /// What is first in the batch stays first: of two equal events, the first is stored.
    fn cut(&mut self, range: Range<usize>, named: Option<usize>) {
        match named {
            Some(row) => {
                self.stride = (2 * (row - range.start)).max(8);
                self.left.push(row + 1..range.end);
                self.left.push(row..row + 1);
                self.left.push(range.start..row);
            }
            None => {
                let middle = range.start + range.len() / 2;
                self.left.push(middle..range.end);
                self.left.push(range.start..middle);
            }
        }
    }
}

/// The row, counted from 1 among those sent, at which COPY says it stopped. A server that speaks another language than English
/// names none that is understood here.
fn line(error: &tokio_postgres::Error) -> Option<usize> {
    let place = error.as_db_error()?.where_()?;
    let (_, rest) = place.split_once("COPY event_stage, line ")?;
    let digits = rest
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(rest.len());
    rest[..digits].parse().ok()
}

/// Stores rows under a savepoint and answers with the positions stored. After an error the savepoint is still there.
async fn store_range(
    client: &ClientWrapper,
    copy: &Statement,
    store: &Statement,
    batch: &Batch,
    rows: &[usize],
    litter: &mut usize,
) -> Result<Vec<(i32, i64)>, tokio_postgres::Error> {
    let (begun, copy) = future::join(
        client.batch_execute("SAVEPOINT range"),
        client.copy_in(copy),
    )
    .await;
    begun?;
    let copy = copy?;
    let empty = if *litter > LITTER_ROWS {
        *litter = 0;
        "TRUNCATE pg_temp.event_stage; RELEASE SAVEPOINT range"
    } else {
        "DELETE FROM pg_temp.event_stage; RELEASE SAVEPOINT range"
    };
    // One round trip: after an error of one, the server refuses the ones behind it.
    let (copied, stored, emptied) = future::join3(
        send(copy, batch.rows.slices(rows.iter().copied())),
        client.query(store, &[]),
        client.batch_execute(empty),
    )
    .await;
    copied?;
    let stored = stored?;
    emptied?;
    Ok(stored.iter().map(|row| (row.get(0), row.get(1))).collect())
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs through the ranges of a batch with these bad rows, and answers with the rows stored, the rows found bad and
    /// the number of attempts.
    fn run(rows: usize, bad: &[usize], named: bool) -> (Vec<usize>, Vec<usize>, usize) {
        let (mut stored, mut refused, mut attempts) = (Vec::new(), Vec::new(), 0);
        let mut ranges = Ranges::of(rows);
        while let Some(range) = ranges.next() {
            if range.is_empty() {
                continue;
            }
            attempts += 1;
            match range.clone().find(|row| bad.contains(row)) {
                None => {
                    stored.extend(range);
                    ranges.went_well();
                }
                Some(row) if range.len() == 1 => refused.push(row),
                Some(row) => ranges.cut(range, named.then_some(row)),
            }
        }
        (stored, refused, attempts)
    }

    #[test]
    fn every_row_is_stored_or_refused_once_and_in_order() {
        let cases: [&[usize]; 6] = [
            &[],
            &[0],
            &[999],
            &[500],
            &[0, 1, 2, 700, 998],
            &[3, 5, 7, 9],
        ];
        for bad in cases {
            for named in [true, false] {
                let (stored, refused, _) = run(1_000, bad, named);
                let good: Vec<usize> = (0..1_000).filter(|row| !bad.contains(row)).collect();
                assert_eq!(
                    (stored.as_slice(), refused.as_slice()),
                    (good.as_slice(), bad)
                );
            }
        }
    }

    #[test]
    fn a_named_row_takes_few_attempts_however_large_the_batch() {
        let (_, _, named) = run(100_000, &[77_777], true);
        let (_, _, halved) = run(100_000, &[77_777], false);
        assert!(named <= 4, "{named}");
        assert!(halved <= 40, "{halved}");
        let all: Vec<usize> = (0..200).collect();
        assert!(run(200, &all, true).2 <= 3 * 200);
    }
}
