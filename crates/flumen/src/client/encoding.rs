//! Compression of request bodies.

use std::io::Write as _;

use anyhow::Context as _;

/// `Content-Encoding` of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Compression {
    /// As it is: best on the same machine.
    None,
    /// Understood everywhere.
    Gzip,
    /// Smaller and several times faster than gzip.
    Zstd,
}

impl Compression {
    /// The header's value.
    pub fn header(self) -> Option<&'static str> {
        match self {
            Self::None => None,
            Self::Gzip => Some("gzip"),
            Self::Zstd => Some("zstd"),
        }
    }
}

/// Compresses one body after the other and keeps what can be kept between them.
pub struct Encoder {
    compression: Compression,
    zstd: Option<zstd::bulk::Compressor<'static>>,
}

impl Encoder {
    /// An encoder for this compression, at its fastest useful level.
    ///
    /// # Errors
    /// When zstd cannot get its memory.
    pub fn new(compression: Compression) -> anyhow::Result<Self> {
        let zstd = match compression {
            Compression::Zstd => {
                Some(zstd::bulk::Compressor::new(1).context("set up the compression")?)
            }
            _ => None,
        };
        Ok(Self { compression, zstd })
    }

    /// What bodies are compressed with.
    pub fn compression(&self) -> Compression {
        self.compression
    }

    /// The body as it goes over the wire.
    ///
    /// # Errors
    /// When memory runs out.
    pub fn encode(&mut self, body: &[u8]) -> anyhow::Result<Vec<u8>> {
        match (&mut self.zstd, self.compression) {
            (Some(zstd), _) => zstd.compress(body).context("compress a batch"),
            (None, Compression::Gzip) => {
                let out = Vec::with_capacity(body.len() / 4);
                let mut gzip = flate2::write::GzEncoder::new(out, flate2::Compression::fast());
                gzip.write_all(body).context("compress a batch")?;
                gzip.finish().context("compress a batch")
            }
            (None, _) => Ok(body.to_vec()),
        }
    }
}

impl std::fmt::Debug for Encoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Encoder")
            .field("compression", &self.compression)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    #[test]
    fn what_is_compressed_comes_back() {
        let body = br#"{"a":"bcbcbcbcbcbcbcbcbcbcbcbcbcbcbcbc"}"#.repeat(100);
        let gzip = Encoder::new(Compression::Gzip)
            .and_then(|mut encoder| encoder.encode(&body))
            .expect("gzip");
        let mut back = Vec::new();
        flate2::read::GzDecoder::new(&*gzip)
            .read_to_end(&mut back)
            .expect("gunzip");
        assert_eq!(back, body);
        let zstd = Encoder::new(Compression::Zstd)
            .and_then(|mut encoder| encoder.encode(&body))
            .expect("zstd");
        assert_eq!(zstd::decode_all(&*zstd).expect("unzstd"), body);
        assert!(zstd.len() < body.len() / 10);
    }
}
