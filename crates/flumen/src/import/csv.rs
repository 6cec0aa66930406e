//! Rows of comma-separated text.

use std::{
    io::BufRead,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use anyhow::{Context as _, anyhow};
use csv::StringRecord;

use super::{
    args::CsvArgs,
    row::{Kind, ReadError, Reader, Row, Wanted, no_such_column, write_string},
};

/// Reads CSV with or without a header line. A row with too many or too few cells is rejected.
pub(super) struct CsvReader {
    records: csv::Reader<Box<dyn BufRead + Send>>,
    /// Indices of the wanted columns.
    fields: Vec<usize>,
    data: DataColumns,
    infer: bool,
    record: StringRecord,
    row: u64,
    consumed: Arc<AtomicU64>,
}

/// Columns that become the data.
enum DataColumns {
    /// The cell itself.
    One(usize),
    /// An object: each column with its key as JSON, `"name":`.
    Object(Vec<(usize, Vec<u8>)>),
}

impl CsvReader {
    pub(super) fn open(
        text: Box<dyn BufRead + Send>,
        args: &CsvArgs,
        wanted: &Wanted,
        consumed: Arc<AtomicU64>,
    ) -> anyhow::Result<Self> {
        let delimiter = args.delimiter.unwrap_or(',');
        let delimiter = u8::try_from(delimiter)
            .ok()
            .filter(u8::is_ascii)
            .with_context(|| format!("use `{delimiter}` as the delimiter: it is not ASCII"))?;
        let mut records = csv::ReaderBuilder::new()
            .delimiter(delimiter)
            .has_headers(!args.no_header)
            .from_reader(text);
        let first = records.headers().context("read the first line")?;
        let names: Vec<String> = if args.no_header {
            (1..=first.len())
                .map(|number| format!("c{number}"))
                .collect()
        } else {
            first
                .iter()
                .map(|name| name.trim_start_matches('\u{feff}').to_owned())
                .collect()
        };
        let index = |name: &String| {
            names
                .iter()
                .position(|have| have == name)
                .ok_or_else(|| no_such_column(name, &names))
        };
        let fields = wanted
            .columns
            .iter()
            .map(index)
            .collect::<anyhow::Result<_>>()?;
        let key = |index: usize| {
            let mut key = Vec::new();
            write_string(&mut key, &names[index]);
            key.push(b':');
            (index, key)
        };
        let data = match wanted.shape.only.as_slice() {
            [one] => DataColumns::One(index(one)?),
            [] => {
                for name in &wanted.shape.drop {
                    index(name)?;
                }
                let kept = |at: &usize| !wanted.shape.drop.contains(&names[*at]);
                DataColumns::Object((0..names.len()).filter(kept).map(key).collect())
            }
            several => {
                let indices = several
                    .iter()
                    .map(index)
                    .collect::<anyhow::Result<Vec<_>>>()?;
                DataColumns::Object(indices.into_iter().map(key).collect())
            }
        };
        Ok(Self {
            records,
            fields,
            data,
            infer: args.infer,
            record: StringRecord::new(),
            row: 0,
            consumed,
        })
    }

    fn advance(&mut self) -> Result<bool, ReadError> {
        match self.records.read_record(&mut self.record) {
            Ok(more) => {
                self.row += u64::from(more);
                Ok(more)
            }
            Err(error) => match error.kind() {
                csv::ErrorKind::Io(_) => Err(ReadError::File(
                    anyhow!(error).context(format!("read row {}", self.row + 1)),
                )),
                _ => {
                    self.row += 1;
                    Err(ReadError::Row {
                        reason: "malformed-csv",
                        detail: error.to_string(),
                        raw: self.record.iter().collect::<Vec<_>>().join(","),
                    })
                }
            },
        }
    }
}

impl Reader for CsvReader {
    fn next(&mut self, row: &mut Row) -> Result<bool, ReadError> {
        let more = self.advance();
        row.number = self.row;
        if !more? {
            return Ok(false);
        }
        for (field, &index) in row.fields.iter_mut().zip(&self.fields) {
            field.set(Kind::Text, self.record.get(index).unwrap_or_default());
        }
        let out = &mut row.data;
        out.clear();
        match &self.data {
            DataColumns::One(index) => {
                write_cell(out, self.record.get(*index).unwrap_or_default(), self.infer);
            }
            DataColumns::Object(columns) => {
                out.push(b'{');
                for (at, (index, key)) in columns.iter().enumerate() {
                    if at > 0 {
                        out.push(b',');
                    }
                    out.extend_from_slice(key);
                    write_cell(out, self.record.get(*index).unwrap_or_default(), self.infer);
                }
                out.push(b'}');
            }
        }
        Ok(true)
    }

    fn skip(&mut self, rows: u64) -> Result<(), ReadError> {
        for _ in 0..rows {
            match self.advance() {
                Ok(true) | Err(ReadError::Row { .. }) => {}
                Ok(false) => break,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn consumed(&self) -> u64 {
        self.consumed.load(Ordering::Relaxed)
    }
}

fn write_cell(out: &mut Vec<u8>, cell: &str, infer: bool) {
    if infer {
        if cell.is_empty() {
            return out.extend_from_slice(b"null");
        }
        if is_json_number(cell.as_bytes()) || matches!(cell, "true" | "false") {
            return out.extend_from_slice(cell.as_bytes());
        }
    }
    write_string(out, cell);
}

/// Whether the text is a number by JSON's grammar: no leading zeros or plus, so that
/// article numbers and postcodes stay text.
fn is_json_number(text: &[u8]) -> bool {
    let text = text.strip_prefix(b"-").unwrap_or(text);
    let digits = |text: &[u8]| text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let whole = digits(text);
    if whole == 0 || (whole > 1 && text[0] == b'0') {
        return false;
    }
    let mut rest = &text[whole..];
    if let Some(fraction) = rest.strip_prefix(b".") {
        let length = digits(fraction);
        if length == 0 {
            return false;
        }
        rest = &fraction[length..];
    }
    if let Some(exponent) = rest.strip_prefix(b"e").or_else(|| rest.strip_prefix(b"E")) {
        let exponent = exponent
            .strip_prefix(b"+")
            .or_else(|| exponent.strip_prefix(b"-"))
            .unwrap_or(exponent);
        return !exponent.is_empty() && digits(exponent) == exponent.len();
    }
    rest.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_those_of_json() {
        for number in [
            "0",
            "-0.5",
            "12",
            "1e5",
            "1.25E-3",
            "123456789012345678901234567890",
        ] {
            assert!(is_json_number(number.as_bytes()), "{number}");
            serde_json::from_str::<&serde_json::value::RawValue>(number).expect("JSON agrees");
        }
        for text in [
            "", "-", "007", "+1", "1.", ".5", "1e", "0x1", "1 ", "NaN", "1,5",
        ] {
            assert!(!is_json_number(text.as_bytes()), "{text}");
        }
    }
}
