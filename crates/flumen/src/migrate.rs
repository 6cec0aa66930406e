//! `flumen migrate`: brings a schema to this version.

use anyhow::Context as _;

use crate::operator::{self, say};

const EXAMPLES: &str = "\
Examples:
  flumen migrate                                             the pipeline in .flumen, or the database on this machine
  flumen migrate --set database.url=postgres://owner@db/flumen
  FLUMEN__DATABASE__URL=postgres://.. flumen migrate         keeps the password off the command line
  flumen migrate --config writer.toml --dry-run

Safe to run twice and from two places at once. The user owns the tables afterwards; the services should be others.";

/// Arguments of the subcommand.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Only says whether the schema is up to date.
    #[arg(long)]
    pub dry_run: bool,

    /// Which database and which Kafka.
    #[command(flatten)]
    pub operator: operator::Args,
}

/// Runs the subcommand.
///
/// # Errors
/// When the database cannot be reached, or its schema is not one of this program's.
pub async fn run(args: Args) -> anyhow::Result<()> {
    let config = args.operator.load()?;
    let pool = args.operator.database(&config).await?;
    if args.dry_run {
        let pending = store::migrate::pending(&pool)
            .await
            .context("look at the schema")?;
        for migration in &pending {
            say(format_args!("would apply {migration}"));
        }
        say(match pending.len() {
            0 => format!(
                "the schema is up to date (version {})",
                store::migrate::newest()
            ),
            count => format!("{count} to apply, to version {}", store::migrate::newest()),
        });
        return Ok(());
    }
    let report = store::migrate::migrate(&pool).await?;
    for migration in &report.applied {
        say(format_args!("applied {migration}"));
    }
    for change in &report.roles {
        say(format_args!("done: {}", change.what));
    }
    for change in &report.left_to_provision {
        say(format_args!(
            "left to `flumen provision` by a user who may: {}",
            change.what
        ));
    }
    say(format_args!(
        "the schema is up to date (version {})",
        report.version
    ));
    Ok(())
}
