//! The edge over a real socket.

use std::time::Duration;

use actix_web::{HttpResponse, web};
use prometheus_client::registry::Registry;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;
use crate::config::Listen;
use crate::problem::ErrorCode;

async fn ok(request: actix_web::HttpRequest) -> HttpResponse {
    HttpResponse::Ok().body(RequestId::of(&request).as_str().to_owned())
}

async fn overloaded() -> Result<HttpResponse, Problem> {
    Err(Problem::new(ErrorCode::Overloaded, "too much at once").retry_after(Duration::from_secs(2)))
}

async fn number(path: web::Path<u32>) -> HttpResponse {
    HttpResponse::Ok().body(path.to_string())
}

async fn body(body: web::Json<Value>) -> HttpResponse {
    HttpResponse::Ok().json(body.into_inner())
}

fn routes(app: &mut web::ServiceConfig) {
    app.service(
        web::resource("/ok")
            .get(ok)
            .head(ok)
            .default_service(problem::method_not_allowed("GET, HEAD")),
    )
    .service(web::resource("/overloaded").get(overloaded))
    .service(web::resource("/number/{number}").get(number))
    .service(
        web::resource("/body")
            .app_data(web::JsonConfig::default().limit(100))
            .post(body),
    );
}

struct Running {
    base: String,
    registry: Registry,
    readiness: Readiness,
}

fn start() -> Running {
    crate::tls::install_crypto_provider();
    let mut registry = Registry::default();
    let readiness = Readiness::new();
    let edge = Edge::new(&mut registry).draining(&readiness);
    let listener = bind("127.0.0.1:0".parse().expect("an address")).expect("a free port");
    let base = format!("http://{}", listener.local_addr().expect("bound"));
    let listen = Listen {
        workers: 1,
        ..Listen::default()
    };
    let server = serve(
        listener,
        &listen,
        None,
        Duration::from_secs(1),
        edge,
        routes,
    )
    .expect("it listens");
    tokio::spawn(server);
    Running {
        base,
        registry,
        readiness,
    }
}

impl Running {
    fn get(&self, path: &str) -> reqwest::RequestBuilder {
        reqwest::Client::new().get(format!("{}{path}", self.base))
    }

    /// Sends a request line as it stands, which clients would mend first.
    async fn raw(&self, target: &str) -> String {
        let address = self.base.trim_start_matches("http://");
        let mut stream = tokio::net::TcpStream::connect(address)
            .await
            .expect("it listens");
        let request = format!("GET {target} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.expect("sent");
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.expect("answered");
        String::from_utf8_lossy(&answer).into_owned()
    }
}

#[tokio::test]
async fn a_harmless_request_id_is_kept_and_another_replaced() {
    let app = start();
    let answer = app
        .get("/ok")
        .header("x-request-id", "abc-1.2:3")
        .send()
        .await
        .expect("answered");
    assert_eq!(answer.headers()["x-request-id"], "abc-1.2:3");
    assert_eq!(
        answer.text().await.expect("a body"),
        "abc-1.2:3",
        "the handler sees the same id"
    );
    for hostile in ["a b", "\"x\"", "x".repeat(129).as_str()] {
        let answer = app
            .get("/ok")
            .header("x-request-id", hostile)
            .send()
            .await
            .expect("answered");
        let id = answer.headers()["x-request-id"]
            .to_str()
            .expect("ascii")
            .to_owned();
        assert!(id != hostile && id.len() == 32, "{id}");
    }
}

#[tokio::test]
async fn answers_of_a_service_that_drains_end_their_connections() {
    let app = start();
    for path in ["/ok", "/nowhere"] {
        let answer = app.get(path).send().await.expect("answered");
        assert!(!answer.headers().contains_key("connection"), "{path}");
    }
    app.readiness.drain();
    for path in ["/ok", "/nowhere"] {
        let answer = app.get(path).send().await.expect("answered");
        assert_eq!(answer.headers()["connection"], "close", "{path}");
    }
}

#[tokio::test]
async fn every_failure_is_a_problem_with_the_request_id() {
    let app = start();
    let cases = [
        (app.get("/nowhere"), 404, "not-found"),
        (app.get("/metrics"), 404, "not-found"),
        (app.get("/overloaded"), 503, "overloaded"),
        (app.get("/number/abc"), 404, "not-found"),
        (
            reqwest::Client::new().delete(format!("{}/ok", app.base)),
            405,
            "method-not-allowed",
        ),
        (
            reqwest::Client::new()
                .post(format!("{}/body", app.base))
                .body("{"),
            415,
            "unsupported-media-type",
        ),
        (
            reqwest::Client::new()
                .post(format!("{}/body", app.base))
                .header("content-type", "application/json")
                .body("{"),
            400,
            "malformed-json",
        ),
        (
            reqwest::Client::new()
                .post(format!("{}/body", app.base))
                .json(&"x".repeat(200)),
            413,
            "payload-too-large",
        ),
    ];
    for (request, status, name) in cases {
        let answer = request
            .header("x-request-id", "id-1")
            .send()
            .await
            .expect("answered");
        assert_eq!(answer.status().as_u16(), status, "{name}");
        let headers = answer.headers().clone();
        assert_eq!(headers["content-type"], problem::CONTENT_TYPE);
        assert_eq!(headers["x-content-type-options"], "nosniff");
        assert_eq!(headers["cache-control"], "no-store");
        assert_eq!(headers.contains_key("retry-after"), status == 503);
        assert_eq!(headers.contains_key("allow"), status == 405);
        let body: Value = answer.json().await.expect("JSON");
        assert_eq!(body["type"], format!("/problems/{name}"));
        assert_eq!(body["request_id"], "id-1");
    }
}

#[tokio::test]
async fn urls_that_are_too_long_or_not_well_formed_are_refused() {
    let app = start();
    let long = format!("/ok?x={}", "a".repeat(url::MAX_BYTES));
    for (target, status, name) in [
        (long.as_str(), "414", "uri-too-long"),
        ("/ok?x=%00", "400", "malformed-url"),
        ("/ok?x=%zz", "400", "malformed-url"),
        ("/ok?x=%4", "400", "malformed-url"),
        ("/ok?x=%C0%A0", "400", "malformed-url"),
        ("/number/%ff", "400", "malformed-url"),
    ] {
        let answer = app.raw(target).await;
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status} ")),
            "{target}: {answer}"
        );
        assert!(
            answer.contains(&format!("/problems/{name}")),
            "{target}: {answer}"
        );
    }
    assert!(app.raw("/ok?x=%C3%A4+b").await.starts_with("HTTP/1.1 200 "));
}

#[tokio::test]
async fn head_answers_without_a_body() {
    let app = start();
    let answer = reqwest::Client::new()
        .head(format!("{}/ok", app.base))
        .send()
        .await
        .expect("answered");
    assert_eq!(answer.status().as_u16(), 200);
    assert!(answer.bytes().await.expect("no body").is_empty());
}

#[tokio::test]
async fn requests_are_counted_by_pattern_and_never_by_path() {
    let app = start();
    for path in ["/number/1", "/number/2", "/secret-1", "/secret-2"] {
        app.get(path).send().await.expect("answered");
    }
    let text = crate::metrics::render(&app.registry);
    assert!(
        text.contains(
            "flumen_http_requests_total{route=\"/number/{number}\",method=\"GET\",status=\"200\"} 2"
        ),
        "{text}"
    );
    assert!(
        text.contains("flumen_http_requests_total{route=\"none\",method=\"GET\",status=\"404\"} 2"),
        "{text}"
    );
    assert!(
        text.contains("flumen_http_requests_in_flight 0") && !text.contains("secret"),
        "{text}"
    );
}

#[test]
fn a_query_string_is_read_strictly() {
    let pairs = url::pairs("a=1&b=x%20y+z&&c&d=%3D").expect("well formed");
    let expected = [("a", "1"), ("b", "x y z"), ("c", ""), ("d", "=")];
    assert_eq!(
        pairs,
        expected.map(|(name, value)| (name.to_owned(), value.to_owned()))
    );
    assert!(url::pairs("a=%").is_err() && url::pairs("%00=1").is_err());
}
