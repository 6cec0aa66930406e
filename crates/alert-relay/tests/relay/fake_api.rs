//! An e-mail API with OAuth2 that fails as it is told to.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use serde_json::Value;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

/// What the next request is answered.
#[derive(Debug, Clone)]
pub(crate) enum Reply {
    /// This status, with these header lines and this body.
    Status(u16, &'static str, &'static str),
    /// Nothing, for ever.
    Hang,
    /// Bytes that are no answer.
    Garbage,
    /// The end of the connection.
    Close,
}

/// A request that came.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (known, value) = line.split_once(':')?;
            known.eq_ignore_ascii_case(name).then_some(value.trim())
        })
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).expect("JSON")
    }
}

#[derive(Debug, Default)]
struct State {
    tokens: VecDeque<Reply>,
    mails: VecDeque<Reply>,
    token_requests: Vec<Request>,
    mail_requests: Vec<Request>,
}

/// A running API.
#[derive(Debug, Clone)]
pub(crate) struct FakeApi {
    pub(crate) address: SocketAddr,
    state: Arc<Mutex<State>>,
}

impl FakeApi {
    /// Answers token requests and mails as listed, then well.
    pub(crate) async fn start(tokens: &[Reply], mails: &[Reply]) -> Self {
        Self::listen(tokens, mails, None).await
    }

    /// Answers well, to whoever TLS lets in.
    pub(crate) async fn start_tls(config: rustls::ServerConfig) -> Self {
        Self::listen(&[], &[], Some(TlsAcceptor::from(Arc::new(config)))).await
    }

    async fn listen(tokens: &[Reply], mails: &[Reply], tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("bound");
        let state = State {
            tokens: tokens.to_vec().into(),
            mails: mails.to_vec().into(),
            ..State::default()
        };
        let api = Self {
            address,
            state: Arc::new(Mutex::new(state)),
        };
        let serving = api.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (api, tls) = (serving.clone(), tls.clone());
                tokio::spawn(async move {
                    match tls {
                        Some(tls) => api.serve(tls.accept(stream).await?).await,
                        None => api.serve(stream).await,
                    }
                });
            }
        });
        api
    }

    /// Settings for a relay that sends here.
    pub(crate) fn settings(&self, more: &str) -> String {
        format!(
            "mail.transport = \"api\"\n[api]\nurl = \"http://{0}/send\"\nauthentication = \"oauth2\"\noauth2_url = \"http://{0}/token\"\nclient_id = \"relay\"\nclient_secret = \"a secret\"\nscope = \"mail.send\"\ntimeout = \"500ms\"\n{more}",
            self.address
        )
    }

    pub(crate) fn mails(&self) -> Vec<Request> {
        self.state
            .lock()
            .expect("not poisoned")
            .mail_requests
            .clone()
    }

    pub(crate) fn tokens(&self) -> Vec<Request> {
        self.state
            .lock()
            .expect("not poisoned")
            .token_requests
            .clone()
    }

    async fn serve(&self, mut stream: impl AsyncRead + AsyncWrite + Unpin) -> std::io::Result<()> {
        let request = read(&mut stream).await?;
        let reply = {
            let mut state = self.state.lock().expect("not poisoned");
            if request.head.starts_with("POST /token") {
                state.token_requests.push(request);
                let number = state.token_requests.len();
                let token: &'static str = format!("{{\"access_token\":\"token-{number}\",\"token_type\":\"Bearer\",\"expires_in\":3600}}").leak();
                state
                    .tokens
                    .pop_front()
                    .unwrap_or(Reply::Status(200, "", token))
            } else {
                state.mail_requests.push(request);
                state
                    .mails
                    .pop_front()
                    .unwrap_or(Reply::Status(202, "", "{\"queued\":true}"))
            }
        };
        match reply {
            Reply::Status(status, headers, body) => {
                let answer = format!(
                    "HTTP/1.1 {status} X\r\n{headers}Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
                    body.len()
                );
                stream.write_all(answer.as_bytes()).await?;
                stream.flush().await
            }
            Reply::Garbage => stream.write_all(b"\x00\x01garbage\xff\xfe\r\n\r\n").await,
            Reply::Close => Ok(()),
            Reply::Hang => {
                let mut rest = [0];
                drop(stream.read(&mut rest).await);
                Ok(())
            }
        }
    }
}

async fn read(stream: &mut (impl AsyncRead + Unpin)) -> std::io::Result<Request> {
    let mut bytes = Vec::new();
    let mut chunk = [0; 16384];
    loop {
        let count = stream.read(&mut chunk).await?;
        bytes.extend_from_slice(&chunk[..count]);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let request = Request {
                head: head.to_owned(),
                body: body.to_owned(),
            };
            let length: usize = request
                .header("content-length")
                .and_then(|length| length.parse().ok())
                .unwrap_or(0);
            if body.len() >= length {
                return Ok(request);
            }
        }
        if count == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
    }
}
