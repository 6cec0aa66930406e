//! Events as a Parquet file with typed columns, written row group by row group.

use std::io::{self, Write};
use std::mem;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use parquet::basic::{Compression, ZstdLevel};
use parquet::column::writer::ColumnWriter;
use parquet::data_type::ByteArray;
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;
use store::read::{EventRow, Field, Fields, Payload, write_uid};

/// A row group is written when it has so many rows, or so many bytes of values: what an export holds in memory.
const GROUP_ROWS: usize = 50_000;
const GROUP_BYTES: usize = 6 * 1024 * 1024;

/// A column's values within the row group under way.
enum Column {
    Ints(Vec<i32>),
    Longs(Vec<i64>),
    Texts(Texts),
}

/// Byte strings, one behind another.
#[derive(Default)]
struct Texts {
    bytes: Vec<u8>,
    ranges: Vec<Range<usize>>,
    /// 1 where there is a value.
    levels: Vec<i16>,
    is_optional: bool,
}

/// Writes rows into a file.
pub(crate) struct ParquetWriter {
    columns: Vec<(Place, Column)>,
    rows: usize,
    all_rows: usize,
    bytes: usize,
    file: Option<SerializedFileWriter<Sink>>,
    sink: Sink,
}

/// What a column shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Of(Field),
    /// `data_base64` of the JSON form: here the bytes themselves.
    DataBytes,
}

/// Where the file's writer puts its bytes until they are sent.
#[derive(Clone, Default)]
struct Sink(Arc<Mutex<Vec<u8>>>);

impl Sink {
    fn take(&self) -> Vec<u8> {
        mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        held.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl ParquetWriter {
    pub(crate) fn new(fields: Fields) -> io::Result<Self> {
        let shown = Field::ALL
            .into_iter()
            .filter(|(_, field)| fields.has(*field));
        let mut schema = String::from("message event { ");
        let mut columns = Vec::new();
        for (name, field) in shown {
            let (kind, column) = match field {
                Field::Time | Field::RecordedTime => (
                    format!("required int64 {name} (TIMESTAMP(MICROS,true))"),
                    Column::Longs(Vec::new()),
                ),
                Field::KafkaPartition => {
                    (format!("required int32 {name}"), Column::Ints(Vec::new()))
                }
                Field::KafkaOffset => (format!("required int64 {name}"), Column::Longs(Vec::new())),
                _ => {
                    let is_optional = !matches!(
                        field,
                        Field::SpecVersion | Field::Uid | Field::Id | Field::Source | Field::Type
                    );
                    let repetition = if is_optional { "optional" } else { "required" };
                    (
                        format!("{repetition} binary {name} (STRING)"),
                        Column::Texts(Texts {
                            is_optional,
                            ..Texts::default()
                        }),
                    )
                }
            };
            schema.push_str(&kind);
            schema.push_str("; ");
            columns.push((Place::Of(field), column));
        }
        if fields.has(Field::Data) {
            schema.push_str("optional binary data_bytes; ");
            let texts = Texts {
                is_optional: true,
                ..Texts::default()
            };
            columns.push((Place::DataBytes, Column::Texts(texts)));
        }
        schema.push('}');
        let schema = parse_message_type(&schema).map_err(failed)?;
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::try_new(1).map_err(failed)?))
            .set_created_by(concat!("flumen ", env!("CARGO_PKG_VERSION")).to_owned())
            .build();
        let sink = Sink::default();
        let file = SerializedFileWriter::new(sink.clone(), Arc::new(schema), Arc::new(properties))
            .map_err(failed)?;
        Ok(Self {
            columns,
            rows: 0,
            all_rows: 0,
            bytes: 0,
            file: Some(file),
            sink,
        })
    }

    pub(crate) fn row(&mut self, row: &EventRow<'_>) {
        let mut bytes = 0;
        for (place, column) in &mut self.columns {
            bytes += match column {
                Column::Ints(values) => {
                    values.push(row.partition());
                    4
                }
                Column::Longs(values) => {
                    values.push(match place {
                        Place::Of(Field::Time) => row.time().as_micros(),
                        Place::Of(Field::RecordedTime) => row.recorded().as_micros(),
                        _ => row.offset(),
                    });
                    8
                }
                Column::Texts(texts) => {
                    let before = texts.bytes.len();
                    texts.push(*place, row);
                    texts.bytes.len() - before + mem::size_of::<Range<usize>>()
                }
            };
        }
        self.rows += 1;
        self.bytes += bytes;
    }

    pub(crate) fn is_full(&self) -> bool {
        self.rows >= GROUP_ROWS || self.bytes >= GROUP_BYTES
    }

    /// Writes the row group under way, and with `is_end` the footer.
    pub(crate) fn flush(&mut self, out: &mut Vec<u8>, is_end: bool) -> io::Result<()> {
        let ended = || io::Error::other("the file has ended");
        let file = self.file.as_mut().ok_or_else(ended)?;
        if self.rows > 0 {
            let mut group = file.next_row_group().map_err(failed)?;
            let mut columns = self.columns.iter_mut();
            while let Some(mut writer) = group.next_column().map_err(failed)? {
                let (_, column) = columns.next().ok_or_else(ended)?;
                column.write(writer.untyped()).map_err(failed)?;
                writer.close().map_err(failed)?;
            }
            group.close().map_err(failed)?;
            self.all_rows += self.rows;
            (self.rows, self.bytes) = (0, 0);
        }
        if is_end && let Some(mut file) = self.file.take() {
            let count = KeyValue::new("flumen.rows".to_owned(), self.all_rows.to_string());
            file.append_key_value_metadata(count);
            file.close().map_err(failed)?;
        }
        out.append(&mut self.sink.take());
        Ok(())
    }
}

impl Column {
    /// Hands the values on and forgets them.
    fn write(&mut self, writer: &mut ColumnWriter<'_>) -> Result<(), ParquetError> {
        match (self, writer) {
            (Self::Ints(values), ColumnWriter::Int32ColumnWriter(writer)) => {
                writer.write_batch(&mem::take(values), None, None)?;
            }
            (Self::Longs(values), ColumnWriter::Int64ColumnWriter(writer)) => {
                writer.write_batch(&mem::take(values), None, None)?;
            }
            (Self::Texts(texts), ColumnWriter::ByteArrayColumnWriter(writer)) => {
                let bytes = Bytes::from(mem::take(&mut texts.bytes));
                let values: Vec<ByteArray> = texts
                    .ranges
                    .drain(..)
                    .map(|range| ByteArray::from(bytes.slice(range)))
                    .collect();
                let levels = mem::take(&mut texts.levels);
                let levels = texts.is_optional.then_some(levels.as_slice());
                writer.write_batch(&values, levels, None)?;
            }
            _ => {
                return Err(ParquetError::General(
                    "a column has another type than its schema".to_owned(),
                ));
            }
        }
        Ok(())
    }
}

impl Texts {
    fn push(&mut self, place: Place, row: &EventRow<'_>) {
        let start = self.bytes.len();
        let value = match place {
            Place::Of(Field::SpecVersion) => Some(&b"1.0"[..]),
            Place::Of(Field::Uid) => {
                write_uid(&mut self.bytes, row.uid());
                Some(&b""[..])
            }
            Place::Of(Field::Id) => Some(row.id()),
            Place::Of(Field::Source) => Some(row.source()),
            Place::Of(Field::Type) => Some(row.kind()),
            Place::Of(Field::Subject) => row.subject(),
            Place::Of(Field::DataContentType) => row.content_type(),
            Place::Of(Field::DataSchema) => row.schema(),
            Place::Of(Field::Extensions) => row.extensions(),
            Place::Of(Field::TraceParent) => row.trace_parent(),
            Place::Of(Field::Data) => match row.data() {
                Payload::Json(text) | Payload::Text(text) => Some(text),
                Payload::None | Payload::Bytes(_) => None,
            },
            Place::DataBytes => match row.data() {
                Payload::Bytes(bytes) => Some(bytes),
                _ => None,
            },
            // These have columns of numbers.
            Place::Of(
                Field::Time | Field::RecordedTime | Field::KafkaPartition | Field::KafkaOffset,
            ) => None,
        };
        self.levels.push(i16::from(value.is_some()));
        if let Some(value) = value {
            self.bytes.extend_from_slice(value);
            self.ranges.push(start..self.bytes.len());
        }
    }
}

fn failed(error: ParquetError) -> io::Error {
    io::Error::other(error)
}
