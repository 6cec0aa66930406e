//! Rows of Parquet files.

use std::{fs::File, sync::Arc};

use anyhow::{Context as _, anyhow};
use parquet::{
    basic::{LogicalType, TimeUnit},
    file::reader::{FileReader as _, SerializedFileReader},
    record::{Field as Cell, Row as Cells, reader::ReaderIter, reader::TreeBuilder},
    schema::types::{SchemaDescriptor, Type},
};

use super::row::{Field, Kind, ReadError, Reader, Row, Wanted, no_such_column, write_string};
use crate::archive::{ARCHIVE, ARCHIVED_EVENT};
use crate::civil;

/// Reads Parquet one row group after the other, only the columns that are needed.
pub(super) struct ParquetReader {
    file: SerializedFileReader<File>,
    bytes: u64,
    rows: u64,
    schema: Arc<SchemaDescriptor>,
    columns: Vec<Column>,
    /// Indices of the wanted columns among `columns`.
    fields: Vec<usize>,
    data: DataColumns,
    next_group: usize,
    current: Option<ReaderIter>,
    row: u64,
}

/// A column of the outermost level.
struct Column {
    /// Its name as a JSON key: `"name":`.
    key: Vec<u8>,
    clock: Clock,
}

/// How the numbers of a time column are meant.
#[derive(Clone, Copy, PartialEq)]
enum Clock {
    /// Instants, or not a time at all.
    Utc,
    /// Dates and times of no particular zone.
    Local,
    /// Nanoseconds, which the reader gives as plain numbers.
    Nanos { utc: bool },
}

enum DataColumns {
    One(usize),
    Object(Vec<usize>),
    /// The column holds JSON: each row of an archive is an event already.
    Json(usize),
}

impl ParquetReader {
    pub(super) fn open(file: File, wanted: &Wanted) -> anyhow::Result<Self> {
        let bytes = file.metadata().context("look at the file")?.len();
        let file =
            SerializedFileReader::new(file).context("read the footer of the parquet file")?;
        let metadata = file.metadata().file_metadata();
        let rows = u64::try_from(metadata.num_rows()).unwrap_or_default();
        let all = metadata.schema().get_fields().to_vec();
        let names: Vec<String> = all.iter().map(|field| field.name().to_owned()).collect();
        let check = |name: &String| {
            names
                .contains(name)
                .then_some(())
                .ok_or_else(|| no_such_column(name, &names))
        };
        let shape = &wanted.shape;
        for name in wanted.columns.iter().chain(&shape.only).chain(&shape.drop) {
            check(name)?;
        }
        let in_data = |name: &String| match shape.only.as_slice() {
            [] => !shape.drop.contains(name),
            only => only.contains(name),
        };
        let is_archive = wanted.columns.is_empty()
            && shape.only.is_empty()
            && shape.drop.is_empty()
            && metadata
                .key_value_metadata()
                .is_some_and(|pairs| pairs.iter().any(|pair| pair.key == ARCHIVE));
        // Read no column that nobody asked for.
        let read: Vec<_> = all
            .iter()
            .filter(|field| {
                let name = field.name().to_owned();
                if is_archive {
                    return name == ARCHIVED_EVENT;
                }
                in_data(&name) || wanted.columns.contains(&name)
            })
            .cloned()
            .collect();
        let columns: Vec<Column> = read.iter().map(|field| Column::of(field)).collect();
        let index = |name: &String| {
            read.iter()
                .position(|field| field.name() == name)
                .ok_or_else(|| no_such_column(name, &names))
        };
        let fields = wanted
            .columns
            .iter()
            .map(index)
            .collect::<anyhow::Result<_>>()?;
        let data = match shape.only.as_slice() {
            _ if is_archive => DataColumns::Json(index(&ARCHIVED_EVENT.to_owned())?),
            [one] => DataColumns::One(index(one)?),
            [] => DataColumns::Object(
                (0..read.len())
                    .filter(|&at| in_data(&read[at].name().to_owned()))
                    .collect(),
            ),
            several => {
                DataColumns::Object(several.iter().map(index).collect::<anyhow::Result<_>>()?)
            }
        };
        let schema = Type::group_type_builder(metadata.schema().name())
            .with_fields(read)
            .build()
            .context("choose the columns to read")?;
        Ok(Self {
            bytes,
            rows,
            schema: Arc::new(SchemaDescriptor::new(Arc::new(schema))),
            columns,
            fields,
            data,
            next_group: 0,
            current: None,
            row: 0,
            file,
        })
    }

    /// The next row as the library gives it.
    fn cells(&mut self) -> Result<Option<Cells>, ReadError> {
        loop {
            if let Some(cells) = self.current.as_mut().and_then(Iterator::next) {
                let cells = cells.map_err(|error| {
                    anyhow!(error).context(format!("read row {}", self.row + 1))
                })?;
                self.row += 1;
                return Ok(Some(cells));
            }
            if self.next_group >= self.file.num_row_groups() {
                return Ok(None);
            }
            let group = self
                .file
                .get_row_group(self.next_group)
                .with_context(|| format!("open row group {}", self.next_group))?;
            self.current = Some(
                TreeBuilder::new()
                    .as_iter(Arc::clone(&self.schema), &*group)
                    .with_context(|| format!("read row group {}", self.next_group))?,
            );
            self.next_group += 1;
        }
    }
}

impl Reader for ParquetReader {
    fn next(&mut self, row: &mut Row) -> Result<bool, ReadError> {
        row.number = self.row + 1;
        let Some(cells) = self.cells()? else {
            return Ok(false);
        };
        let cells: Vec<(String, Cell)> = cells.into_columns();
        for (field, &index) in row.fields.iter_mut().zip(&self.fields) {
            set(field, &cells[index].1, self.columns[index].clock);
        }
        let out = &mut row.data;
        out.clear();
        match &self.data {
            DataColumns::One(index) => {
                write_cell(out, &cells[*index].1, self.columns[*index].clock);
            }
            DataColumns::Json(index) => match &cells[*index].1 {
                Cell::Str(text) => out.extend_from_slice(text.as_bytes()),
                cell => write_cell(out, cell, self.columns[*index].clock),
            },
            DataColumns::Object(columns) => {
                out.push(b'{');
                for (at, &index) in columns.iter().enumerate() {
                    if at > 0 {
                        out.push(b',');
                    }
                    out.extend_from_slice(&self.columns[index].key);
                    write_cell(out, &cells[index].1, self.columns[index].clock);
                }
                out.push(b'}');
            }
        }
        Ok(true)
    }

    fn skip(&mut self, rows: u64) -> Result<(), ReadError> {
        let target = self.row + rows;
        // Whole row groups are passed over without being read.
        while self.current.is_none() && self.next_group < self.file.num_row_groups() {
            let group = self.file.metadata().row_group(self.next_group);
            let rows = u64::try_from(group.num_rows()).unwrap_or_default();
            if self.row + rows > target {
                break;
            }
            self.row += rows;
            self.next_group += 1;
        }
        while self.row < target && self.cells()?.is_some() {}
        Ok(())
    }

    fn consumed(&self) -> u64 {
        let share = u128::from(self.bytes) * u128::from(self.row) / u128::from(self.rows.max(1));
        u64::try_from(share).unwrap_or(self.bytes)
    }
}

impl Column {
    fn of(field: &Type) -> Self {
        let mut key = Vec::new();
        write_string(&mut key, field.name());
        key.push(b':');
        let clock = match field.get_basic_info().logical_type_ref() {
            Some(LogicalType::Timestamp(timestamp)) => match timestamp.unit {
                TimeUnit::NANOS => Clock::Nanos {
                    utc: timestamp.is_adjusted_to_u_t_c,
                },
                _ if timestamp.is_adjusted_to_u_t_c => Clock::Utc,
                _ => Clock::Local,
            },
            _ => Clock::Utc,
        };
        Self { key, clock }
    }
}

/// Microseconds since the epoch, when the cell is a date with a time.
fn timestamp(cell: &Cell, clock: Clock) -> Option<(i64, bool)> {
    match (cell, clock) {
        (Cell::TimestampMicros(micros), clock) => Some((*micros, clock != Clock::Local)),
        (Cell::TimestampMillis(millis), clock) => {
            Some((millis.saturating_mul(1000), clock != Clock::Local))
        }
        (Cell::Long(nanos), Clock::Nanos { utc }) => Some((nanos.div_euclid(1000), utc)),
        (Cell::Date(days), _) => Some((i64::from(*days) * 86_400_000_000, false)),
        _ => None,
    }
}

fn set(field: &mut Field, cell: &Cell, clock: Clock) {
    if let Some((micros, utc)) = timestamp(cell, clock) {
        field.text.clear();
        field.kind = if utc {
            Kind::Instant(micros)
        } else {
            Kind::Local(micros)
        };
        return;
    }
    match cell {
        Cell::Null => field.set_null(),
        Cell::Str(text) => field.set(Kind::Text, text),
        Cell::Bool(value) => field.set(Kind::Bool, if *value { "true" } else { "false" }),
        cell => {
            let mut written = Vec::new();
            write_cell(&mut written, cell, clock);
            let text = String::from_utf8_lossy(&written);
            match text.as_bytes().first() {
                Some(b'"') => field.set(Kind::Text, text.trim_matches('"')),
                Some(b'{' | b'[') => field.set(Kind::Json, &text),
                Some(b'n') | None => field.set_null(),
                Some(_) => field.set(Kind::Number, &text),
            }
        }
    }
}

fn write_cell(out: &mut Vec<u8>, cell: &Cell, clock: Clock) {
    use std::io::Write as _;
    /// Writing into memory does not fail.
    macro_rules! number {
        ($value:expr) => {{
            let _ = write!(out, "{}", $value);
        }};
    }
    match cell {
        Cell::Null => out.extend_from_slice(b"null"),
        Cell::Bool(value) => number!(value),
        Cell::Byte(value) => number!(value),
        Cell::Short(value) => number!(value),
        Cell::Int(value) => number!(value),
        Cell::UByte(value) => number!(value),
        Cell::UShort(value) => number!(value),
        Cell::UInt(value) => number!(value),
        Cell::ULong(value) => number!(value),
        Cell::Float16(value) => write_float(out, f64::from(value.to_f32())),
        Cell::Float(value) if value.is_finite() => number!(value),
        Cell::Float(_) => out.extend_from_slice(b"null"),
        Cell::Double(value) => write_float(out, *value),
        Cell::Decimal(_) => number!(cell),
        Cell::Str(text) => write_string(out, text),
        Cell::Bytes(bytes) => {
            out.push(b'"');
            out.extend_from_slice(base64_text(bytes.data()).as_bytes());
            out.push(b'"');
        }
        Cell::Date(days) => {
            out.push(b'"');
            civil::write_date(out, i64::from(*days));
            out.push(b'"');
        }
        Cell::TimeMillis(millis) => {
            out.push(b'"');
            civil::write_time(out, i64::from(*millis) * 1000);
            out.push(b'"');
        }
        Cell::TimeMicros(micros) => {
            out.push(b'"');
            civil::write_time(out, *micros);
            out.push(b'"');
        }
        Cell::Long(_) | Cell::TimestampMillis(_) | Cell::TimestampMicros(_) => {
            match (timestamp(cell, clock), cell) {
                (Some((micros, utc)), _) => {
                    out.push(b'"');
                    civil::write_local(out, micros);
                    if utc {
                        out.push(b'Z');
                    }
                    out.push(b'"');
                }
                (None, Cell::Long(value)) => number!(value),
                (None, _) => out.extend_from_slice(b"null"),
            }
        }
        Cell::Group(row) => {
            out.push(b'{');
            for (at, (name, cell)) in row.get_column_iter().enumerate() {
                if at > 0 {
                    out.push(b',');
                }
                write_string(out, name);
                out.push(b':');
                write_cell(out, cell, Clock::Utc);
            }
            out.push(b'}');
        }
        Cell::ListInternal(list) => {
            out.push(b'[');
            for (at, cell) in list.elements().iter().enumerate() {
                if at > 0 {
                    out.push(b',');
                }
                write_cell(out, cell, Clock::Utc);
            }
            out.push(b']');
        }
        Cell::MapInternal(map) => {
            out.push(b'{');
            for (at, (key, cell)) in map.entries().iter().enumerate() {
                if at > 0 {
                    out.push(b',');
                }
                match key {
                    Cell::Str(key) => write_string(out, key),
                    key => write_string(out, &key.to_string()),
                }
                out.push(b':');
                write_cell(out, cell, Clock::Utc);
            }
            out.push(b'}');
        }
    }
}

/// JSON has no infinities and no NaN: they become null.
fn write_float(out: &mut Vec<u8>, value: f64) {
    use std::io::Write as _;
    if value.is_finite() {
        let _ = write!(out, "{value}");
    } else {
        out.extend_from_slice(b"null");
    }
}

fn base64_text(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}
