//! `Server-Timing`: how long a request took, and how much of that the database.

use std::time::{Duration, Instant};

use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use actix_web::{HttpMessage, HttpRequest};

/// Time that a request has spent with the database so far.
#[derive(Debug, Clone, Copy, Default)]
struct Database(Duration);

/// Waits for an answer of the database, and counts how long it took.
pub async fn database<T>(request: &HttpRequest, asked: impl Future<Output = T>) -> T {
    let started = Instant::now();
    let answer = asked.await;
    let elapsed = started.elapsed();
    let mut extensions = request.extensions_mut();
    let before = extensions.get::<Database>().copied().unwrap_or_default();
    extensions.insert(Database(before.0 + elapsed));
    answer
}

/// Tells it, of requests that asked the database.
pub(super) fn write(request: &HttpRequest, headers: &mut HeaderMap, total: Duration) {
    let Some(Database(database)) = request.extensions().get::<Database>().copied() else {
        return;
    };
    let millis = |time: Duration| time.as_secs_f64() * 1_000.0;
    let text = format!(
        "db;dur={:.1}, total;dur={:.1}",
        millis(database),
        millis(total)
    );
    if let Ok(value) = HeaderValue::from_str(&text) {
        headers.insert(HeaderName::from_static("server-timing"), value);
    }
}
