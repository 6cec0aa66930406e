//! `flumen smoke`.

/// Arguments of the subcommand.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  flumen smoke")]
pub struct Args {}

/// Runs the subcommand.
///
/// # Errors
/// Always, until this build carries the subcommand.
#[expect(clippy::unused_async, reason = "all subcommands have one shape")]
pub async fn run(_args: Args) -> anyhow::Result<()> {
    anyhow::bail!("this build of flumen does not carry the subcommand: smoke")
}
