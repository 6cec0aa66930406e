//! API keys: who calls, what they may do and with which sources.
//!
//! A token is `fl_<id>_<secret>`, and the keys file holds its SHA-256 only:
//!
//! ```toml
//! [[keys]]
//! id = "k3v9x2ab"
//! name = "billing, production"
//! sha256 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
//! scopes = ["ingest"]                  # ingest, read, operator
//! sources = ["billing", "shop-*"]      # a trailing * matches the rest
//! expires = "2027-01-01T00:00:00Z"     # optional
//! disabled = false                     # optional
//! requests_per_second = 50             # optional; 0 or absent is the service's default
//! events_per_second = 5000             # optional
//! ```
//!
//! A key is found by its id and its token compared by hash in constant time. Whatever is wrong with a token gets the same
//! answer after the same work. The file is read at start and on reload; a broken file keeps the keys that are known.

mod auth;
mod file;
mod pattern;
mod secret;

pub use auth::{authenticate, identify};
pub use file::{KeysError, parse};
pub use pattern::SourcePattern;
pub use secret::{NewKey, TokenParts, create, looks_like_a_token};

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::ArcSwap;
use time::OffsetDateTime;

/// What a key may be used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Scope {
    /// Sending events.
    Ingest,
    /// Reading events.
    Read,
    /// Looking at how the pipeline does: lag and dead letters, of every source.
    Operator,
}

impl Scope {
    /// Every scope.
    pub const ALL: [Self; 3] = [Self::Ingest, Self::Read, Self::Operator];

    /// The scope as the keys file writes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ingest => "ingest",
            Self::Read => "read",
            Self::Operator => "operator",
        }
    }

    /// Reads a scope as the keys file writes it.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "ingest" => Some(Self::Ingest),
            "read" => Some(Self::Read),
            "operator" => Some(Self::Operator),
            _ => None,
        }
    }
}

/// One entry of the keys file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// Public part of the token, and what logs and metrics call the key.
    pub id: String,
    /// For people.
    pub name: String,
    /// SHA-256 of the whole token.
    pub sha256: [u8; 32],
    /// What it may be used for.
    pub scopes: Vec<Scope>,
    /// The sources it may use.
    pub sources: Vec<SourcePattern>,
    /// When it ceases to be valid.
    pub expires: Option<OffsetDateTime>,
    /// Revoked, and kept for the record.
    pub disabled: bool,
    /// Its own rate of requests.
    pub requests_per_second: Option<u32>,
    /// Its own rate of events.
    pub events_per_second: Option<u32>,
}

impl Key {
    /// Says whether the key may write to or read from a source.
    pub fn may_use(&self, source: &str) -> bool {
        self.sources.iter().any(|pattern| pattern.matches(source))
    }

    /// Says whether the key may use every source there is.
    pub fn may_use_all(&self) -> bool {
        self.sources.iter().any(|pattern| pattern.is_any())
    }

    /// Says whether the key is neither revoked nor expired.
    pub fn is_valid_at(&self, now: OffsetDateTime) -> bool {
        !self.disabled && self.expires.is_none_or(|expires| now < expires)
    }
}

type Ring = HashMap<String, Arc<Key>>;

/// The keys that are known now. Cloning gives another handle to the same keys.
#[derive(Debug, Clone)]
pub struct KeyStore {
    path: PathBuf,
    ring: Arc<ArcSwap<Ring>>,
}

impl KeyStore {
    /// Reads the keys file. Blocks while it does.
    ///
    /// # Errors
    /// [`KeysError`] when the file is missing or wrong.
    pub fn load(config: &crate::config::KeysConfig) -> Result<Self, KeysError> {
        let ring = read(&config.file)?;
        Ok(Self {
            path: config.file.clone(),
            ring: Arc::new(ArcSwap::from_pointee(ring)),
        })
    }

    /// Makes a store of the text of a keys file, which cannot be reloaded; for tests.
    ///
    /// # Errors
    /// [`KeysError`] when the text is wrong.
    pub fn from_text(text: &str) -> Result<Self, KeysError> {
        let path = PathBuf::from("keys.toml");
        let ring = index(parse(text, &path)?);
        Ok(Self {
            path,
            ring: Arc::new(ArcSwap::from_pointee(ring)),
        })
    }

    /// Reads the file again and tells how many keys it holds. Requests in progress keep the key they have.
    ///
    /// # Errors
    /// [`KeysError`]; the keys that were known stay.
    pub fn reload(&self) -> Result<usize, KeysError> {
        let ring = read(&self.path)?;
        let count = ring.len();
        self.ring.store(Arc::new(ring));
        Ok(count)
    }

    /// Finds a key by its id.
    pub fn get(&self, id: &str) -> Option<Arc<Key>> {
        self.ring.load().get(id).cloned()
    }

    /// How many keys are known.
    pub fn len(&self) -> usize {
        self.ring.load().len()
    }

    /// Says whether no key is known.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

fn read(path: &Path) -> Result<Ring, KeysError> {
    Ok(index(file::read(path)?))
}

fn index(keys: Vec<Key>) -> Ring {
    keys.into_iter()
        .map(|key| (key.id.clone(), Arc::new(key)))
        .collect()
}

#[cfg(test)]
mod tests;
