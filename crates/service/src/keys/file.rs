//! The keys file.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::{Key, Scope, SourcePattern};

/// Why a keys file could not be taken. The operator mends it; until then the keys known before stay.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    /// No file is configured.
    #[error(
        "no keys file is configured: set keys.file; `flumen keys create` prints a key and the entry to put there"
    )]
    Unset,
    /// The file cannot be read.
    #[error("cannot read the keys file {}: {source}; `flumen keys create` prints a key and the entry to put there", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is not TOML of the right shape.
    #[error("the keys file {} is wrong: {message}", path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// The parser's words, with line and column.
        message: String,
    },
    /// An entry is wrong.
    #[error("the keys file {}: entry {entry} (id `{id}`): {message}", path.display())]
    Entry {
        /// The file.
        path: PathBuf,
        /// Which entry, counted from 1.
        entry: usize,
        /// Its id.
        id: String,
        /// What is wrong with it.
        message: String,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    keys: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    id: String,
    #[serde(default)]
    name: String,
    sha256: String,
    scopes: Vec<String>,
    sources: Vec<String>,
    expires: Option<Expiry>,
    #[serde(default)]
    disabled: bool,
    #[serde(default)]
    requests_per_second: u32,
    #[serde(default)]
    events_per_second: u32,
}

/// Quoted or as TOML's own date and time.
#[derive(Deserialize)]
#[serde(untagged)]
enum Expiry {
    Text(String),
    Toml(toml::value::Datetime),
}

pub(super) fn read(path: &Path) -> Result<Vec<Key>, KeysError> {
    if path.as_os_str().is_empty() {
        return Err(KeysError::Unset);
    }
    let text = std::fs::read_to_string(path).map_err(|source| KeysError::Read {
        path: path.to_owned(),
        source,
    })?;
    parse(&text, path)
}

/// Reads the text of a keys file; `path` is only for messages.
///
/// # Errors
/// [`KeysError`] at the first entry that is wrong.
pub fn parse(text: &str, path: &Path) -> Result<Vec<Key>, KeysError> {
    let file: File = toml::from_str(text).map_err(|error| KeysError::Syntax {
        path: path.to_owned(),
        message: error.to_string().trim_end().to_owned(),
    })?;
    let mut keys: Vec<Key> = Vec::with_capacity(file.keys.len());
    for (index, entry) in file.keys.into_iter().enumerate() {
        let id = entry.id.clone();
        let wrong = |message| KeysError::Entry {
            path: path.to_owned(),
            entry: index + 1,
            id: id.clone(),
            message,
        };
        let key = entry.read().map_err(wrong)?;
        if keys.iter().any(|other| other.id == key.id) {
            return Err(wrong("an entry above has the same id".to_owned()));
        }
        keys.push(key);
    }
    Ok(keys)
}

impl Entry {
    fn read(self) -> Result<Key, String> {
        if self.id.is_empty()
            || self.id.len() > 32
            || !self.id.bytes().all(|b| b.is_ascii_alphanumeric())
        {
            return Err("id must be 1 to 32 letters and digits".to_owned());
        }
        let sha256 = hash(&self.sha256)
            .ok_or("sha256 must be 64 hexadecimal digits: the SHA-256 of the whole token")?;
        if self.scopes.is_empty() {
            return Err(
                "scopes is empty: write \"ingest\", \"read\", \"operator\" or several of them"
                    .to_owned(),
            );
        }
        let scope = |name: &String| {
            Scope::parse(name).ok_or_else(|| {
                format!("there is no scope `{name}`: write \"ingest\", \"read\" or \"operator\"")
            })
        };
        let scopes = self.scopes.iter().map(scope).collect::<Result<_, _>>()?;
        if self.sources.is_empty() {
            return Err("sources is empty: name them, or write [\"*\"] for all".to_owned());
        }
        let pattern = |text: &String| {
            SourcePattern::parse(text).ok_or_else(|| {
                format!("`{text}` is not a source pattern: a `*` may stand only at its end")
            })
        };
        let sources = self.sources.iter().map(pattern).collect::<Result<_, _>>()?;
        let expires = self.expires.map(|expiry| expiry.read()).transpose()?;
        Ok(Key {
            id: self.id,
            name: self.name,
            sha256,
            scopes,
            sources,
            expires,
            disabled: self.disabled,
            requests_per_second: (self.requests_per_second > 0).then_some(self.requests_per_second),
            events_per_second: (self.events_per_second > 0).then_some(self.events_per_second),
        })
    }
}

impl Expiry {
    fn read(&self) -> Result<OffsetDateTime, String> {
        let text = match self {
            Self::Text(text) => text.clone(),
            Self::Toml(value) => value.to_string(),
        };
        OffsetDateTime::parse(&text, &Rfc3339).map_err(|_| {
            format!(
                "expires `{text}` is not a time with its zone, such as \"2027-01-01T00:00:00Z\""
            )
        })
    }
}

fn hash(hex: &str) -> Option<[u8; 32]> {
    if hex.len() != 64 || !hex.is_ascii() {
        return None;
    }
    let mut out = [0; 32];
    for (byte, pair) in out.iter_mut().zip(hex.as_bytes().chunks(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(out)
}
