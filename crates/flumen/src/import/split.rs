//! Splits JSON text into the values it lists, without parsing them: lines, or the elements of an
//! array that may sit inside a `FeatureCollection`. Memory is bounded by the longest value.

use std::io::{self, BufRead};

/// No row of a sensible file is longer; ingest-api takes one megabyte of data.
const MAX_VALUE_BYTES: usize = 16 * 1024 * 1024;

/// Where the values are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Layout {
    /// One value a line; blank lines do not count.
    Lines,
    /// Elements of the outermost array.
    Array,
    /// Elements of the array under the outermost object's key `features`.
    Features,
}

/// Yields one value after the other.
pub(super) struct Splitter {
    input: Box<dyn BufRead + Send>,
    layout: Layout,
    inside: bool,
    done: bool,
}

/// Why the text cannot be split.
#[derive(Debug, thiserror::Error)]
pub(super) enum SplitError {
    #[error("read the input: {0}")]
    Io(#[from] io::Error),
    #[error("{0}")]
    Malformed(&'static str),
    /// The value was passed over; the next one can be read.
    #[error("longer than {} MiB", MAX_VALUE_BYTES / 1024 / 1024)]
    TooLong,
}

impl Splitter {
    pub(super) fn new(input: Box<dyn BufRead + Send>, layout: Layout) -> Self {
        Self {
            input,
            layout,
            inside: false,
            done: false,
        }
    }

    /// Puts the next value into `out`; `false` when there is none.
    pub(super) fn next(&mut self, out: &mut Vec<u8>) -> Result<bool, SplitError> {
        out.clear();
        if self.done {
            return Ok(false);
        }
        if self.layout == Layout::Lines {
            return self.line(out);
        }
        if !self.inside {
            self.enter()?;
            self.inside = true;
        }
        loop {
            match self.peek_token()? {
                None => return Err(SplitError::Malformed("the text ends inside the array")),
                Some(b']') => {
                    self.done = true;
                    return Ok(false);
                }
                Some(b',') => self.input.consume(1),
                Some(_) => return self.value(out).map(|()| true),
            }
        }
    }

    fn line(&mut self, out: &mut Vec<u8>) -> Result<bool, SplitError> {
        loop {
            out.clear();
            let mut too_long = false;
            loop {
                let available = self.input.fill_buf()?;
                if available.is_empty() {
                    self.done = true;
                    break;
                }
                let end = memchr::memchr(b'\n', available);
                let used = end.map_or(available.len(), |end| end + 1);
                if out.len() + used > MAX_VALUE_BYTES {
                    too_long = true;
                } else {
                    out.extend_from_slice(&available[..used]);
                }
                self.input.consume(used);
                if end.is_some() {
                    break;
                }
            }
            if too_long {
                return Err(SplitError::TooLong);
            }
            if out.iter().any(|byte| !byte.is_ascii_whitespace()) {
                return Ok(true);
            }
            if self.done {
                return Ok(false);
            }
        }
    }

    /// Goes to the first element.
    fn enter(&mut self) -> Result<(), SplitError> {
        if self.input.fill_buf()?.starts_with(&[0xef, 0xbb, 0xbf]) {
            self.input.consume(3);
        }
        if self.layout == Layout::Array {
            return match self.peek_token()? {
                Some(b'[') => {
                    self.input.consume(1);
                    Ok(())
                }
                _ => Err(SplitError::Malformed(
                    "the text does not begin with `[`; is it --format ndjson or geojson?",
                )),
            };
        }
        if self.peek_token()? != Some(b'{') {
            return Err(SplitError::Malformed(
                "the text does not begin with `{`; a FeatureCollection does",
            ));
        }
        self.input.consume(1);
        let mut key = Vec::new();
        loop {
            match self.peek_token()? {
                Some(b'"') => {}
                Some(b',') => {
                    self.input.consume(1);
                    continue;
                }
                Some(b'}') => {
                    return Err(SplitError::Malformed("the object has no array `features`"));
                }
                _ => return Err(SplitError::Malformed("the outermost object is not JSON")),
            }
            key.clear();
            self.value(&mut key)?;
            if self.peek_token()? != Some(b':') {
                return Err(SplitError::Malformed("a key has no value"));
            }
            self.input.consume(1);
            if key == b"\"features\"" && self.peek_token()? == Some(b'[') {
                self.input.consume(1);
                return Ok(());
            }
            key.clear();
            self.value(&mut key)?;
        }
    }

    /// The next byte that is not white space, left where it is.
    fn peek_token(&mut self) -> Result<Option<u8>, SplitError> {
        loop {
            let available = self.input.fill_buf()?;
            if available.is_empty() {
                return Ok(None);
            }
            match available
                .iter()
                .position(|byte| !byte.is_ascii_whitespace())
            {
                Some(at) => {
                    let byte = available[at];
                    self.input.consume(at);
                    return Ok(Some(byte));
                }
                None => {
                    let all = available.len();
                    self.input.consume(all);
                }
            }
        }
    }

    /// Takes one value: balanced brackets outside of strings, or everything up to `,`, `]` or `}`.
    fn value(&mut self, out: &mut Vec<u8>) -> Result<(), SplitError> {
        let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
        let mut too_long = false;
        loop {
            let available = self.input.fill_buf()?;
            if available.is_empty() {
                return Err(SplitError::Malformed("the text ends inside a value"));
            }
            // How much of `available` belongs to the value, and whether it ends there.
            let mut end = None;
            for (at, &byte) in available.iter().enumerate() {
                if in_string {
                    if escaped {
                        escaped = false;
                    } else if byte == b'\\' {
                        escaped = true;
                    } else if byte == b'"' {
                        in_string = false;
                        if depth == 0 {
                            end = Some(at + 1);
                            break;
                        }
                    }
                    continue;
                }
                match byte {
                    b'"' => in_string = true,
                    b'{' | b'[' => depth += 1,
                    b'}' | b']' if depth > 0 => {
                        depth -= 1;
                        if depth == 0 {
                            end = Some(at + 1);
                            break;
                        }
                    }
                    b',' | b'}' | b']' | b':' if depth == 0 => {
                        end = Some(at);
                        break;
                    }
                    _ => {}
                }
            }
            let used = end.unwrap_or(available.len());
            if out.len() + used > MAX_VALUE_BYTES {
                too_long = true;
            } else {
                out.extend_from_slice(&available[..used]);
            }
            self.input.consume(used);
            if end.is_some() {
                return if too_long {
                    Err(SplitError::TooLong)
                } else {
                    Ok(())
                };
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(text: &str, layout: Layout, chunk: usize) -> Result<Vec<String>, SplitError> {
        let bytes = std::io::Cursor::new(text.as_bytes().to_vec());
        let mut splitter = Splitter::new(
            Box::new(std::io::BufReader::with_capacity(chunk, bytes)),
            layout,
        );
        let (mut out, mut values) = (Vec::new(), Vec::new());
        while splitter.next(&mut out)? {
            values.push(String::from_utf8_lossy(&out).trim().to_owned());
        }
        Ok(values)
    }

    #[test]
    fn elements_are_found_however_the_text_arrives() {
        let text = r#" [ {"a":"]},{","b":[1,[2]]} ,
            {"c":"\\\""},3, "x,]", null ] "#;
        let want = [
            r#"{"a":"]},{","b":[1,[2]]}"#,
            r#"{"c":"\\\""}"#,
            "3",
            r#""x,]""#,
            "null",
        ];
        for chunk in 3..40 {
            let got = split(text, Layout::Array, chunk).expect("split");
            assert_eq!(got, want, "read {chunk} bytes at a time");
        }
    }

    #[test]
    fn features_are_found_behind_other_members() {
        let text = r#"{"type":"FeatureCollection","metadata":{"features":[9]},"bbox":[1,2],"features":[{"id":1},{"id":2}],"after":1}"#;
        for chunk in [3, 7, 1000] {
            let got = split(text, Layout::Features, chunk).expect("split");
            assert_eq!(got, [r#"{"id":1}"#, r#"{"id":2}"#]);
        }
    }

    #[test]
    fn blank_lines_do_not_count_and_the_last_needs_no_end() {
        let got = split("{\"a\":1}\r\n\n  \n{\"a\":2}", Layout::Lines, 4).expect("split");
        assert_eq!(got, ["{\"a\":1}", "{\"a\":2}"]);
    }

    #[test]
    fn a_truncated_file_is_noticed() {
        for text in ["[{\"a\":1},{\"a\"", "[{\"a\":1}", "{\"x\":1}", "", "3"] {
            assert!(split(text, Layout::Array, 100).is_err(), "{text}");
        }
        assert!(split("{\"type\":1}", Layout::Features, 100).is_err());
    }
}
