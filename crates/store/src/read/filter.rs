//! Which events are asked for, and which may be seen.

use std::collections::BTreeSet;

/// A value, or with a trailing `*` all that begin so.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Pattern {
    /// This one.
    Exact(String),
    /// All that begin so; the empty prefix is every value.
    Prefix(String),
}

impl Pattern {
    /// Reads a pattern: a `*` at the end means the rest, anywhere else itself.
    pub fn parse(text: &str) -> Self {
        match text.strip_suffix('*') {
            Some(prefix) => Self::Prefix(prefix.to_owned()),
            None => Self::Exact(text.to_owned()),
        }
    }

    fn text(&self) -> &str {
        match self {
            Self::Exact(text) | Self::Prefix(text) => text,
        }
    }

    /// The values that both mean.
    fn and(&self, other: &Self) -> Option<Self> {
        let (narrow, wide) = match (self, other) {
            (Self::Exact(_), _) => (self, other),
            (_, Self::Exact(_)) => (other, self),
            // Of two prefixes, the longer one is within the shorter, or they have nothing in common.
            _ if self.text().len() >= other.text().len() => (self, other),
            _ => (other, self),
        };
        let is_within = match wide {
            Self::Exact(text) => narrow.text() == text,
            Self::Prefix(prefix) => narrow.text().starts_with(prefix.as_str()),
        };
        is_within.then(|| narrow.clone())
    }
}

/// A set of values, as patterns none of which lies within another.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PatternSet {
    /// Empty means nothing; the one empty prefix means everything.
    patterns: BTreeSet<Pattern>,
}

impl PatternSet {
    /// Every value there is.
    pub fn any() -> Self {
        Self {
            patterns: BTreeSet::from([Pattern::Prefix(String::new())]),
        }
    }

    /// The values of any of the patterns; of none, nothing.
    pub fn of(patterns: impl IntoIterator<Item = Pattern>) -> Self {
        let all: BTreeSet<Pattern> = patterns.into_iter().collect();
        let covered = |pattern: &Pattern| {
            all.iter()
                .any(|other| other != pattern && pattern.and(other).as_ref() == Some(pattern))
        };
        let patterns = all
            .iter()
            .filter(|pattern| !covered(pattern))
            .cloned()
            .collect();
        Self { patterns }
    }

    /// The values in both sets.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        let pairs = self
            .patterns
            .iter()
            .flat_map(|a| other.patterns.iter().filter_map(move |b| a.and(b)));
        Self::of(pairs)
    }

    /// Says whether every value is meant.
    pub fn is_any(&self) -> bool {
        self.patterns
            .iter()
            .any(|pattern| matches!(pattern, Pattern::Prefix(prefix) if prefix.is_empty()))
    }

    /// Says whether no value is meant.
    pub fn is_nothing(&self) -> bool {
        self.patterns.is_empty()
    }

    /// Says whether a value is meant.
    pub fn contains(&self, value: &str) -> bool {
        self.patterns.iter().any(|pattern| match pattern {
            Pattern::Exact(text) => text == value,
            Pattern::Prefix(prefix) => value.starts_with(prefix.as_str()),
        })
    }

    /// The single values.
    pub(super) fn exact(&self) -> impl Iterator<Item = &str> {
        self.patterns.iter().filter_map(|pattern| match pattern {
            Pattern::Exact(text) => Some(text.as_str()),
            Pattern::Prefix(_) => None,
        })
    }

    /// The prefixes.
    pub(super) fn prefixes(&self) -> impl Iterator<Item = &str> {
        self.patterns.iter().filter_map(|pattern| match pattern {
            Pattern::Prefix(text) => Some(text.as_str()),
            Pattern::Exact(_) => None,
        })
    }
}

/// Which events are asked for. `sources` holds the caller's rights already.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filter {
    /// The sources asked for that may be seen.
    pub sources: PatternSet,
    /// The types asked for.
    pub types: PatternSet,
    /// The subjects asked for; anything but [`PatternSet::any`] leaves out events without one.
    pub subjects: PatternSet,
    /// What the data must hold, all of it; an event whose data is not JSON holds nothing.
    pub data: Vec<DataFilter>,
}

/// A condition on one place in the data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataFilter {
    /// The names that lead there, outermost first; a number also counts the members of an array from 0.
    pub path: Vec<String>,
    /// The JSON text of the value that must be there; absent, any will do. Numbers are equal by value.
    pub equals: Option<String>,
}

impl Filter {
    /// Every event of these sources.
    pub fn of_sources(sources: PatternSet) -> Self {
        Self {
            sources,
            types: PatternSet::any(),
            subjects: PatternSet::any(),
            data: Vec::new(),
        }
    }

    /// Says whether nothing but the source is asked for.
    pub(super) fn has_sources_only(&self) -> bool {
        self.types.is_any() && self.subjects.is_any() && self.data.is_empty()
    }

    /// Says whether every event is meant.
    pub(super) fn is_any(&self) -> bool {
        self.sources.is_any() && self.has_sources_only()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(texts: &[&str]) -> PatternSet {
        PatternSet::of(texts.iter().map(|text| Pattern::parse(text)))
    }

    #[test]
    fn rights_and_wishes_meet_where_both_agree() {
        let cases: [(&[&str], &[&str], &[&str]); 8] = [
            (&["*"], &["a", "b*"], &["a", "b*"]),
            (&["shop-*"], &["*"], &["shop-*"]),
            (&["shop-*"], &["shop-1", "bank"], &["shop-1"]),
            (&["shop-*"], &["sh*"], &["shop-*"]),
            (&["shop-*"], &["shop-eu-*"], &["shop-eu-*"]),
            (&["shop-*", "bank"], &["b*"], &["bank"]),
            (&["shop-*"], &["bank"], &[]),
            (&[], &["*"], &[]),
        ];
        for (rights, wishes, both) in cases {
            assert_eq!(
                set(rights).and(&set(wishes)),
                set(both),
                "{rights:?} and {wishes:?}"
            );
            assert_eq!(
                set(wishes).and(&set(rights)),
                set(both),
                "{wishes:?} and {rights:?}"
            );
        }
        assert!(set(&["shop-*"]).and(&set(&["bank"])).is_nothing() && set(&["a", "*"]).is_any());
    }

    #[test]
    fn a_pattern_within_another_is_left_out() {
        assert_eq!(set(&["shop-1", "shop-*", "sh*", "a"]), set(&["sh*", "a"]));
    }
}
