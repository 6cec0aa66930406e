//! `ETag` and `304 Not Modified`.

use actix_web::http::header::{ETAG, HeaderMap, HeaderValue, IF_NONE_MATCH};
use actix_web::{HttpRequest, HttpResponse};
use sha2::{Digest, Sha256};

/// The tag of what an answer holds. Weak, since the same content may be packed in several ways.
pub fn etag(content: &[u8]) -> String {
    let hash: [u8; 32] = Sha256::digest(content).into();
    let hex: String = hash[..12]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("W/\"{hex}\"")
}

/// Says whether the client has what carries this tag already.
pub fn is_known(request: &HttpRequest, tag: &str) -> bool {
    let opaque = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
    let wanted = opaque(tag);
    request
        .headers()
        .get_all(IF_NONE_MATCH)
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|known| known.trim() == "*" || opaque(known) == wanted)
}

/// Adds the tag, and leaves the body out when the client has it.
pub fn tagged(request: &HttpRequest, tag: &str, mut response: HttpResponse) -> HttpResponse {
    let value = HeaderValue::from_str(tag).ok();
    if is_known(request, tag) {
        let mut same = HttpResponse::NotModified().finish();
        keep(response.headers(), same.headers_mut());
        response = same;
    }
    if let Some(value) = value {
        response.headers_mut().insert(ETAG, value);
    }
    response
}

/// What a 304 repeats of the answer that it stands for (RFC 9110, 15.4.5).
fn keep(from: &HeaderMap, to: &mut HeaderMap) {
    for name in [
        "cache-control",
        "content-location",
        "expires",
        "vary",
        "content-security-policy",
    ] {
        if let (Some(value), Ok(name)) = (
            from.get(name),
            actix_web::http::header::HeaderName::try_from(name),
        ) {
            to.insert(name, value.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    #[test]
    fn what_a_client_has_is_not_sent_again() {
        let tag = etag(b"content");
        let answer = |known: &str| {
            let request = TestRequest::default().insert_header((IF_NONE_MATCH, known));
            let response = HttpResponse::Ok()
                .insert_header(("cache-control", "no-cache"))
                .body("content");
            tagged(&request.to_http_request(), &tag, response)
        };
        let strong = tag.trim_start_matches("W/").to_owned();
        for known in [
            tag.clone(),
            strong,
            format!("\"other\", {tag}"),
            "*".to_owned(),
        ] {
            let response = answer(&known);
            assert_eq!(response.status(), 304, "{known}");
            assert_eq!(
                response.headers().get("cache-control").expect("kept"),
                "no-cache"
            );
            assert_eq!(response.headers().get("etag").expect("told"), tag.as_str());
        }
        assert_eq!(answer("\"other\"").status(), 200);
        assert_ne!(etag(b"a"), etag(b"b"));
    }
}
