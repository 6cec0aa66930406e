//! What one call of the feed reads of each Kafka partition, and how far that brings its reader.

use tokio_postgres::types::Type;

use super::super::fields::Fields;
use super::super::json::Events;
use super::super::row::EventRow;
use super::super::sql::Statement;
use super::{Checkpoints, DOING, FeedHead, FeedPage, FeedPosition, FeedQuery};
use crate::StoreError;
use crate::read::ReadError;

/// Offsets one call looks at, over all partitions, when filters are set: some 30 ms of work.
const SCAN_OFFSETS: i64 = 20_000;

/// Offsets one call looks at without filters: every row counts, so the limit ends it.
const UNBOUNDED: i64 = 1 << 40;

/// What one call reads of one partition.
pub(super) struct Window {
    partition: i32,
    from: i64,
    to: i64,
    /// First offset that holds a row at all; `to` when there is none.
    first: i64,
    /// Behind the last row that was taken.
    taken: i64,
    /// Rows that were taken.
    count: i64,
    /// Whether the rows that were taken tell how far it was read.
    is_seen: bool,
}

pub(super) struct Plan {
    pub(super) windows: Vec<Window>,
    per_partition: i64,
    scan: i64,
    pub(super) events: Events,
    /// Heads of the events, when they are wanted.
    pub(super) heads: Option<Vec<FeedHead>>,
    /// Whether there was more than fits.
    pub(super) is_cut: bool,
}

impl Plan {
    pub(super) fn new(at: &FeedPosition, reached: &Checkpoints, query: &FeedQuery) -> Self {
        let mut windows: Vec<Window> = reached
            .next
            .iter()
            .map(|(partition, to)| (*partition, at.offset(*partition), *to))
            .filter(|(_, from, to)| from < to)
            .map(|(partition, from, to)| Window {
                partition,
                from,
                to,
                first: to,
                taken: from,
                count: 0,
                is_seen: false,
            })
            .collect();
        // Everyone in turn, beginning with the one whose turn it is.
        let turn = windows
            .iter()
            .position(|window| window.partition >= at.turn)
            .unwrap_or(0);
        windows.rotate_left(turn);
        windows.truncate(query.limit);
        let limit = i64::try_from(query.limit).unwrap_or(i64::MAX);
        let per_partition = share(&windows, limit);
        let scan = if query.filter.is_any() {
            UNBOUNDED
        } else {
            (SCAN_OFFSETS / i64::try_from(windows.len().max(1)).unwrap_or(1)).max(per_partition)
        };
        Self {
            windows,
            per_partition,
            scan,
            events: Events::showing(query.fields),
            heads: None,
            is_cut: false,
        }
    }

    pub(super) fn statement(&self, query: &FeedQuery) -> Statement {
        let column = |of: fn(&Window) -> i64| self.windows.iter().map(of).collect::<Vec<_>>();
        let partitions: Vec<i32> = self.windows.iter().map(|window| window.partition).collect();
        let mut sql = Statement::new("SELECT w.turn, f.first_offset, ");
        sql.push_columns(query.fields)
            .push(" FROM unnest(")
            .bind(partitions, Type::INT4_ARRAY);
        sql.push(", ")
            .bind(column(|window| window.from), Type::INT8_ARRAY);
        sql.push(", ")
            .bind(column(|window| window.to), Type::INT8_ARRAY);
        // OFFSET 0 keeps the planner from pulling the first offset up into the conditions below, where it would be looked up again for
        // every row: a page of 1 000 from a million rows took 158 ms so, and 12 ms with it.
        sql.push(
            ") WITH ORDINALITY AS w(part, from_offset, to_offset, turn) \
             CROSS JOIN LATERAL (SELECT coalesce((SELECT g.kafka_offset FROM events AS g WHERE g.kafka_partition = w.part \
             AND g.kafka_offset >= w.from_offset AND g.kafka_offset < w.to_offset ORDER BY g.kafka_offset LIMIT 1), \
             w.to_offset) AS first_offset OFFSET 0) AS f \
             LEFT JOIN LATERAL (SELECT ",
        );
        sql.push_columns(Fields::ALL).push(
            " FROM events WHERE kafka_partition = w.part AND kafka_offset >= f.first_offset \
             AND kafka_offset < least(w.to_offset, f.first_offset + ",
        );
        sql.bind(self.scan, Type::INT8).push(")");
        sql.push_patterns("source", &query.filter.sources)
            .push_filter(&query.filter);
        sql.push(" ORDER BY kafka_offset LIMIT ")
            .bind(self.per_partition, Type::INT8);
        sql.push(") AS e ON true ORDER BY w.turn, e.kafka_offset");
        sql
    }

    /// Takes a row: one for each event, and one without an event for each partition that has none to show.
    pub(super) fn take(&mut self, row: &tokio_postgres::Row) -> Result<(), ReadError> {
        let wrong = |error: tokio_postgres::Error| StoreError::bug(DOING, error.to_string());
        let turn: i64 = row.try_get(0).map_err(wrong)?;
        let window = usize::try_from(turn - 1)
            .ok()
            .and_then(|index| self.windows.get_mut(index));
        let window = window
            .ok_or_else(|| StoreError::bug(DOING, "a row of a partition that was not asked for"))?;
        window.first = row.try_get(1).map_err(wrong)?;
        window.is_seen = true;
        // `kafka_offset` is the fourth of the columns that follow the two above.
        if let Some(offset) = row.try_get::<_, Option<i64>>(2 + 3).map_err(wrong)? {
            self.events.push(row, 2)?;
            if let Some(heads) = &mut self.heads {
                let event = EventRow::of(row, 2)?;
                // PostgreSQL holds nothing but UTF-8.
                let text = |raw: &[u8]| String::from_utf8_lossy(raw).into_owned();
                heads.push(FeedHead {
                    partition: event.partition(),
                    offset,
                    source: text(event.source()),
                    kind: text(event.kind()),
                    subject: event.subject().map(text),
                });
            }
            window.taken = offset + 1;
            window.count += 1;
        }
        Ok(())
    }

    pub(super) fn into_page(self, at: &FeedPosition, reached: &Checkpoints) -> FeedPage {
        let mut next = FeedPosition {
            log: reached.log.max(at.log),
            turn: at.turn,
            next: at.next.clone(),
        };
        // A cut falls into the last window that was seen; those behind it were not read at all.
        let last_seen = self.windows.iter().rposition(|window| window.is_seen);
        for (index, window) in self
            .windows
            .iter()
            .enumerate()
            .filter(|(_, window)| window.is_seen)
        {
            let is_cut_here = self.is_cut && Some(index) == last_seen;
            let reached = if is_cut_here || window.count >= self.per_partition {
                window.taken
            } else {
                // Every row up to the end of what was looked at was taken or left out by the filter.
                window.to.min(window.first.saturating_add(self.scan))
            };
            next.next.insert(window.partition, reached);
        }
        if let Some(last) = last_seen.map(|index| &self.windows[index]) {
            next.turn = if self.is_cut {
                last.partition
            } else {
                last.partition.saturating_add(1)
            };
        }
        let is_caught_up = next.has_reached(reached);
        FeedPage {
            events: self.events,
            next,
            is_caught_up,
        }
    }
}

/// The most rows of each partition that keep the sum within the limit: partitions with little to give leave their share to the others.
fn share(windows: &[Window], limit: i64) -> i64 {
    let mut lags: Vec<i64> = windows
        .iter()
        .map(|window| window.to - window.from)
        .collect();
    lags.sort_unstable();
    let (mut left, mut waiting) = (limit, i64::try_from(lags.len()).unwrap_or(i64::MAX));
    for lag in lags {
        if lag.saturating_mul(waiting) > left {
            return (left / waiting).max(1);
        }
        left -= lag;
        waiting -= 1;
    }
    limit
}

#[cfg(test)]
mod tests {
    use super::*;

    fn windows(lags: &[i64]) -> Vec<Window> {
        let window = |(partition, lag): (usize, &i64)| Window {
            partition: i32::try_from(partition).expect("few"),
            from: 0,
            to: *lag,
            first: 0,
            taken: 0,
            count: 0,
            is_seen: false,
        };
        lags.iter().enumerate().map(window).collect()
    }

    #[test]
    fn what_a_short_partition_leaves_goes_to_the_others_and_the_sum_stays_within_the_limit() {
        for (lags, limit, expected) in [
            (&[10, 10][..], 100, 100),
            (&[100, 100][..], 100, 50),
            (&[10, 500, 500][..], 100, 45),
            (&[1, 1, 1_000][..], 100, 98),
            (&[1_000][..], 100, 100),
            (&[5, 5, 5][..], 3, 1),
        ] {
            let n = share(&windows(lags), limit);
            assert_eq!(n, expected, "{lags:?} within {limit}");
            assert!(lags.iter().map(|lag| (*lag).min(n)).sum::<i64>() <= limit);
        }
    }
}
