//! `flumen backup verify`: the only proof that a backup is one.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::Context as _;
use store::{Pool, census, databases};

use super::{Chosen, restore, target::Target};
use crate::operator::say;
use crate::units::thousands;

const EXAMPLES: &str = "\
Examples:
  flumen backup verify --from s3://bucket/flumen --identity key.txt
  flumen backup verify --from /mnt/backups --id flumen-20261121T120000123456Z --keep";

/// What the throw-away databases' names begin with; a UUIDv7 follows, which tells when one was made.
const PREFIX: &str = "verify_";
/// One that is older was left by a run that was killed.
const LEFT_AFTER: Duration = Duration::from_secs(2 * 86_400);

/// Arguments of the action.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    #[command(flatten)]
    chosen: Chosen,

    /// Leaves the throw-away database there, to look at it; a later run drops it after two days.
    #[arg(long)]
    keep: bool,
}

pub(super) async fn run(args: Args) -> anyhow::Result<()> {
    let chosen = args.chosen;
    let target = Target::open(&chosen.at.place)?;
    let manifest = target.manifest(chosen.id.as_deref()).await?;
    let config = chosen.operator.load()?;
    let server = chosen.operator.database(&config).await?;
    sweep(&server).await?;
    let name = format!("{PREFIX}{}", uuid::Uuid::now_v7().simple());
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

/// Drops what runs that were killed have left: each is as large as the database.
async fn sweep(server: &Pool) -> anyhow::Result<()> {
    let found = databases::beginning_with(server, PREFIX)
        .await
        .context("look for what earlier runs left")?;
    for name in found.iter().filter(|name| is_left(name, SystemTime::now())) {
        match databases::drop(server, name).await {
            Ok(()) => say(format_args!("dropped {name}, left by an earlier run")),
            // Somebody else's, perhaps: no reason not to verify.
            Err(error) => {
                tracing::warn!(%error, database = %name, "cannot drop what an earlier run left")
            }
        }
    }
    Ok(())
}

fn is_left(name: &str, now: SystemTime) -> bool {
    let made = name
        .strip_prefix(PREFIX)
        .and_then(|text| uuid::Uuid::try_parse(text).ok())
        .filter(|uuid| uuid.get_version_num() == 7)
        .and_then(|uuid| uuid.get_timestamp())
        .map(|time| UNIX_EPOCH + Duration::from_secs(time.to_unix().0));
    made.and_then(|made| now.duration_since(made).ok())
        .is_some_and(|age| age > LEFT_AFTER)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_this_program_made_long_ago_was_left() {
        let now = SystemTime::now();
        let of = |age: Duration| {
            let made = (now - age).duration_since(UNIX_EPOCH).expect("after 1970");
            let time = uuid::Timestamp::from_unix(uuid::NoContext, made.as_secs(), 0);
            format!("{PREFIX}{}", uuid::Uuid::new_v7(time).simple())
        };
        assert!(is_left(&of(LEFT_AFTER + Duration::from_secs(60)), now));
        assert!(!is_left(&of(Duration::from_secs(3600)), now));
        let random = "0123456789ab4cdef0123456789abcde";
        for other in ["verify_", "verify_all", &format!("{PREFIX}{random}")] {
            assert!(!is_left(other, now), "{other}");
        }
    }
}
