//! Reads `stack.json`, where `flumen up` writes the addresses and keys of a pipeline on this machine.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use secrecy::SecretString;
use serde::Deserialize;

/// Where `flumen up` keeps its state unless told otherwise.
pub const DEFAULT_STATE: &str = ".flumen";

/// The parts of `stack.json` that clients need.
#[derive(Debug, Deserialize)]
pub struct Stack {
    /// The ingest-api.
    pub ingest_api: Api,
    /// The query-api.
    pub query_api: Api,
    /// Keys for trying things out.
    pub keys: Keys,
}

/// One API of the stack.
#[derive(Debug, Deserialize)]
pub struct Api {
    /// Base URL of the public listener.
    pub url: String,
}

/// The keys `flumen up` made.
#[derive(Debug, Deserialize)]
pub struct Keys {
    /// May send events of any source.
    pub producer: SecretString,
    /// May read events of any source.
    pub reader: SecretString,
}

impl Stack {
    /// Reads `stack.json` of a state folder.
    ///
    /// # Errors
    /// When nothing is running there, or the file is not what this version writes.
    pub fn read(folder: &Path) -> anyhow::Result<Self> {
        let path = folder.join("stack.json");
        let text = std::fs::read(&path).with_context(|| {
            format!(
                "read {} (is a pipeline running there? start one with `flumen up --detach`)",
                path.display()
            )
        })?;
        serde_json::from_slice(&text).with_context(|| format!("understand {}", path.display()))
    }

    /// Reads the state folder that was named, or the default one when it has a running stack.
    ///
    /// # Errors
    /// When a folder was named and has no readable `stack.json`.
    pub fn find(named: Option<&PathBuf>) -> anyhow::Result<Option<Self>> {
        match named {
            Some(folder) => Self::read(folder).map(Some),
            None if Path::new(DEFAULT_STATE).join("stack.json").is_file() => {
                Self::read(Path::new(DEFAULT_STATE)).map(Some)
            }
            None => Ok(None),
        }
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;

    use super::*;

    #[test]
    fn reads_addresses_and_keys_and_ignores_the_rest() {
        let folder = tempfile::tempdir().expect("make a folder");
        let text = r#"{"kafka":{"brokers":"127.0.0.1:9092","pids":[1]},
            "ingest_api":{"url":"http://127.0.0.1:8080","admin":"http://127.0.0.1:9080","pid":2},
            "query_api":{"url":"http://127.0.0.1:8081","admin":"http://127.0.0.1:9081","pid":3},
            "writers":[],"keys":{"producer":"fl_p","reader":"fl_r"}}"#;
        std::fs::write(folder.path().join("stack.json"), text).expect("write the file");
        let stack = Stack::read(folder.path()).expect("read the stack");
        assert_eq!(stack.ingest_api.url, "http://127.0.0.1:8080");
        assert_eq!(stack.query_api.url, "http://127.0.0.1:8081");
        assert_eq!(stack.keys.producer.expose_secret(), "fl_p");
        assert!(
            !format!("{stack:?}").contains("fl_r"),
            "a key leaks into Debug"
        );
    }

    #[test]
    fn a_folder_without_a_stack_says_how_to_start_one() {
        let folder = tempfile::tempdir().expect("make a folder");
        let error = Stack::read(folder.path()).expect_err("there is no stack");
        assert!(format!("{error:#}").contains("flumen up --detach"));
    }
}
