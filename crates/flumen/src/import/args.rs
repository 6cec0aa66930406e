//! The arguments of `flumen import`.

use std::path::PathBuf;

use crate::{
    client::Compression,
    connection,
    units::{self, Rate},
};

use super::{input::Format, when::TimeFormat};

pub(super) const EXAMPLES: &str = "\
Examples:
  Earthquakes of the USGS (GeoJSON; real ids, times in milliseconds):
    flumen import earthquakes.json \\
      --source 'usgs/{properties.net}' --type 'gov.usgs.{properties.type}' \\
      --id-from id --time-from properties.time --time-format unix-ms \\
      --subject-from properties.place

  Flights of the US BTS (Parquet; no ids, so file name and row are the id):
    flumen import flights-3m.parquet \\
      --source 'bts/{origin}' --type gov.bts.flight.departed \\
      --time-from date --subject '{origin}-{destination}'

  A CSV with date and time in two columns, compressed:
    flumen import trades.csv.gz --source exchange --type trade.done --id-from trade_no \\
      --time-from day --time-from clock --time-format '%d.%m.%Y %H:%M:%S' --time-zone Europe/Zurich

  An export of Flumen, or any file with one CloudEvent a line, goes in as it is:
    flumen import export.ndjson.zst

  See what would be sent, without sending anything:
    flumen import data.csv --source a --type b --dry-run

Old events: ingest-api refuses times older than its `accept.max_age` (400 days by default) with
`time-out-of-range`. Widen it for an import of history.

Exit status: 0 everything was accepted; 1 something could not be sent (run the same command again,
it goes on where it stopped); 2 wrong arguments; 3 everything was sent and some rows were rejected.";

/// Arguments of `import`.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Files to import, in this order; `-` is standard input. `.gz` and `.zst` are decompressed.
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,

    /// What the files hold [default: by their names].
    #[arg(long, value_enum)]
    pub format: Option<Format>,

    /// How rows become events.
    #[command(flatten)]
    pub mapping: MappingArgs,

    /// How text becomes rows.
    #[command(flatten)]
    pub csv: CsvArgs,

    /// How events are sent.
    #[command(flatten)]
    pub sending: SendingArgs,

    /// Where they are sent to.
    #[command(flatten)]
    pub connection: connection::Args,
}

/// How rows become events.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(next_help_heading = "Mapping (a column of JSON is a path: properties.time)")]
pub struct MappingArgs {
    /// `source` of the events; `{column}` stands for the column's value.
    #[arg(long, value_name = "TEXT")]
    pub source: Option<String>,

    /// Column with the `source`.
    #[arg(long, value_name = "COLUMN", conflicts_with = "source")]
    pub source_from: Option<String>,

    /// `type` of the events; `{column}` stands for the column's value.
    #[arg(long = "type", value_name = "TEXT")]
    pub kind: Option<String>,

    /// Column with the `type`.
    #[arg(long = "type-from", value_name = "COLUMN", conflicts_with = "kind")]
    pub kind_from: Option<String>,

    /// Column with the `id`; several are joined by `|`. Without it the id is FILENAME#ROW, so that
    /// importing the same file again stores nothing twice.
    #[arg(long, value_name = "COLUMN")]
    pub id_from: Vec<String>,

    /// Column with the time; several (date, time) are joined by a space.
    #[arg(long, value_name = "COLUMN")]
    pub time_from: Vec<String>,

    /// rfc3339, unix, unix-ms, unix-us, unix-ns, or a strptime pattern such as '%d/%m/%Y %H:%M'.
    #[arg(long, value_name = "FORMAT", default_value = "rfc3339", value_parser = TimeFormat::parse)]
    pub time_format: TimeFormat,

    /// Zone of times that name none (IANA name) [default: UTC].
    #[arg(long, value_name = "ZONE")]
    pub time_zone: Option<String>,

    /// `subject` of the events; `{column}` stands for the column's value.
    #[arg(long, value_name = "TEXT")]
    pub subject: Option<String>,

    /// Column with the `subject`; rows without a value have none.
    #[arg(long, value_name = "COLUMN", conflicts_with = "subject")]
    pub subject_from: Option<String>,

    /// Column to keep as `data` (repeatable) [default: the whole row]. One alone is the data itself.
    #[arg(long, value_name = "COLUMN", conflicts_with = "drop")]
    pub data_from: Vec<String>,

    /// Column to leave out of `data` (repeatable).
    #[arg(long, value_name = "COLUMN")]
    pub drop: Vec<String>,
}

impl MappingArgs {
    /// No attribute was given: rows are events already.
    pub(super) fn is_empty(&self) -> bool {
        self.source.is_none()
            && self.source_from.is_none()
            && self.kind.is_none()
            && self.kind_from.is_none()
            && self.id_from.is_empty()
            && self.time_from.is_empty()
            && self.subject.is_none()
            && self.subject_from.is_none()
            && self.data_from.is_empty()
            && self.drop.is_empty()
    }
}

/// How text becomes rows.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(next_help_heading = "CSV")]
pub struct CsvArgs {
    /// Character between the columns [default: a comma, a tab for .tsv].
    #[arg(long, value_name = "CHAR")]
    pub delimiter: Option<char>,

    /// The first line is data; the columns are called c1, c2, ...
    #[arg(long)]
    pub no_header: bool,

    /// Cells that are JSON numbers, true or false become that, empty ones null [default: all text].
    #[arg(long)]
    pub infer: bool,
}

/// How events are sent.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Sending")]
pub struct SendingArgs {
    /// Stop after this many rows.
    #[arg(long, value_name = "ROWS")]
    pub limit: Option<u64>,

    /// Events a request.
    #[arg(long, value_name = "EVENTS", default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub batch: u32,

    /// Requests at the same time.
    #[arg(long, value_name = "REQUESTS", default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub parallel: u16,

    /// Compression of requests [default: none to this machine, zstd elsewhere].
    #[arg(long, value_enum)]
    pub compress: Option<Compression>,

    /// Events per second at most, or `max`.
    #[arg(long, value_name = "RATE", default_value = "max", value_parser = units::rate)]
    pub rate: Rate,

    /// Write rejected rows with the reasons here (NDJSON).
    #[arg(long, value_name = "FILE")]
    pub rejects: Option<PathBuf>,

    /// Stop when more rows than this are rejected.
    #[arg(long, value_name = "ROWS")]
    pub max_rejects: Option<u64>,

    /// Where to note how far the import has come [default: beside the first file, removed when done].
    #[arg(long, value_name = "FILE")]
    pub resume: Option<PathBuf>,

    /// Start from the first row even where an interrupted import could go on.
    #[arg(long)]
    pub restart: bool,

    /// Print the first events (5, or `--limit`) instead of sending anything.
    #[arg(long)]
    pub dry_run: bool,

    /// Print the summary as JSON.
    #[arg(long)]
    pub json: bool,
}
