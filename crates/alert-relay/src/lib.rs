//! Turns alerts from Alertmanager and Grafana into mails, and keeps them on disk until they are sent.
//!
//! ```text
//! webhook --authenticate, read, clean--> alerts --route, deduplicate--> outbox (synced, then 200)
//!                                                                          |
//!   mailbox <-- SMTP or HTTP API <-- rendered <-- mail, in its lane <------'  grouped, paced, out of quiet hours
//! ```
//!
//! The guarantee: an alert answered 200 is in the outbox, on disk, and is mailed at least once or kept as a dead letter, which is
//! counted and logged. What is sent twice, because the process died between the sending and the writing down, has the same
//! message id. Within a group of alerts mails go in order, so that the end of an alert is never told before its begin.
//!
//! Memory and disk have bounds in bytes: bodies being read (`body`), the outbox (`outbox`), what one alert may be (`clean`,
//! `webhook`). Beyond them the answer is 503, after which senders try again.
//!
//! Nothing here knows events, Kafka or PostgreSQL: alerts about those must arrive when they are down.

mod alert;
mod app;
mod body;
mod clean;
mod config;
mod dispatch;
mod error;
mod metrics;
mod outbox;
mod policy;
mod render;
mod routes;
mod senders;
mod transport;
mod webhook;

pub use app::{Application, ServeError};
pub use config::{Config, DEFAULT_TOML};
pub use render::TemplateError;
pub use senders::SendersError;
pub use transport::TransportError;
