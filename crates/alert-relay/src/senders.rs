//! Who may send webhooks: a file of names with tokens or signing secrets, read at start and on reload.
//!
//! ```toml
//! [[senders]]
//! name = "alertmanager"
//! token_sha256 = "9f86d0818..."        # of the token that comes as `Authorization: Bearer ..`; or `token` itself
//! operator = false                      # optional: may also ask for test mails and see dead letters
//!
//! [[senders]]
//! name = "grafana"
//! hmac_secret = "..."                   # Grafana's HMAC signature: SHA-256 over the body
//! signature_header = "X-Grafana-Alerting-Signature"     # optional, this is the default
//! timestamp_header = "X-Grafana-Alerting-Timestamp"     # optional: then it is over `timestamp:body`
//! max_skew = "5m"                       # optional: how old a timestamp may be
//! ```

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use actix_web::http::header::{AUTHORIZATION, HeaderMap, HeaderName};
use arc_swap::ArcSwap;
use hmac::{Hmac, KeyInit as _, Mac as _};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

/// Longer tokens are not read.
const MAX_TOKEN_BYTES: usize = 1024;
/// Shorter secrets can be guessed.
const MIN_SECRET_BYTES: usize = 16;

/// Why a senders file cannot be taken. The operator mends it; until then the senders known before stay.
#[derive(Debug, thiserror::Error)]
pub enum SendersError {
    /// No file is configured.
    #[error(
        "no senders file is configured: set senders.file; docs/alert-relay.md shows what goes into it"
    )]
    Unset,
    /// It cannot be read.
    #[error("cannot read the senders file {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It is not what it should be.
    #[error("the senders file {} is wrong: {why}", path.display())]
    Wrong {
        /// The file.
        path: PathBuf,
        /// Why.
        why: String,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    senders: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    name: String,
    token: Option<SecretString>,
    token_sha256: Option<String>,
    #[serde(default)]
    operator: bool,
    hmac_secret: Option<SecretString>,
    #[serde(default = "signature_header")]
    signature_header: String,
    timestamp_header: Option<String>,
    #[serde(default = "max_skew", with = "units::duration")]
    max_skew: Duration,
}

fn signature_header() -> String {
    "X-Grafana-Alerting-Signature".to_owned()
}

fn max_skew() -> Duration {
    Duration::from_secs(300)
}

/// One sender.
#[derive(Debug, Clone)]
pub(crate) struct Sender {
    pub(crate) name: Arc<str>,
    pub(crate) is_operator: bool,
    proof: Proof,
}

#[derive(Debug, Clone)]
enum Proof {
    Token([u8; 32]),
    Signature {
        secret: SecretString,
        signature: HeaderName,
        timestamp: Option<HeaderName>,
        max_skew: Duration,
    },
}

/// The senders known now. Cloning gives another handle to the same.
#[derive(Debug, Clone)]
pub(crate) struct Senders {
    path: PathBuf,
    known: Arc<ArcSwap<Vec<Sender>>>,
}

/// What the head of a request says of its sender.
#[derive(Debug)]
pub(crate) enum Claim {
    /// It has a token, and this is whose.
    Known(Sender),
    /// It has a signature, which can be checked once the body is there.
    Signed,
}

impl Senders {
    /// Reads the file. Blocks while it does.
    ///
    /// # Errors
    /// [`SendersError`].
    pub(crate) fn load(path: &Path) -> Result<Self, SendersError> {
        Ok(Self {
            path: path.to_owned(),
            known: Arc::new(ArcSwap::from_pointee(read(path)?)),
        })
    }

    /// Reads the file again, and tells how many senders it names.
    ///
    /// # Errors
    /// [`SendersError`]; the senders known before stay.
    pub(crate) fn reload(&self) -> Result<usize, SendersError> {
        let senders = read(&self.path)?;
        let count = senders.len();
        self.known.store(Arc::new(senders));
        Ok(count)
    }

    /// Looks at a request's head, before its body is read; none when it is nobody's.
    pub(crate) fn claim(&self, headers: &HeaderMap) -> Option<Claim> {
        if headers.contains_key(AUTHORIZATION) {
            return self.by_token(headers).map(Claim::Known);
        }
        let known = self.known.load();
        let is_signed = known.iter().any(|sender| match &sender.proof {
            Proof::Signature { signature, .. } => headers.contains_key(signature),
            Proof::Token(_) => false,
        });
        is_signed.then_some(Claim::Signed)
    }

    /// The sender whose token a request has. All tokens are compared, whichever fits.
    pub(crate) fn by_token(&self, headers: &HeaderMap) -> Option<Sender> {
        let mut values = headers.get_all(AUTHORIZATION);
        let (scheme, token) = values.next()?.to_str().ok()?.split_once(' ')?;
        let token = token.trim();
        // Two headers: which one a proxy in between has looked at, nobody knows.
        if !scheme.eq_ignore_ascii_case("bearer")
            || token.len() > MAX_TOKEN_BYTES
            || values.next().is_some()
        {
            return None;
        }
        let hash: [u8; 32] = Sha256::digest(token.as_bytes()).into();
        let mut found = None;
        for sender in self.known.load().iter() {
            if let Proof::Token(expected) = &sender.proof
                && bool::from(hash.ct_eq(expected))
            {
                found = Some(sender.clone());
            }
        }
        found
    }

    /// The sender whose signature a request has.
    pub(crate) fn by_signature(
        &self,
        headers: &HeaderMap,
        body: &[u8],
        now_ms: u64,
    ) -> Option<Sender> {
        let known = self.known.load();
        known
            .iter()
            .find(|sender| sender.has_signed(headers, body, now_ms))
            .cloned()
    }
}

impl Sender {
    fn has_signed(&self, headers: &HeaderMap, body: &[u8], now_ms: u64) -> bool {
        let Proof::Signature {
            secret,
            signature,
            timestamp,
            max_skew,
        } = &self.proof
        else {
            return false;
        };
        let text = |name: &HeaderName| {
            headers
                .get(name)
                .and_then(|value| value.to_str().ok())
                .map(str::trim)
        };
        let Some(given) = text(signature) else {
            return false;
        };
        let given = given.strip_prefix("sha256=").unwrap_or(given);
        let Some(given) = unhex::<32>(given) else {
            return false;
        };
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.expose_secret().as_bytes()) else {
            return false;
        };
        if let Some(name) = timestamp {
            let Some(stamp) = text(name) else {
                return false;
            };
            let Ok(seconds) = stamp.parse::<u64>() else {
                return false;
            };
            let skew = Duration::from_millis(now_ms.abs_diff(seconds.saturating_mul(1000)));
            if skew > *max_skew {
                return false;
            }
            mac.update(stamp.as_bytes());
            mac.update(b":");
        }
        mac.update(body);
        // Compares in constant time.
        mac.verify_slice(&given).is_ok()
    }
}

fn read(path: &Path) -> Result<Vec<Sender>, SendersError> {
    if path.as_os_str().is_empty() {
        return Err(SendersError::Unset);
    }
    let text = std::fs::read_to_string(path).map_err(|source| SendersError::Read {
        path: path.to_owned(),
        source,
    })?;
    parse(&text).map_err(|why| SendersError::Wrong {
        path: path.to_owned(),
        why,
    })
}

fn parse(text: &str) -> Result<Vec<Sender>, String> {
    // An error of TOML shows the line it is on, which may be a secret's.
    let file: File = toml::from_str(text).map_err(|error: toml::de::Error| {
        let line = error
            .span()
            .map_or(0, |span| text[..span.start].matches('\n').count() + 1);
        format!("line {line}: {}", error.message())
    })?;
    if file.senders.is_empty() {
        return Err("it names no sender".to_owned());
    }
    file.senders.into_iter().map(sender).collect()
}

fn sender(entry: Entry) -> Result<Sender, String> {
    let wrong = |why: &str| format!("sender `{}`: {why}", entry.name);
    let header =
        |text: &str| HeaderName::try_from(text).map_err(|_| wrong("a header's name is not one"));
    let is_short = |secret: &SecretString| secret.expose_secret().len() < MIN_SECRET_BYTES;
    let too_short = || {
        wrong("a token or secret needs at least 16 characters; `openssl rand -hex 32` makes one")
    };
    let proof = match (&entry.token, &entry.token_sha256, &entry.hmac_secret) {
        (Some(token), None, None) if is_short(token) => return Err(too_short()),
        (Some(token), None, None) => {
            Proof::Token(Sha256::digest(token.expose_secret().as_bytes()).into())
        }
        (None, Some(hash), None) => Proof::Token(
            unhex(hash).ok_or_else(|| wrong("token_sha256 must be 64 hexadecimal digits"))?,
        ),
        (None, None, Some(secret)) if is_short(secret) => return Err(too_short()),
        (None, None, Some(secret)) => Proof::Signature {
            secret: secret.clone(),
            signature: header(&entry.signature_header)?,
            timestamp: entry.timestamp_header.as_deref().map(header).transpose()?,
            max_skew: entry.max_skew,
        },
        _ => return Err(wrong("give one of token, token_sha256 and hmac_secret")),
    };
    if entry.operator && matches!(proof, Proof::Signature { .. }) {
        return Err(wrong("an operator needs a token"));
    }
    Ok(Sender {
        name: entry.name.as_str().into(),
        is_operator: entry.operator,
        proof,
    })
}

fn unhex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let mut out = [0; N];
    if text.len() != 2 * N || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    for (at, byte) in out.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[2 * at..2 * at + 2], 16).ok()?;
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderValue;

    use super::*;

    fn senders(text: &str) -> Senders {
        Senders {
            path: PathBuf::new(),
            known: Arc::new(ArcSwap::from_pointee(parse(text).expect("senders"))),
        }
    }

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(
                HeaderName::from_static(name),
                HeaderValue::from_str(value).expect("a value"),
            );
        }
        headers
    }

    const BOTH: &str = "[[senders]]\nname = \"am\"\ntoken = \"0123456789abcdef\"\n[[senders]]\nname = \"g\"\nhmac_secret = \"fedcba9876543210\"\n";

    #[test]
    fn a_token_names_its_sender_and_anything_else_nobody() {
        let senders = senders(BOTH);
        let name = |value: &str| {
            senders
                .by_token(&headers(&[("authorization", value)]))
                .map(|sender| sender.name.to_string())
        };
        assert_eq!(name("Bearer 0123456789abcdef").as_deref(), Some("am"));
        assert_eq!(name("bearer  0123456789abcdef ").as_deref(), Some("am"));
        for wrong in [
            "Bearer 0123456789abcdeg",
            "Basic 0123456789abcdef",
            "Bearer",
            "Bearer fedcba9876543210",
            "",
        ] {
            assert_eq!(name(wrong), None, "{wrong}");
        }
        let twice = headers(&[
            ("authorization", "Bearer 0123456789abcdef"),
            ("authorization", "Bearer x"),
        ]);
        assert!(senders.by_token(&twice).is_none());
    }

    #[test]
    fn a_signature_is_over_the_body_as_grafana_makes_it() {
        let senders = senders(BOTH);
        // printf %s '{"a":1}' | openssl dgst -sha256 -hmac fedcba9876543210
        let good = "b7f3b6c58b0a0d7a6f8ef2a9fd3ae1e2";
        assert_eq!(unhex::<32>(good), None, "half a signature is none");
        let mut mac = Hmac::<Sha256>::new_from_slice(b"fedcba9876543210").expect("any length");
        mac.update(b"{\"a\":1}");
        let signature: String = mac
            .finalize()
            .into_bytes()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        let signed = headers(&[("x-grafana-alerting-signature", &signature)]);
        assert!(matches!(senders.claim(&signed), Some(Claim::Signed)));
        assert_eq!(
            senders
                .by_signature(&signed, b"{\"a\":1}", 0)
                .map(|sender| sender.name.to_string())
                .as_deref(),
            Some("g")
        );
        assert!(senders.by_signature(&signed, b"{\"a\":2}", 0).is_none());
        assert!(senders.claim(&headers(&[])).is_none());
    }

    #[test]
    fn a_timestamp_is_signed_with_the_body_and_not_old() {
        let senders = senders(
            "[[senders]]\nname = \"g\"\nhmac_secret = \"fedcba9876543210\"\ntimestamp_header = \"X-Grafana-Alerting-Timestamp\"\nmax_skew = \"1m\"\n",
        );
        let mut mac = Hmac::<Sha256>::new_from_slice(b"fedcba9876543210").expect("any length");
        mac.update(b"1700000000:{}");
        let signature: String = mac
            .finalize()
            .into_bytes()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        let signed = headers(&[
            ("x-grafana-alerting-signature", &signature),
            ("x-grafana-alerting-timestamp", "1700000000"),
        ]);
        assert!(
            senders
                .by_signature(&signed, b"{}", 1_700_000_059_000)
                .is_some()
        );
        assert!(
            senders
                .by_signature(&signed, b"{}", 1_700_000_061_000)
                .is_none(),
            "too old"
        );
        assert!(
            senders
                .by_signature(&signed, b"{}", 1_699_999_939_000)
                .is_none(),
            "from the future"
        );
        let without = headers(&[("x-grafana-alerting-signature", &signature)]);
        assert!(
            senders
                .by_signature(&without, b"{}", 1_700_000_000_000)
                .is_none()
        );
    }

    #[test]
    fn a_wrong_file_is_refused_without_showing_its_secrets() {
        for wrong in [
            "",
            "[[senders]]\nname = \"a\"\n",
            "[[senders]]\nname = \"a\"\ntoken = \"s3cr3t\"\n",
            "[[senders]]\nname = \"a\"\ntoken_sha256 = \"s3cr3t\"\n",
            "[[senders]]\nname = \"a\"\ntoken = \"0123456789abcdef\"\nhmac_secret = \"0123456789abcdef\"\n",
            "[[senders]]\nname = \"a\"\ntoken = s3cr3t\n",
            "[[senders]]\nname = \"a\"\nhmac_secret = \"0123456789abcdef\"\noperator = true\n",
        ] {
            let why = parse(wrong).expect_err(wrong);
            assert!(!why.contains("s3cr3t"), "{why}");
        }
    }
}
