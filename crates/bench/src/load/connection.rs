//! One keep-alive connection: writes a request whole, reads its answer whole.

use anyhow::Context as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// A connection to the server under load.
pub(super) struct Connection {
    stream: TcpStream,
    answer: Vec<u8>,
}

/// The answer to one request.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) bytes: usize,
}

impl Connection {
    pub(super) async fn open(address: &str) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address).await.context("connect")?;
        stream.set_nodelay(true).context("set nodelay")?;
        Ok(Self {
            stream,
            answer: Vec::with_capacity(64 * 1024),
        })
    }

    /// Sends a request and waits for the end of its answer.
    pub(super) async fn exchange(&mut self, request: &[u8]) -> anyhow::Result<Answer> {
        self.stream.write_all(request).await.context("send")?;
        self.answer.clear();
        loop {
            let read = self
                .stream
                .read_buf(&mut self.answer)
                .await
                .context("receive")?;
            anyhow::ensure!(read > 0, "the server closed the connection");
            if let Some(end) = end_of_answer(&self.answer)?
                && self.answer.len() >= end
            {
                break;
            }
        }
        let status = self.answer.get(9..12).unwrap_or_default();
        let status = std::str::from_utf8(status).unwrap_or_default();
        Ok(Answer {
            status: status.parse().context("understand the status")?,
            bytes: self.answer.len(),
        })
    }

    /// The last answer, for people.
    pub(super) fn shown(&self) -> String {
        let text = String::from_utf8_lossy(&self.answer);
        text.chars().take(600).collect()
    }
}

/// Where the answer ends, as soon as its head is there. Only answers that tell their length are understood.
fn end_of_answer(bytes: &[u8]) -> anyhow::Result<Option<usize>> {
    const NAME: &[u8] = b"content-length:";
    let Some(head) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else {
        return Ok(None);
    };
    let line = bytes[..head]
        .split(|byte| *byte == b'\n')
        .find(|line| line.len() > NAME.len() && line[..NAME.len()].eq_ignore_ascii_case(NAME))
        .context("the answer does not tell its length")?;
    let length: usize = std::str::from_utf8(&line[NAME.len()..])
        .context("understand the length")?
        .trim()
        .parse()
        .context("understand the length")?;
    Ok(Some(head + 4 + length))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_ends_where_its_length_says() {
        let answer = b"HTTP/1.1 202 Accepted\r\nContent-Length: 2\r\na: b\r\n\r\n{}";
        assert_eq!(
            end_of_answer(answer).expect("understood"),
            Some(answer.len())
        );
        assert_eq!(end_of_answer(&answer[..30]).expect("understood"), None);
        assert!(end_of_answer(b"HTTP/1.1 200 OK\r\n\r\n").is_err());
    }
}
