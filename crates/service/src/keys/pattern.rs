//! The sources of a key.

use std::fmt;

/// A source, or with a trailing `*` all that begin so.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum SourcePattern {
    /// This one.
    Exact(String),
    /// All that begin so; the empty prefix is every source.
    Prefix(String),
}

impl SourcePattern {
    /// Reads a pattern. A `*` anywhere but at the end is refused, for it would not mean what it seems to.
    pub fn parse(text: &str) -> Option<Self> {
        let (body, is_prefix) = match text.strip_suffix('*') {
            Some(prefix) => (prefix, true),
            None => (text, false),
        };
        match (body.contains('*'), is_prefix, body.is_empty()) {
            (true, _, _) | (_, false, true) => None,
            (_, true, _) => Some(Self::Prefix(body.to_owned())),
            (_, false, _) => Some(Self::Exact(body.to_owned())),
        }
    }

    /// Says whether a source is meant.
    pub fn matches(&self, source: &str) -> bool {
        match self {
            Self::Exact(name) => name == source,
            Self::Prefix(prefix) => source.starts_with(prefix.as_str()),
        }
    }

    /// Says whether every source is meant.
    pub fn is_any(&self) -> bool {
        matches!(self, Self::Prefix(prefix) if prefix.is_empty())
    }
}

impl fmt::Display for SourcePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(name) => f.write_str(name),
            Self::Prefix(prefix) => write!(f, "{prefix}*"),
        }
    }
}
