//! Settings; `config/default.toml` says what each means.

use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use service::config::{
    Admin, ByteSize, ConfigError, KeysConfig, Layers, Listen, Loaded, RateLimits, Shutdown,
    Telemetry,
};
use store::read::Budgets;

/// The commented reference of all settings.
pub const DEFAULT_TOML: &str = include_str!("../config/default.toml");

/// A guess of a shorter secret would be too cheap.
const MIN_SECRET_CHARS: usize = 32;

/// Everything query-api can be told.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The public listener.
    pub listen: Listen,
    /// The operators' listener.
    pub admin: Admin,
    /// PostgreSQL.
    pub database: store::Config,
    /// Who may call.
    pub keys: KeysConfig,
    /// How often a key may call.
    pub limits: RateLimits,
    /// Limits of all queries.
    pub query: Query,
    /// Pages.
    pub page: Page,
    /// The feed.
    pub feed: Feed,
    /// Tails.
    pub tail: Tail,
    /// Statistics.
    pub stats: Stats,
    /// Exports.
    pub export: Export,
    /// Cursors.
    #[serde(default)]
    pub cursors: Cursors,
    /// Health.
    pub health: Health,
    /// Logs and traces.
    pub telemetry: Telemetry,
    /// The end.
    pub shutdown: Shutdown,
}

/// `[query]`: limits of all queries.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Query {
    /// Values of source, type and subject together.
    pub max_filters: usize,
    /// Longest `wait=`.
    #[serde(with = "units::duration")]
    pub max_wait: Duration,
    /// Requests that may wait at a time.
    pub max_waiting: usize,
    /// How often the checkpoints are looked at while anyone waits.
    #[serde(with = "units::duration")]
    pub poll_interval: Duration,
    /// How often it is looked how fresh the data is.
    #[serde(with = "units::duration")]
    pub freshness_interval: Duration,
    /// Memory for answers that were not sent yet.
    pub max_answer_memory: ByteSize,
    /// A client that takes nothing of a large answer for so long loses its connection.
    #[serde(with = "units::duration")]
    pub stalled_after: Duration,
}

/// `[page]`: pages of events.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Page {
    /// Events when `limit` is not given.
    pub default_limit: usize,
    /// Most events.
    pub max_limit: usize,
    /// Most bytes.
    pub max_bytes: ByteSize,
    /// Time for the query.
    #[serde(with = "units::duration")]
    pub timeout: Duration,
    /// Time to look for events that no index finds.
    #[serde(with = "units::duration")]
    pub search: Duration,
    /// Time for one event by its uid.
    #[serde(with = "units::duration")]
    pub lookup_timeout: Duration,
}

/// `[feed]`: the feed.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Feed {
    /// The Kafka topic whose checkpoints order it.
    pub topic: String,
    /// Events when `limit` is not given.
    pub default_limit: usize,
    /// Most events.
    pub max_limit: usize,
    /// Most bytes.
    pub max_bytes: ByteSize,
    /// Time for the query.
    #[serde(with = "units::duration")]
    pub timeout: Duration,
}

/// `[tail]`: tails.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tail {
    /// Most tails that are open at a time.
    pub max_tails: usize,
    /// Most tails of one key.
    pub max_per_key: usize,
    /// A tail without news says so this often.
    #[serde(with = "units::duration")]
    pub heartbeat: Duration,
}

/// `[stats]`: statistics.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stats {
    /// Most buckets.
    pub max_buckets: usize,
    /// Most series.
    pub max_series: usize,
    /// Most sources or types in a list of them.
    pub max_facets: usize,
    /// Time for the query.
    #[serde(with = "units::duration")]
    pub timeout: Duration,
}

/// `[export]`: exports.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Export {
    /// Most exports at a time.
    pub max_exports: usize,
    /// Most exports of one key.
    pub max_per_key: usize,
    /// Time from the first row to the last.
    #[serde(with = "units::duration")]
    pub timeout: Duration,
}

/// `[cursors]`: how cursors are signed.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Cursors {
    /// The secret that all replicas share.
    pub secret: Option<SecretString>,
}

/// `[health]`: how health is found out.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Health {
    /// How often the database is asked.
    #[serde(with = "units::duration")]
    pub interval: Duration,
}

impl Config {
    /// Loads and checks the configuration. Connects to nothing.
    ///
    /// # Errors
    /// [`ConfigError`] names the key and where its value came from.
    pub fn load(layers: Layers) -> Result<Loaded<Self>, ConfigError> {
        let loaded = service::config::load::<Self>(layers)?;
        match loaded.config.fault() {
            Some((key, why)) => Err(loaded.invalid(key, why)),
            None => Ok(loaded),
        }
    }

    /// The time budgets of the store's statements.
    pub(crate) fn budgets(&self) -> Budgets {
        Budgets {
            page: self.page.timeout,
            search: self.page.search,
            lookup: self.page.lookup_timeout,
            feed: self.feed.timeout,
            stats: self.stats.timeout,
            export: self.export.timeout,
        }
    }

    fn fault(&self) -> Option<(&'static str, String)> {
        let limits = [
            (
                "page.default_limit",
                self.page.default_limit,
                self.page.max_limit,
            ),
            (
                "feed.default_limit",
                self.feed.default_limit,
                self.feed.max_limit,
            ),
            ("stats.max_buckets", 1, self.stats.max_buckets),
            ("stats.max_series", 1, self.stats.max_series),
            ("stats.max_facets", 1, self.stats.max_facets),
            ("export.max_exports", 1, self.export.max_exports),
            ("export.max_per_key", 1, self.export.max_per_key),
        ];
        if let Some((key, ..)) = limits
            .iter()
            .find(|(_, least, most)| *least == 0 || least > most)
        {
            return Some((
                key,
                "must be at least 1 and no more than the maximum".to_owned(),
            ));
        }
        let times = [
            ("query.poll_interval", self.query.poll_interval),
            ("query.freshness_interval", self.query.freshness_interval),
            ("query.stalled_after", self.query.stalled_after),
            ("page.timeout", self.page.timeout),
            ("page.search", self.page.search),
            ("page.lookup_timeout", self.page.lookup_timeout),
            ("feed.timeout", self.feed.timeout),
            ("stats.timeout", self.stats.timeout),
            ("export.timeout", self.export.timeout),
            ("tail.heartbeat", self.tail.heartbeat),
            ("health.interval", self.health.interval),
        ];
        if let Some((key, _)) = times
            .iter()
            .find(|(_, time)| *time < Duration::from_millis(1))
        {
            return Some((key, "must be at least 1ms".to_owned()));
        }
        if self.limits.events_per_second != 0 {
            let why = "has no effect here, it is a limit of sending: set requests_per_second";
            return Some(("limits.events_per_second", why.to_owned()));
        }
        let secret = self
            .cursors
            .secret
            .as_ref()
            .map(|secret| secret.expose_secret().chars().count());
        if secret.is_some_and(|chars| chars < MIN_SECRET_CHARS) {
            let why = format!(
                "must have at least {MIN_SECRET_CHARS} characters; `openssl rand -hex 32` makes one"
            );
            return Some(("cursors.secret", why));
        }
        match self.database.validate() {
            Err(store::StoreError::Config { key, reason }) => Some((key, reason)),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layers() -> Layers {
        Layers {
            env: Vec::new(),
            ..Layers::new("query-api", DEFAULT_TOML)
        }
    }

    #[test]
    fn the_embedded_reference_is_a_valid_configuration() {
        let loaded = Config::load(layers()).expect("valid");
        assert_eq!(loaded.config.listen.address.port(), 8081);
        assert_eq!(loaded.config.admin.address.port(), 9081);
    }

    #[test]
    fn a_fault_across_fields_names_its_key_and_its_origin() {
        for (key, value) in [
            ("page.default_limit", "2000"),
            ("feed.default_limit", "0"),
            ("query.poll_interval", "0s"),
            ("limits.events_per_second", "5"),
            ("cursors.secret", "0123456789"),
            ("database.pool_size", "0"),
        ] {
            let text = Config::load(layers().set(key, value))
                .expect_err(key)
                .to_string();
            assert!(
                text.contains(&format!("`{key}`")) && text.contains("--set"),
                "{text}"
            );
            assert!(!text.contains("0123456789"), "{text}");
        }
    }
}
