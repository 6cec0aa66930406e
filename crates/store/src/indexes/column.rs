//! What an index may be on, and how it is written in SQL.

use std::fmt;

/// Names in a path of data hold nothing else, so that they can stand in a statement.
const NAME_CHARS: &str = "letters, digits, `_` and `-`";

/// What of an event an index can be on, beside what every installation has.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Column {
    /// `subject`.
    Subject,
    /// `type`.
    Type,
    /// `id`.
    Id,
    /// A place in the data, by the names that lead there.
    Data(DataPath),
}

/// The names that lead to a place in the data, outermost first.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DataPath(Vec<String>);

impl Column {
    /// Reads a column as it is written in `store.indexes`.
    ///
    /// # Errors
    /// Says what could stand there instead.
    pub fn parse(text: &str) -> Result<Self, String> {
        match text {
            "subject" => return Ok(Self::Subject),
            "type" => return Ok(Self::Type),
            "id" => return Ok(Self::Id),
            "source" | "time" | "uid" => {
                return Err(format!(
                    "`{text}` needs no index: every page by source and time has one already"
                ));
            }
            "data" => {
                return Err(
                    "`data` as a whole cannot be indexed; name a place in it, such as data.order.customer".to_owned(),
                );
            }
            _ => {}
        }
        let Some(path) = text.strip_prefix("data.") else {
            return Err(format!(
                "`{text}` cannot be indexed: write subject, type, id, or a place in the data such as data.order.customer"
            ));
        };
        let names: Vec<String> = path.split('.').map(str::to_owned).collect();
        let is_plain = |name: &String| {
            !name.is_empty()
                && name
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
        };
        if !names.iter().all(is_plain) {
            return Err(format!(
                "`{text}` cannot be indexed: the names in a path are joined by single dots and hold only {NAME_CHARS}"
            ));
        }
        Ok(Self::Data(DataPath(names)))
    }

    /// The condition's left side, for a value that `value` writes: what the index begins with is equal to it.
    ///
    /// Of data it is a hash, since a key of an index must be small and what is in an event need not be; the hash of equal JSON is equal,
    /// 5 and 5.0 included. Whoever uses it compares the value as well.
    pub(crate) fn key(&self) -> String {
        match self {
            Self::Subject => "subject".to_owned(),
            Self::Type => "type".to_owned(),
            Self::Id => "id".to_owned(),
            Self::Data(path) => format!("jsonb_hash_extended(data #> {}, 0::int8)", path.literal()),
        }
    }

    /// Which rows are in the index.
    pub(crate) fn condition(&self) -> Option<String> {
        match self {
            Self::Data(path) => Some(format!("(data #> {}) IS NOT NULL", path.literal())),
            _ => None,
        }
    }

    /// The last part of the names of its indexes.
    pub(super) fn suffix(&self) -> String {
        match self {
            Self::Data(path) => format!("by_data_{}", short_hash(&path.0.join("."))),
            other => format!("by_{other}"),
        }
    }

    /// Whether it is this place in the data.
    pub(crate) fn is_data(&self, names: &[String]) -> bool {
        matches!(self, Self::Data(path) if path.0 == names)
    }
}

impl DataPath {
    /// As a constant in SQL. The names hold no quote and no backslash.
    fn literal(&self) -> String {
        format!("'{{\"{}\"}}'::text[]", self.0.join("\",\""))
    }
}

impl fmt::Display for Column {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Subject => f.write_str("subject"),
            Self::Type => f.write_str("type"),
            Self::Id => f.write_str("id"),
            Self::Data(path) => write!(f, "data.{}", path.0.join(".")),
        }
    }
}

/// Eight hexadecimal digits (FNV-1a).
pub(super) fn short_hash(text: &str) -> String {
    let hash = text.bytes().fold(0x811c_9dc5_u32, |hash, byte| {
        (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
    });
    format!("{hash:08x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_what_is_shown() {
        for text in [
            "subject",
            "type",
            "id",
            "data.a",
            "data.order.items.0.sku-1_x",
        ] {
            assert_eq!(Column::parse(text).expect(text).to_string(), text);
        }
    }

    #[test]
    fn what_cannot_be_indexed_is_refused_with_what_can() {
        for (text, says) in [
            ("colour", "data.order.customer"),
            ("", "subject, type, id"),
            ("Subject", "subject, type, id"),
            ("source", "has one already"),
            ("data", "name a place in it"),
            ("data.", "single dots"),
            ("data.a..b", "single dots"),
            ("data.a'b", "letters, digits"),
            ("data.a\"b", "letters, digits"),
            ("data.ä", "letters, digits"),
            ("extensions.tenant", "subject, type, id"),
        ] {
            let error = Column::parse(text).expect_err(text);
            assert!(error.contains(says), "{text}: {error}");
        }
    }

    #[test]
    fn a_path_is_one_constant_and_its_indexes_have_short_names() {
        let column = Column::parse("data.null.a-b").expect("valid");
        assert_eq!(
            column.key(),
            "jsonb_hash_extended(data #> '{\"null\",\"a-b\"}'::text[], 0::int8)"
        );
        let long = Column::parse(&format!("data.{}", "x".repeat(500))).expect("valid");
        assert_eq!(long.suffix().len(), "by_data_01234567".len());
        assert_ne!(long.suffix(), column.suffix());
    }
}
