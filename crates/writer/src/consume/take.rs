//! What one record does to the loop's state.

use super::lane_of;
use crate::{
    assignment::Position,
    batch::{Pushed, Span},
    config::Config,
    lane::Lane,
    limiter::Limiter,
    metrics::Metrics,
};
use kafka::RecordView;
use std::{collections::BTreeMap, time::Instant};

/// What a record changes; apart from [`Loop`] because the record borrows the consumer.
pub(super) struct Taking<'a> {
    pub(super) config: &'a Config,
    pub(super) metrics: &'a Metrics,
    pub(super) lanes: &'a mut [Lane],
    pub(super) owned: &'a mut BTreeMap<i32, Position>,
    pub(super) limiter: &'a mut Limiter,
    /// The times that events may have.
    pub(super) span: &'a Span,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Taken {
    /// There is room for more.
    Room,
    /// The lane has a batch to send off, or no room.
    Full,
}

impl Taking<'_> {
    pub(super) fn take(self, record: &RecordView<'_>) -> Taken {
        let (partition, offset) = (record.partition(), record.offset());
        let Some(position) = self.owned.get_mut(&partition) else {
            // Given back, or never ours: its owner reads it.
            return Taken::Room;
        };
        if offset < position.next {
            self.metrics.repeated.inc();
            return Taken::Room;
        }
        let expected = position.next;
        if offset > expected {
            self.metrics
                .gaps
                .inc_by(u64::try_from(offset - expected).unwrap_or_default());
        }
        position.next = offset + 1;
        position.waiting.read(offset, record.timestamp_millis());
        let count = self.lanes.len();
        let lane = &mut self.lanes[lane_of(partition, count)];
        let pushed = lane.push(record, expected, self.span);
        self.metrics.records.inc();
        if let Pushed::DeadLetter(reason) = pushed {
            self.metrics.dead_letter(reason, 1);
            self.limiter.take(1, Instant::now());
        }
        if lane.is_full(&self.config.batch) {
            Taken::Full
        } else {
            Taken::Room
        }
    }
}
