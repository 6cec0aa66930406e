//! AWS Signature Version 4, in the form that is part of a URL (presigned), for a GET of `/` without a body.
//!
//! Own code, since it is this short: the signers of AWS's SDK come with some twenty crates, and the one of `object_store` signs for S3 alone. Held against the
//! vectors of AWS's test suite and tokens made by AWS's own signer for MSK.

use super::credentials::Credentials;
use ring::{digest, hmac};
use secrecy::ExposeSecret as _;
use std::{fmt::Write as _, time::Duration};
use time::OffsetDateTime;

const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// What is signed.
pub(super) struct Request<'a> {
    pub(super) host: &'a str,
    pub(super) region: &'a str,
    pub(super) service: &'a str,
    pub(super) parameters: &'a [(&'a str, &'a str)],
    pub(super) valid_for: Duration,
    /// When it is signed, UTC.
    pub(super) at: OffsetDateTime,
}

impl Request<'_> {
    /// The query of the signed URL, signature included.
    pub(super) fn sign(&self, credentials: &Credentials) -> String {
        let (date, clock) = (self.at.date(), self.at.time());
        let day = format!(
            "{:04}{:02}{:02}",
            date.year(),
            u8::from(date.month()),
            date.day()
        );
        let instant = format!(
            "{day}T{:02}{:02}{:02}Z",
            clock.hour(),
            clock.minute(),
            clock.second()
        );
        let scope = format!("{day}/{}/{}/aws4_request", self.region, self.service);
        let identity = format!("{}/{scope}", credentials.key_id);
        let valid_for = self.valid_for.as_secs().to_string();
        let mut parameters = self.parameters.to_vec();
        parameters.extend([
            ("X-Amz-Algorithm", ALGORITHM),
            ("X-Amz-Credential", &identity),
            ("X-Amz-Date", &instant),
            ("X-Amz-Expires", &valid_for),
            ("X-Amz-SignedHeaders", "host"),
        ]);
        if let Some(token) = &credentials.session_token {
            parameters.push(("X-Amz-Security-Token", token.expose_secret()));
        }
        let mut pairs: Vec<String> = parameters
            .iter()
            .map(|(name, value)| format!("{}={}", percent(name), percent(value)))
            .collect();
        pairs.sort_unstable();
        let query = pairs.join("&");

        let nothing = hex(digest::digest(&digest::SHA256, b"").as_ref());
        let canonical = format!("GET\n/\n{query}\nhost:{}\n\nhost\n{nothing}", self.host);
        let canonical = hex(digest::digest(&digest::SHA256, canonical.as_bytes()).as_ref());
        let to_sign = format!("{ALGORITHM}\n{instant}\n{scope}\n{canonical}");
        let key = key(
            credentials.secret.expose_secret(),
            &day,
            self.region,
            self.service,
        );
        let signature = hex(mac(&key, &to_sign).as_ref());
        format!("{query}&X-Amz-Signature={signature}")
    }
}

/// The key of one day, region and service.
fn key(secret: &str, day: &str, region: &str, service: &str) -> hmac::Tag {
    let secret = hmac::Key::new(hmac::HMAC_SHA256, format!("AWS4{secret}").as_bytes());
    let day = hmac::sign(&secret, day.as_bytes());
    mac(&mac(&mac(&day, region), service), "aws4_request")
}

fn mac(key: &hmac::Tag, text: &str) -> hmac::Tag {
    hmac::sign(
        &hmac::Key::new(hmac::HMAC_SHA256, key.as_ref()),
        text.as_bytes(),
    )
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Percent-encodes everything but what RFC 3986 calls unreserved.
pub(super) fn percent(text: &str) -> String {
    text.bytes().fold(String::new(), |mut encoded, byte| {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            encoded.push(char::from(byte));
        } else {
            let _ = write!(encoded, "%{byte:02X}");
        }
        encoded
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

    #[test]
    fn derives_the_key_of_the_documentation() {
        // "Create a signed AWS API request", example of the derived key for iam.
        let key = key(SECRET, "20150830", "us-east-1", "iam");
        assert_eq!(
            hex(key.as_ref()),
            "c4afb1cc5771d871763a393e44b703571b55cc28424d1a5e86da6ed3c154a4b9"
        );
    }

    #[test]
    fn signs_as_the_test_suite_of_aws_does() {
        // aws-c-auth, tests/aws-signing-test-suite/v4/get-vanilla-query, signed in the query.
        let request = Request {
            host: "example.amazonaws.com",
            region: "us-east-1",
            service: "service",
            parameters: &[],
            valid_for: Duration::from_secs(3600),
            at: datetime!(2015-08-30 12:36:00 UTC),
        };
        let query = request.sign(&Credentials::of_keys("AKIDEXAMPLE", SECRET, None));
        assert!(
            query.ends_with(
                "X-Amz-Signature=e93c787ed7f371d5c6b165c1b38ede9550f4dce4144713e844b25b7192d3865d"
            ),
            "{query}"
        );
    }

    #[test]
    fn encodes_all_but_the_unreserved() {
        assert_eq!(percent("aZ0-._~ /+=:é"), "aZ0-._~%20%2F%2B%3D%3A%C3%A9");
    }
}
