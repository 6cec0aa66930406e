//! From a byte in a JSON text to its JSON pointer (RFC 6901).

use std::fmt::Write as _;

use super::{Bounds, Scanner, Text, unescape};

/// Longest pointer in bytes; of a culprit further down, the nearest container that fits is named.
const POINTER_BYTES: usize = 1024;

/// Follows the walk of a [`Scanner`]. [`NoPath`] costs nothing, [`Tracker`] remembers the way.
pub(super) trait Path {
    /// A container opened; its first member or element has yet to be told.
    fn open(&mut self);
    /// The innermost container closed.
    fn close(&mut self);
    /// The next element of the innermost array begins.
    fn element(&mut self);
    /// A member of the innermost object begins.
    fn member(&mut self, key: Text);
    /// The text up to `end` belongs to the place that was told last, or to one before it.
    fn token(&mut self, end: usize);
}

/// Remembers nothing.
pub(super) struct NoPath;

impl Path for NoPath {
    fn open(&mut self) {}
    fn close(&mut self) {}
    fn element(&mut self) {}
    fn member(&mut self, _: Text) {}
    fn token(&mut self, _: usize) {}
}

/// The pointer to the innermost value or member of `text` that holds the byte at `offset`, after `prefix`.
///
/// `text` must be one JSON value, nested no deeper than `depth` up to that byte.
pub(crate) fn pointer_to(text: &str, offset: usize, depth: usize, prefix: &str) -> String {
    let mut tracker = Tracker {
        target: offset,
        found: false,
        room: depth + 1,
        deeper: 0,
        path: Vec::new(),
    };
    let mut scanner = Scanner::new(
        text,
        Bounds {
            depth: usize::MAX,
            digits: usize::MAX,
        },
    );
    // Whether the text is whole no longer matters: the way up to the offset is what counts.
    let _ = scanner.walk(&mut tracker);
    let mut pointer = prefix.to_owned();
    for step in &tracker.path {
        let mut step_text = String::from("/");
        match step {
            Step::Start => continue,
            Step::Element(index) => {
                let _ = write!(step_text, "{index}");
            }
            Step::Member(key) => {
                let name = unescape(text.get(key.start..key.end).unwrap_or_default());
                push_escaped(&mut step_text, &name);
            }
        }
        if pointer.len() + step_text.len() > POINTER_BYTES {
            break;
        }
        pointer.push_str(&step_text);
    }
    pointer
}

/// Appends `name` with `~` and `/` escaped, as a step of a pointer is written.
pub(crate) fn push_escaped(pointer: &mut String, name: &str) {
    for character in name.chars() {
        match character {
            '~' => pointer.push_str("~0"),
            '/' => pointer.push_str("~1"),
            other => pointer.push(other),
        }
    }
}

enum Step {
    Start,
    Element(usize),
    Member(Text),
}

struct Tracker {
    target: usize,
    found: bool,
    /// How many levels may be remembered: what lies deeper comes after the target.
    room: usize,
    deeper: usize,
    path: Vec<Step>,
}

impl Path for Tracker {
    fn open(&mut self) {
        if self.found {
        } else if self.path.len() < self.room {
            self.path.push(Step::Start);
        } else {
            self.deeper += 1;
        }
    }

    fn close(&mut self) {
        if self.found {
        } else if self.deeper > 0 {
            self.deeper -= 1;
        } else {
            self.path.pop();
        }
    }

    fn element(&mut self) {
        if self.found || self.deeper > 0 {
            return;
        }
        if let Some(step) = self.path.last_mut() {
            *step = match step {
                Step::Element(index) => Step::Element(*index + 1),
                _ => Step::Element(0),
            };
        }
    }

    fn member(&mut self, key: Text) {
        if self.found || self.deeper > 0 {
            return;
        }
        if let Some(step) = self.path.last_mut() {
            *step = Step::Member(key);
        }
    }

    fn token(&mut self, end: usize) {
        self.found |= end > self.target;
    }
}
