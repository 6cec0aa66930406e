//! What is done to answers on their way out, and how they are carried: over a real socket.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use actix_web::{HttpRequest, HttpResponse, web};
use prometheus_client::registry::Registry;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;

use super::*;
use crate::config::{RateLimits, TlsFiles};
use crate::keys::Key;
use crate::limits::Limits;
use crate::tls::{self, Certificate};

/// What the slow route waits for.
#[derive(Clone)]
struct Gate {
    limits: Limits,
    open: Arc<Semaphore>,
    entered: Arc<AtomicUsize>,
}

fn key() -> Key {
    Key {
        id: "k".to_owned(),
        name: String::new(),
        sha256: [0; 32],
        scopes: Vec::new(),
        sources: Vec::new(),
        expires: None,
        disabled: false,
        requests_per_second: None,
        events_per_second: None,
    }
}

async fn large() -> HttpResponse {
    HttpResponse::Ok()
        .content_type("application/json")
        .body(format!("[{}0]", "0,".repeat(5_000)))
}

async fn slow(request: HttpRequest, gate: web::Data<Gate>) -> Result<HttpResponse, Problem> {
    gate.limits.enter(&request, &key())?;
    gate.entered.fetch_add(1, Ordering::SeqCst);
    let _permit = gate.open.acquire().await.expect("open");
    Ok(HttpResponse::Ok().body("done"))
}

struct Running {
    base: String,
    gate: Gate,
}

fn start(listen: Listen, certificate: Option<&Certificate>) -> Running {
    tls::install_crypto_provider();
    let limits = Limits::new(RateLimits {
        concurrent_requests: 2,
        ..RateLimits::default()
    });
    let gate = Gate {
        limits,
        open: Arc::new(Semaphore::new(0)),
        entered: Arc::default(),
    };
    let data = web::Data::new(gate.clone());
    let edge = Edge::new(&mut Registry::default());
    let listener = bind("127.0.0.1:0".parse().expect("an address")).expect("a free port");
    let port = listener.local_addr().expect("bound").port();
    let scheme = if certificate.is_some() {
        "https"
    } else {
        "http"
    };
    let routes = move |app: &mut web::ServiceConfig| {
        app.app_data(data.clone())
            .route("/large", web::get().to(large))
            .route("/slow", web::get().to(slow));
    };
    let listen = Listen {
        workers: 1,
        ..listen
    };
    let server = serve(
        listener,
        &listen,
        certificate,
        Duration::from_secs(1),
        edge,
        routes,
    );
    tokio::spawn(server.expect("it listens"));
    Running {
        base: format!("{scheme}://localhost:{port}"),
        gate,
    }
}

fn client() -> reqwest::Client {
    tls::install_crypto_provider();
    reqwest::Client::new()
}

fn header<'a>(answer: &'a reqwest::Response, name: &str) -> &'a str {
    answer
        .headers()
        .get(name)
        .map_or("", |value| value.to_str().expect("text"))
}

#[tokio::test]
async fn an_answer_is_packed_for_whoever_accepts_it() {
    let app = start(Listen::default(), None);
    let url = format!("{}/large", app.base);
    let plain = client().get(&url).send().await.expect("answered");
    assert_eq!(
        (header(&plain, "content-encoding"), header(&plain, "vary")),
        ("", "accept-encoding")
    );
    let expected = plain.bytes().await.expect("a body");
    for (accepted, coding) in [
        ("gzip, deflate, br, zstd", "zstd"),
        ("gzip", "gzip"),
        ("br", ""),
    ] {
        let answer = client()
            .get(&url)
            .header("accept-encoding", accepted)
            .send()
            .await
            .expect("answered");
        assert_eq!(header(&answer, "content-encoding"), coding);
        let body = answer.bytes().await.expect("a body");
        match coding {
            "zstd" => assert_eq!(zstd::decode_all(&body[..]).expect("zstd"), expected),
            "gzip" => assert!(body.len() * 10 < expected.len()),
            _ => assert_eq!(body, expected),
        }
    }
    let without = start(
        Listen {
            compress: false,
            ..Listen::default()
        },
        None,
    );
    let url = format!("{}/large", without.base);
    let answer = client()
        .get(&url)
        .header("accept-encoding", "gzip")
        .send()
        .await
        .expect("answered");
    assert_eq!(header(&answer, "content-encoding"), "");
}

#[tokio::test]
async fn only_pages_of_origins_that_are_named_may_read_answers() {
    let app = start(
        Listen {
            cors_origins: vec!["https://app.example".to_owned()],
            ..Listen::default()
        },
        None,
    );
    let ask = async |method: &str, origin: &str| {
        let method = method.parse().expect("a method");
        let request = client()
            .request(method, format!("{}/large", app.base))
            .header("origin", origin)
            .header("access-control-request-method", "GET")
            .header("access-control-request-headers", "authorization");
        request.send().await.expect("answered")
    };
    let allowed = ask("OPTIONS", "https://app.example").await;
    assert_eq!(allowed.status(), 204);
    assert_eq!(
        header(&allowed, "access-control-allow-origin"),
        "https://app.example"
    );
    assert!(header(&allowed, "access-control-allow-headers").contains("authorization"));
    assert!(header(&allowed, "access-control-allow-methods").contains("GET"));
    let read = ask("GET", "https://app.example").await;
    assert_eq!(
        header(&read, "access-control-allow-origin"),
        "https://app.example"
    );
    assert!(header(&read, "access-control-expose-headers").contains("ratelimit"));
    assert_eq!(header(&read, "access-control-allow-credentials"), "");
    assert!(
        read.headers()
            .get_all("vary")
            .iter()
            .any(|value| value == "origin")
    );
    for origin in [
        "https://app.example.evil.test",
        "http://app.example",
        "null",
        "https://APP.example",
    ] {
        for method in ["OPTIONS", "GET"] {
            let answer = ask(method, origin).await;
            assert_eq!(
                header(&answer, "access-control-allow-origin"),
                "",
                "{method} {origin}"
            );
        }
        assert_ne!(ask("OPTIONS", origin).await.status(), 204, "{origin}");
    }
    let closed = start(Listen::default(), None);
    let answer = client()
        .get(format!("{}/large", closed.base))
        .header("origin", "https://app.example")
        .send();
    assert_eq!(
        header(
            &answer.await.expect("answered"),
            "access-control-allow-origin"
        ),
        ""
    );
}

#[tokio::test]
async fn a_key_has_so_many_requests_under_way_and_no_more() {
    let app = start(Listen::default(), None);
    let ask = || client().get(format!("{}/slow", app.base)).send();
    let first = [tokio::spawn(ask()), tokio::spawn(ask())];
    let until = Instant::now() + Duration::from_secs(20);
    while app.gate.entered.load(Ordering::SeqCst) < 2 {
        assert!(Instant::now() < until, "both are under way sometime");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let refused = ask().await.expect("answered");
    assert_eq!(refused.status(), 429);
    assert_eq!(header(&refused, "retry-after"), "1");
    assert_eq!(
        header(&refused, "ratelimit-policy"),
        "\"concurrent\";q=2;qu=\"concurrent-requests\""
    );
    assert_eq!(header(&refused, "ratelimit"), "\"concurrent\";r=0");
    app.gate.open.add_permits(10);
    for answer in first {
        assert_eq!(
            answer.await.expect("no panic").expect("answered").status(),
            200
        );
    }
    let after = ask().await.expect("answered");
    assert_eq!(
        (after.status().as_u16(), header(&after, "ratelimit")),
        (200, "\"concurrent\";r=1")
    );
}

#[tokio::test]
async fn plain_http_2_is_spoken_when_it_is_configured_and_http_1_beside_it() {
    let app = start(
        Listen {
            h2c: true,
            ..Listen::default()
        },
        None,
    );
    let url = format!("{}/large", app.base);
    let two = reqwest::Client::builder()
        .http2_prior_knowledge()
        .build()
        .expect("a client");
    let answer = two.get(&url).send().await.expect("answered");
    assert_eq!(
        (answer.version(), answer.status().as_u16()),
        (reqwest::Version::HTTP_2, 200)
    );
    let answer = client().get(&url).send().await.expect("answered");
    assert_eq!(
        (answer.version(), answer.status().as_u16()),
        (reqwest::Version::HTTP_11, 200)
    );
}

#[tokio::test]
async fn a_head_beyond_all_measure_ends_the_connection_and_nothing_else() {
    // The library that reads requests refuses it before any code of ours sees it, so this is the one refusal without a problem.
    let app = start(Listen::default(), None);
    let address = app.base.trim_start_matches("http://");
    let mut stream = TcpStream::connect(address).await.expect("it listens");
    let _ = stream
        .write_all(format!("GET /?{} HTTP/1.1\r\n", "a".repeat(1_000_000)).as_bytes())
        .await;
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    let answer = String::from_utf8_lossy(&answer);
    assert!(
        answer.is_empty() || answer.starts_with("HTTP/1.1 431 "),
        "{answer}"
    );
    let next = client()
        .get(format!("{}/large", app.base))
        .send()
        .await
        .expect("answered");
    assert_eq!(next.status(), 200);
}

fn write_pair(directory: &Path) -> String {
    let pair = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).expect("generated");
    std::fs::write(directory.join("tls.crt"), pair.cert.pem()).expect("written");
    std::fs::write(directory.join("tls.key"), pair.signing_key.serialize_pem()).expect("written");
    pair.cert.pem()
}

fn trusting(certificate: &str) -> reqwest::Client {
    let certificate =
        reqwest::Certificate::from_pem(certificate.as_bytes()).expect("a certificate");
    reqwest::Client::builder()
        .tls_certs_only([certificate])
        .build()
        .expect("a client")
}

#[tokio::test]
async fn a_new_certificate_is_taken_without_dropping_a_request() {
    tls::install_crypto_provider();
    let directory = tempfile::tempdir().expect("a folder");
    let first = write_pair(directory.path());
    let files = TlsFiles {
        certificate: directory.path().join("tls.crt"),
        key: directory.path().join("tls.key"),
    };
    let certificate = Certificate::load(&files).expect("a pair");
    let app = start(Listen::default(), Some(&certificate));
    let (slow, large) = (format!("{}/slow", app.base), format!("{}/large", app.base));
    let old = trusting(&first);
    let warm = old.get(&large).send().await.expect("trusted");
    assert_eq!(
        warm.version(),
        reqwest::Version::HTTP_2,
        "TLS offers HTTP/2"
    );
    drop(warm);
    let under_way = tokio::spawn(old.get(&slow).send());
    let second = write_pair(directory.path());
    certificate.reload().expect("a new pair");
    assert_eq!(
        trusting(&second)
            .get(&large)
            .send()
            .await
            .expect("the new one")
            .status(),
        200
    );
    assert!(
        trusting(&first).get(&large).send().await.is_err(),
        "the old one is gone"
    );
    assert_eq!(
        old.get(&large)
            .send()
            .await
            .expect("its connection stays")
            .status(),
        200
    );
    app.gate.open.add_permits(1);
    assert_eq!(
        under_way
            .await
            .expect("no panic")
            .expect("answered")
            .status(),
        200
    );
}
