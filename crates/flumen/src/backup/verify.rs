//! `flumen backup verify`: the only proof that a backup is one.

use std::time::Instant;

use anyhow::Context as _;
use store::{Pool, census, databases};

use super::{Chosen, restore, target::Target};
use crate::operator::say;
use crate::units::thousands;

const EXAMPLES: &str = "\
Examples:
  flumen backup verify --from s3://bucket/flumen --identity key.txt
  flumen backup verify --from /mnt/backups --id flumen-20261121T120000Z --keep";

/// Arguments of the action.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    #[command(flatten)]
    chosen: Chosen,

    /// Leaves the throw-away database there, to look at it.
    #[arg(long)]
    keep: bool,
}

pub(super) async fn run(args: Args) -> anyhow::Result<()> {
    let chosen = args.chosen;
    let target = Target::open(&chosen.at.place)?;
    let manifest = target.manifest(chosen.id.as_deref()).await?;
    let config = chosen.operator.load()?;
    let server = chosen.operator.database(&config).await?;
    let name = format!("verify_{}", uuid::Uuid::now_v7().simple());
    let begun = Instant::now();
    databases::create(&server, &name)
        .await
        .context("make a throw-away database (the role needs CREATEDB)")?;
    say(format_args!("{}: restoring into {name}", manifest.id));
    let outcome = async {
        let throw_away = databases::other(&config.database, &name)?;
        restore::into(&chosen, &target, &manifest, &throw_away).await?;
        let pool = Pool::new(&throw_away)?;
        let found = census::take(&pool).await.context("count what was restored");
        pool.close();
        restore::compare(&manifest, &found?)
    }
    .await;
    if args.keep {
        say(format_args!("{name} was left there"));
    } else {
        databases::drop(&server, &name)
            .await
            .context("drop the throw-away database")?;
    }
    outcome?;
    say(format_args!(
        "{}: good. {} events in {} tables, every row and {} checkpoints as they were backed up; {} s",
        manifest.id,
        thousands(manifest.census.events()),
        manifest.census.tables.len(),
        manifest.census.checkpoints.len(),
        begun.elapsed().as_secs()
    ));
    Ok(())
}
