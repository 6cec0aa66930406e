//! One row of any format: the values the mapping asks for, and the data as JSON.

use std::borrow::Cow;

use crate::civil;

/// What a reader gives for each row; buffers are used again for the next one.
#[derive(Debug, Default)]
pub(super) struct Row {
    /// Position in the file, from 1.
    pub(super) number: u64,
    /// Values of the columns the mapping asked for, in its order.
    pub(super) fields: Vec<Field>,
    /// JSON text of the data.
    pub(super) data: Vec<u8>,
}

impl Row {
    pub(super) fn new(columns: usize) -> Self {
        Self {
            number: 0,
            fields: vec![Field::default(); columns],
            data: Vec::new(),
        }
    }
}

/// The value of one column in one row.
#[derive(Debug, Default, Clone)]
pub(super) struct Field {
    pub(super) kind: Kind,
    /// The text of `Text`, `Number`, `Bool` and `Json`.
    pub(super) text: String,
}

/// What a value is.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// The row has no such column, or null in it.
    #[default]
    Null,
    Text,
    Number,
    Bool,
    /// An object or an array.
    Json,
    /// Microseconds since the epoch.
    Instant(i64),
    /// A date and time of no particular zone, as microseconds since 1970-01-01T00:00:00 there.
    Local(i64),
}

impl Field {
    pub(super) fn set(&mut self, kind: Kind, text: &str) {
        self.kind = kind;
        self.text.clear();
        self.text.push_str(text);
    }

    pub(super) fn set_null(&mut self) {
        self.set(Kind::Null, "");
    }

    /// The value as it stands in an attribute; `None` for null, empty text and what has no plain text.
    pub(super) fn plain(&self) -> Option<Cow<'_, str>> {
        let mut written = Vec::new();
        match self.kind {
            Kind::Null | Kind::Json => return None,
            Kind::Text | Kind::Number | Kind::Bool => {
                return (!self.text.is_empty()).then_some(Cow::Borrowed(&self.text));
            }
            Kind::Instant(micros) => civil::write_utc(&mut written, micros),
            Kind::Local(micros) => civil::write_local(&mut written, micros),
        }
        String::from_utf8(written).ok().map(Cow::Owned)
    }
}

/// Which parts of a row become the data.
#[derive(Debug, Clone, Default)]
pub(super) struct Shape {
    /// Only these columns; all when empty. One alone is the data itself.
    pub(super) only: Vec<String>,
    /// All but these.
    pub(super) drop: Vec<String>,
}

/// What the mapping wants of a reader.
#[derive(Debug, Clone, Default)]
pub(super) struct Wanted {
    /// Columns to put into `Row::fields`, in this order.
    pub(super) columns: Vec<String>,
    /// What to put into `Row::data`.
    pub(super) shape: Shape,
}

/// Why a row, or the rest of a file, cannot be read.
#[derive(Debug, thiserror::Error)]
pub(super) enum ReadError {
    /// Reject this row and go on with the next.
    #[error("{detail}")]
    Row {
        reason: &'static str,
        detail: String,
        /// The row as it was, as far as it is text.
        raw: String,
    },
    /// Nothing more can be read.
    #[error(transparent)]
    File(#[from] anyhow::Error),
}

/// A format.
pub(super) trait Reader: Send {
    /// Reads the next row; `false` at the end of the file.
    fn next(&mut self, row: &mut Row) -> Result<bool, ReadError>;

    /// Passes over rows, of which each counts even if it cannot be read.
    fn skip(&mut self, rows: u64) -> Result<(), ReadError>;

    /// Bytes of the file that have been used so far.
    fn consumed(&self) -> u64;
}

/// Appends a JSON string.
pub(super) fn write_string(out: &mut Vec<u8>, text: &str) {
    serde_json::to_writer(out, text).expect("a string always becomes JSON, in memory");
}

/// The error for a column that no row can have.
pub(super) fn no_such_column(name: &str, have: &[String]) -> anyhow::Error {
    crate::exit::Exit::error(
        crate::exit::USAGE,
        format!(
            "there is no column `{name}`; the file has: {}",
            have.join(", ")
        ),
    )
}
