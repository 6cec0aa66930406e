//! The Explorer: a page for people at `/`, built in `explorer/` and part of the binary.
//!
//! It is the same for everyone and needs no key; the key is typed into it and sent to the routes of the API only.

use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY,
};
use actix_web::{HttpRequest, HttpResponse, web};
use service::problem::{ErrorCode, Problem};

/// The files of the page by their address; none when it was not built before this crate.
static FILES: &[(&str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/explorer.rs"));

const PAGE: &str = "index.html";

/// Nothing from elsewhere, nothing inline, and in nobody's frame.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; \
    font-src 'self'; base-uri 'none'; frame-ancestors 'none'; form-action 'none'";

const NOTICE: &str = "<!doctype html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\"><title>Flumen</title></head>\n<body>\n\
    <h1>Flumen query-api</h1>\n\
    <p>This build holds no Explorer. To get it, run <code>npm ci &amp;&amp; npm run build</code> in <code>explorer/</code>, \
    then build query-api again.</p>\n\
    <p>The API works without it: <a href=\"v1\">v1</a> lists its routes.</p>\n</body>\n</html>\n";

/// `GET /`. Its parameters are the view, which the page reads by itself.
pub(super) async fn page() -> HttpResponse {
    match find(PAGE) {
        Some(content) => answer(PAGE, content),
        None => answer(PAGE, NOTICE.as_bytes()),
    }
}

/// Any other file of the page.
pub(super) async fn file(request: HttpRequest) -> Result<HttpResponse, Problem> {
    let name = request.path().trim_start_matches('/');
    let content = find(name)
        .ok_or_else(|| Problem::new(ErrorCode::NotFound, "there is nothing at this address"))?;
    Ok(answer(name, content))
}

/// The files beside the page itself.
pub(super) fn configure(app: &mut web::ServiceConfig) {
    let names = FILES.iter().map(|(name, _)| *name);
    for name in names.filter(|name| *name != PAGE) {
        app.service(
            web::resource(format!("/{name}"))
                .get(file)
                .head(file)
                .default_service(super::only_read()),
        );
    }
}

fn find(name: &str) -> Option<&'static [u8]> {
    let found = FILES.iter().find(|(known, _)| *known == name);
    found.map(|(_, content)| *content)
}

fn answer(name: &str, content: &'static [u8]) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, content_type(name)))
        .insert_header((CACHE_CONTROL, kept_for(name)))
        .insert_header((CONTENT_SECURITY_POLICY, POLICY))
        .insert_header((REFERRER_POLICY, "no-referrer"))
        .body(content)
}

fn content_type(name: &str) -> &'static str {
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

/// Names of assets change with what they hold; the page must be looked at again, for it names them.
fn kept_for(name: &str) -> &'static str {
    if name.starts_with("assets/") {
        "public, max-age=31536000, immutable"
    } else if name == PAGE {
        "no-cache"
    } else {
        "public, max-age=86400"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_of_the_page_has_a_type_that_browsers_know() {
        for (name, content) in FILES {
            assert_ne!(content_type(name), "application/octet-stream", "{name}");
            assert!(!content.is_empty(), "{name}");
        }
        assert_eq!(
            content_type("assets/x.js"),
            "text/javascript; charset=utf-8"
        );
    }

    #[test]
    fn only_what_has_a_hash_in_its_name_is_kept_for_ever() {
        assert!(kept_for("assets/index-C2qLWnR5.css").contains("immutable"));
        assert_eq!(kept_for("index.html"), "no-cache");
        assert!(!kept_for("favicon.svg").contains("immutable"));
    }

    #[test]
    fn the_notice_needs_nothing_that_the_policy_forbids() {
        assert!(!NOTICE.contains("<script") && !NOTICE.contains("style"));
    }
}
