//! The environment and the flags as figment providers, one per value so that an error can name it.

use figment::value::{Dict, Map, Value};
use figment::{Metadata, Profile, Provider};

use super::{ConfigError, Layers};

/// Whether a setting is still the text it arrived as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Spelling {
    /// As it arrived.
    Text,
    /// Read as a number, a boolean or a list.
    Read,
}

/// One value of the environment or of a flag.
#[derive(Debug, Clone)]
pub(super) struct Setting {
    pub(super) origin: String,
    pub(super) path: Vec<String>,
    pub(super) spelling: Spelling,
    value: Value,
}

impl Setting {
    fn new(origin: String, path: Vec<String>, text: &str) -> Self {
        Self {
            origin,
            path,
            spelling: Spelling::Text,
            value: Value::from(text),
        }
    }

    /// Reads the text as what is expected; false when it cannot be read so.
    pub(super) fn respell(&mut self, expected: &str) -> bool {
        let Some(text) = self.value.as_str().map(str::to_owned) else {
            return false;
        };
        let wants_list = expected.contains("sequence")
            || expected.contains("array")
            || expected.contains("tuple");
        let read = match text.trim() {
            list if wants_list && !list.starts_with('[') => {
                let items = list
                    .split(',')
                    .map(str::trim)
                    .filter(|item| !item.is_empty());
                Value::from(items.map(Value::from).collect::<Vec<_>>())
            }
            // Never fails: what is nothing else is text.
            other => match other.parse::<Value>() {
                Ok(value) => value,
                Err(never) => match never {},
            },
        };
        self.spelling = Spelling::Read;
        let is_new = read.as_str().is_none();
        if is_new {
            self.value = read;
        }
        is_new
    }

    /// Whether the setting is at this path or above or below it.
    pub(super) fn touches(&self, path: &[String]) -> bool {
        self.path.iter().zip(path).all(|(a, b)| a == b)
    }
}

impl Provider for &Setting {
    fn metadata(&self) -> Metadata {
        Metadata::named(self.origin.clone())
    }

    fn data(&self) -> figment::Result<Map<Profile, Dict>> {
        let mut value = self.value.clone();
        for key in self.path.iter().rev() {
            value = Value::from(Dict::from([(key.clone(), value)]));
        }
        let dict = value.into_dict().unwrap_or_default();
        Ok(Map::from([(Profile::Default, dict)]))
    }
}

/// A provider under a name of our own.
pub(super) struct Named<P>(String, P);

impl<P> Named<P> {
    pub(super) fn new(name: impl Into<String>, provider: P) -> Self {
        Self(name.into(), provider)
    }
}

impl<P: Provider> Provider for Named<P> {
    fn metadata(&self) -> Metadata {
        Metadata::named(self.0.clone())
    }

    fn data(&self) -> figment::Result<Map<Profile, Dict>> {
        self.1.data()
    }
}

pub(super) fn from_env(layers: &Layers) -> Result<Vec<Setting>, ConfigError> {
    let mut found = Vec::new();
    for (name, value) in &layers.env {
        let Some(rest) = name.strip_prefix(&layers.env_prefix) else {
            continue;
        };
        let path: Vec<String> = rest.split("__").map(str::to_lowercase).collect();
        let origin = format!("environment variable {name}");
        if path.iter().any(String::is_empty) {
            return Err(ConfigError::Spelling {
                origin,
                help: format!("write {}SECTION__KEY", layers.env_prefix),
            });
        }
        found.push(Setting::new(origin, path, value));
    }
    // The order of an environment is nobody's intention: make it one order.
    found.sort_by(|a, b| a.origin.cmp(&b.origin));
    Ok(found)
}

pub(super) fn from_flags(layers: &Layers) -> Result<Vec<Setting>, ConfigError> {
    let setting = |(key, value): &(String, String)| {
        let origin = format!("flag --set {key}=..");
        match split_key(key) {
            Some(path) => Ok(Setting::new(origin, path, value)),
            None => Err(ConfigError::Spelling {
                origin,
                help: "write --set section.key=value; quote a part that has a dot: section.\"a.b\"=value".to_owned(),
            }),
        }
    };
    layers.overrides.iter().map(setting).collect()
}

/// Splits `a.b."c.d"` into its parts.
fn split_key(key: &str) -> Option<Vec<String>> {
    let mut parts = Vec::new();
    let mut part = String::new();
    let mut quoted = false;
    for c in key.chars() {
        match c {
            '"' => quoted = !quoted,
            '.' if !quoted => parts.push(std::mem::take(&mut part)),
            other => part.push(other),
        }
    }
    parts.push(part);
    (!quoted && parts.iter().all(|part| !part.trim().is_empty())).then_some(parts)
}
