//! The service as its callers meet it, on a real Kafka; librdkafka's mock cluster stands in only where a fault must be made.

mod bodies;
mod events;
mod harness;
mod keys;
mod metrics;
mod modes;
mod outage;
mod pressure;
mod process;
mod promises;
mod shutdown;
mod slow;
mod surface;
