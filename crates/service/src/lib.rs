//! What every Flumen service needs and no domain.
//!
//! A service is a thin crate over this one: it loads its [`config`] in layers, starts [`telemetry`], makes a
//! [`metrics`] registry, opens the [`admin`] listener and its own public one (with [`http::Edge`] around every
//! route), knows its callers through [`keys`] and [`limits`], answers every failure as a [`problem`], and ends
//! through [`lifecycle`], each step within a budget.
//!
//! Nothing here knows what an event, a topic or a table is.

pub mod admin;
pub mod cli;
pub mod config;
pub mod http;
pub mod keys;
pub mod lifecycle;
pub mod limits;
pub mod metrics;
pub mod openapi;
pub mod problem;
pub mod surface;
pub mod telemetry;
pub mod tls;

/// Whole milliseconds, for log fields: a wider number would be written as text.
fn millis(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
