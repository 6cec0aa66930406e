//! The token that brokers of Amazon MSK take: the URL of a signed request for `kafka-cluster:Connect`, in base64.

use super::{
    credentials::Credentials,
    signature::{Request, percent},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use std::time::Duration;
use time::OffsetDateTime;

/// How long brokers take the token: the most that MSK allows.
const VALID_FOR: Duration = Duration::from_secs(900);

/// How long librdkafka is told that it lives. It asks for the next one after 80 % of this, and brokers have live connections authenticate again with the one
/// at hand: so there are always more than seven minutes left of the one in use, in which the next can be had.
const TOLD: Duration = Duration::from_secs(540);

const USER_AGENT: &str = concat!("flumen/", env!("CARGO_PKG_VERSION"));

/// A token and the time for which to rely on it.
pub(crate) struct Token {
    pub(crate) text: String,
    /// Not later than the end of the credentials: brokers refuse what was signed with ended ones.
    pub(crate) rely_until: OffsetDateTime,
}

impl Token {
    /// Signs a new one.
    pub(super) fn new(credentials: &Credentials, region: &str, now: OffsetDateTime) -> Self {
        let host = format!("kafka.{region}.amazonaws.com");
        let query = Request {
            host: &host,
            region,
            service: "kafka-cluster",
            parameters: &[("Action", "kafka-cluster:Connect")],
            valid_for: VALID_FOR,
            at: now,
        }
        .sign(credentials);
        let url = format!("https://{host}/?{query}&User-Agent={}", percent(USER_AGENT));
        let told = now + TOLD;
        Self {
            text: URL_SAFE_NO_PAD.encode(url),
            rely_until: credentials.expires.map_or(told, |end| end.min(told)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    const NOW: OffsetDateTime = datetime!(2026-11-21 21:30:05 UTC);

    fn url_of(session_token: Option<&str>) -> String {
        let credentials = Credentials::of_keys(
            "AKIDEXAMPLE",
            "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
            session_token,
        );
        let token = Token::new(&credentials, "eu-central-1", NOW);
        let url = URL_SAFE_NO_PAD.decode(&token.text).expect("base64");
        let url = String::from_utf8(url).expect("text");
        let (signed, agent) = url.rsplit_once('&').expect("a last parameter");
        assert_eq!(
            agent,
            concat!("User-Agent=flumen%2F", env!("CARGO_PKG_VERSION"))
        );
        signed.to_owned()
    }

    /// The parameters in any order, since servers sort them: AWS's signer puts the session token elsewhere.
    fn parameters(url: &str) -> std::collections::BTreeSet<&str> {
        let (address, query) = url.split_once('?').expect("a query");
        assert_eq!(address, "https://kafka.eu-central-1.amazonaws.com/");
        query.split('&').collect()
    }

    // Made by aws-msk-iam-sasl-signer-python 1.0.2 (botocore) with the clock held at `NOW`.
    const OF_AWS: &str = "https://kafka.eu-central-1.amazonaws.com/?Action=kafka-cluster%3AConnect&X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIDEXAMPLE%2F20261121%2Feu-central-1%2Fkafka-cluster%2Faws4_request&X-Amz-Date=20261121T213005Z&X-Amz-Expires=900&X-Amz-SignedHeaders=host&X-Amz-Signature=d571b30b6fad6287b5d6e148fafa9893a1b01bf52bf08b203f5cc290792a2049";
    const OF_AWS_WITH_SESSION: &str = "https://kafka.eu-central-1.amazonaws.com/?Action=kafka-cluster%3AConnect&X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIDEXAMPLE%2F20261121%2Feu-central-1%2Fkafka-cluster%2Faws4_request&X-Amz-Date=20261121T213005Z&X-Amz-Expires=900&X-Amz-SignedHeaders=host&X-Amz-Security-Token=IQoJb3JpZ2luX2VjEXAMPLE%2F%2F%2Btoken%3D%3D&X-Amz-Signature=bdbf2791d75705c7ef2d30dc55e24a12dab3eb340e0b43d489b45aa8357fc215";

    #[test]
    fn is_the_one_that_the_signer_of_aws_makes() {
        assert_eq!(url_of(None), OF_AWS);
        let ours = url_of(Some("IQoJb3JpZ2luX2VjEXAMPLE//+token=="));
        assert_eq!(parameters(&ours), parameters(OF_AWS_WITH_SESSION));
    }

    #[test]
    fn is_relied_on_for_nine_minutes_or_as_long_as_the_credentials_live() {
        let mut credentials = Credentials::of_keys("AKIDEXAMPLE", "secret", None);
        let until = |credentials: &Credentials| Token::new(credentials, "eu-central-1", NOW);
        assert_eq!(until(&credentials).rely_until - NOW, TOLD);
        credentials.expires = Some(NOW + Duration::from_secs(60));
        assert_eq!(
            until(&credentials).rely_until - NOW,
            Duration::from_secs(60)
        );
    }
}
