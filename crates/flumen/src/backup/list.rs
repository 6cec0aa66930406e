//! `flumen backup list`.

use super::{Place, target::Target};
use crate::operator::say;
use crate::units::thousands;

const EXAMPLES: &str = "\
Examples:
  flumen backup list --from s3://bucket/flumen
  flumen backup list --from /mnt/backups --json";

/// Arguments of the action.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// Where backups are.
    #[command(flatten)]
    at: Place,

    /// Prints the manifests as JSON, one a line.
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(args: Args) -> anyhow::Result<()> {
    let target = Target::open(&args.at.place)?;
    let ids = target.ids().await?;
    if ids.is_empty() && !args.json {
        say(format_args!("no backups in {}", target.shown()));
    }
    for id in ids {
        match target.manifest(Some(&id)).await {
            Ok(manifest) if args.json => say(serde_json::to_string(&manifest)?),
            Ok(manifest) => say(format_args!(
                "{id}  {:>15} events  {:>15} bytes  {:>5} s  PostgreSQL {}  {}",
                thousands(manifest.census.events()),
                thousands(manifest.bytes()),
                manifest.seconds,
                manifest.census.server_version,
                if manifest.encrypted {
                    "encrypted"
                } else {
                    "plain"
                }
            )),
            // One that is damaged must not hide the others.
            Err(error) => say(format_args!("{id}  {error:#}")),
        }
    }
    Ok(())
}
