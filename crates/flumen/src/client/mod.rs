//! The HTTP client of `ingest-api`: batches out, per-event outcomes back.
//!
//! It never loses and never miscounts an event. A batch is either answered for every event it
//! holds, or it is sent again whole: the same event sent twice is stored once, so repeating is
//! safe. 503, 429, timeouts and broken connections are repeated, as the server asks
//! (`Retry-After`) and with jitter, for as long as the caller is patient.

mod answer;
mod encoding;
mod error;
mod retry;
#[cfg(test)]
pub(crate) mod tests;

use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use bytes::Bytes;
use reqwest::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER};
use secrecy::{ExposeSecret as _, SecretString};

pub use self::{
    answer::{Answer, Outcome},
    encoding::{Compression, Encoder},
    error::{Problem, SendError},
};
use self::{error::AttemptError, retry::Backoff};
use crate::units::Patience;

/// What a [`Client`] is made from.
#[derive(Debug, Clone)]
pub struct Options {
    /// Base URL of ingest-api.
    pub url: String,
    /// API key with the scope `ingest`.
    pub key: SecretString,
    /// Bound on one attempt.
    pub timeout: Duration,
    /// How long to repeat what may succeed later.
    pub retry_for: Patience,
    /// Idle connections kept open.
    pub connections: usize,
    /// Certificates to trust besides the system's.
    pub ca: Option<PathBuf>,
}

/// One request: events as bytes, ready to be sent any number of times.
#[derive(Debug, Clone)]
pub struct Request {
    /// `Content-Type`.
    pub content_type: &'static str,
    /// What `bytes` were compressed with.
    pub compression: Compression,
    /// Body as it goes over the wire.
    pub bytes: Bytes,
    /// How many events the body holds.
    pub events: u32,
    /// More headers: the attributes in binary mode.
    pub headers: HeaderMap,
    /// Whether outcomes of accepted events are wanted too (their uids).
    pub detailed: bool,
}

impl Request {
    /// A request without extra headers that wants only the outcomes of refused events.
    pub fn new(content_type: &'static str, bytes: Bytes, events: u32) -> Self {
        Self {
            content_type,
            compression: Compression::None,
            bytes,
            events,
            headers: HeaderMap::new(),
            detailed: false,
        }
    }
}

/// What happened on the way to an [`Answer`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attempt {
    /// The server answered with this status.
    Status(u16),
    /// No answer within the timeout.
    TimedOut,
    /// No connection, or it broke.
    Disconnected,
}

/// A client of one `ingest-api`; cheap to clone, all clones share the connections.
#[derive(Debug, Clone)]
pub struct Client {
    http: reqwest::Client,
    url: reqwest::Url,
    authorization: HeaderValue,
    retry_for: Patience,
}

impl Client {
    /// Makes a client; nothing is sent yet.
    ///
    /// # Errors
    /// When the URL, the key or the certificates cannot be used.
    pub fn new(options: &Options) -> anyhow::Result<Self> {
        let base = base_url(&options.url)?;
        let url = base
            .join("v1/events")
            .with_context(|| format!("use {} as the address of ingest-api", options.url))?;
        let authorization = bearer(&options.key)?;
        let http = http_client(
            &base,
            options.timeout,
            options.connections,
            options.ca.as_ref(),
        )?;
        Ok(Self {
            http,
            url,
            authorization,
            retry_for: options.retry_for,
        })
    }

    /// Where events are posted to.
    pub fn url(&self) -> &str {
        self.url.as_str()
    }

    /// Whether the server is on this machine, where compressing costs more than it saves.
    pub fn is_local(&self) -> bool {
        is_loopback(&self.url)
    }

    /// Sends until every event is answered for; `seen` is told of each attempt.
    ///
    /// # Errors
    /// [`SendError`] says what the caller does next.
    pub async fn send(
        &self,
        request: &Request,
        mut seen: impl FnMut(Attempt),
    ) -> Result<Answer, SendError> {
        let mut backoff = Backoff::new(self.retry_for);
        loop {
            let error = match self.attempt(request, &mut seen).await {
                Ok(answer) => return Ok(answer),
                Err(AttemptError::Final(error)) => return Err(error),
                Err(AttemptError::Transient(error)) => error,
            };
            match backoff.next(error.retry_after) {
                Some(pause) => {
                    tracing::info!(
                        reason = %error.reason,
                        pause_ms = u64::try_from(pause.as_millis()).unwrap_or(u64::MAX),
                        "a batch is sent again"
                    );
                    tokio::time::sleep(pause).await;
                }
                None => {
                    return Err(SendError::GaveUp {
                        attempts: backoff.attempts(),
                        after: backoff.elapsed(),
                        reason: error.reason,
                    });
                }
            }
        }
    }

    async fn attempt(
        &self,
        request: &Request,
        seen: &mut impl FnMut(Attempt),
    ) -> Result<Answer, AttemptError> {
        let started = Instant::now();
        let mut post = self
            .http
            .post(self.url.clone())
            .header(reqwest::header::AUTHORIZATION, self.authorization.clone())
            .header(CONTENT_TYPE, request.content_type)
            .headers(request.headers.clone())
            .body(request.bytes.clone());
        if let Some(encoding) = request.compression.header() {
            post = post.header(CONTENT_ENCODING, encoding);
        }
        if !request.detailed {
            post = post.header("prefer", "return=minimal");
        }
        let disconnected = |error: &reqwest::Error| {
            if error.is_timeout() {
                Attempt::TimedOut
            } else {
                Attempt::Disconnected
            }
        };
        let response = match post.send().await {
            Ok(response) => response,
            Err(error) => {
                seen(disconnected(&error));
                return Err(AttemptError::from_transport(&error, &self.url));
            }
        };
        let status = response.status().as_u16();
        let retry_after = response
            .headers()
            .get(RETRY_AFTER)
            .and_then(|value| value.to_str().ok())
            .and_then(retry::parse_retry_after);
        // The body is read before the attempt counts: an answer that breaks off half way is none.
        let body = match response.bytes().await {
            Ok(body) => body,
            Err(error) => {
                seen(disconnected(&error));
                return Err(AttemptError::from_transport(&error, &self.url));
            }
        };
        seen(Attempt::Status(status));
        answer::understand(status, retry_after, &body, request, started.elapsed())
    }
}

/// The base URL with a path that ends in `/`, so that joining adds to it.
///
/// # Errors
/// When it is not an http or https URL.
pub(crate) fn base_url(text: &str) -> anyhow::Result<reqwest::Url> {
    let mut url = reqwest::Url::parse(text)
        .with_context(|| format!("`{text}` is not a URL; write http://host:port"))?;
    anyhow::ensure!(
        matches!(url.scheme(), "http" | "https"),
        "`{text}` is not an http or https URL; write http://host:port"
    );
    if !url.path().ends_with('/') {
        let path = format!("{}/", url.path());
        url.set_path(&path);
    }
    Ok(url)
}

/// `Authorization: Bearer ..`, marked as sensitive so that nothing logs it.
pub(crate) fn bearer(key: &SecretString) -> anyhow::Result<HeaderValue> {
    let mut value =
        HeaderValue::from_str(&format!("Bearer {}", key.expose_secret())).map_err(|_| {
            anyhow::anyhow!(
                "the key has characters that no key has; it starts with fl_ and is one word"
            )
        })?;
    value.set_sensitive(true);
    Ok(value)
}

/// The transport both APIs are spoken to with.
pub(crate) fn http_client(
    base: &reqwest::Url,
    timeout: Duration,
    connections: usize,
    ca: Option<&PathBuf>,
) -> anyhow::Result<reqwest::Client> {
    let mut builder = reqwest::Client::builder()
        .user_agent(concat!("flumen/", env!("CARGO_PKG_VERSION")))
        .timeout(timeout)
        .connect_timeout(timeout.min(Duration::from_secs(10)))
        .pool_max_idle_per_host(connections.max(1))
        .redirect(reqwest::redirect::Policy::none())
        .tcp_nodelay(true);
    if is_loopback(base) {
        builder = builder.no_proxy();
    }
    if let Some(file) = ca {
        let pem = std::fs::read(file)
            .with_context(|| format!("read certificates from {}", file.display()))?;
        let certificates = reqwest::Certificate::from_pem_bundle(&pem)
            .with_context(|| format!("understand the certificates in {}", file.display()))?;
        builder = builder.tls_certs_merge(certificates);
    }
    builder.build().context("set up the HTTP client")
}

fn is_loopback(url: &reqwest::Url) -> bool {
    let Some(host) = url.host_str() else {
        return false;
    };
    host == "localhost"
        || host
            .trim_matches(['[', ']'])
            .parse::<std::net::IpAddr>()
            .is_ok_and(|ip| ip.is_loopback())
}
