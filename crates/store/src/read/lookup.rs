//! One event by its uid.

use std::pin::pin;
use std::time::Duration;

use event::{Timestamp, Uid};
use futures_util::TryStreamExt;
use tokio_postgres::types::Type;

use super::fields::Fields;
use super::filter::PatternSet;
use super::json::Events;
use super::session::Lease;
use super::sql::Statement;
use super::{ReadError, Reader};
use crate::pg::PgTime;

const DOING: &str = "read an event";

/// A uid holds its event's time in whole milliseconds.
const UID_RESOLUTION: Duration = Duration::from_millis(1);

impl Reader {
    /// Reads the event of a uid, if it is of one of these sources; whether another has it cannot be told from the answer.
    ///
    /// An event without a time of its own that is sent again gets a new uid each time, but is stored under the first: then the stored one is
    /// found through `recent_ids`, where its hash of source and id is known.
    ///
    /// # Errors
    /// [`ReadError`].
    pub async fn event(&self, uid: Uid, sources: &PatternSet) -> Result<Option<Events>, ReadError> {
        if sources.is_nothing() {
            return Ok(None);
        }
        let lease = self.lease(self.budgets.lookup).await?;
        let mut found = by_uid(&lease, uid, sources).await?;
        if found.is_none()
            && let Some(stored) = stored_under(&lease, uid).await?
        {
            found = by_uid(&lease, stored, sources).await?;
        }
        lease.finish();
        Ok(found)
    }
}

impl Reader {
    /// The times of the events that have a uid, of these sources: more than one only when they differ below a millisecond.
    ///
    /// # Errors
    /// [`ReadError`].
    pub async fn times(&self, uid: Uid, sources: &PatternSet) -> Result<Vec<Timestamp>, ReadError> {
        if sources.is_nothing() {
            return Ok(Vec::new());
        }
        let lease = self.lease(self.budgets.lookup).await?;
        let mut sql = Statement::new("SELECT time FROM events WHERE ");
        has_uid(&mut sql, uid);
        sql.push_patterns("source", sources);
        let rows = lease.rows(DOING, sql).await?;
        let times = lease
            .within(async {
                let rows: Vec<_> = rows
                    .try_collect()
                    .await
                    .map_err(|error| lease.error(DOING, &error))?;
                let times = rows
                    .iter()
                    .filter_map(|row| row.try_get::<_, PgTime>(0).ok());
                Ok(times.map(|PgTime(time)| time).collect())
            })
            .await?;
        lease.finish();
        Ok(times)
    }
}

/// A uid tells the millisecond, so that one partition is looked at.
fn has_uid(sql: &mut Statement, uid: Uid) {
    let from = Timestamp::from_micros(uid.time_millis().saturating_mul(1_000));
    sql.push("uid = ").bind(self::uuid(uid), Type::UUID);
    sql.push(" AND time >= ").bind_time(from);
    sql.push(" AND time < ")
        .bind_time(from.saturating_add(UID_RESOLUTION));
}

async fn by_uid(
    lease: &Lease,
    uid: Uid,
    sources: &PatternSet,
) -> Result<Option<Events>, ReadError> {
    let mut sql = Statement::new("SELECT ");
    sql.push_columns(Fields::ALL).push(" FROM events WHERE ");
    has_uid(&mut sql, uid);
    sql.push_patterns("source", sources);
    let rows = lease.rows(DOING, sql).await?;
    lease
        .within(async {
            let mut rows = pin!(rows);
            let mut events = Events::default();
            while let Some(row) = rows
                .try_next()
                .await
                .map_err(|error| lease.error(DOING, &error))?
            {
                events.push(&row, 0)?;
            }
            Ok((!events.is_empty()).then_some(events))
        })
        .await
}

/// The uid that the same source and id are stored under, when they came without a time.
async fn stored_under(lease: &Lease, uid: Uid) -> Result<Option<Uid>, ReadError> {
    let (low, high) = uid.id_hash_range();
    let mut sql = Statement::new("SELECT uid FROM recent_ids WHERE id_hash BETWEEN ");
    sql.bind(uuid::Uuid::from_bytes(low), Type::UUID)
        .push(" AND ")
        .bind(uuid::Uuid::from_bytes(high), Type::UUID);
    let rows = lease.rows(DOING, sql).await?;
    lease
        .within(async {
            let rows: Vec<_> = rows
                .try_collect()
                .await
                .map_err(|error| lease.error(DOING, &error))?;
            let uids = rows
                .iter()
                .filter_map(|row| row.try_get::<_, uuid::Uuid>(0).ok());
            Ok(uids
                .map(|found| Uid::from_bytes(found.into_bytes()))
                .find(|found| *found != uid))
        })
        .await
}

fn uuid(uid: Uid) -> uuid::Uuid {
    uuid::Uuid::from_bytes(*uid.as_bytes())
}
