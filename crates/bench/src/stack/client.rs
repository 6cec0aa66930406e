//! A keep-alive connection for figures that look into answers: whole ones, and ones that come in chunks for as long as they last.

use anyhow::Context as _;
use memchr::memmem;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// Large enough that reading costs little beside what is read.
const READ_BYTES: usize = 256 * 1024;

/// One connection, one request at a time.
pub(crate) struct Client {
    stream: TcpStream,
    address: String,
    token: String,
    answer: Vec<u8>,
}

impl Client {
    pub(crate) async fn open(address: &str, token: &str) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address).await.context("connect")?;
        stream.set_nodelay(true).context("set nodelay")?;
        Ok(Self {
            stream,
            address: address.to_owned(),
            token: token.to_owned(),
            answer: Vec::with_capacity(READ_BYTES),
        })
    }

    async fn ask(&mut self, path: &str) -> anyhow::Result<()> {
        let request = format!(
            "GET {path} HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {}\r\n\r\n",
            self.address, self.token
        );
        self.answer.clear();
        let sent = self.stream.write_all(request.as_bytes()).await;
        sent.context("send")
    }

    /// Asks for something and returns the body, which must be of an answer 200 that tells its length.
    pub(crate) async fn get(&mut self, path: &str) -> anyhow::Result<&[u8]> {
        self.ask(path).await?;
        let head = self.head().await?;
        let length = head.length.context("the answer does not tell its length")?;
        while self.answer.len() < head.end + length {
            self.more().await?;
        }
        Ok(&self.answer[head.end..head.end + length])
    }

    /// Asks for something whose answer comes in chunks.
    pub(crate) async fn stream(mut self, path: &str) -> anyhow::Result<Chunks> {
        self.ask(path).await?;
        let head = self.head().await?;
        anyhow::ensure!(head.length.is_none(), "the answer does not come in chunks");
        let raw = self.answer.split_off(head.end);
        Ok(Chunks {
            stream: self.stream,
            raw,
            frame: Frame::default(),
        })
    }

    async fn head(&mut self) -> anyhow::Result<Head> {
        loop {
            if let Some(at) = memmem::find(&self.answer, b"\r\n\r\n") {
                return Head::of(&self.answer[..at], at + 4)
                    .with_context(|| String::from_utf8_lossy(&self.answer).into_owned());
            }
            self.more().await?;
        }
    }

    async fn more(&mut self) -> anyhow::Result<()> {
        let read = self.stream.read_buf(&mut self.answer).await;
        let read = read.context("receive")?;
        anyhow::ensure!(read > 0, "the server closed the connection");
        Ok(())
    }
}

/// What the head of an answer tells.
struct Head {
    /// Where it ends.
    end: usize,
    /// The length of the body; none when it comes in chunks.
    length: Option<usize>,
}

impl Head {
    fn of(bytes: &[u8], end: usize) -> anyhow::Result<Self> {
        let text = std::str::from_utf8(bytes).context("understand the head")?;
        let status = text.get(9..12).unwrap_or_default();
        anyhow::ensure!(status == "200", "answered {status}");
        let mut length = None;
        for line in text.lines() {
            if let Some((name, value)) = line.split_once(':')
                && name.eq_ignore_ascii_case("content-length")
            {
                length = Some(value.trim().parse().context("understand the length")?);
            }
        }
        Ok(Self { end, length })
    }
}

/// An answer that comes in chunks.
pub(crate) struct Chunks {
    stream: TcpStream,
    raw: Vec<u8>,
    frame: Frame,
}

impl Chunks {
    /// Hands the next bytes of the body on, as many as there are. False at the end of the answer.
    ///
    /// # Errors
    /// When the connection ends before the answer does. Cancel safe.
    pub(crate) async fn next(&mut self, take: impl FnMut(&[u8])) -> anyhow::Result<bool> {
        if self.raw.is_empty() && !self.frame.is_over {
            self.raw.reserve(READ_BYTES);
            let read = self.stream.read_buf(&mut self.raw).await;
            let read = read.context("receive")?;
            anyhow::ensure!(read > 0, "the answer broke off");
        }
        self.frame.take(&self.raw, take)?;
        self.raw.clear();
        Ok(!self.frame.is_over)
    }
}

/// Where in the framing of chunks an answer is.
#[derive(Debug, Default)]
struct Frame {
    /// Of the chunk, with the line break behind it.
    left: usize,
    /// The line of the next chunk's size, as far as it has come.
    line: Vec<u8>,
    is_over: bool,
}

impl Frame {
    fn take(&mut self, mut bytes: &[u8], mut take: impl FnMut(&[u8])) -> anyhow::Result<()> {
        while !bytes.is_empty() && !self.is_over {
            if self.left > 0 {
                let (now, rest) = bytes.split_at(self.left.min(bytes.len()));
                // The last two bytes are the line break.
                let data = now.len().min(self.left.saturating_sub(2));
                if data > 0 {
                    take(&now[..data]);
                }
                self.left -= now.len();
                bytes = rest;
                continue;
            }
            let end = memchr::memchr(b'\n', bytes).map_or(bytes.len(), |at| at + 1);
            self.line.extend_from_slice(&bytes[..end]);
            bytes = &bytes[end..];
            if self.line.ends_with(b"\n") {
                let text = std::str::from_utf8(&self.line).context("understand a chunk")?;
                let size = usize::from_str_radix(text.trim_end(), 16);
                let size = size.with_context(|| format!("understand a chunk: {text:?}"))?;
                self.is_over = size == 0;
                self.left = size + 2;
                self.line.clear();
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_are_put_together_wherever_they_are_cut() {
        let sent = b"5\r\nab\r\nc\r\n1a\r\nabcdefghijklmnopqrstuvwxyz\r\n0\r\n\r\n";
        for cut in 0..sent.len() {
            let (mut frame, mut body) = (Frame::default(), Vec::new());
            for part in [&sent[..cut], &sent[cut..]] {
                let taken = frame.take(part, |bytes| body.extend_from_slice(bytes));
                taken.expect("well formed");
            }
            assert_eq!(body, b"ab\r\ncabcdefghijklmnopqrstuvwxyz", "cut at {cut}");
            assert!(frame.is_over);
        }
    }

    #[test]
    fn an_answer_without_its_last_chunk_is_not_over() {
        let mut frame = Frame::default();
        frame.take(b"2\r\nab\r\n", |_| ()).expect("well formed");
        assert!(!frame.is_over);
        assert!(frame.take(b"xyz\r\n", |_| ()).is_err());
    }
}
