//! The `[database]` section: how to reach PostgreSQL and how the store behaves.

pub(crate) mod url;

use std::{fmt, path::PathBuf, str::FromStr, time::Duration};

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize, Serializer};
use tokio_postgres::config::SslMode as PgSslMode;

use self::url::{postgres_options, split_ssl};
use crate::{StoreError, tls};

/// How to reach PostgreSQL, and how the store behaves.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// `postgres://user:password@host:5432/database`, several hosts separated by commas. The parameters `sslmode`,
    /// `sslrootcert`, `sslcert` and `sslkey` of the URL are honoured; the keys below win over them.
    #[serde(serialize_with = "redacted")]
    pub url: SecretString,
    /// `disable`, `prefer` (default), `require` or `verify-full`. Only `verify-full` proves whom one talks to.
    pub ssl_mode: Option<SslMode>,
    /// PEM file with the certificate authorities to trust; default: the system's. (For RDS: the bundle of its region.)
    pub ssl_root_cert: Option<PathBuf>,
    /// PEM file with the client's certificate chain.
    pub ssl_cert: Option<PathBuf>,
    /// PEM file with the client's key.
    pub ssl_key: Option<PathBuf>,
    /// Most connections this process opens. Default 8.
    pub pool_size: usize,
    /// How long one attempt to connect may take. Default 5s.
    #[serde(with = "units::duration")]
    pub connect_timeout: Duration,
    /// How long a caller waits for a free connection. Default 10s.
    #[serde(with = "units::duration")]
    pub acquire_timeout: Duration,
    /// The server ends a statement that takes longer. Default 60s.
    #[serde(with = "units::duration")]
    pub statement_timeout: Duration,
    /// The server ends a statement that waits longer for a lock. Default 10s.
    #[serde(with = "units::duration")]
    pub lock_timeout: Duration,
    /// The server ends a session whose transaction idles longer: a client that was stopped frees its locks. Default 30s.
    #[serde(with = "units::duration")]
    pub idle_in_transaction_timeout: Duration,
    /// What `pg_stat_activity` shows. Default `flumen`; every service sets its own name.
    pub application_name: String,
    /// Whether a commit waits for the disk. Default true. `false` is safe for the writer alone, as a crash of the server loses
    /// rows and checkpoint together and Kafka replays them; but readers may have seen the rows in between.
    pub synchronous_commit: bool,
    /// The span of one partition of `events` and `event_counts`: `day`, `week` or `month` (default). May be changed at
    /// any time: partitions that exist stay as they are.
    pub partition_interval: Interval,
    /// How many partitions `flumen maintain` and the writer keep ready ahead of now. Default 2.
    pub partitions_ahead: u32,
    /// Whole partitions whose events are all older than this are dropped by `flumen maintain`. Default: none, events are kept.
    #[serde(with = "units::optional_duration")]
    pub retention: Option<Duration>,
    /// How long an event with a producer's `id` but without a time of its own is recognised when it is sent again. Default 7d.
    #[serde(with = "units::duration")]
    pub recent_id_window: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            url: SecretString::from("postgres://flumen@localhost:5432/flumen"),
            ssl_mode: None,
            ssl_root_cert: None,
            ssl_cert: None,
            ssl_key: None,
            pool_size: 8,
            connect_timeout: Duration::from_secs(5),
            acquire_timeout: Duration::from_secs(10),
            statement_timeout: Duration::from_secs(60),
            lock_timeout: Duration::from_secs(10),
            idle_in_transaction_timeout: Duration::from_secs(30),
            application_name: "flumen".to_owned(),
            synchronous_commit: true,
            partition_interval: Interval::Month,
            partitions_ahead: 2,
            retention: None,
            recent_id_window: Duration::from_secs(7 * 86_400),
        }
    }
}

/// Whether and how the connection is encrypted, as libpq's `sslmode`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum SslMode {
    /// Never.
    Disable,
    /// If the server offers it; nothing is verified.
    Prefer,
    /// Always; the certificate is verified only when `ssl_root_cert` is given.
    Require,
    /// Always, and the certificate must be valid for the host.
    VerifyFull,
}

/// The span of one partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Interval {
    /// A day of UTC.
    Day,
    /// A week of UTC, from Monday.
    Week,
    /// A month of UTC.
    Month,
}

impl fmt::Display for Interval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
        })
    }
}

fn redacted<S: Serializer>(_: &SecretString, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str("<redacted>")
}

/// What [`Config`] comes down to for the driver.
pub(crate) struct Target {
    pub(crate) postgres: tokio_postgres::Config,
    pub(crate) tls: tokio_postgres_rustls::MakeRustlsConnect,
}

impl Config {
    /// The defaults with this URL.
    #[must_use]
    pub fn with_url(url: &str) -> Self {
        Self {
            url: SecretString::from(url),
            ..Self::default()
        }
    }

    /// Checks everything that can be checked without connecting; an error names the key.
    ///
    /// # Errors
    /// [`StoreError::Config`].
    pub fn validate(&self) -> Result<(), StoreError> {
        let positive = [
            ("database.connect_timeout", self.connect_timeout),
            ("database.acquire_timeout", self.acquire_timeout),
            ("database.statement_timeout", self.statement_timeout),
            ("database.lock_timeout", self.lock_timeout),
            (
                "database.idle_in_transaction_timeout",
                self.idle_in_transaction_timeout,
            ),
            ("database.recent_id_window", self.recent_id_window),
        ];
        for (key, value) in positive {
            if value < Duration::from_millis(1) {
                return Err(StoreError::config(key, "must be at least 1ms"));
            }
        }
        if self.pool_size == 0 {
            return Err(StoreError::config(
                "database.pool_size",
                "must be at least 1",
            ));
        }
        if self.partitions_ahead > 366 {
            return Err(StoreError::config(
                "database.partitions_ahead",
                "must be at most 366",
            ));
        }
        if self
            .retention
            .is_some_and(|kept| kept < Duration::from_secs(3600))
        {
            return Err(StoreError::config(
                "database.retention",
                "must be at least 1h; leave it out to keep events for ever",
            ));
        }
        if self.ssl_cert.is_some() != self.ssl_key.is_some() {
            return Err(StoreError::config(
                "database.ssl_cert",
                "must be given together with database.ssl_key",
            ));
        }
        self.target().map(|_| ())
    }

    /// The driver's configuration. Connects to nothing; reads the certificate files.
    pub(crate) fn target(&self) -> Result<Target, StoreError> {
        let (url, parameters) = split_ssl(self.url.expose_secret())?;
        let mode = self.ssl_mode.or(parameters.mode).unwrap_or(SslMode::Prefer);
        let root_cert = self.ssl_root_cert.clone().or(parameters.root_cert);
        let client_cert = self.ssl_cert.clone().or(parameters.cert);
        let client_key = self.ssl_key.clone().or(parameters.key);
        // The driver's message may quote a piece of the URL, so it is not passed on.
        let mut postgres = tokio_postgres::Config::from_str(&url).map_err(|_| {
            StoreError::config(
                URL,
                "is not a connection string such as postgres://user:password@host:5432/database",
            )
        })?;
        if postgres.get_hosts().is_empty() && postgres.get_hostaddrs().is_empty() {
            return Err(StoreError::config(URL, "names no host"));
        }
        postgres
            .ssl_mode(match mode {
                SslMode::Disable => PgSslMode::Disable,
                SslMode::Prefer => PgSslMode::Prefer,
                SslMode::Require | SslMode::VerifyFull => PgSslMode::Require,
            })
            .application_name(self.application_name.as_str())
            .connect_timeout(self.connect_timeout)
            .keepalives_idle(Duration::from_secs(30))
            // A server that vanished without a word is noticed in this time, not in TCP's quarter of an hour.
            .tcp_user_timeout(Duration::from_secs(30))
            .options(self.session_options(postgres_options(&url)));
        let tls = tls::connector(
            mode,
            tls::Files {
                root_cert: root_cert.as_deref(),
                client_cert: client_cert.as_deref(),
                client_key: client_key.as_deref(),
            },
        )?;
        Ok(Target { postgres, tls })
    }

    /// Settings of every session, sent with the start-up message so that they cost no round trip.
    fn session_options(&self, own: Option<String>) -> String {
        let mut options = format!(
            "-c timezone=UTC -c statement_timeout={} -c lock_timeout={} -c idle_in_transaction_session_timeout={}",
            self.statement_timeout.as_millis(),
            self.lock_timeout.as_millis(),
            self.idle_in_transaction_timeout.as_millis(),
        );
        if !self.synchronous_commit {
            options.push_str(" -c synchronous_commit=off");
        }
        if let Some(own) = own {
            options.push(' ');
            options.push_str(&own);
        }
        options
    }
}

const URL: &str = "database.url";

#[cfg(test)]
mod tests {
    use super::*;

    fn key_of(config: &Config) -> &'static str {
        match config.validate() {
            Err(StoreError::Config { key, .. }) => key,
            other => panic!("expected a configuration error, got {other:?}"),
        }
    }

    #[test]
    fn the_defaults_are_valid() {
        Config::default().validate().expect("valid");
    }

    #[test]
    fn a_wrong_value_names_its_key() {
        let with = |change: fn(&mut Config)| {
            let mut config = Config::default();
            change(&mut config);
            config
        };
        assert_eq!(key_of(&with(|c| c.pool_size = 0)), "database.pool_size");
        assert_eq!(
            key_of(&with(|c| c.retention = Some(Duration::from_secs(1)))),
            "database.retention"
        );
        assert_eq!(
            key_of(&with(|c| c.ssl_root_cert = Some("/nowhere/ca.pem".into()))),
            "database.ssl_root_cert"
        );
        assert_eq!(
            key_of(&with(|c| c.ssl_cert = Some("x".into()))),
            "database.ssl_cert"
        );
        assert_eq!(key_of(&with(|c| c.url = "nonsense".into())), "database.url");
        assert_eq!(
            key_of(&with(|c| c.url = "postgres://u@h/d?sslmode=maybe".into())),
            "database.url"
        );
    }

    #[test]
    fn neither_debug_nor_errors_nor_serialisation_show_the_password() {
        for url in [
            "postgres://user:hunter2@host/db",
            "postgres://user:hunter2@host:notaport/db",
            "postgres://user:hunter2@host/db?bogus=hunter2",
            "postgres://user:hunter2@host/db?sslmode=hunter2",
        ] {
            let config = Config::with_url(url);
            let mut shown = format!("{config:?}");
            shown += &serde_json::to_string(&config).expect("serialises");
            if let Err(error) = config.validate() {
                shown += &format!("{error} {error:?}");
            }
            assert!(!shown.contains("hunter2"), "{shown}");
        }
    }

    #[test]
    fn an_unknown_key_is_refused() {
        let error = serde_json::from_str::<Config>(r#"{"pool_sise": 3}"#).expect_err("unknown");
        assert!(error.to_string().contains("pool_sise"), "{error}");
    }
}
