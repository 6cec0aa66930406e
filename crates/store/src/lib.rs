//! PostgreSQL: the one place with SQL.
//!
//! | module | owns |
//! |---|---|
//! | [`config`], [`pool`] | how to reach the database, and the connections |
//! | [`error`] | what a failure means for the caller, by SQLSTATE |
//! | [`migrate`], [`roles`] | the schema and who may touch it |
//! | [`databases`], [`census`], [`libpq`] | what a backup needs: databases beside this one, what one holds, how PostgreSQL's programs reach it |
//! | [`partitions`] | the partitions of `events` and `event_counts`: made on demand and ahead, retired by age |
//! | [`indexes`] | the indexes that an operator adds, built while the pipeline runs |
//! | [`write`](mod@write) | the hot path: the COPY encoder and the one transaction of a batch |
//! | [`checkpoints`], [`dead_letters`], [`recent_ids`] | the tables around the events |
//! | [`read`] | pages, single events, the feed and statistics |
//!
//! tokio-postgres types stop here: nothing of them is in a public signature.
//!
//! # What the schema guarantees
//!
//! Rows, dead letters, counts and the checkpoint of a batch are committed together or not at all, and the checkpoint
//! is moved by compare-and-swap, so a second writer of the same Kafka partition cannot commit anything. The primary
//! key `(time, uid)` makes a repeated event harmless.

pub mod census;
pub mod checkpoints;
pub mod config;
pub mod databases;
pub mod dead_letters;
pub mod error;
#[doc(hidden)]
pub mod failpoint;
pub mod indexes;
pub mod libpq;
pub mod migrate;
pub mod partitions;
pub(crate) mod pg;
pub mod pool;
pub mod read;
pub mod recent_ids;
pub mod roles;
mod tls;
pub mod write;

pub use config::Config;
pub use error::{ErrorKind, StoreError};
pub use pool::Pool;
