//! How a client proves who it is to the brokers, and they to it.
//!
//! [`Security::apply`] is the one place that turns these settings into librdkafka's. A further way to authenticate (such as tokens of AWS IAM over
//! OAUTHBEARER) is a variant of [`Authentication`], its arm in `apply`, and `generate_oauth_token` in the clients' contexts (`context.rs`).

use crate::Error;
use rdkafka::ClientConfig;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize, Serializer};
use std::path::{Path, PathBuf};

/// Whether the connection to the brokers is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Protocol {
    /// In the clear: for one machine, or a network that is encrypted below.
    #[default]
    Plaintext,
    /// TLS, with the brokers' certificates verified.
    Tls,
}

/// How the client authenticates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Authentication {
    /// Not at all, or by the client's certificate when one is given (mutual TLS).
    #[default]
    None,
    /// User name and password, SASL SCRAM with SHA-256.
    #[serde(rename = "scram-sha-256")]
    ScramSha256,
    /// User name and password, SASL SCRAM with SHA-512 (what Amazon MSK offers).
    #[serde(rename = "scram-sha-512")]
    ScramSha512,
}

/// The `[kafka.security]` section.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Security {
    /// `plaintext` (default) or `tls`.
    pub protocol: Protocol,
    /// `none` (default), `scram-sha-256` or `scram-sha-512`.
    pub authentication: Authentication,
    /// The user name of SCRAM.
    pub username: Option<String>,
    /// The password of SCRAM; shown as `***`.
    #[serde(serialize_with = "redacted")]
    pub password: Option<SecretString>,
    /// PEM file of the authorities that sign the brokers' certificates; absent: those of the system.
    pub ca_file: Option<PathBuf>,
    /// PEM file of the client's certificate, for mutual TLS.
    pub certificate_file: Option<PathBuf>,
    /// PEM file of the key of `certificate_file`.
    pub key_file: Option<PathBuf>,
    /// The password of `key_file`, when it has one; shown as `***`.
    #[serde(serialize_with = "redacted")]
    pub key_password: Option<SecretString>,
}

impl Security {
    /// Checks the rules across fields; reads no file.
    pub(crate) fn validate(&self) -> Result<(), Error> {
        let scram = self.authentication != Authentication::None;
        if scram && self.username.as_deref().unwrap_or_default().is_empty() {
            return Err(Error::config(
                "security.username",
                "is required by `security.authentication`",
            ));
        }
        if scram
            && self
                .password
                .as_ref()
                .is_none_or(|p| p.expose_secret().is_empty())
        {
            return Err(Error::config(
                "security.password",
                "is required by `security.authentication`",
            ));
        }
        if !scram && (self.username.is_some() || self.password.is_some()) {
            return Err(Error::config(
                "security.authentication",
                "must be `scram-sha-256` or `scram-sha-512` when a user name or password is given",
            ));
        }
        if self.certificate_file.is_some() != self.key_file.is_some() {
            return Err(Error::config(
                "security.key_file",
                "and `security.certificate_file` are given together or not at all",
            ));
        }
        let files = [
            ("security.ca_file", &self.ca_file),
            ("security.certificate_file", &self.certificate_file),
            ("security.key_file", &self.key_file),
        ];
        if self.protocol == Protocol::Plaintext
            && let Some((key, _)) = files.iter().find(|(_, file)| file.is_some())
        {
            return Err(Error::config(
                *key,
                "has no effect unless `security.protocol` is `tls`",
            ));
        }
        Ok(())
    }

    /// Writes these settings into those of librdkafka.
    pub(crate) fn apply(&self, client: &mut ClientConfig) -> Result<(), Error> {
        let scram = self.authentication != Authentication::None;
        client.set(
            "security.protocol",
            match (self.protocol, scram) {
                (Protocol::Plaintext, false) => "plaintext",
                (Protocol::Plaintext, true) => "sasl_plaintext",
                (Protocol::Tls, false) => "ssl",
                (Protocol::Tls, true) => "sasl_ssl",
            },
        );
        match self.authentication {
            Authentication::None => {}
            Authentication::ScramSha256 => {
                client.set("sasl.mechanism", "SCRAM-SHA-256");
            }
            Authentication::ScramSha512 => {
                client.set("sasl.mechanism", "SCRAM-SHA-512");
            }
        }
        if let Some(username) = &self.username {
            client.set("sasl.username", username);
        }
        if let Some(password) = &self.password {
            client.set("sasl.password", password.expose_secret());
        }
        if self.protocol == Protocol::Tls {
            match &self.ca_file {
                Some(file) => set_file(client, "ssl.ca.location", "security.ca_file", file)?,
                None => {
                    client.set("ssl.ca.location", "probe");
                }
            }
            if let Some(file) = &self.certificate_file {
                set_file(
                    client,
                    "ssl.certificate.location",
                    "security.certificate_file",
                    file,
                )?;
            }
            if let Some(file) = &self.key_file {
                set_file(client, "ssl.key.location", "security.key_file", file)?;
            }
            if let Some(password) = &self.key_password {
                client.set("ssl.key.password", password.expose_secret());
            }
        }
        Ok(())
    }
}

/// Hands librdkafka a path, after seeing that it can be read: its own message names neither the key nor, always, the file.
fn set_file(client: &mut ClientConfig, name: &str, key: &str, file: &Path) -> Result<(), Error> {
    std::fs::File::open(file)
        .map_err(|error| Error::config(key, format!("cannot read {}: {error}", file.display())))?;
    let path = file
        .to_str()
        .ok_or_else(|| Error::config(key, format!("{} is not UTF-8", file.display())))?;
    client.set(name, path);
    Ok(())
}

#[expect(clippy::ref_option, reason = "the shape serde asks of serialize_with")]
fn redacted<S: Serializer>(
    secret: &Option<SecretString>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match secret {
        Some(_) => serializer.serialize_str("***"),
        None => serializer.serialize_none(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem_of(security: &Security) -> String {
        security
            .validate()
            .expect_err("must be refused")
            .to_string()
    }

    #[test]
    fn names_the_setting_that_is_missing() {
        let scram = Security {
            authentication: Authentication::ScramSha512,
            ..Security::default()
        };
        assert!(problem_of(&scram).starts_with("security.username: "));
        let without_password = Security {
            username: Some("flumen".into()),
            ..scram
        };
        assert!(problem_of(&without_password).starts_with("security.password: "));
        let half = Security {
            protocol: Protocol::Tls,
            certificate_file: Some("client.pem".into()),
            ..Security::default()
        };
        assert!(problem_of(&half).starts_with("security.key_file: "));
    }

    #[test]
    fn refuses_files_that_would_be_silently_unused() {
        let plain = Security {
            ca_file: Some("ca.pem".into()),
            ..Security::default()
        };
        assert!(problem_of(&plain).starts_with("security.ca_file: "));
    }

    #[test]
    fn scram_over_tls_becomes_the_settings_of_librdkafka() {
        let security = Security {
            protocol: Protocol::Tls,
            authentication: Authentication::ScramSha512,
            username: Some("flumen".into()),
            password: Some("123456".into()),
            ..Security::default()
        };
        security.validate().expect("complete");
        let mut client = ClientConfig::new();
        security.apply(&mut client).expect("no files to read");
        assert_eq!(client.get("security.protocol"), Some("sasl_ssl"));
        assert_eq!(client.get("sasl.mechanism"), Some("SCRAM-SHA-512"));
        client
            .create_native_config()
            .expect("librdkafka knows every setting");
    }

    #[test]
    fn never_shows_a_password() {
        let security = Security {
            password: Some("hunter2".into()),
            key_password: Some("hunter3".into()),
            ..Security::default()
        };
        let shown = serde_json::to_string(&security).expect("serializable");
        assert!(
            !shown.contains("hunter") && shown.contains("***"),
            "{shown}"
        );
        assert!(!format!("{security:?}").contains("hunter"));
    }

    #[test]
    fn names_the_file_that_cannot_be_read() {
        let security = Security {
            protocol: Protocol::Tls,
            ca_file: Some("/nowhere/ca.pem".into()),
            ..Security::default()
        };
        let error = security
            .apply(&mut ClientConfig::new())
            .expect_err("absent");
        assert!(
            error
                .to_string()
                .starts_with("security.ca_file: cannot read /nowhere/ca.pem")
        );
    }
}
