//! Compression of a stream, for clients that ask for it.

use std::io::{self, Write};

use flate2::write::GzEncoder;
use zstd::stream::write::Encoder as ZstdEncoder;

/// Quick ones: an export is bound by the processor.
const GZIP_LEVEL: u32 = 3;
const ZSTD_LEVEL: i32 = 1;

/// How a body is coded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Coding {
    Identity,
    Gzip,
    Zstd,
}

impl Coding {
    /// The best one of an `Accept-Encoding`; identity when there is none, which every client understands.
    pub(crate) fn of(accepted: &str) -> Self {
        let weight = |name: &str| {
            accepted.split(',').find_map(|entry| {
                let (coding, parameters) = entry.split_once(';').unwrap_or((entry, ""));
                coding.trim().eq_ignore_ascii_case(name).then(|| {
                    let quality = parameters.trim().strip_prefix("q=");
                    quality.map_or(1.0, |text| text.trim().parse::<f32>().unwrap_or(0.0))
                })
            })
        };
        let (zstd, gzip) = (
            weight("zstd").unwrap_or(0.0),
            weight("gzip").or(weight("x-gzip")).unwrap_or(0.0),
        );
        if zstd > 0.0 && zstd >= gzip {
            Self::Zstd
        } else if gzip > 0.0 {
            Self::Gzip
        } else {
            Self::Identity
        }
    }

    /// Its name in `Content-Encoding`.
    pub(crate) fn name(self) -> Option<&'static str> {
        match self {
            Self::Identity => None,
            Self::Gzip => Some("gzip"),
            Self::Zstd => Some("zstd"),
        }
    }
}

/// Compresses a stream piece by piece.
pub(crate) enum Compressor {
    Identity,
    Gzip(GzEncoder<Vec<u8>>),
    Zstd(ZstdEncoder<'static, Vec<u8>>),
}

impl Compressor {
    pub(crate) fn new(coding: Coding) -> io::Result<Self> {
        Ok(match coding {
            Coding::Identity => Self::Identity,
            Coding::Gzip => Self::Gzip(GzEncoder::new(
                Vec::new(),
                flate2::Compression::new(GZIP_LEVEL),
            )),
            Coding::Zstd => Self::Zstd(ZstdEncoder::new(Vec::new(), ZSTD_LEVEL)?),
        })
    }

    /// Takes a piece and gives what is ready; it may be nothing.
    pub(crate) fn push(&mut self, piece: Vec<u8>) -> io::Result<Vec<u8>> {
        match self {
            Self::Identity => Ok(piece),
            Self::Gzip(encoder) => {
                encoder.write_all(&piece)?;
                Ok(std::mem::take(encoder.get_mut()))
            }
            Self::Zstd(encoder) => {
                encoder.write_all(&piece)?;
                Ok(std::mem::take(encoder.get_mut()))
            }
        }
    }

    /// Gives what is left, and the end of the stream.
    pub(crate) fn finish(self) -> io::Result<Vec<u8>> {
        match self {
            Self::Identity => Ok(Vec::new()),
            Self::Gzip(encoder) => encoder.finish(),
            Self::Zstd(encoder) => encoder.finish(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    #[test]
    fn the_client_chooses() {
        for (accepted, coding) in [
            ("", Coding::Identity),
            ("*", Coding::Identity),
            ("br", Coding::Identity),
            ("gzip, deflate, br, zstd", Coding::Zstd),
            ("gzip;q=1.0, zstd;q=0.5", Coding::Gzip),
            ("gzip;q=0", Coding::Identity),
            ("zstd;q=0, GZIP", Coding::Gzip),
            ("gzip;q=rubbish", Coding::Identity),
        ] {
            assert_eq!(Coding::of(accepted), coding, "{accepted}");
        }
    }

    #[test]
    fn what_is_compressed_piece_by_piece_reads_back_whole() {
        let pieces: Vec<Vec<u8>> = (0..100u32)
            .map(|number| number.to_string().repeat(1_000).into_bytes())
            .collect();
        for coding in [Coding::Identity, Coding::Gzip, Coding::Zstd] {
            let mut compressor = Compressor::new(coding).expect("made");
            let mut out = Vec::new();
            for piece in pieces.clone() {
                out.extend(compressor.push(piece).expect("taken"));
            }
            out.extend(compressor.finish().expect("ended"));
            let mut read = Vec::new();
            match coding {
                Coding::Identity => read = out,
                Coding::Gzip => {
                    let mut decoder = flate2::read::GzDecoder::new(out.as_slice());
                    decoder.read_to_end(&mut read).expect("whole");
                }
                Coding::Zstd => read = zstd::decode_all(out.as_slice()).expect("whole"),
            }
            assert_eq!(read, pieces.concat());
        }
    }
}
