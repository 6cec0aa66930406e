//! A connection that speaks Kafka's own protocol, for the administrative requests that librdkafka's binding does not have (ACLs, quotas, users) or cannot make
//! (all of them as an IAM role, since it is never asked for a token).
//!
//! One broker, one request at a time; KRaft brokers hand what belongs to the controller on. The messages are those of the crate `kafka-protocol`,
//! TLS is rustls, SCRAM is [`scram`]. Everything that carries events goes through librdkafka.

mod connection;
mod failure;
pub(crate) mod scram;
mod tls;

pub(crate) use connection::Connection;
pub(crate) use failure::Failure;

use kafka_protocol::protocol::StrBytes;

/// Text as the messages hold it.
pub(crate) fn text(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_owned())
}
