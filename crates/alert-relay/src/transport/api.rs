//! Sending by an HTTP e-mail API, whatever its shape: the body is a template.

use std::time::Duration;

use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER};
use reqwest::{Client, Method, Response, StatusCode};
use secrecy::ExposeSecret as _;

use super::oauth::Tokens;
use super::{Failure, TransportError, read, said, secret};
use crate::config::{self, Authentication};
use crate::metrics::Metrics;
use crate::render::Rendered;

/// More of an answer is not read.
const ANSWER_BYTES: usize = 64 << 10;

/// An API, and how it knows us.
#[derive(Debug)]
pub(crate) struct Api {
    client: Client,
    config: config::Api,
    method: Method,
    key: Option<(HeaderName, HeaderValue)>,
    tokens: Option<Tokens>,
}

impl Api {
    pub(super) fn load(config: &config::Api) -> Result<Self, TransportError> {
        let client = client(config)?;
        let key = if config.authentication == Authentication::ApiKey {
            let wrong = |setting| {
                move || TransportError::Wrong {
                    setting,
                    why: "is not what a header can be".to_owned(),
                }
            };
            let name = HeaderName::try_from(&config.api_key_header)
                .map_err(|_| wrong("api.api_key_header")())?;
            let key = secret("api.api_key_file", &config.api_key, &config.api_key_file)?;
            let mut value =
                HeaderValue::from_str(key.expose_secret()).map_err(|_| wrong("api.api_key")())?;
            value.set_sensitive(true);
            Some((name, value))
        } else {
            None
        };
        let tokens = if config.authentication == Authentication::OAuth2 {
            let client_secret = secret(
                "api.client_secret_file",
                &config.client_secret,
                &config.client_secret_file,
            )?;
            Some(Tokens::new(client.clone(), config, client_secret))
        } else {
            None
        };
        let method = if config.method == "PUT" {
            Method::PUT
        } else {
            Method::POST
        };
        Ok(Self {
            client,
            config: config.clone(),
            method,
            key,
            tokens,
        })
    }

    /// Sends a mail. A token that the API no longer takes is replaced, once.
    pub(super) async fn send(&self, mail: &Rendered, metrics: &Metrics) -> Result<(), Failure> {
        let Some(tokens) = &self.tokens else {
            return self.once(mail, None).await;
        };
        let token = tokens.get(metrics).await?;
        match self.once(mail, Some(&token)).await {
            Err(Failure::Authentication(_)) => {
                tokens.forget(&token).await;
                let token = tokens.get(metrics).await?;
                self.once(mail, Some(&token)).await
            }
            outcome => outcome,
        }
    }

    async fn once(&self, mail: &Rendered, token: Option<&HeaderValue>) -> Result<(), Failure> {
        let mut request = self
            .client
            .request(self.method.clone(), &self.config.url)
            .header(CONTENT_TYPE, &self.config.content_type)
            // The same at every attempt, for an API that can tell by it that it has the mail already.
            .header("idempotency-key", mail.message_id.trim_matches(['<', '>']))
            .body(mail.api_body.clone());
        if let Some((name, value)) = &self.key {
            request = request.header(name, value);
        }
        if let Some(token) = token {
            request = request.header(AUTHORIZATION, token);
        }
        let response = request
            .send()
            .await
            .map_err(|error| failure(error, self.config.timeout))?;
        let (status, retry_after) = (response.status(), retry_after(&response));
        let body = body(response, self.config.timeout).await;
        if status.is_success() {
            let body = body?;
            let expected = &self.config.expect;
            if !expected.is_empty() && !String::from_utf8_lossy(&body).contains(expected.as_str()) {
                return Err(Failure::Protocol(format!(
                    "{status} without what api.expect asks for"
                )));
            }
            return Ok(());
        }
        let text = said(&format!(
            "{status} {}",
            String::from_utf8_lossy(&body.unwrap_or_default())
        ));
        Err(match status {
            StatusCode::UNAUTHORIZED
            | StatusCode::FORBIDDEN
            | StatusCode::PROXY_AUTHENTICATION_REQUIRED => Failure::Authentication(text),
            StatusCode::TOO_MANY_REQUESTS => Failure::Throttled { text, retry_after },
            StatusCode::REQUEST_TIMEOUT
            | StatusCode::CONFLICT
            | StatusCode::TOO_EARLY
            | StatusCode::LOCKED => Failure::Server { text, retry_after },
            // The address is wrong, which is ours to mend and no fault of the mail.
            StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED => {
                Failure::Configuration(format!("api.url: {text}"))
            }
            status if status.is_client_error() => Failure::Refused(text),
            status if status.is_server_error() => Failure::Server { text, retry_after },
            _ => Failure::Protocol(text),
        })
    }
}

/// A client that follows no redirects: what a redirect would do to a mail or to a token, nobody can say.
fn client(config: &config::Api) -> Result<Client, TransportError> {
    let wrong = |setting| {
        move |error: reqwest::Error| TransportError::Wrong {
            setting,
            why: error.without_url().to_string(),
        }
    };
    let mut builder = Client::builder()
        .timeout(config.timeout)
        .connect_timeout(config.timeout)
        .redirect(reqwest::redirect::Policy::none())
        .pool_max_idle_per_host(2)
        .pool_idle_timeout(Duration::from_secs(30))
        .user_agent(concat!("flumen-alert-relay/", env!("CARGO_PKG_VERSION")));
    if !config.ca_file.as_os_str().is_empty() {
        let pem = read("api.ca_file", &config.ca_file)?;
        let authorities =
            reqwest::Certificate::from_pem_bundle(&pem).map_err(wrong("api.ca_file"))?;
        builder = builder.tls_certs_only(authorities);
    }
    if !config.certificate_file.as_os_str().is_empty() {
        let mut pem = read("api.certificate_file", &config.certificate_file)?;
        pem.push(b'\n');
        pem.extend(read("api.key_file", &config.key_file)?);
        builder = builder
            .identity(reqwest::Identity::from_pem(&pem).map_err(wrong("api.certificate_file"))?);
    }
    builder.build().map_err(wrong("api"))
}

pub(super) fn retry_after(response: &Response) -> Option<Duration> {
    let value = response.headers().get(RETRY_AFTER)?.to_str().ok()?;
    crate::dispatch::retry_after(value)
}

pub(super) fn failure(error: reqwest::Error, timeout: Duration) -> Failure {
    if error.is_timeout() {
        return Failure::Timeout(timeout);
    }
    let is_connection = error.is_connect();
    let error = error.without_url();
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(&error);
    while let Some(next) = cause {
        text = format!("{text}: {next}");
        cause = next.source();
    }
    let text = said(&text);
    if is_connection {
        Failure::Connection(text)
    } else {
        Failure::Protocol(text)
    }
}

/// The beginning of an answer's body.
pub(super) async fn body(mut response: Response, timeout: Duration) -> Result<Vec<u8>, Failure> {
    let mut body = Vec::new();
    while let Some(chunk) = response
        .chunk()
        .await
        .map_err(|error| failure(error, timeout))?
    {
        body.extend_from_slice(&chunk);
        if body.len() >= ANSWER_BYTES {
            break;
        }
    }
    Ok(body)
}
