//! SCRAM (RFC 5802), the client's side of it, and what a broker keeps of a password.

use std::num::NonZeroU32;

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use rand::{Rng as _, distr::Alphanumeric};
use ring::{digest, hmac, pbkdf2};

/// `n,,` in base64: no binding to the channel.
const NO_BINDING: &str = "biws";
/// A broker asks for 4096 or somewhat more; one that asks for this many wants to keep us busy.
const MAX_ITERATIONS: u32 = 1_000_000;

/// Which hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hash {
    Sha256,
    Sha512,
}

impl Hash {
    /// Kafka's name of the mechanism.
    pub(crate) fn mechanism(self) -> &'static str {
        match self {
            Self::Sha256 => "SCRAM-SHA-256",
            Self::Sha512 => "SCRAM-SHA-512",
        }
    }

    /// The password with salt, stretched: as much of a password as a broker ever holds.
    pub(crate) fn salted(self, password: &str, salt: &[u8], iterations: NonZeroU32) -> Vec<u8> {
        let (algorithm, length) = match self {
            Self::Sha256 => (pbkdf2::PBKDF2_HMAC_SHA256, digest::SHA256_OUTPUT_LEN),
            Self::Sha512 => (pbkdf2::PBKDF2_HMAC_SHA512, digest::SHA512_OUTPUT_LEN),
        };
        let mut salted = vec![0; length];
        pbkdf2::derive(
            algorithm,
            iterations,
            salt,
            password.as_bytes(),
            &mut salted,
        );
        salted
    }

    fn hmac(self, key: &[u8], data: &[u8]) -> hmac::Tag {
        let algorithm = match self {
            Self::Sha256 => hmac::HMAC_SHA256,
            Self::Sha512 => hmac::HMAC_SHA512,
        };
        hmac::sign(&hmac::Key::new(algorithm, key), data)
    }

    fn digest(self, data: &[u8]) -> digest::Digest {
        digest::digest(
            match self {
                Self::Sha256 => &digest::SHA256,
                Self::Sha512 => &digest::SHA512,
            },
            data,
        )
    }
}

/// A login that has begun: [`Login::first`] was sent, or is to be.
pub(crate) struct Login {
    hash: Hash,
    nonce: String,
    first_bare: String,
}

impl Login {
    pub(crate) fn new(hash: Hash, user: &str) -> Self {
        let nonce = rand::rng()
            .sample_iter(Alphanumeric)
            .take(32)
            .map(char::from)
            .collect();
        Self::with_nonce(hash, user, nonce)
    }

    fn with_nonce(hash: Hash, user: &str, nonce: String) -> Self {
        let user = user.replace('=', "=3D").replace(',', "=2C");
        Self {
            hash,
            first_bare: format!("n={user},r={nonce}"),
            nonce,
        }
    }

    /// The client's first message.
    pub(crate) fn first(&self) -> String {
        format!("n,,{}", self.first_bare)
    }

    /// The client's last message, and what the server's last one must be.
    ///
    /// # Errors
    /// What is wrong with the server's first message.
    pub(crate) fn last(
        &self,
        password: &str,
        server_first: &str,
    ) -> Result<(String, String), String> {
        let field = |name: &str| {
            server_first
                .split(',')
                .find_map(|field| field.strip_prefix(name)?.strip_prefix('='))
                .ok_or_else(|| format!("the broker's challenge has no `{name}`"))
        };
        let nonce = field("r")?;
        if !nonce.starts_with(&self.nonce) || nonce.len() == self.nonce.len() {
            return Err("the broker answered somebody else's login".to_owned());
        }
        let salt = BASE64
            .decode(field("s")?)
            .map_err(|_| "the broker's salt is not base64".to_owned())?;
        let iterations = field("i")?
            .parse::<NonZeroU32>()
            .ok()
            .filter(|count| count.get() <= MAX_ITERATIONS)
            .ok_or_else(|| "the broker's number of iterations is out of range".to_owned())?;

        let salted = self.hash.salted(password, &salt, iterations);
        let client_key = self.hash.hmac(&salted, b"Client Key");
        let stored_key = self.hash.digest(client_key.as_ref());
        let without_proof = format!("c={NO_BINDING},r={nonce}");
        let signed = format!("{},{server_first},{without_proof}", self.first_bare);
        let signature = self.hash.hmac(stored_key.as_ref(), signed.as_bytes());
        let proof: Vec<u8> = client_key
            .as_ref()
            .iter()
            .zip(signature.as_ref())
            .map(|(key, signature)| key ^ signature)
            .collect();
        let server_key = self.hash.hmac(&salted, b"Server Key");
        let expected = self.hash.hmac(server_key.as_ref(), signed.as_bytes());
        Ok((
            format!("{without_proof},p={}", BASE64.encode(proof)),
            format!("v={}", BASE64.encode(expected)),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The exchange that is printed in RFC 7677.
    const SERVER_FIRST: &str =
        "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";

    fn login() -> Login {
        Login::with_nonce(Hash::Sha256, "user", "rOprNGfwEbeRWgbNEkqO".to_owned())
    }

    #[test]
    fn is_the_exchange_of_the_rfc() {
        assert_eq!(login().first(), "n,,n=user,r=rOprNGfwEbeRWgbNEkqO");
        let (last, expected) = login().last("pencil", SERVER_FIRST).expect("a challenge");
        assert_eq!(
            last,
            "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
        );
        assert_eq!(expected, "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=");
    }

    #[test]
    fn a_name_cannot_smuggle_fields_in() {
        let login = Login::with_nonce(Hash::Sha512, "a=b,c", "x".to_owned());
        assert_eq!(login.first(), "n,,n=a=3Db=2Cc,r=x");
    }

    #[test]
    fn a_challenge_that_is_not_for_us_or_too_costly_is_refused() {
        for wrong in [
            "r=somebodyelse,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
            "r=rOprNGfwEbeRWgbNEkqO,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
            "r=rOprNGfwEbeRWgbNEkqOx,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=999999999",
            "r=rOprNGfwEbeRWgbNEkqOx,s=!,i=4096",
            "r=rOprNGfwEbeRWgbNEkqOx,i=4096",
            "",
        ] {
            login().last("pencil", wrong).expect_err(wrong);
        }
    }
}
