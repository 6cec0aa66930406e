//! A stand-in for AWS's endpoints of credentials: the agent of EKS Pod Identity (GET) and STS (POST), on a port of this machine. Shared by the tests of this
//! crate and those against a broker.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    path::PathBuf,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

/// What the requester has to show: `Authorization` at the agent, `WebIdentityToken` at STS.
pub(crate) const PROOF: &str = "eyJhbGciOiJub25lIn0.pod.proof";
/// The role that STS gives.
pub(crate) const ROLE: &str = "arn:aws:iam::123456789012:role/flumen-writer";

/// How requests are answered.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Behaviour {
    /// With new credentials that live this long.
    Give(Duration),
    /// With credentials that ended an hour ago.
    GiveEnded,
    /// With this status and body.
    Say(u16, &'static str),
    /// Not at all: the connection stays open.
    Hang,
    /// Not at all: the connection is closed.
    HangUp,
}

struct Shared {
    /// Part of the secrets, so that those of two stand-ins differ.
    port: u16,
    behaviour: Mutex<Behaviour>,
    /// The ids of all keys given so far.
    given: Mutex<Vec<String>>,
    requests: Mutex<usize>,
    /// A file for each key, for who checks signatures: secret, session token, end in seconds since 1970.
    folder: Option<PathBuf>,
    held: Mutex<Vec<TcpStream>>,
    stopped: AtomicBool,
}

/// The stand-in; ends when dropped.
pub(crate) struct Stub {
    address: SocketAddr,
    shared: Arc<Shared>,
}

impl Stub {
    pub(crate) fn start(behaviour: Behaviour, folder: Option<PathBuf>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("its address");
        let shared = Arc::new(Shared {
            port: address.port(),
            behaviour: Mutex::new(behaviour),
            given: Mutex::default(),
            requests: Mutex::default(),
            folder,
            held: Mutex::default(),
            stopped: AtomicBool::new(false),
        });
        let serving = Arc::clone(&shared);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if serving.stopped.load(Ordering::Acquire) {
                    return;
                }
                let shared = Arc::clone(&serving);
                // A client that gives up is no fault of ours.
                std::thread::spawn(move || shared.serve(stream).ok());
            }
        });
        Self { address, shared }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/v1/credentials", self.address)
    }

    /// Variables as EKS Pod Identity sets them; the proof is in this file.
    pub(crate) fn pod_identity(&self, proof: &std::path::Path) -> Vec<(String, String)> {
        std::fs::write(proof, PROOF).expect("a file for the proof");
        [
            ("AWS_CONTAINER_CREDENTIALS_FULL_URI", self.url()),
            (
                "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
                proof.display().to_string(),
            ),
            ("AWS_REGION", "eu-central-1".to_owned()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into()
    }

    /// Variables as IRSA sets them, and one that leads to this STS.
    pub(crate) fn web_identity(&self, proof: &std::path::Path) -> Vec<(String, String)> {
        // With the line's end that many a file has.
        std::fs::write(proof, format!("{PROOF}\n")).expect("a file for the proof");
        [
            ("AWS_WEB_IDENTITY_TOKEN_FILE", proof.display().to_string()),
            ("AWS_ROLE_ARN", ROLE.to_owned()),
            ("AWS_ENDPOINT_URL_STS", self.url()),
            ("AWS_REGION", "eu-central-1".to_owned()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into()
    }

    pub(crate) fn behave(&self, behaviour: Behaviour) {
        *self.shared.behaviour.lock().expect("whole") = behaviour;
    }

    /// The ids of the keys given so far, in order.
    pub(crate) fn given(&self) -> Vec<String> {
        self.shared.given.lock().expect("whole").clone()
    }

    /// How many requests have come.
    pub(crate) fn requests(&self) -> usize {
        *self.shared.requests.lock().expect("whole")
    }
}

impl Drop for Stub {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::Release);
        self.shared.held.lock().expect("whole").clear();
        // Wakes the listener.
        drop(TcpStream::connect(self.address));
    }
}

impl Shared {
    fn serve(&self, stream: TcpStream) -> std::io::Result<()> {
        let (head, body) = read(&stream)?;
        *self.requests.lock().expect("whole") += 1;
        let behaviour = *self.behaviour.lock().expect("whole");
        let sts = head.starts_with("POST ");
        let proven = if sts {
            body.contains("Action=AssumeRoleWithWebIdentity&")
                && body.contains(&format!(
                    "RoleArn={}&",
                    ROLE.replace(':', "%3A").replace('/', "%2F")
                ))
                && body.ends_with(&format!("WebIdentityToken={PROOF}"))
        } else {
            head.lines().any(|line| {
                line.split_once(": ").is_some_and(|(name, value)| {
                    name.eq_ignore_ascii_case("authorization") && value == PROOF
                })
            })
        };
        let (status, body) = match behaviour {
            Behaviour::Hang => {
                self.held.lock().expect("whole").push(stream);
                return Ok(());
            }
            Behaviour::HangUp => return Ok(()),
            Behaviour::Say(status, body) => (status, body.to_owned()),
            _ if !proven => (401, r#"{"code":"InvalidTokenException"}"#.to_owned()),
            Behaviour::Give(life) => (200, self.give(OffsetDateTime::now_utc() + life, sts)),
            Behaviour::GiveEnded => {
                let end = OffsetDateTime::now_utc() - Duration::from_secs(3600);
                (200, self.give(end, sts))
            }
        };
        let mut stream = stream;
        write!(
            stream,
            "HTTP/1.1 {status} as told\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
            body.len()
        )
    }

    fn give(&self, end: OffsetDateTime, sts: bool) -> String {
        let mut given = self.given.lock().expect("whole");
        let id = format!("ASIAFLUMEN{:06}", given.len() + 1);
        // Everything in it has to be encoded to be part of a URL.
        let secret = format!("secret/+of={id}@{}", self.port);
        let token = format!("IQoJ/+session//{id}==");
        if let Some(folder) = &self.folder {
            let lines = format!("{secret}\n{token}\n{}\n", end.unix_timestamp());
            std::fs::write(folder.join(&id), lines).expect("a file for the key");
        }
        let end = end.format(&Rfc3339).expect("a time of our century");
        let body = if sts {
            format!(
                "<AssumeRoleWithWebIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\n  <AssumeRoleWithWebIdentityResult>\n    <Credentials>\n      <SessionToken>{token}</SessionToken>\n      <SecretAccessKey>{secret}</SecretAccessKey>\n      <Expiration>{end}</Expiration>\n      <AccessKeyId>{id}</AccessKeyId>\n    </Credentials>\n  </AssumeRoleWithWebIdentityResult>\n</AssumeRoleWithWebIdentityResponse>"
            )
        } else {
            format!(
                r#"{{"AccessKeyId":"{id}","SecretAccessKey":"{secret}","Token":"{token}","AccountId":"123456789012","Expiration":"{end}"}}"#
            )
        };
        given.push(id);
        body
    }
}

fn read(stream: &TcpStream) -> std::io::Result<(String, String)> {
    let mut reader = BufReader::new(stream);
    let mut head = String::new();
    let mut length = 0;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        if line == "\r\n" {
            break;
        }
        if let Some((name, value)) = line.split_once(": ")
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().unwrap_or(0);
        }
        head.push_str(line.trim_end());
        head.push('\n');
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    Ok((head, String::from_utf8_lossy(&body).into_owned()))
}
