//! The hot path: one batch, one transaction.
//!
//! ```text
//! record --decode--> Batch::push_event          encodes the row as it arrives, counts it, keeps the record's headers aside
//!        '--fault--> Batch::push_dead_letter    encodes the dead letter
//!                    Batch::advance             says where the checkpoint goes
//!
//! Sink::flush   BEGIN; checkpoints by compare-and-swap; ids without a time; COPY starts      one round trip
//!               COPY the rows; add up the counts; COPY the dead letters                      one, two with dead letters
//!               COMMIT                                                                       one
//! ```
//!
//! A unique violation redoes the batch through a temporary table and `INSERT .. ON CONFLICT DO NOTHING`; a data error does the
//! same in halves under savepoints until the bad rows stand alone, which then become dead letters. All of it is
//! one transaction with the checkpoint. A batch is never changed by a flush: after an outage the same one is flushed again.

mod aside;
mod batch;
mod copy;
mod counts;
mod dead;
mod flush;
mod rows;
mod sql;
mod staged;
mod steps;

pub use batch::{Advance, Batch, LogEnd, Record};
pub use flush::{FlushOutcome, Sink, Timings};
pub use rows::EventRows;
