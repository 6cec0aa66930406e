//! What a public listener says about itself: `/openapi.json`, `/docs`, `/problems`.
//!
//! All of it is the same for everyone, needs no key and nothing from elsewhere: the viewer is part of the binary.

use std::sync::Arc;

use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, VARY,
};
use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::{Value, json};

use crate::http::{Assets, accept, cached};
use crate::problem::{self, ErrorCode, Problem};

/// The viewer; nothing when it was not built before this crate.
static REFERENCE: Assets = Assets::new(include!(concat!(env!("OUT_DIR"), "/reference.rs")));

/// What of it the page needs to be of use.
const VIEWER: &str = "swagger-ui-bundle.js";

/// Files of our own beside it.
static OWN: Assets = Assets::new(&[
    ("page.css", include_bytes!("page.css")),
    ("start.js", include_bytes!("start.js")),
]);

/// Nothing from elsewhere, nothing inline, and in nobody's frame.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; \
    font-src 'self'; base-uri 'none'; frame-ancestors 'none'; form-action 'none'";

/// Asked again each time, and answered 304 as long as nothing has changed.
const REVALIDATE: &str = "no-cache";
const A_DAY: &str = "public, max-age=86400";

/// One API's description.
#[derive(Debug, Clone)]
pub struct Surface {
    document: Arc<str>,
    tag: Arc<str>,
}

impl Surface {
    /// Shows this OpenAPI document.
    pub fn new(document: String) -> Self {
        Self {
            tag: cached::etag(document.as_bytes()).into(),
            document: document.into(),
        }
    }

    /// Adds the routes.
    pub fn configure(&self, app: &mut web::ServiceConfig) {
        let read_only = || problem::method_not_allowed("GET, HEAD");
        app.app_data(web::Data::new(self.clone()))
            .service(
                web::resource("/openapi.json")
                    .get(openapi)
                    .head(openapi)
                    .default_service(read_only()),
            )
            .service(
                web::resource("/docs")
                    .get(docs)
                    .head(docs)
                    .default_service(read_only()),
            )
            .service(
                web::resource("/docs/{file}")
                    .get(file)
                    .head(file)
                    .default_service(read_only()),
            )
            .service(
                web::resource("/problems")
                    .get(problems)
                    .head(problems)
                    .default_service(read_only()),
            )
            .service(
                web::resource("/problems/{name}")
                    .get(one_problem)
                    .head(one_problem)
                    .default_service(read_only()),
            );
    }
}

async fn openapi(request: HttpRequest, surface: web::Data<Surface>) -> HttpResponse {
    let response = HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, "application/json"))
        .insert_header((CACHE_CONTROL, REVALIDATE))
        .body(surface.document.as_bytes().to_vec());
    cached::tagged(&request, &surface.tag, response)
}

async fn docs(request: HttpRequest) -> HttpResponse {
    let body = match REFERENCE.find(VIEWER) {
        Some(_) => {
            "<link rel=\"stylesheet\" href=\"docs/swagger-ui.css\">\n<script src=\"docs/swagger-ui-bundle.js\" defer></script>\n\
             <script src=\"docs/start.js\" defer></script>\n</head>\n<body>\n<div id=\"docs\"></div>\n\
             <noscript><p>This page needs JavaScript; <a href=\"openapi.json\">the OpenAPI document</a> does not.</p></noscript>\n"
        }
        None => {
            "</head>\n<body>\n<main>\n<h1>API reference</h1>\n<p>This build holds no viewer. To get it, run <code>npm ci &amp;&amp; npm run reference</code> \
             in <code>explorer/</code>, then build again.</p>\n<p><a href=\"openapi.json\">The OpenAPI document</a> is here without it, \
             and so are <a href=\"problems\">the problems</a> that the API may tell.</p>\n</main>\n"
        }
    };
    let html = page_with("API reference", "docs/", body);
    let tag = cached::etag(html.as_bytes());
    cached::tagged(&request, &tag, answer_html(html, REVALIDATE))
}

async fn file(request: HttpRequest, name: web::Path<String>) -> Result<HttpResponse, Problem> {
    [OWN, REFERENCE]
        .iter()
        .find_map(|files| files.answer(&request, &name, A_DAY, POLICY))
        .ok_or_else(nothing)
}

async fn problems(request: HttpRequest) -> HttpResponse {
    let all: Vec<Value> = ErrorCode::ALL.iter().copied().map(told).collect();
    if !accept::wants_html(request.headers()) {
        return answer_json(&request, &json!({ "problems": all }));
    }
    let mut rows = String::new();
    for code in ErrorCode::ALL {
        rows.push_str(&format!(
            "<tr><td><a href=\"problems/{name}\">{name}</a></td><td>{status}</td><td>{meaning}</td></tr>\n",
            name = code.name(),
            status = code.status().as_u16(),
            meaning = prose(code.meaning()),
        ));
    }
    let body = format!(
        "</head>\n<body>\n<main>\n<h1>Problems</h1>\n<p>Every refusal is <code>application/problem+json</code>; its <code>type</code> points to one of these.</p>\n\
         <table>\n<thead><tr><th>Name</th><th>Status</th><th>What it means</th></tr></thead>\n<tbody>\n{rows}</tbody>\n</table>\n</main>\n"
    );
    vary(answer_html(page_with("Problems", "docs/", &body), A_DAY))
}

async fn one_problem(
    request: HttpRequest,
    name: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let code = ErrorCode::of_name(&name).ok_or_else(nothing)?;
    if !accept::wants_html(request.headers()) {
        return Ok(answer_json(&request, &told(code)));
    }
    let body = format!(
        "</head>\n<body>\n<main>\n<h1>{title}</h1>\n<p class=\"facts\"><code>{name}</code> · status {status}</p>\n<h2>What it means</h2>\n<p>{meaning}</p>\n\
         <h2>What to do</h2>\n<p>{advice}</p>\n<p><a href=\"../problems\">All problems</a></p>\n</main>\n",
        title = prose(code.title()),
        name = code.name(),
        status = code.status().as_u16(),
        meaning = prose(code.meaning()),
        advice = prose(code.advice()),
    );
    Ok(vary(answer_html(
        page_with(code.title(), "../docs/", &body),
        A_DAY,
    )))
}

fn told(code: ErrorCode) -> Value {
    json!({
        "type": format!("/problems/{}", code.name()),
        "name": code.name(),
        "status": code.status().as_u16(),
        "title": code.title(),
        "meaning": code.meaning(),
        "advice": code.advice(),
    })
}

fn nothing() -> Problem {
    Problem::new(ErrorCode::NotFound, "there is nothing at this address")
}

fn page_with(title: &str, files: &str, rest: &str) -> String {
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{title} · Flumen</title>\n<link rel=\"stylesheet\" href=\"{files}page.css\">\n{rest}</body>\n</html>\n"
    )
}

fn answer_html(html: String, cache: &'static str) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, "text/html; charset=utf-8"))
        .insert_header((CACHE_CONTROL, cache))
        .insert_header((CONTENT_SECURITY_POLICY, POLICY))
        .insert_header((REFERRER_POLICY, "no-referrer"))
        .body(html)
}

fn answer_json(request: &HttpRequest, value: &Value) -> HttpResponse {
    let text = value.to_string();
    let tag = cached::etag(text.as_bytes());
    let response = HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, "application/json"))
        .insert_header((CACHE_CONTROL, A_DAY))
        .body(text);
    vary(cached::tagged(request, &tag, response))
}

fn vary(mut response: HttpResponse) -> HttpResponse {
    let value = actix_web::http::header::HeaderValue::from_static("accept");
    response.headers_mut().append(VARY, value);
    response
}

/// Text as HTML, with what stands between backquotes as code.
fn prose(text: &str) -> String {
    let escaped = text
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;");
    let mut html = String::new();
    for (index, part) in escaped.split('`').enumerate() {
        match index % 2 {
            0 => html.push_str(part),
            _ => html.push_str(&format!("<code>{part}</code>")),
        }
    }
    html
}

#[cfg(test)]
mod tests {
    use actix_web::App;
    use actix_web::body::to_bytes;
    use actix_web::dev::ServiceResponse;
    use actix_web::test::{TestRequest, call_service, init_service};

    use super::*;

    async fn ask(path: &str, accept: &str, known: &str) -> ServiceResponse {
        let surface = Surface::new("{\"openapi\":\"3.1.0\"}".to_owned());
        let app = init_service(App::new().configure(|app| surface.configure(app))).await;
        let request = TestRequest::get()
            .uri(path)
            .insert_header(("accept", accept))
            .insert_header(("if-none-match", known));
        call_service(&app, request.to_request()).await
    }

    async fn text(response: ServiceResponse) -> String {
        let body = to_bytes(response.into_body()).await.expect("a body");
        String::from_utf8(body.to_vec()).expect("text")
    }

    #[actix_web::test]
    async fn every_problem_has_a_page_for_people_and_json_for_programs() {
        for code in ErrorCode::ALL {
            let path = format!("/problems/{}", code.name());
            let page = ask(&path, "text/html", "").await;
            assert_eq!(page.status(), 200, "{path}");
            let page = text(page).await;
            assert!(
                page.contains("What to do") && page.contains(code.name()),
                "{page}"
            );
            assert!(!page.contains('`'), "{page}");
            let json: Value =
                serde_json::from_str(&text(ask(&path, "*/*", "").await).await).expect("JSON");
            assert_eq!(json["type"], path);
            assert_eq!(json["status"], code.status().as_u16());
            assert!(
                json["meaning"]
                    .as_str()
                    .is_some_and(|text| text.ends_with('.')),
                "{json}"
            );
            assert!(
                json["advice"]
                    .as_str()
                    .is_some_and(|text| text.ends_with('.')),
                "{json}"
            );
        }
        let all: Value =
            serde_json::from_str(&text(ask("/problems", "*/*", "").await).await).expect("JSON");
        assert_eq!(
            all["problems"].as_array().map(Vec::len),
            Some(ErrorCode::ALL.len())
        );
        assert_eq!(ask("/problems/none", "*/*", "").await.status(), 404);
    }

    #[actix_web::test]
    async fn what_has_not_changed_is_not_sent_again() {
        for path in [
            "/openapi.json",
            "/docs",
            "/docs/page.css",
            "/problems/not-found",
        ] {
            let first = ask(path, "*/*", "").await;
            assert_eq!(first.status(), 200, "{path}");
            let tag = first
                .headers()
                .get("etag")
                .expect("a tag")
                .to_str()
                .expect("text")
                .to_owned();
            assert_eq!(ask(path, "*/*", &tag).await.status(), 304, "{path}");
        }
    }

    #[actix_web::test]
    async fn pages_hold_nothing_that_the_policy_forbids_and_name_only_files_that_are_there() {
        for path in ["/docs", "/problems", "/problems/too-deep"] {
            let response = ask(path, "text/html", "").await;
            let policy = response
                .headers()
                .get("content-security-policy")
                .expect("a policy");
            assert!(!policy.to_str().expect("text").contains("unsafe"));
            let page = text(response).await;
            assert!(
                !page.contains("style=") && !page.contains("<style") && !page.contains("<script>"),
                "{page}"
            );
            assert!(
                !page.contains("http://") && !page.contains("https://"),
                "{page}"
            );
            for name in page
                .split('"')
                .filter_map(|part| part.trim_start_matches("../").strip_prefix("docs/"))
            {
                assert_eq!(
                    ask(&format!("/docs/{name}"), "*/*", "").await.status(),
                    200,
                    "{name}"
                );
            }
        }
    }
}
