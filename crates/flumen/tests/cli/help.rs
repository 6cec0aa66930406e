//! What `--help` promises.

use clap::CommandFactory as _;
use flumen::cli::Cli;

/// Every command that does something, with the words that lead to it.
fn commands(command: &clap::Command, path: &[String]) -> Vec<(Vec<String>, clap::Command)> {
    let mut found = vec![(path.to_vec(), command.clone())];
    for sub in command
        .get_subcommands()
        .filter(|sub| sub.get_name() != "help")
    {
        let path = [path, &[sub.get_name().to_owned()]].concat();
        found.extend(commands(sub, &path));
    }
    found
}

fn all() -> Vec<(Vec<String>, clap::Command)> {
    let mut root = Cli::command();
    root.build();
    commands(&root, &[])
}

#[test]
fn every_command_has_examples() {
    for (path, command) in all() {
        let after = command
            .get_after_long_help()
            .or(command.get_after_help())
            .map(ToString::to_string)
            .unwrap_or_default();
        let line = path.join(" ");
        assert!(
            after.contains("Examples:"),
            "`flumen {line} --help` has no examples"
        );
        assert!(
            after.contains(&format!("flumen {line}")),
            "the examples of `{line}` do not use it"
        );
    }
}

#[test]
fn every_command_and_argument_says_what_it_does() {
    for (path, command) in all() {
        let line = path.join(" ");
        assert!(
            command.get_about().is_some(),
            "`flumen {line}` has no description"
        );
        for argument in command.get_arguments() {
            assert!(
                argument.get_help().is_some(),
                "`flumen {line}` does not explain {}",
                argument.get_id()
            );
        }
    }
}

#[test]
fn the_subcommands_are_those_the_documentation_names() {
    let names: Vec<_> = Cli::command()
        .get_subcommands()
        .map(|sub| sub.get_name().to_owned())
        .collect();
    assert_eq!(
        names,
        [
            "up",
            "status",
            "down",
            "migrate",
            "provision",
            "keys",
            "import",
            "generate",
            "smoke",
            "dead-letters",
            "maintain",
            "relay",
            "backup",
            "archive",
            "check-config",
            "watch",
            "completions"
        ]
    );
}

#[test]
fn no_help_shows_the_value_of_a_secret() {
    for (path, command) in all() {
        for argument in command.get_arguments() {
            let is_secret = ["key", "password", "token"]
                .iter()
                .any(|word| argument.get_id().as_str().ends_with(word));
            assert!(
                !is_secret || argument.get_env().is_none() || argument.is_hide_env_values_set(),
                "`flumen {} --help` shows the value of {}",
                path.join(" "),
                argument.get_id()
            );
        }
    }
}
