//! The relay as its senders and recipients meet it: a real SMTP server, a real Alertmanager, and an API that fails in every way.
//!
//! Needs what `tests/mail/setup` fetches; `make test` runs it.

mod alertmanager;
mod api;
mod crash;
mod documented;
mod fake_api;
mod harness;
mod hostile;
mod mailbox;
mod memory;
mod mtls;
mod operate;
mod order;
mod smtp;
mod storm;
mod webhooks;
