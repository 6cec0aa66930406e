//! Where credentials come from, and asking for them.

use super::{environment::Environment, signature::percent};
use crate::Error;
use reqwest::{Client, RequestBuilder, Response, StatusCode, Url, header::HeaderValue};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use std::{
    net::IpAddr,
    path::{Path, PathBuf},
    time::Duration,
};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

/// How long connecting may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// How long an answer may take: agents have been seen to need more than ten seconds for a new pod. Nobody waits for it but the keeper's thread.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

/// The largest answer that is read; real ones have two kilobytes.
const ANSWER_BYTES: usize = 64 << 10;

/// Where ECS answers, for `AWS_CONTAINER_CREDENTIALS_RELATIVE_URI`.
const ECS: &str = "http://169.254.170.2";

/// Addresses besides loopback that get the authorization in the clear: the agents of ECS and EKS, inside the machine.
const AGENTS: [&str; 3] = ["169.254.170.2", "169.254.170.23", "fd00:ec2::23"];

/// What a role is used with.
#[derive(Clone)]
pub(super) struct Credentials {
    pub(super) key_id: String,
    pub(super) secret: SecretString,
    pub(super) session_token: Option<SecretString>,
    /// Absent: they do not end.
    pub(super) expires: Option<OffsetDateTime>,
}

impl Credentials {
    pub(super) fn of_keys(key_id: &str, secret: &str, session_token: Option<&str>) -> Self {
        Self {
            key_id: key_id.to_owned(),
            secret: secret.into(),
            session_token: session_token.map(Into::into),
            expires: None,
        }
    }

    /// Those of an answer, in which every part has to be there.
    fn of_answer(answer: Answer, who: &str, now: OffsetDateTime) -> Result<Self, Trouble> {
        let garbage = || Trouble::Garbage {
            who: who.to_owned(),
        };
        let expires = OffsetDateTime::parse(&answer.expiration, &Rfc3339).map_err(|_| garbage())?;
        if answer.access_key_id.is_empty() || answer.secret_access_key.is_empty() {
            return Err(garbage());
        }
        if expires <= now {
            return Err(Trouble::Ended {
                who: who.to_owned(),
            });
        }
        Ok(Self {
            key_id: answer.access_key_id,
            secret: answer.secret_access_key.into(),
            session_token: Some(answer.token.into()),
            expires: Some(expires),
        })
    }
}

/// Why there are no (new) credentials now. Each may pass; none shows a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Trouble {
    #[error("{who} has not answered yet")]
    Waiting { who: String },
    #[error("cannot read {}: {problem}", .file.display())]
    File { file: PathBuf, problem: String },
    #[error("{who} does not answer: {problem}")]
    NoAnswer { who: String, problem: String },
    #[error("{who} refuses: {status}{}", .code.as_ref().map(|code| format!(" ({code})")).unwrap_or_default())]
    Refused {
        who: String,
        status: StatusCode,
        code: Option<String>,
    },
    #[error("{who} answers, but not with credentials")]
    Garbage { who: String },
    #[error("{who} gives credentials that have ended already; is the clock right?")]
    Ended { who: String },
}

/// Who gives credentials.
pub(super) enum Source {
    /// Keys in the environment, which do not end.
    Keys(Credentials),
    /// EKS Pod Identity or ECS.
    Container {
        url: Url,
        authorization: Option<Authorization>,
    },
    /// IRSA: STS gives them for a token of the cluster.
    WebIdentity {
        url: Url,
        token_file: PathBuf,
        role: String,
        session: String,
    },
}

/// What proves to an agent which pod asks.
pub(super) enum Authorization {
    /// In a file, which is replaced from time to time.
    File(PathBuf),
    Value(SecretString),
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    access_key_id: String,
    secret_access_key: String,
    token: String,
    expiration: String,
}

impl Source {
    /// Finds out by the environment, in the order of AWS's own tools.
    pub(super) fn of(environment: &Environment, region: &str) -> Result<Self, Error> {
        let get = |name| environment.get(name);
        if let (Some(key_id), Some(secret)) =
            (get("AWS_ACCESS_KEY_ID"), get("AWS_SECRET_ACCESS_KEY"))
        {
            let token = get("AWS_SESSION_TOKEN");
            return Ok(Self::Keys(Credentials::of_keys(
                &key_id,
                &secret,
                token.as_deref(),
            )));
        }
        if let (Some(file), Some(role)) = (get("AWS_WEB_IDENTITY_TOKEN_FILE"), get("AWS_ROLE_ARN"))
        {
            let suffix = if region.starts_with("cn-") { ".cn" } else { "" };
            let url = get("AWS_ENDPOINT_URL_STS")
                .unwrap_or_else(|| format!("https://sts.{region}.amazonaws.com{suffix}/"));
            return Ok(Self::WebIdentity {
                url: parse("AWS_ENDPOINT_URL_STS", &url)?,
                token_file: file.into(),
                role,
                session: get("AWS_ROLE_SESSION_NAME").unwrap_or_else(|| "flumen".to_owned()),
            });
        }
        let relative =
            get("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI").map(|path| format!("{ECS}{path}"));
        if let Some(url) = relative.or_else(|| get("AWS_CONTAINER_CREDENTIALS_FULL_URI")) {
            let url = parse("AWS_CONTAINER_CREDENTIALS_FULL_URI", &url)?;
            if url.scheme() != "https" && !is_agent(&url) {
                return Err(Error::config(
                    "security.authentication",
                    "AWS_CONTAINER_CREDENTIALS_FULL_URI must be https, or an address of this machine or of an agent of AWS",
                ));
            }
            let file = get("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE")
                .map(|file| Authorization::File(file.into()));
            let value = || get("AWS_CONTAINER_AUTHORIZATION_TOKEN");
            let authorization =
                file.or_else(|| value().map(|value| Authorization::Value(value.into())));
            return Ok(Self::Container { url, authorization });
        }
        Err(Error::config(
            "security.authentication",
            "`aws-iam` finds no credentials in the environment: EKS sets AWS_CONTAINER_CREDENTIALS_FULL_URI (Pod Identity) or AWS_WEB_IDENTITY_TOKEN_FILE and AWS_ROLE_ARN (IRSA) when the pod starts; elsewhere set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, such as by `aws configure export-credentials --format env`",
        ))
    }

    /// Who is asked, for messages.
    pub(super) fn who(&self) -> String {
        let host = |url: &Url| match (url.host_str(), url.port()) {
            (Some(host), Some(port)) => format!("{host}:{port}"),
            (host, _) => host.unwrap_or_default().to_owned(),
        };
        match self {
            Self::Keys(_) => "the environment".to_owned(),
            Self::Container { url, .. } => {
                format!("the AWS credentials endpoint {}", host(url))
            }
            Self::WebIdentity { url, .. } => format!("AWS STS at {}", host(url)),
        }
    }

    /// A client fit to ask this source.
    pub(super) fn client(&self) -> Result<Client, Trouble> {
        let builder = Client::builder()
            .user_agent(concat!("flumen/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(ANSWER_TIMEOUT)
            // What proves who asks is for this address alone.
            .redirect(reqwest::redirect::Policy::none());
        let builder = match self {
            Self::Keys(_) => builder,
            // An agent is on this machine: no proxy knows the way. In the clear it needs no authorities, which an image may not have.
            Self::Container { url, .. } if url.scheme() == "http" => {
                builder.no_proxy().tls_certs_only([])
            }
            Self::Container { .. } => builder.no_proxy(),
            Self::WebIdentity { .. } => builder,
        };
        builder.build().map_err(|error| Trouble::NoAnswer {
            who: self.who(),
            problem: chain(&error),
        })
    }

    /// Asks once.
    pub(super) async fn fetch(&self, client: &Client) -> Result<Credentials, Trouble> {
        match self {
            Self::Keys(credentials) => Ok(credentials.clone()),
            Self::Container { url, authorization } => {
                let mut request = client.get(url.clone());
                if let Some(authorization) = authorization {
                    request = request.header("authorization", authorization.header()?);
                }
                let (status, body) = self.send(request).await?;
                if status != StatusCode::OK {
                    return Err(self.refused(status, json_code(&body)));
                }
                let answer = serde_json::from_slice(&body).map_err(|_| self.garbage())?;
                Credentials::of_answer(answer, &self.who(), OffsetDateTime::now_utc())
            }
            Self::WebIdentity {
                url,
                token_file,
                role,
                session,
            } => {
                let token = read(token_file)?;
                let form = format!(
                    "Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleArn={}&RoleSessionName={}&WebIdentityToken={}",
                    percent(role),
                    percent(session),
                    percent(token.expose_secret())
                );
                let request = client
                    .post(url.clone())
                    .header("content-type", "application/x-www-form-urlencoded")
                    .body(form);
                let (status, body) = self.send(request).await?;
                let body = String::from_utf8_lossy(&body);
                let element = |name| element(&body, name).map(str::to_owned);
                if status != StatusCode::OK {
                    return Err(self.refused(status, element("Code")));
                }
                let answer = || {
                    Some(Answer {
                        access_key_id: element("AccessKeyId")?,
                        secret_access_key: element("SecretAccessKey")?,
                        token: element("SessionToken")?,
                        expiration: element("Expiration")?,
                    })
                };
                let answer = answer().ok_or_else(|| self.garbage())?;
                Credentials::of_answer(answer, &self.who(), OffsetDateTime::now_utc())
            }
        }
    }

    async fn send(&self, request: RequestBuilder) -> Result<(StatusCode, Vec<u8>), Trouble> {
        let answered = async {
            let response = request.send().await?;
            let status = response.status();
            Ok((status, start_of(response).await?))
        };
        answered
            .await
            .map_err(|error: reqwest::Error| Trouble::NoAnswer {
                who: self.who(),
                problem: chain(&error.without_url()),
            })
    }

    fn garbage(&self) -> Trouble {
        Trouble::Garbage { who: self.who() }
    }

    fn refused(&self, status: StatusCode, code: Option<String>) -> Trouble {
        // Only what looks like one of AWS's codes: the rest of a body may be anything, secrets too.
        let sane = |code: &String| {
            code.len() <= 64 && code.bytes().all(|byte| byte.is_ascii_alphanumeric())
        };
        Trouble::Refused {
            who: self.who(),
            status,
            code: code.filter(sane),
        }
    }
}

impl Authorization {
    fn header(&self) -> Result<HeaderValue, Trouble> {
        let (value, file) = match self {
            Self::File(file) => (read(file)?, file.as_path()),
            Self::Value(value) => (
                value.clone(),
                Path::new("AWS_CONTAINER_AUTHORIZATION_TOKEN"),
            ),
        };
        let mut header =
            HeaderValue::from_str(value.expose_secret()).map_err(|_| Trouble::File {
                file: file.to_owned(),
                problem: "it holds more than a token".to_owned(),
            })?;
        header.set_sensitive(true);
        Ok(header)
    }
}

/// Reads a token's file: anew each time, since the kubelet replaces it.
fn read(file: &Path) -> Result<SecretString, Trouble> {
    match std::fs::read_to_string(file) {
        Ok(text) => Ok(text.trim_end().into()),
        Err(error) => Err(Trouble::File {
            file: file.to_owned(),
            problem: error.to_string(),
        }),
    }
}

fn parse(name: &str, url: &str) -> Result<Url, Error> {
    Url::parse(url)
        .ok()
        .filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
        .ok_or_else(|| Error::config("security.authentication", format!("{name} is not a URL")))
}

/// Whether a request to this address stays inside the machine.
fn is_agent(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost"
        || AGENTS.contains(&host)
        || host
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

async fn start_of(mut response: Response) -> Result<Vec<u8>, reqwest::Error> {
    let mut body = Vec::new();
    while body.len() < ANSWER_BYTES {
        let Some(chunk) = response.chunk().await? else {
            break;
        };
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// The code of an agent's refusal.
fn json_code(body: &[u8]) -> Option<String> {
    let body: serde_json::Value = serde_json::from_slice(body).ok()?;
    let code = body.get("code").or_else(|| body.get("Code"))?;
    code.as_str().map(str::to_owned)
}

/// The text of the first element of this name. Enough for STS, whose values need no escapes.
fn element<'a>(xml: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = xml.split_once(&format!("<{name}>"))?;
    rest.split_once(&format!("</{name}>"))
        .map(|(text, _)| text.trim())
}

/// An error with its causes, of which the last says most.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests;
