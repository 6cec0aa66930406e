//! How a client proves who it is to the brokers, and they to it.
//!
//! [`Security::apply`] is the one place that turns these settings into librdkafka's. What a way to authenticate needs while a client lives, such as the
//! tokens of [`Authentication::AwsIam`], is given to the client's context by [`Security::keeper`].

use crate::{
    Error,
    aws::{Environment, Keeper},
};
use rdkafka::ClientConfig;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize, Serializer};
use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

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
    /// As an IAM role, at Amazon MSK: SASL OAUTHBEARER with tokens signed by AWS credentials, which come from EKS Pod Identity, IRSA or the environment.
    AwsIam,
}

impl Authentication {
    fn is_scram(self) -> bool {
        matches!(self, Self::ScramSha256 | Self::ScramSha512)
    }
}

/// The `[kafka.security]` section.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Security {
    /// `plaintext` (default) or `tls`.
    pub protocol: Protocol,
    /// `none` (default), `scram-sha-256`, `scram-sha-512` or `aws-iam`.
    pub authentication: Authentication,
    /// The brokers' AWS region, for `aws-iam`; absent: that of variable `AWS_REGION` or `AWS_DEFAULT_REGION`.
    pub region: Option<String>,
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
    /// Where the variables of AWS are read, for `aws-iam`: not a setting, but the process's environment, unless a caller gives another.
    #[serde(skip)]
    pub aws: Environment,
}

impl Security {
    /// Checks the rules across fields; reads no file.
    pub(crate) fn validate(&self) -> Result<(), Error> {
        let scram = self.authentication.is_scram();
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
        self.validate_iam()?;
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

    fn validate_iam(&self) -> Result<(), Error> {
        if self.authentication != Authentication::AwsIam {
            if self.region.is_some() {
                return Err(Error::config(
                    "security.region",
                    "has no effect unless `security.authentication` is `aws-iam`",
                ));
            }
            return Ok(());
        }
        if self.protocol != Protocol::Tls {
            return Err(Error::config(
                "security.protocol",
                "must be `tls` for `aws-iam`: who sees a token can use it",
            ));
        }
        self.aws_region().map(drop)
    }

    fn aws_region(&self) -> Result<String, Error> {
        let variable = || self.aws.get("AWS_REGION");
        let other = || self.aws.get("AWS_DEFAULT_REGION");
        let region = self.region.clone().or_else(variable).or_else(other);
        let region = region.ok_or_else(|| {
            Error::config(
                "security.region",
                "is required by `aws-iam` where neither AWS_REGION nor AWS_DEFAULT_REGION is set",
            )
        })?;
        // It becomes part of the name of a host.
        let legal = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if !region.contains('-') || region.len() > 32 || !region.chars().all(legal) {
            return Err(Error::config(
                "security.region",
                format!("`{region}` is not a region of AWS, such as eu-central-1"),
            ));
        }
        Ok(region)
    }

    /// What makes the tokens of a client, one for each; none where none are needed. Starts asking for credentials.
    pub(crate) fn keeper(&self) -> Result<Option<Arc<Keeper>>, Error> {
        match self.authentication {
            Authentication::AwsIam => Keeper::start(&self.aws, self.aws_region()?).map(Some),
            _ => Ok(None),
        }
    }

    /// Writes these settings into those of librdkafka.
    pub(crate) fn apply(&self, client: &mut ClientConfig) -> Result<(), Error> {
        let sasl = self.authentication != Authentication::None;
        client.set(
            "security.protocol",
            match (self.protocol, sasl) {
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
            Authentication::AwsIam => {
                client.set("sasl.mechanism", "OAUTHBEARER");
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

    fn iam(variables: &[(&str, &str)]) -> Security {
        Security {
            protocol: Protocol::Tls,
            authentication: Authentication::AwsIam,
            aws: variables.iter().copied().collect(),
            ..Security::default()
        }
    }

    #[test]
    fn iam_over_tls_becomes_the_settings_of_librdkafka() {
        let security: Security = serde_json::from_str(
            r#"{"protocol": "tls", "authentication": "aws-iam", "region": "eu-central-1"}"#,
        )
        .expect("settings");
        security.validate().expect("complete");
        let mut client = ClientConfig::new();
        security.apply(&mut client).expect("no files to read");
        assert_eq!(client.get("security.protocol"), Some("sasl_ssl"));
        assert_eq!(client.get("sasl.mechanism"), Some("OAUTHBEARER"));
        client
            .create_native_config()
            .expect("librdkafka knows every setting");
    }

    #[test]
    fn iam_takes_the_region_of_the_setting_or_of_the_environment() {
        let region = |security: &Security| security.aws_region().expect("a region");
        let mut security = iam(&[
            ("AWS_REGION", "eu-west-1"),
            ("AWS_DEFAULT_REGION", "us-east-1"),
        ]);
        assert_eq!(region(&security), "eu-west-1");
        security.region = Some("eu-central-1".into());
        assert_eq!(region(&security), "eu-central-1");
        let default = [("AWS_REGION", ""), ("AWS_DEFAULT_REGION", "us-east-1")];
        assert_eq!(region(&iam(&default)), "us-east-1");
        assert!(problem_of(&iam(&[])).starts_with("security.region: is required"));
        for bad in ["eu-central-1.evil.example/", "Frankfurt", "eu"] {
            let problem = problem_of(&iam(&[("AWS_REGION", bad)]));
            assert!(problem.contains("is not a region of AWS"), "{problem}");
        }
    }

    #[test]
    fn iam_is_refused_in_the_clear_and_with_a_password() {
        let variables = [("AWS_REGION", "eu-central-1")];
        let mut security = iam(&variables);
        security.protocol = Protocol::Plaintext;
        assert!(problem_of(&security).starts_with("security.protocol: must be `tls`"));
        let mut security = iam(&variables);
        security.username = Some("flumen".into());
        assert!(problem_of(&security).starts_with("security.authentication: "));
        let idle = Security {
            region: Some("eu-central-1".into()),
            ..Security::default()
        };
        assert!(problem_of(&idle).starts_with("security.region: has no effect"));
    }

    #[test]
    fn iam_without_anybody_to_ask_makes_no_client() {
        let security = iam(&[("AWS_REGION", "eu-central-1")]);
        security.validate().expect("complete as far as settings go");
        let problem = security.keeper().expect_err("no credentials").to_string();
        assert!(problem.starts_with("security.authentication: `aws-iam` finds no credentials"));
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
