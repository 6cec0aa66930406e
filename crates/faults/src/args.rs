//! The command line.

use std::path::PathBuf;

/// Breaks every part of a running Flumen, under load, and looks for what was lost or doubled.
#[derive(Debug, Clone, clap::Parser)]
#[command(name = "flumen-faults", version)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,

    /// Says which faults there are, and ends.
    #[arg(long)]
    pub(crate) list: bool,

    /// Plays only faults whose name contains one of these words.
    #[arg(long, value_name = "WORD", num_args = 1..)]
    pub(crate) only: Vec<String>,

    /// Leaves out faults whose name contains one of these words.
    #[arg(long, value_name = "WORD", num_args = 1..)]
    pub(crate) skip: Vec<String>,

    /// Plays only the most telling faults: a few minutes, for every change of the code.
    #[arg(long)]
    pub(crate) reduced: bool,

    /// Plays faults in random order, over and over, until so many minutes are over; without it each fault once.
    #[arg(long)]
    pub(crate) minutes: Option<u64>,

    /// Allows so many times the time that is promised for recovery: for machines that are slow or busy with other things.
    #[arg(long, default_value_t = 1.0)]
    pub(crate) patience: f64,

    /// Where chance starts from: the same seed picks the same moments and victims.
    #[arg(long, global = true, default_value_t = 1)]
    pub(crate) seed: u64,

    /// The folder of the services' binaries; the one of this program when absent.
    #[arg(long, global = true, value_name = "FOLDER")]
    pub(crate) binaries: Option<PathBuf>,

    /// Where the report goes.
    #[arg(
        long,
        global = true,
        value_name = "FOLDER",
        default_value = "target/faults"
    )]
    pub(crate) out: PathBuf,

    /// A page whose generated block is written anew.
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) docs: Option<PathBuf>,

    /// Where Kafka and PostgreSQL keep their data meanwhile.
    #[arg(long, global = true, value_name = "FOLDER", default_value_os_t = std::env::temp_dir())]
    pub(crate) scratch: PathBuf,

    /// Keeps the folder with all logs and data.
    #[arg(long, global = true)]
    pub(crate) keep: bool,
}

#[derive(Debug, Clone, clap::Subcommand)]
pub(crate) enum Command {
    /// Load at half of the capacity with a random fault every 10 seconds; what the processes cost is plotted.
    Soak(SoakArgs),
}

#[derive(Debug, Clone, clap::Args)]
pub(crate) struct SoakArgs {
    /// How long.
    #[arg(long, default_value_t = 60)]
    pub(crate) minutes: u64,

    /// Seconds from the beginning of one fault to that of the next.
    #[arg(long, default_value_t = 10)]
    pub(crate) every: u64,

    /// Events a second; half of what a short calibration shows when absent.
    #[arg(long)]
    pub(crate) rate: Option<u32>,

    /// Recorded beside the figures, such as what else the machine was doing.
    #[arg(long, default_value = "")]
    pub(crate) remark: String,
}
