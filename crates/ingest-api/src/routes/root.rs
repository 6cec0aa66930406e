//! `GET /`: what this is.

use actix_web::HttpResponse;
use event::parse::Mode;

/// Says what listens here, for people who open the address in a browser.
pub(crate) async fn about() -> HttpResponse {
    let version = env!("CARGO_PKG_VERSION");
    let accepted = Mode::ACCEPTED.replace(", ", "\", \"");
    let body = format!(
        "{{\n  \"service\": \"flumen ingest-api\",\n  \"version\": \"{version}\",\n  \"send\": \"POST /v1/events\",\n  \"accepts\": [\"{accepted}\"]\n}}\n"
    );
    HttpResponse::Ok()
        .content_type("application/json")
        .body(body)
}
