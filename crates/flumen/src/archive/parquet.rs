//! Events as a Parquet file, row group by row group.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use parquet::basic::{Compression, ZstdLevel};
use parquet::column::writer::ColumnWriter;
use parquet::data_type::ByteArray;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;
use store::read::{EventRow, Fields, JsonWriter, write_uid};

use super::ARCHIVE;

/// A row group is written when it has so many rows, or so many bytes of events.
const GROUP_ROWS: usize = 50_000;
const GROUP_BYTES: usize = 32 << 20;

/// Columns to look for events by, and the whole event as query-api shows it. `event` is [`super::ARCHIVED_EVENT`].
const SCHEMA: &str = "message event {
    required int64 time (TIMESTAMP(MICROS,true));
    required int64 recordedtime (TIMESTAMP(MICROS,true));
    required int32 kafkapartition;
    required int64 kafkaoffset;
    required binary uid (STRING);
    required binary source (STRING);
    required binary type (STRING);
    required binary id (STRING);
    required binary event (JSON);
}";

/// Writes a file.
pub(super) struct Writer {
    file: SerializedFileWriter<File>,
    json: JsonWriter,
    longs: [Vec<i64>; 3],
    partitions: Vec<i32>,
    texts: [Vec<ByteArray>; 5],
    bytes: usize,
    rows: u64,
}

impl Writer {
    /// Begins a file with the rows of a partition.
    pub(super) fn create(path: &Path, partition: &str) -> anyhow::Result<Self> {
        let schema = parse_message_type(SCHEMA).context("understand the schema")?;
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::try_new(3)?))
            .set_created_by(concat!("flumen ", env!("CARGO_PKG_VERSION")).to_owned())
            .set_key_value_metadata(Some(vec![KeyValue::new(
                ARCHIVE.to_owned(),
                partition.to_owned(),
            )]))
            .build();
        let file = File::create(path).context("make the file")?;
        Ok(Self {
            file: SerializedFileWriter::new(file, Arc::new(schema), Arc::new(properties))
                .context("begin the file")?,
            json: JsonWriter::new(Fields::ALL),
            longs: Default::default(),
            partitions: Vec::new(),
            texts: Default::default(),
            bytes: 0,
            rows: 0,
        })
    }

    /// Takes a row; [`Writer::flush`] is due when it says so.
    pub(super) fn push(&mut self, row: &EventRow<'_>) -> bool {
        let mut uid = Vec::with_capacity(36);
        write_uid(&mut uid, row.uid());
        let mut event = Vec::new();
        self.json.write(&mut event, row);
        self.bytes += event.len() + row.source().len() + row.kind().len() + row.id().len() + 64;
        let [times, recorded, offsets] = &mut self.longs;
        times.push(row.time().as_micros());
        recorded.push(row.recorded().as_micros());
        offsets.push(row.offset());
        self.partitions.push(row.partition());
        let values = [
            uid,
            row.source().to_vec(),
            row.kind().to_vec(),
            row.id().to_vec(),
            event,
        ];
        for (column, value) in self.texts.iter_mut().zip(values) {
            column.push(ByteArray::from(value));
        }
        self.rows += 1;
        self.partitions.len() >= GROUP_ROWS || self.bytes >= GROUP_BYTES
    }

    /// Writes the row group under way.
    pub(super) fn flush(&mut self) -> anyhow::Result<()> {
        if self.partitions.is_empty() {
            return Ok(());
        }
        let mut group = self.file.next_row_group()?;
        let (mut longs, mut texts) = (self.longs.iter_mut(), self.texts.iter_mut());
        while let Some(mut column) = group.next_column()? {
            match column.untyped() {
                ColumnWriter::Int64ColumnWriter(writer) => {
                    let values = std::mem::take(longs.next().context("a column of numbers")?);
                    writer.write_batch(&values, None, None)?;
                }
                ColumnWriter::Int32ColumnWriter(writer) => {
                    writer.write_batch(&std::mem::take(&mut self.partitions), None, None)?;
                }
                ColumnWriter::ByteArrayColumnWriter(writer) => {
                    let values = std::mem::take(texts.next().context("a column of texts")?);
                    writer.write_batch(&values, None, None)?;
                }
                _ => anyhow::bail!("a column of another type"),
            }
            column.close()?;
        }
        group.close()?;
        self.bytes = 0;
        Ok(())
    }

    /// Ends the file; says how many rows are in it.
    pub(super) fn finish(mut self) -> anyhow::Result<u64> {
        self.flush()?;
        self.file.close()?;
        Ok(self.rows)
    }
}
