//! `flumen completions`: completion scripts for shells.

use std::io::Write as _;

use anyhow::Context as _;
use clap::CommandFactory as _;

/// Arguments of `completions`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  flumen completions bash > ~/.local/share/bash-completion/completions/flumen
  flumen completions zsh > \"${fpath[1]}/_flumen\"
  flumen completions fish > ~/.config/fish/completions/flumen.fish")]
pub struct Args {
    /// The shell.
    #[arg(value_enum)]
    pub shell: clap_complete::Shell,
}

/// Prints the completion script.
///
/// # Errors
/// When standard output cannot be written.
pub async fn run(args: Args) -> anyhow::Result<()> {
    std::io::stdout()
        .write_all(&script(args.shell))
        .context("write the completion script")
}

fn script(shell: clap_complete::Shell) -> Vec<u8> {
    let mut script = Vec::new();
    clap_complete::generate(
        shell,
        &mut crate::cli::Cli::command(),
        "flumen",
        &mut script,
    );
    script
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shell_gets_a_script_that_names_every_subcommand() {
        for shell in [
            clap_complete::Shell::Bash,
            clap_complete::Shell::Zsh,
            clap_complete::Shell::Fish,
        ] {
            let script = String::from_utf8(script(shell)).expect("scripts are text");
            for name in ["up", "import", "generate", "dead-letters", "check-config"] {
                assert!(script.contains(name), "{shell} completions lack {name}");
            }
        }
    }
}
