//! Files that are part of the binary: pages, scripts, styles. Built with `.br` and `.gz` beside them, they are packed once and for all.

use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, VARY,
};
use actix_web::{HttpRequest, HttpResponse};

use super::accept::{self, Coding};
use super::cached;

/// Files by their address.
#[derive(Debug, Clone, Copy)]
pub struct Assets(&'static [(&'static str, &'static [u8])]);

impl Assets {
    /// These files, as the build script lists them.
    pub const fn new(files: &'static [(&'static str, &'static [u8])]) -> Self {
        Self(files)
    }

    /// Every address but those of packed copies.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        let is_copy = |name: &str| name.ends_with(".br") || name.ends_with(".gz");
        self.0
            .iter()
            .map(|(name, _)| *name)
            .filter(move |name| !is_copy(name))
    }

    /// The content of a file.
    pub fn find(self, name: &str) -> Option<&'static [u8]> {
        let found = self.0.iter().find(|(known, _)| *known == name);
        found.map(|(_, content)| *content)
    }

    /// Answers with a file, in the packing that the client likes best, or with 304; `None` when there is no such file.
    pub fn answer(
        self,
        request: &HttpRequest,
        name: &str,
        cache: &'static str,
        policy: &'static str,
    ) -> Option<HttpResponse> {
        let plain = self.find(name)?;
        let copy = |coding: Coding| {
            let ending = match coding {
                Coding::Brotli => "br",
                Coding::Gzip => "gz",
                Coding::Zstd => return None,
            };
            self.find(&format!("{name}.{ending}"))
        };
        let offered: Vec<Coding> = [Coding::Brotli, Coding::Gzip]
            .into_iter()
            .filter(|coding| copy(*coding).is_some())
            .collect();
        let mut response = HttpResponse::Ok();
        response
            .insert_header((CONTENT_TYPE, content_type(name)))
            .insert_header((CACHE_CONTROL, cache))
            .insert_header((CONTENT_SECURITY_POLICY, policy))
            .insert_header((REFERRER_POLICY, "no-referrer"));
        if !offered.is_empty() {
            response.insert_header((VARY, "accept-encoding"));
        }
        let coding = accept::coding(request.headers(), &offered);
        let packed = coding.and_then(|coding| copy(coding).map(|content| (coding, content)));
        let response = match packed {
            Some((coding, content)) => response
                .insert_header((CONTENT_ENCODING, coding.name()))
                .body(content),
            None => response.body(plain),
        };
        if cache.contains("immutable") {
            // Nobody ever asks whether it changed.
            return Some(response);
        }
        Some(cached::tagged(request, &cached::etag(plain), response))
    }
}

/// The media type of a file, by the end of its name.
pub fn content_type(name: &str) -> &'static str {
    match name.rsplit_once('.').map_or("", |(_, ending)| ending) {
        "html" => "text/html; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "woff2" => "font/woff2",
        "json" | "map" => "application/json",
        "txt" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::ACCEPT_ENCODING;
    use actix_web::test::TestRequest;

    use super::*;

    const FILES: Assets = Assets::new(&[
        ("a.js", b"plain"),
        ("a.js.br", b"br"),
        ("a.js.gz", b"gz"),
        ("b.svg", b"<svg/>"),
    ]);

    #[test]
    fn a_file_is_sent_as_it_was_packed_before_when_the_client_accepts_that() {
        for (accepted, expected) in [("br, gzip", "br"), ("gzip", "gzip"), ("zstd", ""), ("", "")] {
            let request = TestRequest::default()
                .insert_header((ACCEPT_ENCODING, accepted))
                .to_http_request();
            let response = FILES
                .answer(&request, "a.js", "no-cache", "default-src 'none'")
                .expect("there");
            let coding = response
                .headers()
                .get(CONTENT_ENCODING)
                .map_or("", |value| value.to_str().expect("text"));
            assert_eq!(coding, expected, "{accepted}");
            assert_eq!(
                response.headers().get(VARY).expect("told"),
                "accept-encoding"
            );
        }
        let request = TestRequest::default().to_http_request();
        assert!(FILES.answer(&request, "c.js", "no-cache", "").is_none());
        assert_eq!(FILES.names().collect::<Vec<_>>(), ["a.js", "b.svg"]);
    }
}
