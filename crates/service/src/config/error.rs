//! What is wrong with a configuration, told so that it can be put right.

use std::fmt;
use std::path::PathBuf;

use figment::Figment;
use figment::error::Kind;

use super::layer::Setting;
use super::{Layers, is_secret_key, redact_text};

/// Why a configuration could not be loaded. All of them are for the operator to mend; none goes away by itself.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read the configuration file {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file is not TOML.
    #[error("{origin} is not valid TOML: {message}")]
    Syntax {
        /// The file.
        origin: String,
        /// The parser's words, with line and column.
        message: String,
    },
    /// The name of a flag or a variable is not a path of keys.
    #[error("{origin} does not name a key: {help}")]
    Spelling {
        /// The flag or variable.
        origin: String,
        /// How to write it.
        help: String,
    },
    /// A key is unknown, missing or has a wrong value.
    #[error("{0}")]
    Key(Box<KeyError>),
}

/// What is wrong with one key.
#[derive(Debug)]
pub struct KeyError {
    /// The key, such as `kafka.brokers`.
    pub key: String,
    /// The layer its value came from, such as `environment variable FLUMEN_WRITER__KAFKA__BROKERS`.
    pub origin: String,
    /// What is wrong.
    pub problem: String,
    /// What would be right, when that can be said.
    pub help: Option<String>,
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "configuration key `{}` ({}): {}",
            self.key, self.origin, self.problem
        )?;
        match &self.help {
            Some(help) => write!(f, "; {help}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for KeyError {}

/// Turns figment's error into ours.
pub(super) fn explain(
    error: figment::Error,
    figment: &Figment,
    layers: &Layers,
    settings: &[Setting],
) -> ConfigError {
    let (path, problem, help) = match &error.kind {
        Kind::UnknownField(name, known) => {
            // figment has put the unknown name at the end already.
            let path = error.path.clone();
            (
                path,
                "there is no such key".to_owned(),
                Some(suggest(name, known)),
            )
        }
        Kind::MissingField(name) => {
            let path = [error.path.clone(), vec![name.to_string()]].concat();
            let help = format!(
                "set it in the file, as {}{} or with --set {}=..",
                layers.env_prefix,
                path.join("__").to_uppercase(),
                path.join(".")
            );
            (path, "it has no value".to_owned(), Some(help))
        }
        Kind::UnknownVariant(name, known) => (
            error.path.clone(),
            format!("`{name}` is not one of the choices"),
            Some(suggest(name, known)),
        ),
        Kind::InvalidType(_, expected) | Kind::InvalidValue(_, expected)
            if is_secret_path(&error.path) =>
        {
            (error.path.clone(), format!("expected {expected}"), None)
        }
        Kind::InvalidType(
            figment::error::Actual::Unsigned(_) | figment::error::Actual::Signed(_),
            expected,
        ) if expected.contains("string") => (
            error.path.clone(),
            error.kind.to_string(),
            Some("put it in quotes".to_owned()),
        ),
        Kind::InvalidType(_, expected) if is_whole_number(expected) => (
            error.path.clone(),
            error
                .kind
                .to_string()
                .replace(expected.as_str(), "a whole number that is not negative"),
            None,
        ),
        kind => (error.path.clone(), kind.to_string(), None),
    };
    let origin = origin(&path, &error, figment, settings);
    ConfigError::Key(Box::new(KeyError {
        key: path.join("."),
        origin,
        problem: redact_text(&problem),
        help,
    }))
}

/// Rust's names for such numbers say nothing to an operator.
fn is_whole_number(expected: &str) -> bool {
    matches!(expected, "u8" | "u16" | "u32" | "u64" | "usize")
}

fn is_secret_path(path: &[String]) -> bool {
    path.iter().any(|part| is_secret_key(part))
}

fn origin(
    path: &[String],
    error: &figment::Error,
    figment: &Figment,
    settings: &[Setting],
) -> String {
    if error.missing() {
        return "no layer".to_owned();
    }
    if let Some(setting) = settings.iter().rev().find(|setting| setting.touches(path)) {
        return setting.origin.clone();
    }
    let metadata = figment
        .find_metadata(&path.join("."))
        .or(error.metadata.as_ref());
    metadata.map_or_else(
        || "built-in default".to_owned(),
        |found| found.name.to_string(),
    )
}

fn suggest(name: &str, known: &[&str]) -> String {
    let near = known
        .iter()
        .map(|known| (distance(name, known), *known))
        .min();
    let list = known
        .iter()
        .map(|known| format!("`{known}`"))
        .collect::<Vec<_>>()
        .join(", ");
    match near {
        Some((distance, near)) if distance <= 1 + name.len() / 4 => {
            format!("did you mean `{near}`? known here: {list}")
        }
        Some(_) => format!("known here: {list}"),
        None => "nothing can be set here".to_owned(),
    }
}

/// Levenshtein's distance.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let substituted = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}
