//! The Explorer: a page for people at `/`, built in `explorer/` and part of the binary.
//!
//! It is the same for everyone and needs no key; the key is typed into it and sent to the routes of the API only.

use actix_web::{HttpRequest, HttpResponse, web};
use service::http::Assets;
use service::problem::{ErrorCode, Problem};

/// The files of the page by their address; none when it was not built before this crate.
static FILES: Assets = Assets::new(include!(concat!(env!("OUT_DIR"), "/explorer.rs")));

const PAGE: &str = "index.html";

/// Nothing from elsewhere, nothing inline, and in nobody's frame.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; \
    font-src 'self'; base-uri 'none'; frame-ancestors 'none'; form-action 'none'";

const NOTICE: &str = "<!doctype html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\"><title>Flumen</title></head>\n<body>\n\
    <h1>Flumen query-api</h1>\n\
    <p>This build holds no Explorer. To get it, run <code>npm ci &amp;&amp; npm run build</code> in <code>explorer/</code>, \
    then build query-api again.</p>\n\
    <p>The API works without it: <a href=\"v1\">v1</a> lists its routes.</p>\n</body>\n</html>\n";

/// What a build without the page shows instead.
static NONE: Assets = Assets::new(&[(PAGE, NOTICE.as_bytes())]);

/// `GET /`. Its parameters are the view, which the page reads by itself.
pub(super) async fn page(request: HttpRequest) -> Result<HttpResponse, Problem> {
    shown(FILES, &request).ok_or_else(nothing)
}

/// The page of these files; without one, what to do about it.
fn shown(files: Assets, request: &HttpRequest) -> Option<HttpResponse> {
    answer(files, request, PAGE).or_else(|| answer(NONE, request, PAGE))
}

/// Any other file of the page.
pub(super) async fn file(request: HttpRequest) -> Result<HttpResponse, Problem> {
    let name = request.path().trim_start_matches('/');
    answer(FILES, &request, name).ok_or_else(nothing)
}

fn answer(files: Assets, request: &HttpRequest, name: &str) -> Option<HttpResponse> {
    files.answer(request, name, kept_for(name), POLICY)
}

fn nothing() -> Problem {
    Problem::new(ErrorCode::NotFound, "there is nothing at this address")
}

/// The files beside the page itself.
pub(super) fn configure(app: &mut web::ServiceConfig) {
    for name in FILES.names().filter(|name| *name != PAGE) {
        app.service(
            web::resource(format!("/{name}"))
                .get(file)
                .head(file)
                .default_service(super::only_read()),
        );
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
mod embed;

#[cfg(test)]
mod tests {
    use std::fs;

    use actix_web::body::to_bytes;
    use actix_web::test::TestRequest;
    use service::http::assets::content_type;

    use super::*;

    /// What a build without the page compiles, as the test below holds.
    static NOT_BUILT: Assets = Assets::new(&[]);

    #[actix_web::test]
    async fn a_build_without_the_page_compiles_and_shows_how_to_build_it() {
        let folder = tempfile::tempdir().expect("a folder");
        // No `dist`, and one that a build broke off.
        let dist = folder.path().join("dist");
        for _ in 0..2 {
            let code = embed::embed(&dist, folder.path()).expect("no failure");
            assert_eq!(code.split_whitespace().collect::<String>(), "&[]");
            fs::create_dir_all(dist.join("assets")).expect("made");
            fs::write(dist.join("assets/index-1.js"), "1").expect("written");
        }
        let request = TestRequest::with_uri("/?range=1h").to_http_request();
        let shown = shown(NOT_BUILT, &request).expect("a page");
        assert_eq!(shown.status(), 200);
        let header = |name: &str| {
            let value = shown.headers().get(name).map(|value| value.to_str());
            value.expect(name).expect("text").to_owned()
        };
        assert_eq!(header("content-type"), content_type(PAGE));
        assert_eq!(header("content-security-policy"), POLICY);
        let text = to_bytes(shown.into_body()).await.expect("a body");
        let text = String::from_utf8_lossy(&text);
        for part in [
            "npm ci &amp;&amp; npm run build",
            "explorer/",
            "query-api again",
        ] {
            assert!(text.contains(part), "{part} in {text}");
        }
    }

    #[test]
    fn a_build_with_the_page_holds_all_of_its_files() {
        let folder = tempfile::tempdir().expect("a folder");
        let (dist, out) = (folder.path().join("dist"), folder.path().join("out"));
        fs::create_dir_all(dist.join("assets")).expect("made");
        fs::create_dir_all(&out).expect("made");
        fs::write(dist.join(PAGE), "page").expect("written");
        fs::write(dist.join("assets/a.js"), "script").expect("written");
        let code = embed::embed(&dist, &out).expect("embedded");
        assert!(
            code.contains("\"assets/a.js\"") && code.contains("\"index.html\""),
            "{code}"
        );
        assert!(
            !code.contains(&*dist.to_string_lossy()),
            "no path of this machine: {code}"
        );
        assert_eq!(fs::read(out.join("explorer-0")).expect("copied"), b"script");
        assert_eq!(fs::read(out.join("explorer-1")).expect("copied"), b"page");
    }

    #[test]
    fn every_file_of_the_page_has_a_type_that_browsers_know() {
        for name in FILES.names() {
            assert_ne!(content_type(name), "application/octet-stream", "{name}");
            assert!(
                FILES.find(name).is_some_and(|content| !content.is_empty()),
                "{name}"
            );
        }
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
