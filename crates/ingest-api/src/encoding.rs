//! `Content-Encoding`: which are taken, and unpacking them within limits.
//!
//! A body is unpacked once it is there, in one go: so there are never more decoders than threads, whatever the clients
//! do, and what comes out takes its place in the budget as it comes.

use std::io::{self, Read};

use actix_web::http::header::{CONTENT_ENCODING, HeaderMap};

use crate::admission::Reservation;
use crate::error::Refusal;

/// What is taken, as `Accept-Encoding` lists it.
pub(crate) const ACCEPTED: &str = "gzip, zstd";

/// How much is unpacked at a time.
const STEP_BYTES: usize = 64 << 10;

/// Largest window of a zstd frame, as a power of two: 8 MiB, which RFC 8878 asks every decoder to support.
const ZSTD_WINDOW_LOG: u32 = 23;

/// How a body is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encoding {
    Identity,
    Gzip,
    Zstd,
}

impl Encoding {
    /// Reads the request's `Content-Encoding`.
    pub(crate) fn of(headers: &HeaderMap) -> Result<Self, Refusal> {
        let mut found = Self::Identity;
        let values = headers
            .get_all(CONTENT_ENCODING)
            .flat_map(|value| value.as_bytes().split(|byte| *byte == b','));
        for name in values.map(|name| name.trim_ascii().to_ascii_lowercase()) {
            let encoding = match name.as_slice() {
                b"gzip" | b"x-gzip" => Self::Gzip,
                b"zstd" => Self::Zstd,
                b"identity" | b"" => continue,
                _ => {
                    return Err(Refusal::UnsupportedEncoding(
                        "this Content-Encoding is not taken; send gzip, zstd or none",
                    ));
                }
            };
            if found != Self::Identity {
                return Err(Refusal::UnsupportedEncoding(
                    "only one Content-Encoding is taken at a time",
                ));
            }
            found = encoding;
        }
        Ok(found)
    }

    /// Unpacks `packed` to at most `limit` bytes, which take their place in `reservation` beside what it holds already.
    pub(crate) fn unpack(
        self,
        packed: &[u8],
        limit: usize,
        reservation: &mut Reservation,
    ) -> Result<Vec<u8>, Refusal> {
        match self {
            Self::Identity => Ok(packed.to_vec()),
            Self::Gzip => read(
                flate2::bufread::MultiGzDecoder::new(packed),
                limit,
                reservation,
            ),
            Self::Zstd => {
                let mut decoder = zstd::stream::read::Decoder::with_buffer(packed)
                    .map_err(|_| Refusal::BadEncoding)?;
                decoder
                    .window_log_max(ZSTD_WINDOW_LOG)
                    .map_err(|_| Refusal::BadEncoding)?;
                read(decoder, limit, reservation)
            }
        }
    }
}

fn read(
    mut decoder: impl Read,
    limit: usize,
    reservation: &mut Reservation,
) -> Result<Vec<u8>, Refusal> {
    let held = reservation.bytes();
    let mut out = Vec::new();
    loop {
        let len = out.len();
        let step = STEP_BYTES.min(limit + 1 - len);
        // What `reserve` may double to is held as well: it is memory all the same.
        if out.capacity() < len + step {
            let capacity = (len + step).max(2 * out.capacity()).min(limit + 1);
            reservation.grow_to(held + capacity)?;
            out.reserve_exact(capacity - len);
        }
        out.resize(len + step, 0);
        let count = loop {
            match decoder.read(&mut out[len..]) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => break other.map_err(|_| Refusal::BadEncoding)?,
            }
        };
        out.truncate(len + count);
        if count == 0 {
            return Ok(out);
        }
        if out.len() > limit {
            return Err(Refusal::TooLarge {
                limit,
                unpacked: true,
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use actix_web::http::header::{HeaderName, HeaderValue};
    use prometheus_client::metrics::gauge::Gauge;

    use super::*;
    use crate::admission::Budget;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(bytes).expect("to memory");
        encoder.finish().expect("to memory")
    }

    fn zstd(bytes: &[u8]) -> Vec<u8> {
        zstd::stream::encode_all(bytes, 3).expect("to memory")
    }

    fn reservation(limit: usize) -> Reservation {
        Budget::new(limit, limit, Gauge::default())
            .reserve("k", 0)
            .expect("empty")
    }

    fn of(values: &[&str]) -> Result<Encoding, Refusal> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(
                HeaderName::from_static("content-encoding"),
                HeaderValue::from_str(value).expect("text"),
            );
        }
        Encoding::of(&headers)
    }

    #[test]
    fn one_encoding_is_taken_and_stacks_are_not() {
        assert_eq!(of(&[]).expect("none"), Encoding::Identity);
        assert_eq!(of(&["identity"]).expect("none"), Encoding::Identity);
        assert_eq!(of(&["GZip"]).expect("gzip"), Encoding::Gzip);
        assert_eq!(of(&["identity, zstd"]).expect("zstd"), Encoding::Zstd);
        for stacked in [
            &["gzip, gzip"][..],
            &["gzip", "zstd"],
            &["br"],
            &["deflate"],
        ] {
            assert!(of(stacked).is_err(), "{stacked:?}");
        }
    }

    #[test]
    fn what_was_packed_comes_out_whole() {
        let text = b"0123456789abcdef".repeat(20_000);
        for (encoding, packed) in [(Encoding::Gzip, gzip(&text)), (Encoding::Zstd, zstd(&text))] {
            let mut reservation = reservation(1 << 20);
            assert_eq!(
                encoding
                    .unpack(&packed, text.len(), &mut reservation)
                    .expect("fits"),
                text
            );
            assert!(reservation.bytes() >= text.len());
        }
        let members = [gzip(b"one "), gzip(b"two")].concat();
        let both = Encoding::Gzip
            .unpack(&members, 100, &mut reservation(1 << 20))
            .expect("two members");
        assert_eq!(both, b"one two");
    }

    #[test]
    fn a_bomb_is_defused_at_the_limit() {
        let zeros = vec![0; 10 << 20];
        for (encoding, packed) in [
            (Encoding::Gzip, gzip(&zeros)),
            (Encoding::Zstd, zstd(&zeros)),
        ] {
            assert!(packed.len() < 20_000);
            let mut held = reservation(8 << 20);
            let refusal = encoding
                .unpack(&packed, 1 << 20, &mut held)
                .expect_err("a bomb");
            assert!(matches!(refusal, Refusal::TooLarge { unpacked: true, .. }));
            assert!(held.bytes() <= (1 << 20) + 1);
            let refusal = encoding
                .unpack(&packed, 8 << 20, &mut reservation(1 << 20))
                .expect_err("no place");
            assert!(matches!(refusal, Refusal::Saturated));
        }
    }

    #[test]
    fn what_is_broken_or_cut_off_is_refused() {
        for (encoding, packed) in [
            (Encoding::Gzip, gzip(b"some text")),
            (Encoding::Zstd, zstd(b"some text")),
        ] {
            for broken in [
                &packed[..packed.len() - 3],
                b"not packed at all",
                &[&packed[..], b"rubbish"].concat(),
            ] {
                let refusal = encoding
                    .unpack(broken, 100, &mut reservation(1 << 20))
                    .expect_err("broken");
                assert!(matches!(refusal, Refusal::BadEncoding), "{encoding:?}");
            }
        }
    }
}
