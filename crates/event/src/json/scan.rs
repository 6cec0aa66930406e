//! The walk over one value.

use super::pointer::{NoPath, Path};
use super::{Bounds, Fault, FaultKind, Text};

/// The text is not JSON at this byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Malformed {
    pub(crate) offset: usize,
    /// What is wrong there, to be read after "byte 17: ".
    pub(crate) what: &'static str,
}

/// A value: where it is and what it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Value {
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Object,
    Array,
    String(Text),
    Number,
    Bool(bool),
    Null,
}

/// A position in a text, and the first fault met on the way to it.
pub(crate) struct Scanner<'a> {
    pub(super) bytes: &'a [u8],
    pub(crate) pos: usize,
    pub(crate) fault: Option<Fault>,
    bounds: Bounds,
}

impl<'a> Scanner<'a> {
    /// Starts at the first byte of `text`.
    pub(crate) fn new(text: &'a str, bounds: Bounds) -> Self {
        Self {
            bytes: text.as_bytes(),
            pos: 0,
            fault: None,
            bounds,
        }
    }

    pub(crate) fn peek(&self) -> Option<u8> {
        self.bytes.get(self.pos).copied()
    }

    pub(crate) fn skip_space(&mut self) {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.peek() {
            self.pos += 1;
        }
    }

    pub(crate) fn malformed(&self, what: &'static str) -> Malformed {
        let what = if self.pos >= self.bytes.len() {
            "the text ends too early"
        } else {
            what
        };
        Malformed {
            offset: self.pos.min(self.bytes.len()),
            what,
        }
    }

    pub(super) fn note(&mut self, kind: FaultKind, offset: usize) {
        if self.fault.is_none() {
            self.fault = Some(Fault { kind, offset });
        }
    }

    /// Only space may follow.
    pub(crate) fn end(&mut self) -> Result<(), Malformed> {
        self.skip_space();
        if self.pos == self.bytes.len() {
            Ok(())
        } else {
            Err(self.malformed("there is more after the end of the JSON value"))
        }
    }

    /// Reads the name of a member, the colon and the space around them.
    pub(crate) fn key(&mut self) -> Result<Text, Malformed> {
        if self.peek() != Some(b'"') {
            return Err(self.malformed("expected the name of a member in double quotes"));
        }
        let key = self.string()?;
        self.skip_space();
        if self.peek() != Some(b':') {
            return Err(self.malformed("expected a colon"));
        }
        self.pos += 1;
        self.skip_space();
        Ok(key)
    }

    /// Reads the value that starts here.
    pub(crate) fn value(&mut self) -> Result<Value, Malformed> {
        self.walk(&mut NoPath)
    }

    pub(super) fn walk<P: Path>(&mut self, path: &mut P) -> Result<Value, Malformed> {
        let start = self.pos;
        let kind = match self.peek() {
            Some(b'{' | b'[') => self.container(path)?,
            _ => self.scalar(path)?,
        };
        Ok(Value {
            start,
            end: self.pos,
            kind,
        })
    }

    fn container<P: Path>(&mut self, path: &mut P) -> Result<Kind, Malformed> {
        let outermost = if self.peek() == Some(b'{') {
            Kind::Object
        } else {
            Kind::Array
        };
        let mut stack = Stack::default();
        loop {
            // A value starts here.
            let opens = self.peek();
            if let Some(b'{' | b'[') = opens {
                if stack.depth == self.bounds.depth {
                    self.note(FaultKind::TooDeep, self.pos);
                }
                self.pos += 1;
                path.token(self.pos);
                let is_object = opens == Some(b'{');
                stack.push(is_object);
                path.open();
                self.skip_space();
                let close = if is_object { b'}' } else { b']' };
                if self.peek() != Some(close) {
                    if is_object {
                        self.member(path)?;
                    } else {
                        path.element();
                    }
                    continue;
                }
            } else {
                self.scalar(path)?;
                self.skip_space();
            }
            // A value, or an empty container's inside, ends here.
            loop {
                let is_object = stack.is_object();
                match self.peek() {
                    Some(b',') => {
                        self.pos += 1;
                        self.skip_space();
                        if is_object {
                            self.member(path)?;
                        } else {
                            path.element();
                        }
                        break;
                    }
                    Some(b'}') if is_object => {}
                    Some(b']') if !is_object => {}
                    _ if is_object => return Err(self.malformed("expected a comma or }")),
                    _ => return Err(self.malformed("expected a comma or ]")),
                }
                self.pos += 1;
                path.close();
                stack.pop();
                if stack.depth == 0 {
                    return Ok(outermost);
                }
                self.skip_space();
            }
        }
    }

    fn member<P: Path>(&mut self, path: &mut P) -> Result<(), Malformed> {
        let key = self.key()?;
        path.member(key);
        path.token(key.end);
        Ok(())
    }

    fn scalar<P: Path>(&mut self, path: &mut P) -> Result<Kind, Malformed> {
        let kind = match self.peek() {
            Some(b'"') => Kind::String(self.string()?),
            Some(b'-' | b'0'..=b'9') => self.number()?,
            Some(b't') => self.word(b"true", Kind::Bool(true))?,
            Some(b'f') => self.word(b"false", Kind::Bool(false))?,
            Some(b'n') => self.word(b"null", Kind::Null)?,
            Some(b'N') => self.not_a_number(b"NaN")?,
            Some(b'I') => self.not_a_number(b"Infinity")?,
            _ => return Err(self.malformed("expected a JSON value")),
        };
        path.token(self.pos);
        Ok(kind)
    }

    fn word(&mut self, word: &[u8], kind: Kind) -> Result<Kind, Malformed> {
        if self.bytes[self.pos..].starts_with(word) {
            self.pos += word.len();
            Ok(kind)
        } else {
            Err(self.malformed("expected true, false or null"))
        }
    }

    fn not_a_number(&mut self, word: &[u8]) -> Result<Kind, Malformed> {
        self.note(FaultKind::NotANumber, self.pos);
        self.word(word, Kind::Number)
    }

    fn digits(&mut self) -> usize {
        let start = self.pos;
        while let Some(b'0'..=b'9') = self.peek() {
            self.pos += 1;
        }
        self.pos - start
    }

    fn number(&mut self) -> Result<Kind, Malformed> {
        let start = self.pos;
        if self.peek() == Some(b'-') {
            self.pos += 1;
            if self.peek() == Some(b'I') {
                return self.not_a_number(b"Infinity");
            }
        }
        let leading_zero = self.peek() == Some(b'0');
        let mut digits = self.digits();
        if digits == 0 || (leading_zero && digits > 1) {
            return Err(self.malformed("a number must have digits and no leading zero"));
        }
        if self.peek() == Some(b'.') {
            self.pos += 1;
            let fraction = self.digits();
            if fraction == 0 {
                return Err(self.malformed("expected a digit after the decimal point"));
            }
            digits += fraction;
        }
        if let Some(b'e' | b'E') = self.peek() {
            self.pos += 1;
            if let Some(b'+' | b'-') = self.peek() {
                self.pos += 1;
            }
            let from = self.pos;
            if self.digits() == 0 {
                return Err(self.malformed("expected a digit in the exponent"));
            }
            let exponent = self.bytes[from..self.pos]
                .iter()
                .fold(0_usize, |value, digit| {
                    value
                        .saturating_mul(10)
                        .saturating_add(usize::from(digit - b'0'))
                });
            digits = digits.saturating_add(exponent);
        }
        if digits > self.bounds.digits {
            self.note(FaultKind::NumberTooLong, start);
        }
        Ok(Kind::Number)
    }
}

/// Whether `text` is one JSON number that expands to at most `digits` digits.
pub(crate) fn is_number(text: &str, digits: usize) -> bool {
    let mut scanner = Scanner::new(text, Bounds { depth: 1, digits });
    matches!(scanner.peek(), Some(b'-' | b'0'..=b'9'))
        && scanner.number().is_ok()
        && scanner.pos == text.len()
        && scanner.fault.is_none()
}

/// Of what kind the open containers are, one bit each: 128 levels without allocation, any number with.
#[derive(Default)]
struct Stack {
    top: u128,
    depth: usize,
    below: Vec<u128>,
}

impl Stack {
    fn push(&mut self, is_object: bool) {
        if self.depth > 0 && self.depth.is_multiple_of(128) {
            self.below.push(self.top);
        }
        self.top = self.top << 1 | u128::from(is_object);
        self.depth += 1;
    }

    fn pop(&mut self) {
        self.depth -= 1;
        self.top >>= 1;
        if self.depth.is_multiple_of(128) {
            self.top = self.below.pop().unwrap_or_default();
        }
    }

    fn is_object(&self) -> bool {
        self.top & 1 == 1
    }
}
