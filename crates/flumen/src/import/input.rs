//! Opens an input: which format, which compression, how large.

use std::{
    fs::File,
    io::{self, BufRead, BufReader, Read},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use anyhow::Context as _;

use super::{
    args::{Args, CsvArgs},
    csv::CsvReader,
    json::JsonReader,
    parquet::ParquetReader,
    row::{Reader, Wanted},
};
use crate::exit::{self, Exit};

/// What a file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// One JSON object a line.
    Ndjson,
    /// An array of JSON objects.
    Json,
    /// Features of a `FeatureCollection`.
    Geojson,
    /// Comma-separated, with a header line.
    Csv,
    /// Apache Parquet.
    Parquet,
}

/// An input by name.
#[derive(Debug, Clone)]
pub(super) struct Input {
    pub(super) path: PathBuf,
    /// Its name without the folder: part of the ids of rows that have none.
    pub(super) name: String,
    /// Unknown for standard input and pipes.
    pub(super) bytes: Option<u64>,
    /// Changes when the file does.
    pub(super) modified: Option<u128>,
}

impl Input {
    /// Looks at a file without opening it.
    pub(super) fn find(path: &Path) -> anyhow::Result<Self> {
        if path == Path::new("-") {
            return Ok(Self {
                path: path.to_owned(),
                name: "stdin".to_owned(),
                bytes: None,
                modified: None,
            });
        }
        let metadata = std::fs::metadata(path)
            .map_err(|error| Exit::error(exit::USAGE, format!("{}: {error}", path.display())))?;
        if metadata.is_dir() {
            let message = format!("{} is a folder; name the files in it", path.display());
            return Err(Exit::error(exit::USAGE, message));
        }
        let name = path
            .file_name()
            .map(|name| name.to_string_lossy().into_owned())
            .unwrap_or_default();
        Ok(Self {
            path: path.to_owned(),
            name,
            bytes: metadata.is_file().then_some(metadata.len()),
            modified: metadata
                .modified()
                .ok()
                .and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok())
                .map(|since| since.as_nanos()),
        })
    }

    pub(super) fn is_stdin(&self) -> bool {
        self.path == Path::new("-")
    }

    /// Opens the input as rows.
    pub(super) fn open(&self, args: &Args, wanted: &Wanted) -> anyhow::Result<Box<dyn Reader>> {
        let (format, tabs) = self.format(args.format)?;
        if format == Some(Format::Parquet) {
            anyhow::ensure!(
                !self.is_stdin(),
                "parquet cannot be read from standard input; name the file"
            );
            let file =
                File::open(&self.path).with_context(|| format!("open {}", self.path.display()))?;
            return Ok(Box::new(ParquetReader::open(file, wanted)?));
        }
        let (mut text, consumed) = self.text()?;
        let format = match format {
            Some(format) => format,
            None => sniff(&mut text)?,
        };
        Ok(match format {
            Format::Csv => {
                let csv = CsvArgs {
                    delimiter: args.csv.delimiter.or(tabs.then_some('\t')),
                    ..args.csv.clone()
                };
                Box::new(CsvReader::open(text, &csv, wanted, consumed)?)
            }
            Format::Ndjson => Box::new(JsonReader::lines(text, wanted, consumed)),
            Format::Json => Box::new(JsonReader::array(text, wanted, consumed)),
            Format::Geojson => Box::new(JsonReader::features(text, wanted, consumed)),
            Format::Parquet => anyhow::bail!("parquet is not text"),
        })
    }

    /// The format of the name; `None` when the content has to tell (`.json`).
    fn format(&self, given: Option<Format>) -> anyhow::Result<(Option<Format>, bool)> {
        let name = self.name.to_ascii_lowercase();
        let name = name
            .strip_suffix(".gz")
            .or_else(|| name.strip_suffix(".zst"))
            .unwrap_or(&name);
        let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension);
        let tabs = extension == "tsv";
        if given.is_some() {
            return Ok((given, tabs));
        }
        let format = match extension {
            "ndjson" | "jsonl" => Some(Format::Ndjson),
            "json" => None,
            "geojson" => Some(Format::Geojson),
            "csv" | "tsv" => Some(Format::Csv),
            "parquet" | "pq" => Some(Format::Parquet),
            _ => {
                return Err(Exit::error(
                    exit::USAGE,
                    format!(
                        "{}: its name does not say what it holds; add --format ndjson, json, geojson, csv or parquet",
                        self.path.display()
                    ),
                ));
            }
        };
        Ok((format, tabs))
    }

    /// The decompressed text, and a count of the bytes used of the file itself.
    fn text(&self) -> anyhow::Result<(Box<dyn BufRead + Send>, Arc<AtomicU64>)> {
        let consumed = Arc::new(AtomicU64::new(0));
        let inner: Box<dyn Read + Send> = if self.is_stdin() {
            Box::new(io::stdin())
        } else {
            Box::new(
                File::open(&self.path).with_context(|| format!("open {}", self.path.display()))?,
            )
        };
        let counting = Counting {
            inner,
            consumed: Arc::clone(&consumed),
        };
        let mut raw = BufReader::with_capacity(64 * 1024, counting);
        let magic = raw
            .fill_buf()
            .with_context(|| format!("read {}", self.path.display()))?;
        let text: Box<dyn BufRead + Send> = if magic.starts_with(&[0x1f, 0x8b]) {
            let gzip = flate2::bufread::MultiGzDecoder::new(raw);
            Box::new(BufReader::with_capacity(64 * 1024, gzip))
        } else if magic.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) {
            let zstd = zstd::stream::read::Decoder::with_buffer(raw)
                .with_context(|| format!("decompress {}", self.path.display()))?;
            Box::new(BufReader::with_capacity(64 * 1024, zstd))
        } else {
            Box::new(raw)
        };
        Ok((text, consumed))
    }
}

/// Tells the kinds of JSON apart by how the text begins.
fn sniff(text: &mut Box<dyn BufRead + Send>) -> anyhow::Result<Format> {
    let head = text.fill_buf().context("read the input")?;
    let start = head
        .iter()
        .position(|byte| !byte.is_ascii_whitespace() && !matches!(byte, 0xef | 0xbb | 0xbf));
    Ok(match start.map(|start| head[start]) {
        Some(b'[') => Format::Json,
        Some(b'{') if memchr::memmem::find(head, b"\"FeatureCollection\"").is_some() => {
            Format::Geojson
        }
        _ => Format::Ndjson,
    })
}

struct Counting {
    inner: Box<dyn Read + Send>,
    consumed: Arc<AtomicU64>,
}

impl Read for Counting {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.consumed.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}
