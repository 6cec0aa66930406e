//! Configuration in four layers: the embedded default file, a file, the environment, flags.
//!
//! Each layer wins over the one before it. Every layer is data: loading binds and connects to nothing. Unknown keys are
//! refused, and an error names the key, the layer it came from and what would be right.
//!
//! Two traps are guarded against. Values from the environment and from flags arrive as text and stay text until the
//! type that receives them asks for something else, so a password of digits is never turned into a number. And only
//! names that begin with `FLUMEN_<SERVICE>__` count, with the double underscore, so that the `<SERVICE>_PORT`
//! variables which Kubernetes injects for a service of the same name are not taken for settings.

mod error;
mod layer;
mod redact;
mod sections;

pub use error::{ConfigError, KeyError};
pub use redact::{MASK, is_secret_key, redact_text};
pub use sections::{
    Admin, KeysConfig, Listen, LogFormat, RateLimits, Shutdown, Telemetry, TlsFiles,
};
pub use units::ByteSize;

use std::path::PathBuf;

use figment::Figment;
use figment::error::{Actual, Kind};
use figment::providers::{Format, Toml};
use serde::de::DeserializeOwned;

use layer::{Setting, Spelling};

/// Where a service's configuration comes from.
#[derive(Debug, Clone)]
pub struct Layers {
    /// The service's name as people write it, such as `ingest-api`.
    pub service: String,
    /// The embedded, commented reference file.
    pub default_toml: &'static str,
    /// The file given by `--config`.
    pub file: Option<PathBuf>,
    /// What environment names begin with, such as `FLUMEN_INGEST_API__`.
    pub env_prefix: String,
    /// The environment as names and values; [`Layers::new`] takes the process's own.
    pub env: Vec<(String, String)>,
    /// `--set section.key=value` flags, already split at the first `=`.
    pub overrides: Vec<(String, String)>,
}

impl Layers {
    /// The embedded file and the process's environment, without a file and flags.
    pub fn new(service: &str, default_toml: &'static str) -> Self {
        let env_prefix = format!("FLUMEN_{}__", service.to_uppercase().replace('-', "_"));
        // `vars_os`, since `vars` panics on a variable that is not UTF-8, which need not even be ours.
        let env = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value)))
            .filter(|(name, _)| name.starts_with(&env_prefix))
            .map(|(name, value)| (name, value.to_string_lossy().into_owned()))
            .collect();
        Self {
            service: service.to_owned(),
            default_toml,
            file: None,
            env_prefix,
            env,
            overrides: Vec::new(),
        }
    }

    /// Adds the file and the flags of the command line.
    #[must_use]
    pub fn with_args(mut self, args: &crate::cli::ServiceArgs) -> Self {
        self.file.clone_from(&args.config);
        self.overrides.clone_from(&args.set);
        self
    }

    /// Adds one flag, as `--set key=value` would.
    #[must_use]
    pub fn set(mut self, key: &str, value: impl Into<String>) -> Self {
        self.overrides.push((key.to_owned(), value.into()));
        self
    }
}

/// A configuration, and what `GET /config` shows of it.
#[derive(Debug, Clone)]
pub struct Loaded<T> {
    /// The configuration itself.
    pub config: T,
    /// The merged tree with every secret masked.
    pub redacted: serde_json::Value,
    figment: Figment,
    layers: Layers,
}

impl<T> Loaded<T> {
    /// Names the layer that a key's value came from.
    pub fn origin(&self, key: &str) -> String {
        self.figment.find_metadata(key).map_or_else(
            || "built-in default".to_owned(),
            |found| found.name.to_string(),
        )
    }

    /// Makes the error for a value that is well formed and yet wrong, as found by a rule across fields.
    pub fn invalid(&self, key: &str, why: impl Into<String>) -> ConfigError {
        ConfigError::Key(Box::new(KeyError {
            key: key.to_owned(),
            origin: self.origin(key),
            problem: why.into(),
            help: None,
        }))
    }

    /// The layers this was loaded from, to load it again.
    pub fn layers(&self) -> &Layers {
        &self.layers
    }
}

/// Loads a configuration from its layers.
///
/// Reads the file and nothing else; blocks while it does.
///
/// # Errors
/// [`ConfigError`], whose text names the key, where it came from and what would be right.
pub fn load<T: DeserializeOwned>(layers: Layers) -> Result<Loaded<T>, ConfigError> {
    let base = base(&layers)?;
    let mut settings = layer::from_env(&layers)?;
    settings.extend(layer::from_flags(&layers)?);
    // Each round reads one more text as what its place asks for; a setting changes its spelling at most once.
    loop {
        let figment = settings
            .iter()
            .fold(base.clone(), |figment, setting| figment.merge(setting));
        let error = match figment.extract::<T>() {
            Ok(config) => {
                let redacted = redact::tree(&figment);
                return Ok(Loaded {
                    config,
                    redacted,
                    figment,
                    layers,
                });
            }
            Err(error) => error,
        };
        if !respell(&mut settings, &error) {
            return Err(error::explain(error, &figment, &layers, &settings));
        }
    }
}

/// Reads a text as a number, boolean or list where the error says that one is wanted; false when that is no way out.
fn respell(settings: &mut [Setting], error: &figment::Error) -> bool {
    let Kind::InvalidType(Actual::Str(_), expected) = &error.kind else {
        return false;
    };
    settings
        .iter_mut()
        .rev()
        .find(|setting| setting.spelling == Spelling::Text && setting.path == error.path)
        .is_some_and(|setting| setting.respell(expected))
}

fn base(layers: &Layers) -> Result<Figment, ConfigError> {
    let check = |text: &str, origin: String| {
        toml::from_str::<toml::Table>(text)
            .map(drop)
            .map_err(|error| ConfigError::Syntax {
                origin,
                message: error.to_string().trim_end().to_owned(),
            })
    };
    check(layers.default_toml, "the built-in default.toml".to_owned())?;
    let mut figment = Figment::from(layer::Named::new(
        "built-in default",
        Toml::string(layers.default_toml),
    ));
    if let Some(path) = &layers.file {
        let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Read {
            path: path.clone(),
            source,
        })?;
        let origin = format!("file {}", path.display());
        check(&text, origin.clone())?;
        figment = figment.merge(layer::Named::new(origin, Toml::string(&text)));
    }
    Ok(figment)
}

#[cfg(test)]
mod tests;
