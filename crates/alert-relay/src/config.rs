//! Settings; `config/default.toml` says what each means.

use std::path::PathBuf;
use std::time::Duration;

use lettre::message::Mailbox;
use secrecy::SecretString;
use serde::Deserialize;
use service::config::{Admin, ByteSize, ConfigError, Layers, Listen, Loaded, Shutdown, Telemetry};

use crate::policy::{Matcher, Policy};

/// The commented reference of all settings.
pub const DEFAULT_TOML: &str = include_str!("../config/default.toml");

/// Everything alert-relay can be told.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The public listener.
    pub listen: Listen,
    /// The operators' listener.
    pub admin: Admin,
    /// Who may send.
    pub senders: Senders,
    /// How webhooks are read.
    pub body: Body,
    /// What is kept of an alert.
    pub alerts: Alerts,
    /// What was accepted and is not yet sent.
    pub outbox: Outbox,
    /// Which alerts share a mail.
    pub grouping: Grouping,
    /// How many mails a route may have.
    pub rate: Rate,
    /// The mails.
    pub mail: Mail,
    /// Who gets which alerts.
    #[serde(default)]
    pub routes: Vec<Route>,
    /// When alerts wait.
    #[serde(default)]
    pub quiet_hours: Vec<QuietHours>,
    /// Sending by SMTP.
    pub smtp: Smtp,
    /// Sending by an HTTP API.
    pub api: Api,
    /// What happens after a failure.
    pub retry: Retry,
    /// Logs and traces.
    pub telemetry: Telemetry,
    /// The end.
    pub shutdown: Shutdown,
}

/// `[senders]`: who may send.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Senders {
    /// The senders file.
    pub file: PathBuf,
}

/// `[body]`: how webhooks are read.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Body {
    /// Most bytes of one.
    pub max_bytes: ByteSize,
    /// Most bytes of all at a time.
    pub max_in_flight_bytes: ByteSize,
    /// Time for a whole one.
    #[serde(with = "units::duration")]
    pub timeout: Duration,
}

/// `[alerts]`: what is kept of an alert.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Alerts {
    /// Most bytes of a value.
    pub max_value_bytes: ByteSize,
    /// Most labels, and again annotations.
    pub max_labels: usize,
}

/// `[outbox]`: what was accepted and is not yet sent.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Outbox {
    /// Its file.
    pub path: PathBuf,
    /// Most bytes in it.
    pub max_bytes: ByteSize,
    /// Memory for its pages.
    pub cache_bytes: ByteSize,
    /// How long an alert is known.
    #[serde(with = "units::duration")]
    pub dedup_window: Duration,
    /// How many are.
    pub dedup_alerts: u64,
    /// Most dead letters.
    pub max_dead_letters: u64,
}

/// `[grouping]`: which alerts share a mail.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Grouping {
    /// Labels that must be equal; empty for the sender's own groups.
    pub by: Vec<String>,
    /// How long a mail waits for more.
    #[serde(with = "units::duration")]
    pub wait: Duration,
    /// Most alerts shown in full.
    pub max_alerts: usize,
}

/// `[rate]`: how many mails a route may have.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rate {
    /// At once.
    pub mails: u32,
    /// The time in which as many may follow.
    #[serde(with = "units::duration")]
    pub per: Duration,
    /// The time between digests.
    #[serde(with = "units::duration")]
    pub digest_every: Duration,
}

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

/// `[[routes]]`: who gets which alerts.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Route {
    /// Its name, in metrics and logs.
    pub name: String,
    /// What an alert's labels must be.
    pub matchers: Vec<String>,
    /// Recipients.
    pub to: Vec<String>,
    /// Whether later routes get the alert as well.
    #[serde(default)]
    pub r#continue: bool,
}

/// `[[quiet_hours]]`: when alerts wait.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QuietHours {
    /// Whose.
    pub severities: Vec<String>,
    /// Their begin, `HH:MM`.
    pub from: String,
    /// Their end, `HH:MM`.
    pub to: String,
    /// Days on which they begin; empty for all.
    #[serde(default)]
    pub days: Vec<String>,
    /// Where it is that late.
    pub time_zone: String,
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

impl Config {
    /// Loads and checks the configuration. Connects to nothing.
    ///
    /// # Errors
    /// [`ConfigError`] names the key and where its value came from.
    pub fn load(layers: Layers) -> Result<Loaded<Self>, ConfigError> {
        let loaded = service::config::load::<Self>(layers)?;
        match loaded.config.fault() {
            Some((key, why)) => Err(loaded.invalid(&key, why)),
            None => Ok(loaded),
        }
    }

    fn fault(&self) -> Option<(String, String)> {
        let fault = |key: &str, why: &str| Some((key.to_owned(), why.to_owned()));
        let (body, outbox, mail, api) = (&self.body, &self.outbox, &self.mail, &self.api);
        if body.max_bytes.0 == 0 || body.max_in_flight_bytes < body.max_bytes {
            return fault(
                "body.max_in_flight_bytes",
                "must be at least body.max_bytes, which must be more than 0",
            );
        }
        if !(64..=8192).contains(&self.alerts.max_value_bytes.0) {
            return fault("alerts.max_value_bytes", "must be between 64B and 8KiB");
        }
        if !(4..=256).contains(&self.alerts.max_labels) {
            return fault("alerts.max_labels", "must be between 4 and 256");
        }
        if outbox.max_bytes.0 < 1 << 20 {
            return fault("outbox.max_bytes", "must be at least 1MiB");
        }
        if !(1..=200).contains(&self.grouping.max_alerts) {
            return fault("grouping.max_alerts", "must be between 1 and 200");
        }
        if self.rate.mails == 0 {
            return fault("rate.mails", "must be at least 1");
        }
        if let Err(why) = mailbox(&mail.from) {
            return Some(("mail.from".to_owned(), why));
        }
        if mail.to.is_empty() {
            return fault(
                "mail.to",
                "needs an address: an alert that no route takes must go somewhere",
            );
        }
        if let Some(why) = mail
            .to
            .iter()
            .chain(&mail.reply_to)
            .find_map(|to| mailbox(to).err())
        {
            return Some(("mail.to".to_owned(), why));
        }
        if !mail.alertmanager_url.is_empty() && crate::clean::url(&mail.alertmanager_url).is_empty()
        {
            return fault(
                "mail.alertmanager_url",
                "must begin with http:// or https://",
            );
        }
        if mail.transport == TransportKind::Api {
            for (key, url, is_needed) in [
                ("api.url", &api.url, true),
                (
                    "api.oauth2_url",
                    &api.oauth2_url,
                    api.authentication == Authentication::OAuth2,
                ),
            ] {
                if is_needed && crate::clean::url(url).is_empty() {
                    return fault(key, "must begin with http:// or https://");
                }
            }
        }
        if !matches!(api.method.as_str(), "POST" | "PUT") {
            return fault("api.method", "must be POST or PUT");
        }
        if api.certificate_file.as_os_str().is_empty() != api.key_file.as_os_str().is_empty() {
            return fault("api.key_file", "certificate_file and key_file go together");
        }
        let times = [
            ("body.timeout", body.timeout),
            ("rate.per", self.rate.per),
            ("smtp.timeout", self.smtp.timeout),
            ("api.timeout", api.timeout),
            ("retry.first", self.retry.first),
            ("retry.longest", self.retry.longest),
        ];
        if let Some((key, _)) = times
            .iter()
            .find(|(_, time)| *time < Duration::from_millis(1))
        {
            return fault(key, "must be at least 1ms");
        }
        if self.retry.max_attempts == 0
            || self.retry.max_refusals == 0
            || self.retry.concurrency == 0
        {
            return fault(
                "retry",
                "max_attempts, max_refusals and concurrency must be at least 1",
            );
        }
        self.routes_fault().or_else(|| Policy::of(self).err())
    }

    fn routes_fault(&self) -> Option<(String, String)> {
        for (at, route) in self.routes.iter().enumerate() {
            let fault = |why: String| {
                Some((
                    "routes".to_owned(),
                    format!("route {} `{}`: {why}", at + 1, route.name),
                ))
            };
            let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
            if route.name.is_empty() || route.name.len() > 64 || !route.name.chars().all(is_plain) {
                return fault("the name must be of letters, digits, `-` and `_`".to_owned());
            }
            if route.name == crate::policy::FALLBACK
                || self.routes[..at]
                    .iter()
                    .any(|other| other.name == route.name)
            {
                return fault("the name is taken".to_owned());
            }
            if route.to.is_empty() {
                return fault("`to` needs an address".to_owned());
            }
            if let Some(why) = route.to.iter().find_map(|to| mailbox(to).err()) {
                return fault(why);
            }
            if let Some(why) = route
                .matchers
                .iter()
                .find_map(|text| Matcher::parse(text).err())
            {
                return fault(why);
            }
        }
        None
    }
}

/// Reads an address such as `On call <oncall@example.com>`.
pub(crate) fn mailbox(text: &str) -> Result<Mailbox, String> {
    text.parse().map_err(|_| {
        format!("`{text}` is not an address; write name@example.com or Name <name@example.com>")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layers() -> Layers {
        Layers {
            env: Vec::new(),
            ..Layers::new("alert-relay", DEFAULT_TOML)
        }
    }

    #[test]
    fn the_embedded_reference_is_a_valid_configuration_with_the_documented_defaults() {
        let config = Config::load(layers()).expect("valid").config;
        assert_eq!(
            (config.listen.address.port(), config.admin.address.port()),
            (8083, 9083)
        );
        assert_eq!(config.outbox.max_bytes, ByteSize(64 << 20));
        assert_eq!(config.outbox.dedup_window, Duration::from_secs(3 * 3600));
        assert_eq!(
            (config.rate.mails, config.rate.digest_every),
            (10, Duration::from_secs(300))
        );
        assert_eq!(
            (config.retry.max_attempts, config.retry.max_age),
            (200, Duration::from_secs(86_400))
        );
    }

    #[test]
    fn a_fault_across_fields_names_its_key_and_its_origin() {
        for (key, value) in [
            ("body.max_in_flight_bytes", "1MiB"),
            ("alerts.max_value_bytes", "1B"),
            ("outbox.max_bytes", "1kB"),
            ("grouping.max_alerts", "0"),
            ("rate.mails", "0"),
            ("mail.from", "nobody"),
            ("mail.to", "[]"),
            ("mail.alertmanager_url", "javascript:x"),
            ("api.method", "GET"),
            ("smtp.timeout", "0s"),
        ] {
            let text = Config::load(layers().set(key, value))
                .expect_err(key)
                .to_string();
            assert!(
                text.contains(&format!("`{key}`")) && text.contains("--set"),
                "{text}"
            );
        }
        assert!(
            Config::load(layers().set("mail.transport", "api")).is_err(),
            "an API needs its address"
        );
    }

    #[test]
    fn routes_and_quiet_hours_are_checked_when_they_are_loaded() {
        let with = |text: &str| {
            let folder = tempfile::tempdir().expect("a folder");
            let file = folder.path().join("relay.toml");
            std::fs::write(&file, text).expect("written");
            Config::load(Layers {
                file: Some(file),
                ..layers()
            })
            .map(drop)
            .map_err(|error| error.to_string())
        };
        let route = |more: &str| {
            format!(
                "[[routes]]\nname = \"db\"\nmatchers = ['team=\"db\"']\nto = [\"d@example.com\"]\n{more}"
            )
        };
        assert_eq!(with(&route("")), Ok(()));
        let twice = with(&format!("{}{}", route(""), route(""))).expect_err("the same name");
        assert!(twice.contains("taken"), "{twice}");
        let wrong = with(&route("").replace("team=", "team")).expect_err("no operator");
        assert!(wrong.contains("matcher"), "{wrong}");
        let quiet = |zone: &str| {
            format!(
                "[[quiet_hours]]\nseverities = [\"info\"]\nfrom = \"20:00\"\nto = \"07:00\"\ntime_zone = \"{zone}\"\n"
            )
        };
        assert_eq!(with(&quiet("Europe/Berlin")), Ok(()));
        let zone = with(&quiet("Europe/Atlantis")).expect_err("no such place");
        assert!(zone.contains("Atlantis"), "{zone}");
    }
}
