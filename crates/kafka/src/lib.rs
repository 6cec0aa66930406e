//! Talking to Kafka: a [`Producer`] whose acknowledgements cost one countdown per request, a [`Consumer`] whose positions come from
//! outside Kafka, an [`Admin`] for topics and an [`AccessAdmin`] for ACLs, quotas and users. The types of rdkafka and librdkafka stop at this crate's border.
//!
//! | what | guarantee |
//! |---|---|
//! | [`Producer::send`] | never blocks; a full queue or a missing broker is an error at once |
//! | [`Outcome::Acked`] | the record is on all in-sync replicas (`acks=all`, idempotent) |
//! | [`Countdown`] | reaches zero once per request, however the request's future ends |
//! | [`Producer::availability`] | one atomic load; turns back to `Up` by itself, without a restart |
//! | [`Consumer`] | reads only from offsets it was given; never commits, stores or resets an offset by itself |
//! | [`Polled`] | every rebalance reaches the caller's loop as an event, on the caller's thread |
//!
//! Bytes are bounded everywhere: the producer's queue and the consumer's prefetch are settings of [`Config`].

mod access;
mod admin;
mod availability;
mod aws;
mod config;
mod consumer;
mod context;
mod countdown;
mod error;
mod in_memory;
mod metrics;
mod producer;
mod record;
mod security;
mod spread;
mod topic;
mod wire;

pub use access::{AccessAdmin, Acl, Effect, Operation, Resource};
pub use admin::Admin;
pub use availability::Availability;
pub use aws::Environment as AwsEnvironment;
pub use config::{Assignor, Compression, Config, ConsumerConfig, ProducerConfig};
pub use consumer::{Consumer, Event, Log, Polled};
pub use countdown::{Countdown, Outcome, SendError};
pub use error::Error;
pub use in_memory::InMemoryBroker;
pub use metrics::{ConsumerMetrics, ProducerMetrics};
pub use producer::{Producer, Record};
pub use record::{Headers, MALFORMED_HEADER, RecordView};
pub use security::{Authentication, Protocol, Security};
pub use topic::{TopicDescription, TopicDifference, TopicSpec};
