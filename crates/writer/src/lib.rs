//! Moves records from Kafka into PostgreSQL: every record ends in exactly one place, `events` or `dead_letters`, exactly once (P2).
//!
//! # The path of a record
//!
//! ```text
//!            consume thread (consume.rs)                             lane task (flush.rs), one for each connection
//! Kafka --> poll --> decode --> row of the filling batch --+--> flush: rows + dead letters + counts + checkpoint, one transaction
//!                       '-----> dead letter of the batch --'       |
//!            ^                                                     v
//!            '---- settled: the batch comes back empty, the partition's progress is noted (assignment.rs, freshness.rs)
//! ```
//!
//! 1. One thread polls the consumer. A record is decoded while it is still in librdkafka's buffer and encoded at once as a row of the filling batch of its
//!    *lane* (`partition % lanes`); what cannot be decoded becomes a dead letter in the same batch, with the record as it was.
//! 2. A batch is sealed by rows, bytes or age (`flush trigger`) when the lane's flush before it is settled: one flush in flight for each lane, in order.
//! 3. The lane's task writes it in one transaction with the checkpoint of every partition in it, by compare-and-swap. An outage of the database is
//!    waited for, for ever, with the same batch. Nothing is dead-lettered because of an outage (P4).
//! 4. When a lane has a full batch and an unfinished flush, reading waits for a moment and then pauses the lane's partitions. Polling goes on, so the
//!    member stays in its group through any outage, and memory stays at two batches a lane and the prefetch (P6).
//!
//! # The guarantee
//!
//! Positions live in PostgreSQL, beside the rows they stand for. On assignment the writer reads them and seeks there; Kafka's own committed offset is
//! only a signal for lag tools. Whoever else believes to own the partition (a zombie, an old owner in mid-flush) finds the checkpoint moved, rolls
//! back and lets go. So a crash, a kill, a rebalance or a replay at any moment leaves neither a gap nor a double.
//!
//! A database that goes back in time (a fail-over to a standby that lagged) takes rows and checkpoint back together: the writer goes back to the
//! checkpoint it finds, and what is missing comes from Kafka again (rewind.rs).
//!
//! A checkpoint that the log does not hold any more stops the writer, loudly: `docs/runbooks/checkpoint-out-of-range.md`.

mod app;
mod assignment;
mod batch;
mod config;
mod consume;
mod error;
mod flush;
mod freshness;
mod lane;
mod limiter;
mod maintenance;
mod metrics;
mod outage;
mod rewind;
mod traces;
mod waiting;

pub use app::Application;
pub use config::{
    Accept, Assignment, Batch, Config, DEFAULT_TOML, DeadLetters, Maintenance, Readiness, Shutdown,
    Start, load, load_layers,
};
pub use error::{Fault, RUNBOOK};
