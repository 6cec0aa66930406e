//! Bodies made of JSON objects: one, an array of them, one a line.

use super::object::{self, Scratch};
use super::{BodyError, Context, Rejection, RejectionKind};
use crate::Event;
use crate::json::{Malformed, Scanner};

type Outcomes<'a> = Vec<Result<Event<'a>, Rejection>>;

/// For so many events at most is room made before they are seen.
const GUESSED_EVENTS: usize = 1000;

const BYTE_ORDER_MARK: &str = "\u{feff}";

pub(super) fn one<'a>(
    body: &'a [u8],
    context: &mut Context<'_>,
) -> Result<Outcomes<'a>, BodyError> {
    let text = utf8(body)?;
    let scanner = start(text, context)?;
    if scanner.peek() == Some(b'{') {
        single(text, scanner, context)
    } else {
        Err(instead(scanner, BodyError::NotAnObject))
    }
}

pub(super) fn array<'a>(
    body: &'a [u8],
    context: &mut Context<'_>,
) -> Result<Outcomes<'a>, BodyError> {
    let text = utf8(body)?;
    let scanner = start(text, context)?;
    if scanner.peek() == Some(b'[') {
        many(text, scanner, context)
    } else {
        Err(instead(scanner, BodyError::NotAnArray))
    }
}

pub(super) fn one_or_array<'a>(
    body: &'a [u8],
    context: &mut Context<'_>,
) -> Result<Outcomes<'a>, BodyError> {
    let text = utf8(body)?;
    let scanner = start(text, context)?;
    match scanner.peek() {
        Some(b'{') => single(text, scanner, context),
        Some(b'[') => many(text, scanner, context),
        _ => Err(instead(scanner, BodyError::NotEvents)),
    }
}

/// Checks the encoding of the whole body once.
fn utf8(body: &[u8]) -> Result<&str, BodyError> {
    simdutf8::basic::from_utf8(body).map_err(|_| {
        // Only now is it worth knowing where.
        let offset = std::str::from_utf8(body).map_or_else(|error| error.valid_up_to(), str::len);
        BodyError::MalformedJson {
            offset,
            what: "not UTF-8",
        }
    })
}

fn start<'a>(text: &'a str, context: &Context<'_>) -> Result<Scanner<'a>, BodyError> {
    let mut scanner = Scanner::new(text, context.bounds);
    if text.starts_with(BYTE_ORDER_MARK) {
        scanner.pos = BYTE_ORDER_MARK.len();
    }
    scanner.skip_space();
    if scanner.pos == text.len() {
        return Err(BodyError::Empty);
    }
    Ok(scanner)
}

/// The error for a body of another shape, if it is JSON at all.
fn instead(mut scanner: Scanner<'_>, error: BodyError) -> BodyError {
    match scanner.value().and_then(|_| scanner.end()) {
        Ok(()) => error,
        Err(malformed) => malformed.into(),
    }
}

fn single<'a>(
    text: &'a str,
    mut scanner: Scanner<'a>,
    context: &mut Context<'_>,
) -> Result<Outcomes<'a>, BodyError> {
    let event = object::event(text, &mut scanner, &mut Scratch::default(), context)?;
    scanner.end()?;
    Ok(vec![event])
}

fn many<'a>(
    text: &'a str,
    mut scanner: Scanner<'a>,
    context: &mut Context<'_>,
) -> Result<Outcomes<'a>, BodyError> {
    let mut scratch = Scratch::default();
    let mut events = Vec::new();
    scanner.pos += 1;
    scanner.skip_space();
    if scanner.peek() == Some(b']') {
        scanner.pos += 1;
        scanner.end()?;
        return Err(BodyError::Empty);
    }
    loop {
        if events.len() == context.limits.max_events {
            return Err(BodyError::TooManyEvents {
                limit: context.limits.max_events,
            });
        }
        let start = scanner.pos;
        events.push(object::event(text, &mut scanner, &mut scratch, context)?);
        if events.len() == 1 {
            // Events of one batch are mostly alike. A first one that misleads costs no more than this.
            let alike = (text.len() - scanner.pos) / (scanner.pos - start).max(1);
            events.reserve_exact(alike.min(context.limits.max_events).min(GUESSED_EVENTS));
        }
        scanner.skip_space();
        match scanner.peek() {
            Some(b',') => {
                scanner.pos += 1;
                scanner.skip_space();
            }
            Some(b']') => {
                scanner.pos += 1;
                scanner.end()?;
                return Ok(events);
            }
            _ => return Err(scanner.malformed("expected a comma or ]").into()),
        }
    }
}

pub(super) fn lines<'a>(
    body: &'a [u8],
    context: &mut Context<'_>,
) -> Result<Outcomes<'a>, BodyError> {
    // One check of everything is cheaper than one a line; only a body that fails it is looked at line by line.
    let whole = simdutf8::basic::from_utf8(body).ok();
    let mut scratch = Scratch::default();
    let mut events = Vec::new();
    let mut from = 0;
    let mut number = 0;
    while from < body.len() {
        let end = memchr::memchr(b'\n', &body[from..]).map_or(body.len(), |length| from + length);
        let range = from..end;
        from = end + 1;
        number += 1;
        let bytes = &body[range.clone()];
        if bytes
            .iter()
            .all(|byte| matches!(byte, b' ' | b'\t' | b'\r'))
            || bytes == BYTE_ORDER_MARK.as_bytes()
        {
            continue;
        }
        if events.len() == context.limits.max_events {
            return Err(BodyError::TooManyEvents {
                limit: context.limits.max_events,
            });
        }
        let text = match whole {
            Some(whole) => whole.get(range),
            None => simdutf8::basic::from_utf8(bytes).ok(),
        };
        let event = match text {
            Some(text) => line(text, &mut scratch, context),
            None => {
                let offset =
                    std::str::from_utf8(bytes).map_or_else(|error| error.valid_up_to(), str::len);
                Err(Malformed {
                    offset,
                    what: "not UTF-8",
                })
            }
        };
        events.push(event.unwrap_or_else(|malformed| {
            let Malformed { offset, what } = malformed;
            Err(Rejection {
                kind: RejectionKind::MalformedJson,
                detail: format!("line {number} is not JSON at its byte {offset}: {what}"),
                pointer: None,
            })
        }));
    }
    if events.is_empty() {
        Err(BodyError::Empty)
    } else {
        Ok(events)
    }
}

fn line<'a>(
    text: &'a str,
    scratch: &mut Scratch,
    context: &mut Context<'_>,
) -> Result<Result<Event<'a>, Rejection>, Malformed> {
    let mut scanner = Scanner::new(text, context.bounds);
    if text.starts_with(BYTE_ORDER_MARK) {
        scanner.pos = BYTE_ORDER_MARK.len();
    }
    scanner.skip_space();
    let event = object::event(text, &mut scanner, scratch, context)?;
    scanner.end()?;
    Ok(event)
}
