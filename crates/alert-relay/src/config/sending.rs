//! The mails, and the two ways in which they leave.

use std::path::PathBuf;
use std::time::Duration;

use secrecy::SecretString;
use serde::Deserialize;

/// How mails leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TransportKind {
    /// By SMTP.
    Smtp,
    /// By an HTTP API.
    Api,
}

/// `[mail]`: the mails.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mail {
    /// The sender.
    pub from: String,
    /// Recipients of what no route takes.
    pub to: Vec<String>,
    /// Where answers go.
    pub reply_to: Option<String>,
    /// How they leave.
    pub transport: TransportKind,
    /// A folder of templates; empty for the built-in ones.
    pub templates: PathBuf,
    /// Where people reach Alertmanager.
    pub alertmanager_url: String,
    /// What the mails call themselves.
    pub name: String,
}

/// How an SMTP connection is secured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Security {
    /// Not at all.
    None,
    /// By STARTTLS, which must work.
    Starttls,
    /// From the first byte.
    Tls,
}

/// `[smtp]`: sending by SMTP.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Smtp {
    /// The server.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How the connection is secured.
    pub security: Security,
    /// Who logs in; empty for nobody.
    pub username: String,
    /// The password.
    pub password: SecretString,
    /// A file with the password.
    pub password_file: PathBuf,
    /// Authorities to trust.
    pub ca_file: PathBuf,
    /// The name this host gives itself.
    pub hello: String,
    /// Time for one mail.
    #[serde(with = "units::duration")]
    pub timeout: Duration,
}

/// How the API knows us.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Authentication {
    /// Not at all, or by the client certificate alone.
    None,
    /// By a key in a header.
    ApiKey,
    /// By a token of OAuth2 client credentials.
    #[serde(rename = "oauth2")]
    OAuth2,
}

/// `[api]`: sending by an HTTP API.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Api {
    /// Where mails go.
    pub url: String,
    /// POST or PUT.
    pub method: String,
    /// What the body is.
    pub content_type: String,
    /// How it knows us.
    pub authentication: Authentication,
    /// The header of the key.
    pub api_key_header: String,
    /// The key.
    pub api_key: SecretString,
    /// A file with the key.
    pub api_key_file: PathBuf,
    /// Where tokens come from.
    pub oauth2_url: String,
    /// Our name there.
    pub client_id: String,
    /// Our secret there.
    pub client_secret: SecretString,
    /// A file with the secret.
    pub client_secret_file: PathBuf,
    /// Whether both go into the form.
    pub client_in_body: bool,
    /// What the token is for.
    pub scope: String,
    /// Whom it is for.
    pub audience: String,
    /// Authorities to trust.
    pub ca_file: PathBuf,
    /// Our certificate.
    pub certificate_file: PathBuf,
    /// Its key.
    pub key_file: PathBuf,
    /// What a good answer holds.
    pub expect: String,
    /// Time for one request.
    #[serde(with = "units::duration")]
    pub timeout: Duration,
}

/// `[retry]`: what happens after a failure.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Retry {
    /// The first pause.
    #[serde(with = "units::duration")]
    pub first: Duration,
    /// The longest.
    #[serde(with = "units::duration")]
    pub longest: Duration,
    /// Most attempts.
    pub max_attempts: u32,
    /// Most time.
    #[serde(with = "units::duration")]
    pub max_age: Duration,
    /// Most refusals.
    pub max_refusals: u32,
    /// Mails under way at a time.
    pub concurrency: usize,
}
