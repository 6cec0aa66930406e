//! What an export's file looks like, whatever the route does with it.
//!
//! | format | rows | incomplete when |
//! |---|---|---|
//! | NDJSON | the object that pages show, one a line | the connection broke; with `summary=true`, the last line is no summary |
//! | CSV | RFC 4180, formulas defused | the connection broke |
//! | Parquet | typed columns in row groups of bounded size | the connection broke, and the file has no footer |

mod compress;
mod csv;
mod parquet;

pub(crate) use compress::{Coding, Compressor};
pub(crate) use csv::Formulas;

use std::io;

use csv::CsvWriter;
use parquet::ParquetWriter;
use store::read::{EventRow, Fields, JsonWriter};

/// The form of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    NdJson,
    Csv,
    Parquet,
}

impl Format {
    pub(crate) const ALL: [(&'static str, Self); 3] = [
        ("ndjson", Self::NdJson),
        ("csv", Self::Csv),
        ("parquet", Self::Parquet),
    ];

    /// The file's extension.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::NdJson => "ndjson",
            Self::Csv => "csv",
            Self::Parquet => "parquet",
        }
    }

    pub(crate) fn content_type(self) -> &'static str {
        match self {
            Self::NdJson => "application/x-ndjson",
            Self::Csv => "text/csv; charset=utf-8; header=present",
            Self::Parquet => "application/vnd.apache.parquet",
        }
    }
}

/// Writes a file piece by piece.
pub(crate) enum Encoder {
    NdJson(JsonWriter),
    Csv(CsvWriter),
    Parquet(Box<ParquetWriter>),
}

impl Encoder {
    pub(crate) fn new(format: Format, fields: Fields, formulas: Formulas) -> io::Result<Self> {
        Ok(match format {
            Format::NdJson => Self::NdJson(JsonWriter::new(fields)),
            Format::Csv => Self::Csv(CsvWriter::new(fields, formulas)),
            Format::Parquet => Self::Parquet(Box::new(ParquetWriter::new(fields)?)),
        })
    }

    /// What comes before the first row.
    pub(crate) fn begin(&mut self, out: &mut Vec<u8>) {
        if let Self::Csv(csv) = self {
            csv.header(out);
        }
    }

    /// Takes a row; it is in `out`, or kept until [`Encoder::is_full`].
    pub(crate) fn row(&mut self, out: &mut Vec<u8>, row: &EventRow<'_>) {
        match self {
            Self::NdJson(json) => {
                json.write(out, row);
                out.push(b'\n');
            }
            Self::Csv(csv) => csv.row(out, row),
            Self::Parquet(parquet) => parquet.row(row),
        }
    }

    /// Whether so much is kept that [`Encoder::flush`] is due.
    pub(crate) fn is_full(&self) -> bool {
        matches!(self, Self::Parquet(parquet) if parquet.is_full())
    }

    /// Writes out what is kept, and the file's end when this is it. May take a while, so it is not for a thread that serves others.
    pub(crate) fn flush(&mut self, out: &mut Vec<u8>, is_end: bool) -> io::Result<()> {
        match self {
            Self::Parquet(parquet) => parquet.flush(out, is_end),
            Self::NdJson(_) | Self::Csv(_) => Ok(()),
        }
    }

    /// Whether [`Encoder::flush`] does anything.
    pub(crate) fn keeps_rows(&self) -> bool {
        matches!(self, Self::Parquet(_))
    }
}
