//! The writer's metrics. A field's comment is its help text.

use crate::{batch::Trigger, flush::Settled};
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{
        counter::Counter,
        family::Family,
        gauge::Gauge,
        histogram::{Histogram, exponential_buckets},
    },
    registry::Registry,
};
use service::metrics::{Exemplar, TracedHistogram};
use std::sync::atomic::AtomicU64;
use store::write::{Batch, Timings};

pub(crate) type Seconds = Gauge<f64, AtomicU64>;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct TriggerLabel {
    trigger: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StepLabel {
    step: &'static str,
}

/// An accepted event is promised to be readable within this time (docs/operations.md).
const PROMISED_MILLIS: i64 = 5_000;

/// Every reason of a dead letter: those of [`event::record::RecordError`], and PostgreSQL's refusal. All are there from the start, since
/// an increase is only seen of a series that was there before: the first dead letter of its reason would raise no alert.
const REASONS: [&str; 8] = [
    "not-an-event",
    "unsupported-specversion",
    "missing-header",
    "duplicate-header",
    "invalid-header",
    "invalid-name",
    "invalid-time",
    "refused",
];

/// From a millisecond to a minute: an outage is not in it.
fn seconds() -> TracedHistogram {
    TracedHistogram::new(exponential_buckets(0.001, 2.0, 16))
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct PathLabel {
    path: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReasonLabel {
    reason: &'static str,
}

/// Label of everything that is told by partition.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct PartitionLabel {
    pub(crate) partition: i32,
}

/// Handles made once; clones share the values.
#[derive(Debug, Clone)]
pub(crate) struct Metrics {
    /// Records taken from Kafka.
    pub(crate) records: Counter,
    /// Records that came again after they had been taken, and were passed over.
    pub(crate) repeated: Counter,
    /// Offsets that no record had (a compacted topic, a transaction's marker).
    pub(crate) gaps: Counter,
    /// Events stored.
    rows: Counter,
    /// Events that were stored before and not stored again.
    duplicates: Counter,
    /// Dead letters by reason; `refused` are those that only PostgreSQL refused.
    dead_letters: Family<ReasonLabel, Counter>,
    /// Batches by what made them be flushed.
    batches: Family<TriggerLabel, Counter>,
    /// Flushes by how they ended.
    flushes: Family<PathLabel, Counter>,
    /// Records of one batch.
    batch_records: Histogram,
    /// Bytes of one batch.
    batch_bytes: Histogram,
    /// From sealed to committed, outages included.
    flush_seconds: Histogram,
    /// Time of a flush with the database, by step.
    database: Family<StepLabel, TracedHistogram>,
    /// From the appending of a batch's oldest record until it is readable.
    stored_age: Histogram,
    /// Events of batches whose oldest record was readable later than promised.
    late_rows: Counter,
    /// 1 while the database is out.
    pub(crate) outage: Gauge,
    /// Outages of the database.
    pub(crate) outages: Counter,
    /// Attempts that failed because the database was out.
    pub(crate) outage_retries: Counter,
    /// Partitions this writer owns.
    pub(crate) partitions: Gauge,
    /// Partitions whose reading is paused.
    pub(crate) paused: Gauge,
    /// 1 while reading is paused because too many records are bad.
    pub(crate) throttled: Gauge,
    /// Assignments received.
    pub(crate) assignments: Counter,
    /// Revocations received.
    pub(crate) revocations: Counter,
    /// Checkpoints found to be moved by another writer.
    pub(crate) conflicts: Counter,
    /// Times the database was found to have gone back in time, as after a fail-over to a standby that lagged.
    pub(crate) rewinds: Counter,
    /// 1 once a checkpoint was found outside the log: the writer has stopped.
    pub(crate) checkpoint_out_of_range: Gauge,
    /// Records behind the end of the log.
    pub(crate) lag: Family<PartitionLabel, Gauge>,
    /// Seconds since the oldest record was appended that has been read and not stored.
    pub(crate) age: Family<PartitionLabel, Seconds>,
    /// Partitions of the tables made, ahead of time or on demand.
    pub(crate) table_partitions: Counter,
    /// Remembered ids forgotten.
    pub(crate) expired_ids: Counter,
}

impl Default for Metrics {
    fn default() -> Self {
        let metrics = Self {
            records: Counter::default(),
            repeated: Counter::default(),
            gaps: Counter::default(),
            rows: Counter::default(),
            duplicates: Counter::default(),
            dead_letters: Family::default(),
            batches: Family::default(),
            flushes: Family::default(),
            batch_records: Histogram::new(exponential_buckets(1.0, 4.0, 10)),
            batch_bytes: Histogram::new(exponential_buckets(1_024.0, 4.0, 9)),
            flush_seconds: Histogram::new(exponential_buckets(0.002, 2.0, 15)),
            database: Family::new_with_constructor(seconds as fn() -> TracedHistogram),
            stored_age: Histogram::new([
                0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0, 3600.0,
            ]),
            late_rows: Counter::default(),
            outage: Gauge::default(),
            outages: Counter::default(),
            outage_retries: Counter::default(),
            partitions: Gauge::default(),
            paused: Gauge::default(),
            throttled: Gauge::default(),
            assignments: Counter::default(),
            revocations: Counter::default(),
            conflicts: Counter::default(),
            rewinds: Counter::default(),
            checkpoint_out_of_range: Gauge::default(),
            lag: Family::default(),
            age: Family::default(),
            table_partitions: Counter::default(),
            expired_ids: Counter::default(),
        };
        // Touched here so that zero exists before the first time.
        for trigger in [
            Trigger::Rows,
            Trigger::Bytes,
            Trigger::Age,
            Trigger::Revoke,
            Trigger::Shutdown,
        ] {
            drop(metrics.batches.get_or_create(&label(trigger)));
        }
        for path in [
            "fast",
            "staged",
            "bisected",
            "already_stored",
            "conflict",
            "abandoned",
            "failed",
        ] {
            drop(metrics.flushes.get_or_create(&PathLabel { path }));
        }
        for reason in REASONS {
            drop(metrics.dead_letters.get_or_create(&ReasonLabel { reason }));
        }
        metrics
    }
}

fn label(trigger: Trigger) -> TriggerLabel {
    TriggerLabel {
        trigger: match trigger {
            Trigger::Rows => "rows",
            Trigger::Bytes => "bytes",
            Trigger::Age => "age",
            Trigger::Revoke => "revoke",
            Trigger::Shutdown => "shutdown",
        },
    }
}

impl Metrics {
    /// Adds everything to a registry under `flumen_writer`.
    #[rustfmt::skip]
    pub(crate) fn register(&self, registry: &mut Registry) {
        let registry = registry.sub_registry_with_prefix("flumen_writer");
        registry.register("records", "Records taken from Kafka", self.records.clone());
        registry.register("repeated_records", "Records that came again after they had been taken, and were passed over", self.repeated.clone());
        registry.register("skipped_offsets", "Offsets that no record had (a compacted topic, a transaction's marker)", self.gaps.clone());
        registry.register("rows", "Events stored", self.rows.clone());
        registry.register("duplicates", "Events that were stored before and not stored again", self.duplicates.clone());
        registry.register("dead_letters", "Dead letters by reason; refused are those that only PostgreSQL refused", self.dead_letters.clone());
        registry.register("batches", "Batches by what made them be flushed", self.batches.clone());
        registry.register("flushes", "Flushes by how they ended", self.flushes.clone());
        registry.register("batch_records", "Records of one batch", self.batch_records.clone());
        registry.register("batch_bytes", "Bytes of one batch", self.batch_bytes.clone());
        registry.register("flush_seconds", "From sealed to committed, without outages", self.flush_seconds.clone());
        registry.register("database_write_seconds", "Time of a flush with the database, by step", self.database.clone());
        registry.register("stored_age_seconds", "From the appending of a batch's oldest record until the batch is readable", self.stored_age.clone());
        registry.register("late_rows", "Events of batches whose oldest record was readable later than 5 s after Kafka had it", self.late_rows.clone());
        registry.register("database_outage", "1 while the database is out", self.outage.clone());
        registry.register("database_outages", "Outages of the database", self.outages.clone());
        registry.register("database_outage_retries", "Attempts that failed because the database was out", self.outage_retries.clone());
        registry.register("partitions", "Partitions this writer owns", self.partitions.clone());
        registry.register("paused_partitions", "Partitions whose reading is paused", self.paused.clone());
        registry.register("dead_letters_throttled", "1 while reading is paused because too many records are bad", self.throttled.clone());
        registry.register("assignments", "Assignments received", self.assignments.clone());
        registry.register("revocations", "Revocations received", self.revocations.clone());
        registry.register("checkpoint_rewinds", "Times the database was found to have gone back in time, as after a fail-over to a standby that lagged", self.rewinds.clone());
        registry.register("checkpoint_conflicts", "Checkpoints found to be moved by another writer", self.conflicts.clone());
        registry.register("checkpoint_out_of_range", "1 once a checkpoint was found outside the log: the writer has stopped", self.checkpoint_out_of_range.clone());
        registry.register("lag_records", "Records behind the end of the log", self.lag.clone());
        registry.register("age_seconds", "Seconds since the oldest record was appended that has been read and not stored", self.age.clone());
        registry.register("table_partitions_created", "Partitions of the tables made, ahead of time or on demand", self.table_partitions.clone());
        registry.register("expired_ids", "Remembered ids forgotten", self.expired_ids.clone());
    }

    pub(crate) fn sealed(&self, trigger: Trigger, batch: &Batch) {
        self.batches.get_or_create(&label(trigger)).inc();
        #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
        {
            self.batch_records.observe(batch.len() as f64);
            self.batch_bytes.observe(batch.bytes() as f64);
        }
    }

    /// Counts how a flush ended.
    pub(crate) fn settled(&self, settled: &Settled, trace: Option<Exemplar>) {
        let path = match settled {
            Settled::Stored(outcome) => {
                self.rows.inc_by(outcome.inserted);
                self.duplicates.inc_by(outcome.duplicates);
                self.table_partitions
                    .inc_by(u64::from(outcome.partitions_created));
                self.flush_seconds
                    .observe(outcome.timings.total.as_secs_f64());
                self.timed(&outcome.timings, trace);
                if outcome.refused > 0 {
                    self.dead_letter("refused", outcome.refused);
                }
                if outcome.already_stored {
                    "already_stored"
                } else if outcome.bisected {
                    "bisected"
                } else if outcome.staged {
                    "staged"
                } else {
                    "fast"
                }
            }
            Settled::Conflict(_) => "conflict",
            Settled::Abandoned => "abandoned",
            Settled::Failed(_) => "failed",
        };
        self.flushes.get_or_create(&PathLabel { path }).inc();
    }

    fn timed(&self, timings: &Timings, trace: Option<Exemplar>) {
        for (step, time) in [
            ("prepare", timings.prepare),
            ("write", timings.write),
            ("commit", timings.commit),
        ] {
            let step = self.database.get_or_create(&StepLabel { step });
            step.observe(time, trace);
        }
    }

    /// So many events became readable, the oldest of them after so many milliseconds.
    pub(crate) fn readable(&self, events: u64, age_millis: i64) {
        #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
        self.stored_age.observe(age_millis as f64 / 1e3);
        if age_millis > PROMISED_MILLIS {
            self.late_rows.inc_by(events);
        }
    }

    pub(crate) fn dead_letter(&self, reason: &'static str, count: u64) {
        self.dead_letters
            .get_or_create(&ReasonLabel { reason })
            .inc_by(count);
    }

    /// Forgets what is told by partition: it is another writer's to tell now.
    pub(crate) fn forget_partitions(&self) {
        self.lag.clear();
        self.age.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_of_a_dead_letter_is_there_from_the_start() {
        use event::record::RecordError as Error;
        let (text, header) = (String::new, "");
        let (name, rule) = (text(), "");
        let errors = [
            Error::NotAnEvent,
            Error::UnsupportedSpecversion,
            Error::MissingHeader(header),
            Error::DuplicateHeader(text()),
            Error::InvalidHeader { name, rule },
            Error::InvalidName(text()),
            Error::InvalidTime(header),
        ];
        for error in errors {
            // A new one does not compile here: add it above, and to `REASONS`.
            match error {
                Error::NotAnEvent
                | Error::UnsupportedSpecversion
                | Error::MissingHeader(_)
                | Error::DuplicateHeader(_)
                | Error::InvalidHeader { .. }
                | Error::InvalidName(_)
                | Error::InvalidTime(_) => {}
            }
            let reason = error.reason();
            assert!(REASONS.contains(&reason), "{reason}");
        }
    }

    #[test]
    fn the_documentation_tells_every_metric() {
        let mut registry = Registry::default();
        let metrics = Metrics::default();
        metrics.register(&mut registry);
        let partition = PartitionLabel { partition: 0 };
        metrics.lag.get_or_create(&partition).set(0);
        metrics.age.get_or_create(&partition).set(0.0);
        metrics.timed(&Timings::default(), None);
        kafka::ConsumerMetrics::default().register(&mut registry);
        service::metrics::reference::check_section("writer", &registry);
    }
}
