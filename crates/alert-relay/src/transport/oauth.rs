//! Tokens by OAuth2 client credentials (RFC 6749, section 4.4): asked for when needed, kept until shortly before they end.

use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::Client;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use tokio::sync::Mutex;

use super::api::{body, failure, retry_after};
use super::{Failure, said};
use crate::clean::percent;
use crate::config;
use crate::metrics::Metrics;

/// How long a token is kept whose end is not told.
const UNTOLD: Duration = Duration::from_secs(300);
/// The longest that any is kept.
const LONGEST: Duration = Duration::from_secs(24 * 3600);

#[derive(Debug)]
struct Token {
    header: HeaderValue,
    until: Instant,
}

/// The tokens of one client.
#[derive(Debug)]
pub(super) struct Tokens {
    client: Client,
    config: config::Api,
    secret: SecretString,
    /// Held while a token is asked for, so that it is asked for once.
    current: Mutex<Option<Token>>,
}

#[derive(Deserialize)]
struct Granted {
    access_token: String,
    #[serde(default)]
    expires_in: Option<serde_json::Value>,
}

impl Tokens {
    pub(super) fn new(client: Client, config: &config::Api, secret: SecretString) -> Self {
        Self {
            client,
            config: config.clone(),
            secret,
            current: Mutex::new(None),
        }
    }

    /// The token, as an `Authorization` header.
    pub(super) async fn get(&self, metrics: &Metrics) -> Result<HeaderValue, Failure> {
        let mut current = self.current.lock().await;
        if let Some(token) = current
            .as_ref()
            .filter(|token| Instant::now() < token.until)
        {
            return Ok(token.header.clone());
        }
        let token = self.ask().await.inspect_err(|_| metrics.token("failed"))?;
        metrics.token("granted");
        let header = token.header.clone();
        *current = Some(token);
        Ok(header)
    }

    /// Forgets a token that is not taken any more, unless there is a newer one already.
    pub(super) async fn forget(&self, header: &HeaderValue) {
        let mut current = self.current.lock().await;
        if current.as_ref().is_some_and(|token| token.header == header) {
            *current = None;
        }
    }

    async fn ask(&self) -> Result<Token, Failure> {
        let config = &self.config;
        let mut form = "grant_type=client_credentials".to_owned();
        let mut add = |name: &str, value: &str| {
            if !value.is_empty() {
                form.push_str(&format!("&{name}={}", percent(value)));
            }
        };
        add("scope", &config.scope);
        add("audience", &config.audience);
        let mut basic = None;
        if config.client_in_body {
            add("client_id", &config.client_id);
            add("client_secret", self.secret.expose_secret());
        } else {
            let pair = format!(
                "{}:{}",
                percent(&config.client_id),
                percent(self.secret.expose_secret())
            );
            basic = Some(format!("Basic {}", STANDARD.encode(pair)));
        }
        let mut request = self
            .client
            .post(&config.oauth2_url)
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header(ACCEPT, "application/json")
            .body(form);
        if let Some(basic) = basic {
            request = request.header(AUTHORIZATION, basic);
        }
        let response = request
            .send()
            .await
            .map_err(|error| failure(error, config.timeout))?;
        let (status, retry_after) = (response.status(), retry_after(&response));
        let body = body(response, config.timeout).await;
        let text = || {
            let body = body.as_deref().unwrap_or_default();
            said(&format!(
                "token endpoint: {status} {}",
                String::from_utf8_lossy(body)
            ))
        };
        if status.as_u16() == 429 {
            return Err(Failure::Throttled {
                text: text(),
                retry_after,
            });
        }
        if status.is_server_error() {
            return Err(Failure::Server {
                text: text(),
                retry_after,
            });
        }
        if !status.is_success() {
            return Err(Failure::Authentication(text()));
        }
        // What it says now may be a token: it is not repeated.
        let no_token = || Failure::Protocol(format!("token endpoint: {status} without a token"));
        let granted: Granted = serde_json::from_slice(&body?).map_err(|_| no_token())?;
        let header = format!("Bearer {}", granted.access_token);
        let mut header = HeaderValue::from_str(&header).map_err(|_| no_token())?;
        if granted.access_token.is_empty() {
            return Err(no_token());
        }
        header.set_sensitive(true);
        Ok(Token {
            header,
            until: Instant::now() + kept_for(granted.expires_in.as_ref()),
        })
    }
}

/// A tenth of its life, but at most a minute, before it ends, a token is replaced.
fn kept_for(expires_in: Option<&serde_json::Value>) -> Duration {
    let seconds = match expires_in {
        Some(serde_json::Value::Number(number)) => number.as_f64(),
        Some(serde_json::Value::String(text)) => text.parse().ok(),
        _ => None,
    };
    let life = seconds
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .unwrap_or(UNTOLD)
        .min(LONGEST);
    life - (life / 10).min(Duration::from_secs(60))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_token_is_replaced_before_it_ends() {
        for (told, kept) in [
            (json!(3600), 3540),
            (json!(100), 90),
            (json!("100"), 90),
            (json!(null), 270),
            (json!(-5), 270),
            (json!(1e300), 270),
            (json!(1e6), 86_340),
        ] {
            assert_eq!(kept_for(Some(&told)).as_secs(), kept, "{told}");
        }
        assert_eq!(kept_for(None).as_secs(), 270);
    }
}
