//! The command line that every service has.

use std::path::PathBuf;

use clap::Args;

/// Arguments of every service; a service's own parser flattens them.
#[derive(Debug, Clone, Default, Args)]
pub struct ServiceArgs {
    /// Configuration file (TOML), laid over the built-in defaults
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,

    /// Sets one key over every other layer; may be repeated
    #[arg(long = "set", value_name = "SECTION.KEY=VALUE", value_parser = parse_set)]
    pub set: Vec<(String, String)>,

    /// Checks the configuration, shows it without secrets and exits
    #[arg(long)]
    pub check_config: bool,

    /// Shuts down when standard input ends, as it does when the parent process is gone
    #[arg(long)]
    pub exit_with_parent: bool,
}

fn parse_set(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.trim().is_empty() => {
            Ok((key.trim().to_owned(), value.to_owned()))
        }
        _ => Err("write section.key=value".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_flag_is_split_at_its_first_equals_sign() {
        assert_eq!(
            parse_set("a.b=c=d"),
            Ok(("a.b".to_owned(), "c=d".to_owned()))
        );
        assert_eq!(parse_set("a.b="), Ok(("a.b".to_owned(), String::new())));
        assert!(parse_set("a.b").is_err() && parse_set("=x").is_err());
    }
}
