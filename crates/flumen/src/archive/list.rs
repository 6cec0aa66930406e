//! `flumen archive list`.

use super::manifest::Manifest;
use crate::backup::{Place, target::Target};
use crate::operator::say;
use crate::units::thousands;

const EXAMPLES: &str = "\
Examples:
  flumen archive list --from s3://bucket/archive
  flumen archive list --from /mnt/archive --json";

/// Arguments of the action.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// Where archives are.
    #[command(flatten)]
    at: Place,

    /// Prints the manifests as JSON, one a line.
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(args: Args) -> anyhow::Result<()> {
    let target = Target::open(&args.at.place)?;
    let found = Manifest::all(&target).await?;
    if found.is_empty() && !args.json {
        say(format_args!("no archives in {}", target.shown()));
    }
    for manifest in found {
        if args.json {
            say(serde_json::to_string(&manifest)?);
            continue;
        }
        say(format_args!(
            "{}  {} to {}  {:>15} events  {:>15} bytes  {}",
            manifest.id,
            manifest.from,
            manifest.to,
            thousands(manifest.partition.rows),
            thousands(manifest.file.bytes),
            if manifest.encrypted {
                "encrypted"
            } else {
                "plain"
            }
        ));
    }
    Ok(())
}
