//! Single requests without a client library, a connection each: the measured processes are asked whether they are ready every other millisecond.

use anyhow::Context as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// Sends `GET path` and returns the status and the body.
pub(crate) async fn get(
    address: &str,
    path: &str,
    token: Option<&str>,
) -> anyhow::Result<(u16, String)> {
    let authorization = token
        .map(|token| format!("authorization: Bearer {token}\r\n"))
        .unwrap_or_default();
    let request =
        format!("GET {path} HTTP/1.1\r\nhost: bench\r\n{authorization}connection: close\r\n\r\n");
    exchange(address, request.as_bytes()).await
}

/// Sends one structured event and returns the status and the body.
pub(crate) async fn post(address: &str, token: &str, event: &str) -> anyhow::Result<(u16, String)> {
    let request = format!(
        "POST /v1/events HTTP/1.1\r\nhost: bench\r\nauthorization: Bearer {token}\r\nconnection: close\r\n\
         content-type: application/cloudevents+json\r\ncontent-length: {}\r\n\r\n{event}",
        event.len()
    );
    exchange(address, request.as_bytes()).await
}

async fn exchange(address: &str, request: &[u8]) -> anyhow::Result<(u16, String)> {
    let mut stream = TcpStream::connect(address).await.context("connect")?;
    stream.write_all(request).await.context("ask")?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.context("listen")?;
    let answer = String::from_utf8_lossy(&answer);
    let status = answer
        .get(9..12)
        .and_then(|digits| digits.parse().ok())
        .context("understand the status")?;
    let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    Ok((status, body.to_owned()))
}
