//! URLs that are refused before any route sees them, and the strict reading of a query string.

use actix_web::dev::ServiceRequest;

use crate::problem::{ErrorCode, Problem};

/// Longer URLs are refused: every filter that makes sense fits.
pub const MAX_BYTES: usize = 8 * 1024;

pub(super) fn check(request: &ServiceRequest) -> Result<(), Problem> {
    let (path, query) = (
        request.uri().path(),
        request.uri().query().unwrap_or_default(),
    );
    if path.len() + query.len() > MAX_BYTES {
        let detail = format!("the URL is longer than {MAX_BYTES} bytes");
        return Err(Problem::new(ErrorCode::UriTooLong, detail));
    }
    decode(path, false).map(drop)?;
    decode(query, true).map(drop)
}

/// Decodes one name or value: `%XX`, and `+` as a blank in a query.
///
/// # Errors
/// 400 for a `%` without two hexadecimal digits, for what is not UTF-8 then, and for NUL.
pub fn decode(text: &str, plus_is_blank: bool) -> Result<String, Problem> {
    let wrong = |what: &'static str| Problem::new(ErrorCode::MalformedUrl, what);
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let byte = match bytes[at] {
            b'%' => {
                let digits = bytes
                    .get(at + 1..at + 3)
                    .filter(|pair| pair.iter().all(u8::is_ascii_hexdigit));
                let digits = digits.and_then(|pair| std::str::from_utf8(pair).ok());
                at += 2;
                digits
                    .and_then(|digits| u8::from_str_radix(digits, 16).ok())
                    .ok_or_else(|| wrong("the URL holds a `%` that no two hexadecimal digits follow; write `%25`"))?
            }
            b'+' if plus_is_blank => b' ',
            other => other,
        };
        if byte == 0 {
            return Err(wrong("the URL holds a NUL character (%00)"));
        }
        out.push(byte);
        at += 1;
    }
    String::from_utf8(out).map_err(|_| wrong("the URL is not UTF-8 when decoded"))
}

/// The pairs of a query string in their order, decoded. A name without `=` has an empty value; empty pairs are skipped.
///
/// # Errors
/// As [`decode`].
pub fn pairs(query: &str) -> Result<Vec<(String, String)>, Problem> {
    let pair = |pair: &str| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        Ok((decode(name, true)?, decode(value, true)?))
    };
    query
        .split('&')
        .filter(|text| !text.is_empty())
        .map(pair)
        .collect()
}
