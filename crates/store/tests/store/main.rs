//! The store on a real PostgreSQL: one file a behaviour, a database of its own for every test.

mod conflict;
mod encoder;
mod fast;
mod freshness;
mod fuzz_corpus;
mod indexes;
mod migrations;
mod outage;
mod partitions;
mod refused;
mod roles;
mod staged;
mod support;
mod tables;
mod timeless;
