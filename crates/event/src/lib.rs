//! The event: its attributes, its identity, what makes it acceptable, and its form as a Kafka record.
//!
//! This crate is pure: no I/O, no runtime. An event is read once, at the edge, by [`parse::parse`], which
//! borrows everything it can from the request body. From there its `data` is forwarded byte for byte:
//! [`Event::encode_headers`] and [`Event::value`] make the Kafka record, [`record::decode`] reads it back
//! without looking into `data`, and the store copies the bytes into PostgreSQL.
//!
//! ```text
//! body --parse--> Event<'body> --encode_headers, value--> record --decode--> Event<'record> --> row
//! ```
//!
//! What it guarantees:
//! - An event that [`parse::parse`] returns can be stored: every text is free of NUL and control characters,
//!   every length has a bound, and JSON `data` holds nothing that PostgreSQL's `jsonb` refuses.
//! - The same (`source`, `id`, time) has the same [`Uid`] on every machine and in every version.
//! - No input, however hostile, makes a function of this crate panic, recurse without bound or take more than
//!   linear time.
//!
//! # Identity
//! [`IdHash`] stands for (`source`, `id`), [`Uid`] for (`source`, `id`, time). The *own time* of an event is its
//! `time` attribute, else the milliseconds inside an `id` that is a UUIDv7. An event that has neither
//! ([`Event::time`] is `None`) is placed by its time of receipt, and only its [`IdHash`] recognises it again.
//!
//! # Time
//! A [`Timestamp`] is a whole number of microseconds, which is what PostgreSQL keeps; finer digits are cut off.

mod event;
mod extensions;
mod json;
pub mod limits;
mod media;
pub mod parse;
pub mod record;
mod text;
mod timestamp;
mod uid;

pub use event::{Data, Event};
pub use extensions::{ExtensionValue, Extensions};
pub use json::write_string as write_json_string;
pub use media::{is_json, is_text};
pub use parse::{BodyError, Rejection, RejectionKind};
pub use text::is_traceparent;
pub use timestamp::{Timestamp, TimestampError};
pub use uid::{IdHash, InvalidUid, Uid, uuid_v7_millis};
