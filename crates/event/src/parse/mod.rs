//! From the body of a request to events: every input mode, every rule, in one pass over borrowed bytes.
//!
//! A fault of the body as a whole is a [`BodyError`]. A fault of one event is a [`Rejection`] in its place, and its
//! neighbours are not touched. In a JSON array a body that is not JSON anywhere is refused whole; of newline-delimited
//! JSON only the broken line is.
//!
//! | mode | body | left out at will |
//! |---|---|---|
//! | [`Mode::Structured`] | one CloudEvent | `time` |
//! | [`Mode::Batched`] | an array of CloudEvents | `time` |
//! | [`Mode::Binary`] | the data; attributes are `ce-*` headers | `time` |
//! | [`Mode::Plain`] | one event or an array of events | `time`, `id`, `specversion` |
//! | [`Mode::NdJson`] | one event a line | `time`, `id`, `specversion` |

mod attributes;
mod binary;
mod body;
mod mode;
mod object;
mod rejection;

use std::time::Duration;

pub use mode::{Mode, UnsupportedMediaType};
pub use rejection::{BodyError, Rejection, RejectionKind};

use crate::{Event, Timestamp, json, limits};

/// What an event and a body may be; the default is the documented one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Most events in one body.
    pub max_events: usize,
    /// Most bytes of `data` of one event, after `data_base64` is decoded.
    pub max_data_bytes: usize,
    /// Most containers inside each other within `data`; at most [`limits::JSON_DEPTH`] counts.
    pub max_depth: usize,
    /// Most digits of a number written out, its exponent counted; at most [`limits::NUMBER_DIGITS`] counts.
    pub max_number_digits: usize,
    /// Most extension attributes of one event.
    pub max_extensions: usize,
    /// How far in the past an event's own time may lie.
    pub max_age: Duration,
    /// How far in the future an event's own time may lie, to forgive clocks that run ahead.
    pub max_ahead: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_events: 10_000,
            max_data_bytes: 1 << 20,
            max_depth: 128,
            max_number_digits: 1000,
            max_extensions: 64,
            max_age: Duration::from_secs(400 * 86_400),
            max_ahead: Duration::from_secs(600),
        }
    }
}

impl Limits {
    fn bounds(&self) -> json::Bounds {
        json::Bounds {
            depth: self.max_depth.min(limits::JSON_DEPTH),
            digits: self.max_number_digits.min(limits::NUMBER_DIGITS),
        }
    }
}

/// Reads the events of `body`, in order.
///
/// `headers` are the `ce-*` headers and `content-type`, used in [`Mode::Binary`] only. `now` is the time of receipt.
/// `new_id` makes the `id` of an event that has none; a UUIDv7 of `now` gives such events their own time.
///
/// # Errors
/// A [`BodyError`] if nothing of the body can be used.
pub fn parse<'a>(
    mode: Mode,
    headers: &[(&'a str, &'a [u8])],
    body: &'a [u8],
    limits: &Limits,
    now: Timestamp,
    new_id: &mut dyn FnMut() -> String,
) -> Result<Vec<Result<Event<'a>, Rejection>>, BodyError> {
    let mut context = Context {
        mode,
        limits,
        bounds: limits.bounds(),
        now,
        new_id,
    };
    match mode {
        Mode::Structured => body::one(body, &mut context),
        Mode::Batched => body::array(body, &mut context),
        Mode::Plain => body::one_or_array(body, &mut context),
        Mode::NdJson => body::lines(body, &mut context),
        Mode::Binary => binary::event(headers, body, &mut context).map(|event| vec![event]),
    }
}

/// What every step of one call needs.
struct Context<'c> {
    mode: Mode,
    limits: &'c Limits,
    bounds: json::Bounds,
    now: Timestamp,
    new_id: &'c mut dyn FnMut() -> String,
}
