//! The command line as a whole: every subcommand, in the order an operator meets them.

use clap::{Parser, Subcommand};

use crate::{
    archive, backup, check_config, completions, dead_letters, down, generate, import, keys,
    maintain, migrate, provision, relay, smoke, status, up, watch,
};

/// Flumen: events in over HTTP, safe in Kafka, exactly once in PostgreSQL, out over HTTP.
#[derive(Debug, Parser)]
#[command(name = "flumen", version, propagate_version = true, after_help = EXAMPLES, max_term_width = 110)]
pub struct Cli {
    /// Logs more to standard error (repeat for more; RUST_LOG wins).
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,

    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

const EXAMPLES: &str = "\
Examples:
  flumen up                             run the whole pipeline on this machine
  flumen smoke --state .flumen          send one event and read it back
  flumen generate --rate 1000           keep audit events coming
  flumen help import                    everything about one subcommand

Exit status:
  0  done
  1  failed: the message says why and what to do
  2  the command line or a configuration is wrong
  3  done, but some input was refused (`import`, `generate`): see the summary";

/// The subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Runs the whole pipeline on this machine.
    Up(up::Args),
    /// Says what of a pipeline on this machine runs, and how it is.
    Status(status::Args),
    /// Stops a pipeline that was started with `up --detach`.
    Down(down::Args),
    /// Brings the schema of a database to this version.
    Migrate(migrate::Args),
    /// Makes or checks topics, roles and grants.
    Provision(provision::Args),
    /// Creates, lists and revokes API keys.
    Keys(keys::Args),
    /// Sends the rows of files as events.
    Import(Box<import::Args>),
    /// Sends realistic audit events, at a rate or as fast as possible.
    Generate(Box<generate::Args>),
    /// Sends one event and waits until it can be read back.
    Smoke(smoke::Args),
    /// Lists, shows and replays the records that could not become rows.
    DeadLetters(dead_letters::Args),
    /// Makes partitions ahead and drops expired ones.
    Maintain(maintain::Args),
    /// Tries out whether mails about alerts arrive.
    Relay(relay::Args),
    /// Backs the database up, proves it, restores it.
    Backup(Box<backup::Args>),
    /// Keeps closed partitions as Parquet before retention drops them.
    Archive(Box<archive::Args>),
    /// Validates the configuration of the services.
    CheckConfig(check_config::Args),
    /// Calls /reload of a service when mounted files have changed.
    Watch(watch::Args),
    /// Prints a completion script for a shell.
    Completions(completions::Args),
}

impl Cli {
    /// Runs the chosen subcommand to its end.
    ///
    /// # Errors
    /// Whatever the subcommand could not do; see [`crate::exit`] for the status that follows.
    pub async fn run(self) -> anyhow::Result<()> {
        match self.command {
            Command::Up(args) => up::run(args).await,
            Command::Status(args) => status::run(args).await,
            Command::Down(args) => down::run(args).await,
            Command::Migrate(args) => migrate::run(args).await,
            Command::Provision(args) => provision::run(args).await,
            Command::Keys(args) => keys::run(args).await,
            Command::Import(args) => import::run(*args).await,
            Command::Generate(args) => generate::run(*args).await,
            Command::Smoke(args) => smoke::run(args).await,
            Command::DeadLetters(args) => dead_letters::run(args).await,
            Command::Maintain(args) => maintain::run(args).await,
            Command::Relay(args) => relay::run(args).await,
            Command::Backup(args) => backup::run(*args).await,
            Command::Archive(args) => archive::run(*args).await,
            Command::CheckConfig(args) => check_config::run(args).await,
            Command::Watch(args) => watch::run(args).await,
            Command::Completions(args) => completions::run(args).await,
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
