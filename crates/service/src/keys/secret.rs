//! Tokens: how they are made and how they look.
//!
//! `fl_<id>_<secret><checksum>`: 8 characters of id, 32 of secret (190 bits) and 6 of CRC-32 over all that stands before,
//! all in base 62, so that a scanner can tell a leaked token from other text without asking anyone.

use rand::TryRngCore;
use rand::rngs::OsRng;
use secrecy::SecretString;
use sha2::{Digest, Sha256};

use super::{Scope, SourcePattern};

const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/// Without the characters people mix up, since ids are read aloud.
const ID_ALPHABET: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
const PREFIX: &str = "fl_";
const ID_LEN: usize = 8;
const SECRET_LEN: usize = 32;
const CHECKSUM_LEN: usize = 6;

/// A key that was just made. The token is shown once and kept nowhere.
#[derive(Debug)]
pub struct NewKey {
    /// The public part.
    pub id: String,
    /// The whole token, for its owner.
    pub token: SecretString,
    /// The entry to add to the keys file.
    pub entry: String,
}

/// Makes a key and its entry.
///
/// # Errors
/// When the operating system has no randomness to give.
pub fn create(
    name: &str,
    scopes: &[Scope],
    sources: &[SourcePattern],
    expires: Option<&str>,
) -> Result<NewKey, std::io::Error> {
    let id = random(ID_ALPHABET, ID_LEN)?;
    let body = format!("{PREFIX}{id}_{}", random(BASE62, SECRET_LEN)?);
    let sum = checksum(&body).map(char::from);
    let token: String = body.chars().chain(sum).collect();
    let list = |items: Vec<String>| toml::Value::from(items).to_string();
    let mut entry = format!(
        "[[keys]]\nid = \"{id}\"\nname = {}\nsha256 = \"{}\"\nscopes = {}\nsources = {}\n",
        toml::Value::from(name),
        hex(&Sha256::digest(token.as_bytes())),
        list(scopes.iter().map(|scope| scope.name().to_owned()).collect()),
        list(sources.iter().map(ToString::to_string).collect()),
    );
    if let Some(expires) = expires {
        entry.push_str(&format!("expires = {}\n", toml::Value::from(expires)));
    }
    Ok(NewKey {
        id,
        token: SecretString::from(token),
        entry,
    })
}

/// A token taken apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TokenParts<'a> {
    /// The public part.
    pub id: &'a str,
}

impl<'a> TokenParts<'a> {
    /// Takes a token apart; `None` when it is not one, for instance because a character was mistyped.
    pub fn of(token: &'a str) -> Option<Self> {
        let (id, secret) = token.strip_prefix(PREFIX)?.split_once('_')?;
        let well_formed = !id.is_empty()
            && secret.len() > CHECKSUM_LEN
            && token.bytes().all(|b| b.is_ascii_graphic());
        if !well_formed {
            return None;
        }
        let (body, sum) = token.split_at(token.len() - CHECKSUM_LEN);
        (checksum(body).as_slice() == sum.as_bytes()).then_some(Self { id })
    }
}

/// Says whether a text begins as tokens do.
pub fn looks_like_a_token(text: &str) -> bool {
    text.starts_with(PREFIX) && text.len() > PREFIX.len() + ID_LEN
}

fn random(alphabet: &[u8], len: usize) -> Result<String, std::io::Error> {
    // Bytes past the last multiple of the alphabet's size are thrown away, so that every character is equally likely.
    let fair = 256 - 256 % alphabet.len();
    let mut out = String::with_capacity(len);
    let mut bytes = [0u8; 64];
    while out.len() < len {
        OsRng
            .try_fill_bytes(&mut bytes)
            .map_err(std::io::Error::other)?;
        for byte in bytes
            .iter()
            .map(|byte| usize::from(*byte))
            .filter(|byte| *byte < fair)
        {
            if out.len() < len {
                out.push(char::from(alphabet[byte % alphabet.len()]));
            }
        }
    }
    Ok(out)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn checksum(body: &str) -> [u8; CHECKSUM_LEN] {
    let mut crc = crc32(body.as_bytes());
    let mut out = [0u8; CHECKSUM_LEN];
    for digit in out.iter_mut().rev() {
        *digit = BASE62[(crc % 62) as usize];
        crc /= 62;
    }
    out
}

/// CRC-32 (IEEE), a byte at a time: every request has a token.
fn crc32(bytes: &[u8]) -> u32 {
    const TABLE: [u32; 256] = {
        let mut table = [0; 256];
        let mut byte = 0;
        while byte < 256 {
            let mut crc = byte as u32;
            let mut bit = 0;
            while bit < 8 {
                crc = (crc >> 1) ^ (0xEDB8_8320 & (crc & 1).wrapping_neg());
                bit += 1;
            }
            table[byte] = crc;
            byte += 1;
        }
        table
    };
    let next = |crc: u32, byte: &u8| (crc >> 8) ^ TABLE[usize::from((crc as u8) ^ byte)];
    !bytes.iter().fold(!0, next)
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    #[test]
    fn the_checksum_is_the_common_crc_32() {
        assert_eq!(crc32(b"123456789"), 0xCBF4_3926);
    }

    #[test]
    fn a_new_token_has_the_documented_shape_and_names_its_key() {
        let key = create(
            "a \"quoted\" name",
            &[Scope::Read],
            &[SourcePattern::Prefix(String::new())],
            None,
        )
        .expect("the system has randomness");
        let token = key.token.expose_secret();
        assert_eq!(token.len(), 3 + 8 + 1 + 32 + 6, "{token}");
        assert_eq!(TokenParts::of(token), Some(TokenParts { id: &key.id }));
        assert!(looks_like_a_token(token));
    }

    #[test]
    fn a_mistyped_token_is_told_by_its_checksum() {
        let key = create("n", &[Scope::Read], &[], None).expect("the system has randomness");
        let token = key.token.expose_secret();
        for at in 3..token.len() {
            let mut other = token.to_owned();
            let replacement = if &token[at..=at] == "a" { "b" } else { "a" };
            other.replace_range(at..=at, replacement);
            assert_eq!(TokenParts::of(&other), None, "character {at} of {token}");
        }
    }
}
