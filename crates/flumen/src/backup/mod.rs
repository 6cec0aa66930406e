//! `flumen backup`: logical backups of the database with their checkpoints, kept in a folder or in S3, restored to prove them.
//!
//! PostgreSQL's own `pg_dump` and `pg_restore` do the copying; this drives them, counts what they copied, encrypts, keeps and compares.
//! A backup is a folder of files and a manifest that is written last: without it there is no backup.

pub(crate) mod create;
mod key;
mod list;
pub(crate) mod manifest;
mod restore;
pub(crate) mod seal;
pub(crate) mod sum;
pub(crate) mod target;
mod tools;
mod verify;

use std::path::PathBuf;

use crate::operator;

const EXAMPLES: &str = "\
Examples:
  flumen backup key --out key.txt
  flumen backup create --to s3://bucket/flumen --recipient age1..
  flumen backup list --from s3://bucket/flumen
  flumen backup verify --from s3://bucket/flumen --identity key.txt
  flumen backup restore --from s3://bucket/flumen --identity key.txt --set database.url=postgres://..

S3 is reached as the environment says: AWS_REGION, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY or the role of the pod, and AWS_ENDPOINT_URL for
stores that speak S3. pg_dump and pg_restore must not be older than the server; FLUMEN_PG_BIN names their folder.

The writer may go on while a backup is made. A restored database goes on at its own checkpoint: Kafka fills what came after, for as long as
it keeps it. Keys are those of age (https://age-encryption.org): the public one encrypts, the identity stays where restoring is done.";

/// Arguments of the subcommand.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Makes a pair of keys: the public one encrypts, the identity opens.
    Key(key::Args),
    /// Makes a backup.
    Create(create::Args),
    /// Lists the backups, the newest first.
    List(list::Args),
    /// Restores a backup into a database of its own, compares every table, and drops it again.
    Verify(verify::Args),
    /// Puts a backup, with its checkpoint, into an empty database.
    Restore(restore::Args),
}

/// Where backups are.
#[derive(Debug, Clone, clap::Args)]
#[group(skip)]
pub(crate) struct Place {
    /// Folder, or s3://bucket/prefix.
    #[arg(
        long = "from",
        alias = "to",
        value_name = "PLACE",
        env = "FLUMEN_BACKUP_PLACE"
    )]
    pub(crate) place: String,
}

/// Which backup, and how to open it.
#[derive(Debug, Clone, clap::Args)]
#[group(skip)]
pub(crate) struct Chosen {
    /// Where backups are.
    #[command(flatten)]
    pub(crate) at: Place,

    /// Which backup, as `list` shows it [default: the newest].
    #[arg(long, value_name = "ID")]
    pub(crate) id: Option<String>,

    /// File with the age identity that opens it; needed when it is encrypted.
    #[arg(long, value_name = "FILE", env = "FLUMEN_BACKUP_IDENTITY")]
    pub(crate) identity: Option<PathBuf>,

    /// Processes that restore side by side.
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u8).range(1..=64))]
    pub(crate) jobs: u8,

    /// Folder with room for the whole backup while it is worked on [default: the system's for temporary files].
    #[arg(long, value_name = "DIR")]
    pub(crate) work: Option<PathBuf>,

    /// Which database server.
    #[command(flatten)]
    pub(crate) operator: operator::Args,
}

/// Runs the subcommand.
///
/// # Errors
/// When a backup cannot be made, read or restored, or is not what was backed up.
pub async fn run(args: Args) -> anyhow::Result<()> {
    match args.action {
        Action::Key(args) => key::run(&args),
        Action::Create(args) => create::run(args).await,
        Action::List(args) => list::run(args).await,
        Action::Verify(args) => verify::run(args).await,
        Action::Restore(args) => restore::run(args).await,
    }
}

/// A folder for the work, removed when dropped; only its owner may look into it.
pub(crate) fn work_folder(within: Option<&std::path::Path>) -> anyhow::Result<tempfile::TempDir> {
    let mut builder = tempfile::Builder::new();
    builder.prefix("flumen-backup-");
    match within {
        Some(folder) => builder.tempdir_in(folder),
        None => builder.tempdir(),
    }
    .map_err(|error| {
        anyhow::anyhow!("make a folder to work in ({error}): name one with room with --work")
    })
}
