//! What is in a connection string besides what the driver reads of it.

use std::{path::PathBuf, str::FromStr};

use super::{SslMode, URL};
use crate::StoreError;

/// What a URL says about encryption.
#[derive(Default)]
pub(crate) struct SslParameters {
    pub(crate) mode: Option<SslMode>,
    pub(crate) root_cert: Option<PathBuf>,
    pub(crate) cert: Option<PathBuf>,
    pub(crate) key: Option<PathBuf>,
}

/// Takes the `ssl*` parameters out of the URL: the driver knows only some of them.
pub(crate) fn split_ssl(url: &str) -> Result<(String, SslParameters), StoreError> {
    let mut found = SslParameters::default();
    let Some((base, query)) = url.split_once('?') else {
        return Ok((url.to_owned(), found));
    };
    let mut rest = Vec::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        match name {
            "sslmode" => {
                found.mode = Some(match value {
                    "disable" => SslMode::Disable,
                    "allow" | "prefer" => SslMode::Prefer,
                    "require" => SslMode::Require,
                    "verify-full" => SslMode::VerifyFull,
                    _ => {
                        return Err(StoreError::config(
                            URL,
                            "sslmode must be disable, prefer, require or verify-full",
                        ));
                    }
                });
            }
            "sslrootcert" => found.root_cert = Some(PathBuf::from(decode(value))),
            "sslcert" => found.cert = Some(PathBuf::from(decode(value))),
            "sslkey" => found.key = Some(PathBuf::from(decode(value))),
            _ => rest.push(pair),
        }
    }
    let url = if rest.is_empty() {
        base.to_owned()
    } else {
        format!("{base}?{}", rest.join("&"))
    };
    Ok((url, found))
}

/// The URL's own `options`, which go after ours and so win over them.
pub(super) fn postgres_options(url: &str) -> Option<String> {
    tokio_postgres::Config::from_str(url)
        .ok()
        .and_then(|config| config.get_options().map(str::to_owned))
}

/// Percent-decodes a parameter; what is no valid escape stays as it is.
fn decode(value: &str) -> String {
    let bytes = value.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let escape = (bytes[at] == b'%')
            .then(|| value.get(at + 1..at + 3))
            .flatten()
            .and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match escape {
            Some(byte) => {
                out.push(byte);
                at += 3;
            }
            None => {
                out.push(bytes[at]);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ssl_parameters_leave_the_url_and_the_rest_stays() {
        let (url, found) = split_ssl(
            "postgres://h/d?sslmode=verify-full&connect_timeout=3&sslrootcert=%2Fetc%2Fca.pem",
        )
        .expect("valid");
        assert_eq!(url, "postgres://h/d?connect_timeout=3");
        assert_eq!(found.mode, Some(SslMode::VerifyFull));
        assert_eq!(found.root_cert, Some(PathBuf::from("/etc/ca.pem")));
    }
}
