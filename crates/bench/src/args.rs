//! The command line.

use std::path::PathBuf;

use clap::{Parser, Subcommand};

const EXAMPLES: &str = "\
Examples:
  bench                                          every figure, under 20 minutes on 2 cores
  bench --quick                                  the same with fewer rounds, under 7 minutes
  bench --only writer_copy --only page_filtered  these groups alone
  bench --only growth                            the large table, which takes a quarter of an hour of its own
  bench --quick --compare results.json           and say what got worse by more than the noise

Exit status: 0 done; 1 something failed; 3 something got worse.";

/// Measures Flumen on this machine, each figure beside its limit.
#[derive(Debug, Parser)]
#[command(name = "bench", after_help = EXAMPLES, subcommand_negates_reqs = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) role: Option<Role>,
    #[command(flatten)]
    pub(crate) args: Args,
}

/// What a run is to do.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Args {
    /// Three rounds of less each instead of five.
    #[arg(long)]
    pub(crate) quick: bool,
    /// Only this group of figures; may be repeated.
    #[arg(long, value_name = "GROUP", value_enum)]
    pub(crate) only: Vec<Group>,
    /// Compare with the results of an earlier run.
    #[arg(long, value_name = "FILE")]
    pub(crate) compare: Option<PathBuf>,
    /// Where results, table and plots go.
    #[arg(long, value_name = "DIR", default_value = "target/bench")]
    pub(crate) out: PathBuf,
    /// The page whose generated block is written anew; absent, none is.
    #[arg(long, value_name = "FILE")]
    pub(crate) docs: Option<PathBuf>,
    /// Also what a table of 50 million rows costs: a quarter of an hour and 40 GB more.
    #[arg(long)]
    pub(crate) growth: bool,
    /// How many rows the table of the figure `growth` gets.
    #[arg(long, value_name = "ROWS", default_value_t = 50_000_000)]
    pub(crate) growth_rows: u64,
    /// How many rows the table has that is read from.
    #[arg(long, value_name = "ROWS", default_value_t = 2_000_000)]
    pub(crate) read_rows: u64,
    /// How many rows the larger one has, of `page_filtered_20m` and `page_rare_source` (not in quick runs).
    #[arg(long, value_name = "ROWS", default_value_t = 20_000_000)]
    pub(crate) large_rows: u64,
    /// How many tails the group `tails` opens.
    #[arg(long, value_name = "TAILS", default_value_t = 1_000)]
    pub(crate) tails: usize,
    /// Where the data of Kafka and PostgreSQL are while the run lasts.
    #[arg(long, value_name = "DIR", default_value_os_t = std::env::temp_dir())]
    pub(crate) scratch: PathBuf,
    /// Settings of a service over its defaults, for trying something out; such a run is not for the record.
    #[arg(long = "set", value_name = "SERVICE.SECTION.KEY=VALUE")]
    pub(crate) set: Vec<String>,
}

/// Figures that are measured together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
#[value(rename_all = "snake_case")]
pub(crate) enum Group {
    /// Rows a second from a full topic into the table.
    WriterCopy,
    /// The cost of one row in the writer's encoder.
    WriterEncode,
    /// Events a second in batches.
    IngestBatch,
    /// Requests a second with one event each.
    IngestSingle,
    /// Events a second from POST to visible row, and how soon they can be read.
    EndToEnd,
    /// Pages a second.
    PageFiltered,
    /// Events a second of an export, and its memory.
    ExportNdjson,
    /// Page 10 000 beside page 1.
    PageDepth,
    /// How soon a page comes at half of the most pages a second.
    PageHalfLoad,
    /// How soon the page of a source with few events comes.
    PageRareSource,
    /// A thousand tails at a thousand events a second.
    Tails,
    /// What a large table costs.
    Growth,
    /// How soon a service is ready.
    Startup,
}

impl Args {
    /// Whether a group is wanted.
    pub(crate) fn wants(&self, group: Group) -> bool {
        let by_default = group != Group::Growth || self.growth;
        (self.only.is_empty() && by_default) || self.only.contains(&group)
    }

    /// Whether any of several groups is wanted.
    pub(crate) fn wants_any(&self, groups: &[Group]) -> bool {
        groups.iter().any(|group| self.wants(*group))
    }

    /// How many rounds each figure gets.
    pub(crate) fn rounds(&self) -> usize {
        if self.quick { 3 } else { 5 }
    }

    /// The settings for one service.
    pub(crate) fn settings(&self, service: &str) -> Vec<String> {
        let prefix = format!("{service}.");
        let own = self.set.iter().filter_map(|set| set.strip_prefix(&prefix));
        own.map(str::to_owned).collect()
    }
}

/// What this program is besides: parts of a run that need a process of their own.
#[derive(Debug, Subcommand)]
pub(crate) enum Role {
    /// The load generator.
    #[command(hide = true)]
    Load {
        /// A [`crate::load::Spec`] as JSON.
        spec: String,
    },
    /// Produces records with librdkafka alone.
    #[command(hide = true)]
    Produce {
        /// A [`crate::limits::produce::Spec`] as JSON.
        spec: String,
    },
    /// The handler that does nothing.
    #[command(hide = true)]
    Noop {
        /// Where it listens.
        port: u16,
    },
}
