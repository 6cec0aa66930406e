//! `flumen archive`: closed partitions of `events` as Parquet, in a folder or in S3, before retention drops them.
//!
//! An archive is a folder of one file and a manifest that is written last. The file has the columns that people look for, and in one more
//! column the whole event as query-api shows it, so that `flumen import` takes it back in as it is.

mod create;
mod fetch;
mod list;
mod manifest;
mod parquet;

const EXAMPLES: &str = "\
Examples:
  flumen archive create --to s3://bucket/archive --older-than 400d --recipient age1.. --drop
  flumen archive list --from s3://bucket/archive
  flumen archive fetch --from s3://bucket/archive --identity key.txt --out /tmp/old
  flumen import /tmp/old/*.parquet

S3 is reached as for `flumen backup`.";

/// The key in a file's metadata by which `flumen import` knows an archive; its value is the partition.
pub(crate) const ARCHIVE: &str = "flumen.archive";
/// The column with the whole event as JSON.
pub(crate) const ARCHIVED_EVENT: &str = "event";

/// Arguments of the subcommand.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Archives what is closed and not archived yet; with --drop it is dropped afterwards.
    Create(create::Args),
    /// Lists the archives.
    List(list::Args),
    /// Brings archives here, checked and opened, for `flumen import` or any reader of Parquet.
    Fetch(fetch::Args),
}

/// Runs the subcommand.
///
/// # Errors
/// When an archive cannot be made or read, or is not what was archived.
pub async fn run(args: Args) -> anyhow::Result<()> {
    match args.action {
        Action::Create(args) => create::run(args).await,
        Action::List(args) => list::run(args).await,
        Action::Fetch(args) => fetch::run(args).await,
    }
}
