//! The sections that services share.
//!
//! Every field has a default, so that a service's `default.toml` documents what it means to and leaves out the rest.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

/// `[listen]`: the public listener.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Listen {
    /// Where to listen; port 0 takes a free one.
    pub address: SocketAddr,
    /// Threads that serve requests; 0 is one for every core.
    pub workers: usize,
    /// Connections one worker keeps open at a time; more wait in the backlog.
    pub max_connections: usize,
    /// How long an idle connection is kept.
    #[serde(with = "units::duration")]
    pub keep_alive: Duration,
    /// How long a client may take to send its request head.
    #[serde(with = "units::duration")]
    pub head_timeout: Duration,
    /// Whether a client that has closed its sending side still gets its answer. When false, the request of a client that went
    /// away is dropped at once, with whatever was being done for it.
    pub allow_half_closed: bool,
    /// Whether plain HTTP/2 is spoken with clients that begin with it (h2c), such as a proxy in front. With TLS, HTTP/2 is always offered.
    pub h2c: bool,
    /// Whether answers are packed for clients that accept it.
    pub compress: bool,
    /// The origins whose pages may call from a browser, to the letter, such as `https://app.example`.
    pub cors_origins: Vec<String>,
    /// Certificate and key; absent, the listener speaks plain HTTP.
    pub tls: Option<TlsFiles>,
}

impl Default for Listen {
    fn default() -> Self {
        Self {
            address: SocketAddr::from(([0, 0, 0, 0], 8080)),
            workers: 0,
            max_connections: 10_000,
            keep_alive: Duration::from_secs(75),
            head_timeout: Duration::from_secs(5),
            allow_half_closed: true,
            h2c: false,
            compress: true,
            cors_origins: Vec::new(),
            tls: None,
        }
    }
}

/// `[listen.tls]`: what the public listener shows of itself, in PEM, read again on reload.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TlsFiles {
    /// The certificate chain.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

/// `[admin]`: the operators' listener.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Admin {
    /// Where to listen; never to be reached from outside.
    pub address: SocketAddr,
}

impl Default for Admin {
    fn default() -> Self {
        Self {
            address: SocketAddr::from(([0, 0, 0, 0], 9080)),
        }
    }
}

/// How a log line is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// Text on a terminal, JSON otherwise.
    #[default]
    Auto,
    /// One JSON object a line.
    Json,
    /// For people.
    Text,
}

/// `[telemetry]`: logs and traces.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Telemetry {
    /// A level (`info`) or directives (`info,kafka=debug`).
    pub log: String,
    /// How a line is written.
    pub format: LogFormat,
    /// Where traces go, such as `http://collector:4318`; absent, nowhere.
    pub otlp_endpoint: Option<String>,
    /// Share of new traces that are kept, 0.0 to 1.0; a caller's own decision is followed.
    pub otlp_sample: f64,
}

impl Default for Telemetry {
    fn default() -> Self {
        Self {
            log: "info".to_owned(),
            format: LogFormat::Auto,
            otlp_endpoint: None,
            otlp_sample: 0.01,
        }
    }
}

/// `[shutdown]`: the budget of every step. Their sum must stay under the pod's grace period.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Shutdown {
    /// How long to go on serving after readiness is off, for the load balancer to notice.
    #[serde(with = "units::duration")]
    pub unready: Duration,
    /// For requests or work in progress.
    #[serde(with = "units::duration")]
    pub drain: Duration,
    /// For what is buffered to be made durable.
    #[serde(with = "units::duration")]
    pub flush: Duration,
    /// For connections to be closed and the group to be left.
    #[serde(with = "units::duration")]
    pub close: Duration,
}

impl Default for Shutdown {
    fn default() -> Self {
        Self {
            unready: Duration::ZERO,
            drain: Duration::from_secs(10),
            flush: Duration::from_secs(10),
            close: Duration::from_secs(3),
        }
    }
}

/// `[keys]`: who may call.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct KeysConfig {
    /// The keys file; see [`crate::keys`].
    pub file: PathBuf,
}

/// `[limits]`-like section: what one key may do when its entry does not say otherwise. 0 is no limit.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RateLimits {
    /// Requests a second.
    pub requests_per_second: u32,
    /// Events a second.
    pub events_per_second: u32,
    /// Requests under way at a time.
    pub concurrent_requests: u32,
    /// How much of the rate may come at once.
    #[serde(with = "units::duration")]
    pub burst: Duration,
}

impl Default for RateLimits {
    fn default() -> Self {
        Self {
            requests_per_second: 0,
            events_per_second: 0,
            concurrent_requests: 0,
            burst: Duration::from_secs(2),
        }
    }
}
