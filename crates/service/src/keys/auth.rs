//! Who sends this request?

use std::sync::Arc;

use actix_web::HttpRequest;
use actix_web::http::header::AUTHORIZATION;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use time::OffsetDateTime;

use super::{Key, KeyStore, Scope, TokenParts, looks_like_a_token};
use crate::problem::{ErrorCode, Problem};

/// Longer than any token; what comes beyond it is not read.
const MAX_TOKEN_BYTES: usize = 256;

/// Parameter names under which other systems take keys.
const KEY_PARAMETERS: [&str; 5] = ["key", "api_key", "apikey", "token", "access_token"];

/// Finds the key of a request and checks that it may be used for `scope`.
///
/// # Errors
/// 400 when a key stands in the query string, 401 with one text for whatever is wrong with the token, 403 when the key
/// is good and the scope is not its.
pub fn authenticate(
    request: &HttpRequest,
    store: &KeyStore,
    scope: Scope,
) -> Result<Arc<Key>, Problem> {
    let key = identify(request, store)?;
    if key.scopes.contains(&scope) {
        Ok(key)
    } else {
        Err(Problem::new(
            ErrorCode::Forbidden,
            format!("this key does not have the scope `{}`", scope.name()),
        ))
    }
}

/// Finds the key of a request, whatever it may be used for.
///
/// # Errors
/// As [`authenticate`], but never 403.
pub fn identify(request: &HttpRequest, store: &KeyStore) -> Result<Arc<Key>, Problem> {
    if has_key_in_query(request.query_string()) {
        return Err(Problem::new(
            ErrorCode::KeyInQuery,
            "a key in a URL ends up in logs and histories: send it as `Authorization: Bearer <key>`, and replace this one",
        ));
    }
    let mut values = request.headers().get_all(AUTHORIZATION);
    let token = values
        .next()
        .and_then(|value| value.to_str().ok())
        .and_then(bearer);
    // Two headers: which one a proxy in between has looked at, nobody knows.
    let token = if values.next().is_some() { None } else { token };
    find(store, token.unwrap_or_default(), OffsetDateTime::now_utc()).ok_or_else(unauthorized)
}

fn unauthorized() -> Problem {
    Problem::new(
        ErrorCode::Unauthorized,
        "send a valid key as `Authorization: Bearer <key>`",
    )
    .with_header("www-authenticate", "Bearer realm=\"flumen\"")
}

fn bearer(value: &str) -> Option<&str> {
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// The same work whether the token is malformed, unknown, wrong, revoked or expired.
fn find(store: &KeyStore, token: &str, now: OffsetDateTime) -> Option<Arc<Key>> {
    let token = if token.len() > MAX_TOKEN_BYTES {
        ""
    } else {
        token
    };
    let found = TokenParts::of(token).and_then(|parts| store.get(parts.id));
    let expected = found.as_ref().map_or([0; 32], |key| key.sha256);
    let hash: [u8; 32] = Sha256::digest(token.as_bytes()).into();
    let is_same = bool::from(hash.ct_eq(&expected));
    found.filter(|key| is_same && key.is_valid_at(now))
}

fn has_key_in_query(query: &str) -> bool {
    query
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .any(|(name, value)| {
            looks_like_a_token(value)
                || KEY_PARAMETERS
                    .iter()
                    .any(|known| name.eq_ignore_ascii_case(known))
        })
}
