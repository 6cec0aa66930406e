//! The batch that is being filled: records are decoded and encoded the moment they are polled, so a batch holds rows, not records.

use crate::{
    config::{Accept, Batch as Bounds},
    traces::Traces,
};
use event::{Event, Timestamp};
use kafka::{MALFORMED_HEADER, RecordView};
use std::{
    ops::RangeInclusive,
    time::{Duration, Instant},
};
use store::write::{Advance, Batch, Record};

/// What made a batch be flushed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trigger {
    Rows,
    Bytes,
    Age,
    Revoke,
    Shutdown,
}

/// What became of a record that was pushed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pushed {
    Row,
    DeadLetter(&'static str),
}

/// A batch with the moment its first record came.
#[derive(Debug)]
pub(crate) struct Filling {
    batch: Box<Batch>,
    traces: Traces,
    opened: Option<Instant>,
}

impl Filling {
    pub(crate) fn new(batch: Box<Batch>) -> Self {
        Self {
            batch,
            traces: Traces::new(),
            opened: None,
        }
    }

    /// Adds one record, whatever it is, and moves its partition on: from `expected`, the position before it, to behind it.
    pub(crate) fn push(&mut self, view: &RecordView<'_>, expected: i64, span: &Span) -> Pushed {
        if self.opened.is_none() {
            self.opened = Some(Instant::now());
        }
        let headers = view.headers();
        let record = Record {
            partition: view.partition(),
            offset: view.offset(),
            timestamp: view.timestamp_millis().map(Timestamp::from_millis),
            key: view.key(),
            headers: &headers,
            value: view.value(),
        };
        let pushed = match decode(&record, span) {
            Ok(event) => {
                self.traces.note(&event);
                self.batch.push_event(&event, &record);
                Pushed::Row
            }
            Err((reason, detail)) => {
                self.batch.push_dead_letter(&record, reason, &detail);
                Pushed::DeadLetter(reason)
            }
        };
        let advance = Advance {
            partition: record.partition,
            expected,
            next: record.offset + 1,
        };
        self.batch.advance_by(advance, record.timestamp);
        pushed
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.batch.is_empty()
    }

    /// Why this batch should be flushed now, if it should.
    pub(crate) fn trigger(&self, bounds: &Bounds, now: Instant) -> Option<Trigger> {
        if let Some(full) = self.full(bounds) {
            return Some(full);
        }
        self.due_in(bounds, now)
            .is_some_and(|left| left.is_zero())
            .then_some(Trigger::Age)
    }

    pub(crate) fn full(&self, bounds: &Bounds) -> Option<Trigger> {
        if self.batch.len() >= bounds.rows {
            Some(Trigger::Rows)
        } else if self.batch.bytes() >= bounds.bytes.as_usize() {
            Some(Trigger::Bytes)
        } else {
            None
        }
    }

    /// How long until the batch is old enough; none while it is empty.
    pub(crate) fn due_in(&self, bounds: &Bounds, now: Instant) -> Option<Duration> {
        let opened = self.opened?;
        Some((opened + bounds.age).saturating_duration_since(now))
    }

    /// Forgets everything; the records are read again from the checkpoint.
    pub(crate) fn discard(&mut self) {
        self.batch.clear();
        self.traces.forget();
        self.opened = None;
    }

    pub(crate) fn into_parts(self) -> (Box<Batch>, Traces) {
        (self.batch, self.traces)
    }
}

/// The times that events may have, seen from a moment: records that are read together share it, as asking for the time has its price.
#[derive(Debug, Clone)]
pub(crate) struct Span(RangeInclusive<Timestamp>);

impl Span {
    pub(crate) fn seen_from(now: Timestamp, accept: &Accept) -> Self {
        Self(now.saturating_sub(accept.max_age)..=now.saturating_add(accept.max_ahead))
    }
}

/// Makes an event of a record, or says why it is none: a stable word and a text for people.
fn decode<'a>(record: &Record<'a>, span: &Span) -> Result<Event<'a>, (&'static str, String)> {
    if record
        .headers
        .iter()
        .any(|(name, _)| *name == MALFORMED_HEADER)
    {
        return Err((
            "invalid-header-name",
            "the name of a header is not UTF-8".into(),
        ));
    }
    let event = event::record::decode(
        record.headers.iter().copied(),
        record.value,
        record.timestamp,
    )
    .map_err(|error| (error.reason(), error.to_string()))?;
    let time = event.occurred();
    if !span.0.contains(&time) {
        return Err((
            "time-out-of-range",
            format!("the event's time {time} is outside the span that is accepted"),
        ));
    }
    Ok(event)
}
