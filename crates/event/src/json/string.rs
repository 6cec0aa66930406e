//! Strings: finding their end eight bytes at a time, reading their escapes, writing them.

use std::borrow::Cow;

use super::{FaultKind, Malformed, Scanner};

/// The inside of a JSON string, without its quotes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Text {
    pub(crate) start: usize,
    pub(crate) end: usize,
    /// Whether it holds a backslash and must be unescaped.
    pub(crate) escaped: bool,
}

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGHS: u64 = 0x8080_8080_8080_8080;

/// How many of the eight bytes come before the first quote, backslash or control character; 8 if there is none.
fn plain_prefix(chunk: [u8; 8]) -> usize {
    let word = u64::from_le_bytes(chunk);
    let zero_in = |word: u64| word.wrapping_sub(ONES) & !word;
    let quote = zero_in(word ^ (ONES * b'"' as u64));
    let backslash = zero_in(word ^ (ONES * b'\\' as u64));
    let control = word.wrapping_sub(ONES * 0x20) & !word;
    // Borrows can only spoil bits above the first hit, and only the first is looked at.
    ((quote | backslash | control) & HIGHS).trailing_zeros() as usize / 8
}

impl Scanner<'_> {
    /// Reads the string whose opening quote is here.
    pub(crate) fn string(&mut self) -> Result<Text, Malformed> {
        let start = self.pos + 1;
        let mut escaped = false;
        let mut at = start;
        loop {
            while let Some(chunk) = self
                .bytes
                .get(at..)
                .and_then(|rest| rest.first_chunk::<8>())
            {
                let plain = plain_prefix(*chunk);
                at += plain;
                if plain < 8 {
                    break;
                }
            }
            match self.bytes.get(at) {
                Some(b'"') => {
                    self.pos = at + 1;
                    return Ok(Text {
                        start,
                        end: at,
                        escaped,
                    });
                }
                Some(b'\\') => {
                    escaped = true;
                    at = self.escape(at)?;
                }
                Some(0..0x20) => {
                    self.note(FaultKind::ControlCharacter, at);
                    at += 1;
                }
                Some(_) => at += 1,
                None => {
                    return Err(Malformed {
                        offset: at,
                        what: "the text ends inside a string",
                    });
                }
            }
        }
    }

    /// Checks the escape whose backslash is at `at`, and says where it ends.
    fn escape(&mut self, at: usize) -> Result<usize, Malformed> {
        let unknown = Malformed {
            offset: at,
            what: "unknown escape in a string",
        };
        match self.bytes.get(at + 1) {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => Ok(at + 2),
            Some(b'u') => {
                let code = hex4(self.bytes, at + 2).ok_or(unknown)?;
                match code {
                    0 => self.note(FaultKind::Nul, at),
                    0xd800..=0xdbff => {
                        let low = low_surrogate(self.bytes, at + 6);
                        if low.is_some() {
                            return Ok(at + 12);
                        }
                        self.note(FaultKind::LoneSurrogate, at);
                    }
                    0xdc00..=0xdfff => self.note(FaultKind::LoneSurrogate, at),
                    _ => {}
                }
                Ok(at + 6)
            }
            Some(_) => Err(unknown),
            None => Err(Malformed {
                offset: at,
                what: "the text ends inside a string",
            }),
        }
    }
}

fn hex4(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..at + 4)?.iter().try_fold(0, |code, &digit| {
        Some(code << 4 | char::from(digit).to_digit(16)?)
    })
}

/// The second half of a surrogate pair, escaped, at `at`.
fn low_surrogate(bytes: &[u8], at: usize) -> Option<u32> {
    if bytes.get(at..at + 2)? != b"\\u" {
        return None;
    }
    hex4(bytes, at + 2).filter(|code| (0xdc00..=0xdfff).contains(code))
}

/// The characters that the inside of a JSON string stands for.
///
/// Total: half a surrogate pair becomes U+FFFD, an unknown escape stays as it is.
pub(crate) fn unescape(raw: &str) -> Cow<'_, str> {
    let Some(first) = memchr::memchr(b'\\', raw.as_bytes()) else {
        return Cow::Borrowed(raw);
    };
    let mut out = String::with_capacity(raw.len());
    out.push_str(&raw[..first]);
    let mut rest = &raw[first..];
    while let Some(at) = memchr::memchr(b'\\', rest.as_bytes()) {
        out.push_str(&rest[..at]);
        let bytes = rest.as_bytes();
        let (character, length) = match bytes.get(at + 1) {
            Some(b'b') => ('\u{8}', 2),
            Some(b'f') => ('\u{c}', 2),
            Some(b'n') => ('\n', 2),
            Some(b'r') => ('\r', 2),
            Some(b't') => ('\t', 2),
            Some(&plain @ (b'"' | b'\\' | b'/')) => (char::from(plain), 2),
            Some(b'u') => match (hex4(bytes, at + 2), low_surrogate(bytes, at + 6)) {
                (Some(high @ 0xd800..=0xdbff), Some(low)) => {
                    let code = 0x1_0000 + ((high - 0xd800) << 10 | (low - 0xdc00));
                    (
                        char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER),
                        12,
                    )
                }
                (Some(code), _) => (
                    char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER),
                    6,
                ),
                (None, _) => ('\\', 1),
            },
            _ => ('\\', 1),
        };
        out.push(character);
        rest = &rest[at + length..];
    }
    out.push_str(rest);
    Cow::Owned(out)
}

/// Appends `text` to `out` as a JSON string with its quotes.
pub fn write_string(out: &mut Vec<u8>, text: &str) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    out.push(b'"');
    let bytes = text.as_bytes();
    let mut copied = 0;
    for (at, &byte) in bytes.iter().enumerate() {
        let short = match byte {
            b'"' | b'\\' => byte,
            b'\n' => b'n',
            b'\r' => b'r',
            b'\t' => b't',
            0..0x20 => 0,
            _ => continue,
        };
        out.extend_from_slice(&bytes[copied..at]);
        copied = at + 1;
        if short == 0 {
            out.extend_from_slice(b"\\u00");
            out.push(HEX[usize::from(byte >> 4)]);
            out.push(HEX[usize::from(byte & 15)]);
        } else {
            out.extend_from_slice(&[b'\\', short]);
        }
    }
    out.extend_from_slice(&bytes[copied..]);
    out.push(b'"');
}
