//! The partitions of `events` and `event_counts`, which go together.
//!
//! The writer asks [`Partitions::cover_days`] before every flush; what is known already costs no question to the database. A
//! partition is made by the function `flumen_ensure_partition` (see its comment for the locks), outside the batch's
//! transaction. Retention drops whole partitions of both tables, so it is exact and costs nothing per row.

mod calendar;
mod retire;

use std::sync::{PoisonError, RwLock};

use event::Timestamp;

use crate::{Pool, StoreError, config::Interval, pg::PgTime};

pub use retire::{RetireOutcome, Retired, retire};

const DAY_MICROS: i64 = 86_400_000_000;

/// A half-open span of time, in microseconds since the Unix epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span {
    /// The first moment.
    pub start: Timestamp,
    /// The first moment after it.
    pub end: Timestamp,
}

impl Span {
    fn holds(&self, micros: i64) -> bool {
        self.start.as_micros() <= micros && micros < self.end.as_micros()
    }
}

/// A partition as the catalogue shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Partition {
    /// The partitioned table: `events` or `event_counts`.
    pub parent: String,
    /// Its own name.
    pub name: String,
    /// The schema it is in.
    pub schema: String,
    /// What it holds.
    pub span: Span,
    /// Its size on disk with its indexes.
    pub bytes: u64,
    /// The planner's estimate of its rows.
    pub estimated_rows: u64,
    /// Whether a concurrent detach was begun and not finished.
    pub detach_pending: bool,
}

/// What is known of the partitions, and how new ones are cut.
#[derive(Debug)]
pub struct Partitions {
    interval: Interval,
    known: RwLock<Vec<Span>>,
}

impl Partitions {
    /// Knows nothing yet.
    #[must_use]
    pub fn new(interval: Interval) -> Self {
        Self {
            interval,
            known: RwLock::new(Vec::new()),
        }
    }

    /// Makes sure that there are partitions for these days (since the Unix epoch), and answers how many were made.
    ///
    /// Days known to be covered cost nothing. Safe from many places at once.
    ///
    /// # Errors
    /// An outage, also when a lock is not free in time; fatal without the schema or the right.
    pub async fn cover_days(&self, pool: &Pool, days: &[i64]) -> Result<u32, StoreError> {
        if days.iter().all(|day| self.missing(*day).is_none()) {
            return Ok(0);
        }
        self.learn(pool).await?;
        let mut made = 0;
        for day in days {
            while let Some(moment) = self.missing(*day) {
                made += u32::from(self.ensure(pool, moment).await?.created);
            }
        }
        Ok(made)
    }

    /// Makes the partition that holds `now` and so many after it; answers the spans of those made.
    ///
    /// # Errors
    /// As [`Self::cover_days`].
    pub async fn ahead(
        &self,
        pool: &Pool,
        now: Timestamp,
        partitions: u32,
    ) -> Result<Vec<Span>, StoreError> {
        let mut made = Vec::new();
        let mut moment = now.as_micros();
        for _ in 0..=partitions {
            let ensured = self.ensure(pool, moment).await?;
            if ensured.created {
                made.push(ensured.span);
            }
            moment = ensured.span.end.as_micros();
        }
        Ok(made)
    }

    /// The spans [`Self::ahead`] would make, without making any.
    ///
    /// # Errors
    /// As [`list`].
    pub async fn missing_ahead(
        &self,
        pool: &Pool,
        now: Timestamp,
        partitions: u32,
    ) -> Result<Vec<Span>, StoreError> {
        self.learn(pool).await?;
        let known = self
            .known
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        let mut missing = Vec::new();
        let mut moment = now.as_micros();
        for _ in 0..=partitions {
            let span = match known.iter().find(|span| span.holds(moment)) {
                Some(span) => *span,
                None => {
                    let mut span = calendar::period(self.interval, moment);
                    for other in &known {
                        if other.end.as_micros() <= moment {
                            span.start = span.start.max(other.end);
                        } else {
                            span.end = span.end.min(other.start);
                        }
                    }
                    missing.push(span);
                    span
                }
            };
            moment = span.end.as_micros();
        }
        Ok(missing)
    }

    /// Forgets what is known: somebody changed the partitions.
    pub fn forget(&self) {
        self.write(|known| known.clear());
    }

    /// Reads what there is.
    async fn learn(&self, pool: &Pool) -> Result<(), StoreError> {
        let client = pool.get().await?;
        let fail = |error| StoreError::from_pg("look at the partitions", &error);
        // Without their sizes: those would wait for whoever has one of them locked.
        let statement = client
            .prepare_cached(
                "SELECT range_start, range_end FROM flumen_partitions \
                 WHERE parent = 'events' AND NOT detach_pending ORDER BY range_start",
            )
            .await
            .map_err(fail)?;
        let rows = client.query(&statement, &[]).await.map_err(fail)?;
        let spans = rows
            .iter()
            .map(|row| Span {
                start: row.get::<_, PgTime>(0).0,
                end: row.get::<_, PgTime>(1).0,
            })
            .collect();
        self.write(|known| *known = spans);
        Ok(())
    }

    /// The first moment of the day that no known partition holds.
    fn missing(&self, day: i64) -> Option<i64> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let end = day.saturating_add(1).saturating_mul(DAY_MICROS);
        let mut moment = day.saturating_mul(DAY_MICROS);
        while moment < end {
            let after = known.partition_point(|span| span.start.as_micros() <= moment);
            match after.checked_sub(1).map(|at| known[at]) {
                Some(span) if span.holds(moment) => moment = span.end.as_micros(),
                _ => return Some(moment),
            }
        }
        None
    }

    async fn ensure(&self, pool: &Pool, moment: i64) -> Result<Ensured, StoreError> {
        const DOING: &str = "make a partition";
        let period = calendar::period(self.interval, moment);
        let client = pool.get().await?;
        let fail = |error: tokio_postgres::Error| match error.code().map(|code| code.code()) {
            // It would overlap, or be named like, one that is detached and still there for those who read it.
            Some("42P17" | "42P07") => StoreError::outage(
                DOING,
                "one for that time is being retired, or a table has its name; the next `flumen maintain` drops what was retired",
            ),
            _ => StoreError::from_pg(DOING, &error),
        };
        let statement = client
            .prepare_cached(
                "SELECT range_start, range_end, created FROM flumen_ensure_partition($1, $2, $3)",
            )
            .await
            .map_err(fail)?;
        let row = client
            .query_one(
                &statement,
                &[
                    &PgTime::from_micros(moment),
                    &PgTime(period.start),
                    &PgTime(period.end),
                ],
            )
            .await
            .map_err(fail)?;
        let ensured = Ensured {
            span: Span {
                start: row.get::<_, PgTime>(0).0,
                end: row.get::<_, PgTime>(1).0,
            },
            created: row.get(2),
        };
        if !ensured.span.holds(moment) {
            return Err(StoreError::bug(
                DOING,
                "the partition made does not hold the moment",
            ));
        }
        self.write(|known| {
            if let Err(at) = known.binary_search(&ensured.span) {
                known.insert(at, ensured.span);
            }
        });
        Ok(ensured)
    }

    fn write(&self, change: impl FnOnce(&mut Vec<Span>)) {
        change(&mut self.known.write().unwrap_or_else(PoisonError::into_inner));
    }
}

struct Ensured {
    span: Span,
    created: bool,
}

/// All partitions, by parent and time.
///
/// # Errors
/// An outage, or fatal without the schema.
pub async fn list(pool: &Pool) -> Result<Vec<Partition>, StoreError> {
    let client = pool.get().await?;
    let fail = |error| StoreError::from_pg("list the partitions", &error);
    let statement = client
        .prepare_cached(
            // One dropped a moment ago has no size.
            "SELECT parent, name, schema, range_start, range_end, coalesce(bytes, 0), estimated_rows, detach_pending \
             FROM flumen_partitions ORDER BY parent DESC, range_start",
        )
        .await
        .map_err(fail)?;
    let rows = client.query(&statement, &[]).await.map_err(fail)?;
    Ok(rows
        .iter()
        .map(|row| Partition {
            parent: row.get(0),
            name: row.get(1),
            schema: row.get(2),
            span: Span {
                start: row.get::<_, PgTime>(3).0,
                end: row.get::<_, PgTime>(4).0,
            },
            bytes: u64::try_from(row.get::<_, i64>(5)).unwrap_or(0),
            estimated_rows: u64::try_from(row.get::<_, i64>(6)).unwrap_or(0),
            detach_pending: row.get(7),
        })
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(start: i64, end: i64) -> Span {
        Span {
            start: Timestamp::from_micros(start),
            end: Timestamp::from_micros(end),
        }
    }

    #[test]
    fn a_day_is_covered_only_when_all_of_it_is() {
        let partitions = Partitions::new(Interval::Day);
        assert_eq!(partitions.missing(1), Some(DAY_MICROS));
        partitions.write(|known| known.push(span(DAY_MICROS, DAY_MICROS + 10)));
        assert_eq!(partitions.missing(1), Some(DAY_MICROS + 10));
        partitions.write(|known| known.push(span(DAY_MICROS + 10, 2 * DAY_MICROS)));
        assert_eq!(partitions.missing(1), None);
        assert_eq!(partitions.missing(0), Some(0));
        assert_eq!(partitions.missing(-1), Some(-DAY_MICROS));
        partitions.forget();
        assert_eq!(partitions.missing(1), Some(DAY_MICROS));
    }
}
