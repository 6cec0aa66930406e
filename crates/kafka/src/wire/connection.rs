//! Connecting, logging in, and one request after another.

use std::{collections::HashMap, future::Future, time::Duration};

use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};
use kafka_protocol::{
    messages::{
        ApiVersionsRequest, RequestHeader, ResponseHeader, SaslAuthenticateRequest,
        SaslHandshakeRequest,
    },
    protocol::{Decodable as _, Encodable as _, HeaderVersion as _, Request, VersionRange},
};
use secrecy::ExposeSecret as _;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::TcpStream,
};

use super::{
    Failure,
    scram::{Hash, Login},
    text, tls,
};
use crate::{Authentication, Config, Error, Protocol, Security};

/// No answer to these requests is longer.
const MAX_ANSWER: usize = 64 << 20;

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// A connection to one broker, logged in.
pub(crate) struct Connection {
    stream: Box<dyn Stream>,
    broker: String,
    client_id: String,
    timeout: Duration,
    /// What the broker takes, by the key of the request.
    versions: HashMap<i16, VersionRange>,
    sent: i32,
}

impl Connection {
    /// Connects to the first broker that answers. Every step and every request ends within `timeout`.
    ///
    /// # Errors
    /// [`Error::Unreachable`] when none answers, [`Error::Refused`] when one does not let us in, [`Error::Config`] for a wrong setting.
    pub(crate) async fn open(config: &Config, timeout: Duration) -> Result<Self, Error> {
        let mut connection = Self::open_nameless(config, timeout).await?;
        connection.log_in(&config.security).await?;
        Ok(connection)
    }

    /// As [`Connection::open`], without logging in: it is good for [`Connection::scram`].
    pub(crate) async fn open_nameless(config: &Config, timeout: Duration) -> Result<Self, Error> {
        config.validate()?;
        let mut last = None;
        for broker in config.brokers.split(',').map(str::trim) {
            match Self::to(broker, config, timeout).await {
                Err(error) if error.is_transient() => last = Some(error),
                other => return other,
            }
        }
        Err(last.unwrap_or_else(|| Error::config("brokers", "is empty")))
    }

    async fn to(broker: &str, config: &Config, timeout: Duration) -> Result<Self, Error> {
        let security = &config.security;
        let stream = within(timeout, broker, async {
            let stream = TcpStream::connect(broker)
                .await
                .map_err(|error| unreachable(broker, error))?;
            Ok(match security.protocol {
                Protocol::Plaintext => Box::new(stream) as Box<dyn Stream>,
                Protocol::Tls => {
                    let host = broker.rsplit_once(':').map_or(broker, |(host, _)| host);
                    let host = host.trim_matches(['[', ']']);
                    Box::new(tls::encrypt(security, host, stream).await?)
                }
            })
        })
        .await?;
        let mut connection = Self {
            stream,
            broker: broker.to_owned(),
            client_id: config.client_id.clone(),
            timeout,
            versions: HashMap::new(),
            sent: 0,
        };
        connection.learn_versions().await?;
        Ok(connection)
    }

    async fn learn_versions(&mut self) -> Result<(), Error> {
        // The one version that every broker takes.
        let answer = self.call_at(&ApiVersionsRequest::default(), 0).await?;
        Failure::check("asking for versions", answer.error_code, None)?;
        self.versions = answer
            .api_keys
            .iter()
            .map(|api| {
                let (min, max) = (api.min_version, api.max_version);
                (api.api_key, VersionRange { min, max })
            })
            .collect();
        Ok(())
    }

    async fn log_in(&mut self, security: &Security) -> Result<(), Error> {
        let hash = match security.authentication {
            Authentication::None => return Ok(()),
            Authentication::ScramSha256 => Hash::Sha256,
            Authentication::ScramSha512 => Hash::Sha512,
            Authentication::AwsIam => return self.role(security).await,
        };
        let user = security.username.as_deref().unwrap_or_default();
        let password = security
            .password
            .as_ref()
            .map_or("", |password| password.expose_secret());
        self.scram(hash, user, password).await
    }

    /// Logs in with a user name and a password.
    pub(crate) async fn scram(
        &mut self,
        hash: Hash,
        user: &str,
        password: &str,
    ) -> Result<(), Error> {
        let doing = format!("logging in as {user}");
        let handshake = SaslHandshakeRequest::default().with_mechanism(text(hash.mechanism()));
        let answer = self.call_at(&handshake, 1).await?;
        Failure::check(&doing, answer.error_code, None)?;
        let login = Login::new(hash, user);
        let challenge = self.authenticate(&doing, login.first()).await?;
        let (last, expected) = login
            .last(password, &challenge)
            .map_err(|why| Error::Refused(format!("{doing}: {why}")))?;
        let verdict = self.authenticate(&doing, last).await?;
        if verdict == expected {
            return Ok(());
        }
        Err(Error::Refused(format!(
            "{doing}: the broker could not prove that it knows the password"
        )))
    }

    /// Logs in as a role of AWS.
    async fn role(&mut self, security: &Security) -> Result<(), Error> {
        let doing = "logging in by a token of AWS";
        let Some(keeper) = security.keeper()? else {
            return Ok(());
        };
        let token = tokio::task::spawn_blocking(move || keeper.token())
            .await
            .map_err(|error| unreachable(&self.broker, error))?
            .map_err(|problem| unreachable(&self.broker, problem))?;
        let handshake = SaslHandshakeRequest::default().with_mechanism(text("OAUTHBEARER"));
        let answer = self.call_at(&handshake, 1).await?;
        Failure::check(doing, answer.error_code, None)?;
        let message = format!("n,,\u{1}auth=Bearer {}\u{1}\u{1}", token.text);
        // RFC 7628: nothing is said to who is let in, and why not to others, before the refusal.
        match self.authenticate(doing, message).await?.as_str() {
            "" => Ok(()),
            why => Err(Error::Refused(format!("{doing}: {why}"))),
        }
    }

    async fn authenticate(&mut self, doing: &str, message: String) -> Result<String, Error> {
        let request = SaslAuthenticateRequest::default().with_auth_bytes(Bytes::from(message));
        let answer = self.call(&request).await?;
        Failure::check(doing, answer.error_code, answer.error_message.as_ref())?;
        String::from_utf8(answer.auth_bytes.to_vec())
            .map_err(|_| Error::Refused(format!("{doing}: the broker's answer is not text")))
    }

    /// Makes a request in the newest version that both know.
    pub(crate) async fn call<R: Request>(&mut self, request: &R) -> Result<R::Response, Error> {
        let version = self
            .versions
            .get(&R::KEY)
            .map(|theirs| theirs.intersect(&R::VERSIONS))
            .filter(|both| !both.is_empty())
            .ok_or_else(|| {
                Error::Refused(format!(
                    "the broker {} does not have request {}, or is too old or too new for it",
                    self.broker,
                    R::KEY
                ))
            })?
            .max;
        self.call_at(request, version).await
    }

    async fn call_at<R: Request>(
        &mut self,
        request: &R,
        version: i16,
    ) -> Result<R::Response, Error> {
        self.sent += 1;
        let header = RequestHeader::default()
            .with_request_api_key(R::KEY)
            .with_request_api_version(version)
            .with_correlation_id(self.sent)
            .with_client_id(Some(text(&self.client_id)));
        let mut body = BytesMut::new();
        let malformed = |what: &str, error: &dyn std::fmt::Display| {
            Error::Refused(format!("{what} of request {}: {error}", R::KEY))
        };
        header
            .encode(&mut body, R::header_version(version))
            .and_then(|()| request.encode(&mut body, version))
            .map_err(|error| malformed("writing", &error))?;
        let mut answer = within(
            self.timeout,
            &self.broker,
            exchange(&mut self.stream, &self.broker, &body),
        )
        .await?;
        let header = ResponseHeader::decode(&mut answer, R::Response::header_version(version))
            .map_err(|error| malformed("reading the answer", &error))?;
        if header.correlation_id != self.sent {
            return Err(malformed("reading the answer", &"it is another request's"));
        }
        R::Response::decode(&mut answer, version)
            .map_err(|error| malformed("reading the answer", &error))
    }
}

async fn exchange(stream: &mut Box<dyn Stream>, broker: &str, body: &[u8]) -> Result<Bytes, Error> {
    let fail = |error: std::io::Error| match error.kind() {
        // Over TLS 1.3 the verdict on a client's certificate comes with the first answer.
        _ if tls::refuses_certificate(&error) => Error::config(
            "security.certificate_file",
            format!("{broker} does not take this certificate, or asks for one where there is none"),
        ),
        // What a broker does with bytes that it does not understand, and with clients that it does not let in.
        std::io::ErrorKind::UnexpectedEof | std::io::ErrorKind::ConnectionReset => unreachable(
            broker,
            "it closed the connection; see `kafka.security` (`protocol`, certificate) and the port",
        ),
        _ => unreachable(broker, error),
    };
    let mut frame = BytesMut::with_capacity(4 + body.len());
    frame.put_u32(u32::try_from(body.len()).unwrap_or(u32::MAX));
    frame.extend_from_slice(body);
    stream.write_all(&frame).await.map_err(fail)?;
    stream.flush().await.map_err(fail)?;
    let mut length = [0; 4];
    stream.read_exact(&mut length).await.map_err(fail)?;
    let length = usize::try_from((&length[..]).get_u32()).unwrap_or(usize::MAX);
    if length > MAX_ANSWER {
        return Err(unreachable(
            broker,
            "its answer is none of Kafka's; see `kafka.security.protocol` and the port",
        ));
    }
    let mut answer = vec![0; length];
    stream.read_exact(&mut answer).await.map_err(fail)?;
    Ok(answer.into())
}

async fn within<T>(
    timeout: Duration,
    broker: &str,
    work: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    tokio::time::timeout(timeout, work)
        .await
        .unwrap_or_else(|_| Err(unreachable(broker, format!("no answer within {timeout:?}"))))
}

fn unreachable(broker: &str, problem: impl std::fmt::Display) -> Error {
    Error::Unreachable {
        brokers: broker.to_owned(),
        problem: problem.to_string(),
    }
}
