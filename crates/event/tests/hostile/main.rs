//! A corpus of hostile inputs: what is expected of each stands beside it.
//!
//! The numbers are those of the rows in the project's list of inputs that must be survived.

mod bodies;
mod events;

use event::parse::{Limits, Mode, parse};
use event::{BodyError, Event, Rejection, Timestamp};

/// 2026-11-21T11:41:28Z.
const NOW: Timestamp = Timestamp::from_micros(1_795_261_288_000_000);

fn read<'a>(mode: Mode, body: &'a [u8]) -> Result<Vec<Result<Event<'a>, Rejection>>, BodyError> {
    parse(mode, &[], body, &Limits::default(), NOW, &mut || {
        "01a1fde9-4ebb-721c-bab7-4a992b57afce".into()
    })
}

/// The kind and the pointer with which the only event of a plain body is refused.
fn refusal(body: &str) -> (&'static str, String) {
    let events = read(Mode::Plain, body.as_bytes()).expect("a body that is JSON");
    let rejection = events[0].as_ref().expect_err(body);
    assert!(!rejection.detail.is_empty());
    (
        rejection.kind.name(),
        rejection.pointer.clone().unwrap_or_default(),
    )
}
