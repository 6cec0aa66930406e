//! Accepts events over HTTP and answers once Kafka holds them on every in-sync replica.
//!
//! ```text
//! request --authenticate, rate--> admission --read, decompress--> body --parse--> events --authorise, rate--> records
//!    ^                                                                                                          |
//!    '-- answer, an outcome for every event <-- one countdown under one deadline <-- acknowledgements <-- producer
//! ```
//!
//! The guarantee (P1): an event answered 202 is in Kafka on all in-sync replicas. Whatever stands against that now and
//! may not later (no broker, a full queue, no acknowledgement in time) makes the whole answer a 503 with `Retry-After`,
//! at once where it is known at once. Sending everything again is safe, because the same event has the same uid.
//!
//! Memory has a bound in bytes at every stage (P6): a body takes its place in a budget before it is read
//! (`admission`), what it unpacks to takes the rest (`body`, `encoding`), and the producer's queue has a limit of its own.
//!
//! Nothing here knows PostgreSQL (P8).

mod admission;
mod answer;
mod app;
mod applications;
mod body;
mod config;
mod encoding;
mod error;
mod health;
mod metrics;
mod openapi;
mod routes;
mod sink;

pub use app::{Application, ServeError};
pub use config::{Accept, Answer, Body, Config, DEFAULT_TOML, Health};
pub use openapi::openapi;
