//! A small HTTP server that misbehaves on demand.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::{TcpListener, TcpStream},
};

/// What the server does with one request.
#[derive(Clone)]
pub(crate) enum Reply {
    /// Status, one more header, body.
    Answer(u16, Option<(&'static str, &'static str)>, String),
    /// Reads the request and never answers.
    Hang,
    /// Reads the request and closes the connection.
    Close,
    /// Begins an answer and closes the connection in the middle.
    Half,
}

impl Reply {
    pub(crate) fn status(status: u16) -> Self {
        let body = json!({"type": format!("/problems/of-{status}"), "status": status, "detail": "a reason"});
        Self::Answer(status, None, body.to_string())
    }

    /// Accepts every event of the request.
    pub(crate) fn accept(seen: &Seen) -> Self {
        let events = seen.events().len();
        Self::Answer(
            202,
            None,
            json!({"accepted": events, "rejected": 0, "events": []}).to_string(),
        )
    }

    /// Rejects the events for which `reason` has one.
    pub(crate) fn judge(seen: &Seen, reason: impl Fn(&Value) -> Option<&'static str>) -> Self {
        let events = seen.events();
        let rejected: Vec<Value> = events
            .iter()
            .enumerate()
            .filter_map(|(index, event)| {
                let name = reason(event)?;
                Some(json!({"index": index, "status": 422, "type": format!("/problems/{name}"), "detail": "because", "pointer": "/data"}))
            })
            .collect();
        let accepted = events.len() - rejected.len();
        let status = match (accepted, rejected.len()) {
            (_, 0) => 202,
            (0, _) => 422,
            _ => 207,
        };
        Self::Answer(
            status,
            None,
            json!({"accepted": accepted, "rejected": rejected.len(), "events": rejected})
                .to_string(),
        )
    }
}

/// A request as it arrived.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) head: String,
    pub(crate) headers: HashMap<String, String>,
    pub(crate) body: Vec<u8>,
}

impl Seen {
    /// The events of the body, decompressed.
    pub(crate) fn events(&self) -> Vec<Value> {
        let body = match self.headers.get("content-encoding").map(String::as_str) {
            None => self.body.clone(),
            Some("zstd") => zstd::decode_all(&*self.body).expect("zstd"),
            Some("gzip") => {
                let mut body = Vec::new();
                std::io::Read::read_to_end(
                    &mut flate2::read::GzDecoder::new(&*self.body),
                    &mut body,
                )
                .expect("gzip");
                body
            }
            Some(other) => panic!("unknown encoding {other}"),
        };
        if self.headers["content-type"] == "application/x-ndjson" {
            return body
                .split(|byte| *byte == b'\n')
                .filter(|line| !line.is_empty())
                .map(|line| serde_json::from_slice(line).expect("a line of JSON"))
                .collect();
        }
        match serde_json::from_slice(&body).expect("a body of JSON") {
            Value::Array(events) => events,
            event => vec![event],
        }
    }
}

type Rule = dyn Fn(usize, &Seen) -> Reply + Send + Sync;

/// A server that answers as a rule says; the rule is given the number of the request, from 0.
pub(crate) struct Fake {
    pub(crate) url: String,
    seen: Arc<Mutex<Vec<Seen>>>,
    at_once: Arc<AtomicUsize>,
    most_at_once: Arc<AtomicUsize>,
}

impl Fake {
    pub(crate) async fn start(
        rule: impl Fn(usize, &Seen) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("bind");
        let fake = Self {
            url: format!("http://{}", listener.local_addr().expect("an address")),
            seen: Arc::default(),
            at_once: Arc::default(),
            most_at_once: Arc::default(),
        };
        let rule: Arc<Rule> = Arc::new(rule);
        let (seen, at_once, most) = (
            Arc::clone(&fake.seen),
            Arc::clone(&fake.at_once),
            Arc::clone(&fake.most_at_once),
        );
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (rule, seen) = (Arc::clone(&rule), Arc::clone(&seen));
                let (at_once, most) = (Arc::clone(&at_once), Arc::clone(&most));
                tokio::spawn(async move {
                    let _ = serve(stream, &*rule, &seen, &at_once, &most).await;
                });
            }
        });
        fake
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().expect("not poisoned").clone()
    }

    /// The most requests that were under way at the same time.
    pub(crate) fn most_at_once(&self) -> usize {
        self.most_at_once.load(Ordering::SeqCst)
    }
}

async fn serve(
    stream: TcpStream,
    rule: &Rule,
    seen: &Mutex<Vec<Seen>>,
    at_once: &AtomicUsize,
    most: &AtomicUsize,
) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    loop {
        let mut head = String::new();
        if stream.read_line(&mut head).await? == 0 {
            return Ok(());
        }
        let mut headers = HashMap::new();
        loop {
            let mut line = String::new();
            stream.read_line(&mut line).await?;
            let Some((name, value)) = line.trim_end().split_once(':') else {
                break;
            };
            headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
        }
        let length = headers
            .get("content-length")
            .map_or(0, |length| length.parse().expect("a length"));
        let mut body = vec![0; length];
        stream.read_exact(&mut body).await?;
        let request = Seen {
            head: head.trim_end().to_owned(),
            headers,
            body,
        };
        most.fetch_max(at_once.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        // Others that are sent at the same time get their chance to arrive.
        tokio::task::yield_now().await;
        let number = {
            let mut seen = seen.lock().expect("not poisoned");
            seen.push(request.clone());
            seen.len() - 1
        };
        let reply = rule(number, &request);
        at_once.fetch_sub(1, Ordering::SeqCst);
        match reply {
            Reply::Answer(status, header, body) => {
                let more = header.map_or(String::new(), |(name, value)| {
                    format!("{name}: {value}\r\n")
                });
                let head = format!(
                    "HTTP/1.1 {status} Said\r\ncontent-type: application/json\r\n{more}content-length: {}\r\n\r\n",
                    body.len()
                );
                stream.write_all(head.as_bytes()).await?;
                stream.write_all(body.as_bytes()).await?;
                stream.flush().await?;
            }
            Reply::Hang => std::future::pending().await,
            Reply::Close => return Ok(()),
            Reply::Half => {
                stream
                    .write_all(b"HTTP/1.1 202 Said\r\ncontent-length: 100\r\n\r\n{\"accep")
                    .await?;
                stream.flush().await?;
                return Ok(());
            }
        }
    }
}
