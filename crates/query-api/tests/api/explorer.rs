//! The page at `/`.

use crate::support::{TestApp, answer};

#[tokio::test]
async fn the_page_needs_no_key_and_may_load_nothing_from_elsewhere() {
    let app = TestApp::start().await;
    let page = answer(app.request("GET", "/?range=1h&source=a&open=x")).await;
    assert_eq!(page.status, 200);
    assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
    assert_eq!(page.header("cache-control"), "no-cache");
    assert_eq!(page.header("x-content-type-options"), "nosniff");
    let policy = page.header("content-security-policy");
    for part in [
        "default-src 'none'",
        "script-src 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
    ] {
        assert!(policy.contains(part), "{policy}");
    }
    assert!(!policy.contains("unsafe"), "{policy}");
    // What the page names is there; a build without the Explorer names nothing but the way to it.
    let names = page
        .body
        .split('"')
        .filter_map(|text| text.strip_prefix("./"));
    let mut count = 0;
    for name in names {
        let file = answer(app.request("GET", &format!("/{name}"))).await;
        assert_eq!(file.status, 200, "{name}");
        let kind = file.header("content-type");
        let expected = match name.rsplit_once('.').map(|(_, ending)| ending) {
            Some("js") => "text/javascript",
            Some("css") => "text/css",
            _ => "image/",
        };
        assert!(kind.starts_with(expected), "{name} is {kind}");
        let is_hashed = name.starts_with("assets/");
        assert_eq!(
            file.header("cache-control").contains("immutable"),
            is_hashed,
            "{name}"
        );
        count += 1;
    }
    assert!(
        count >= 2 || page.body.contains("npm run build"),
        "{}",
        page.body
    );
}

#[tokio::test]
async fn only_files_of_the_page_are_served_and_data_is_never_a_page() {
    let app = TestApp::start().await;
    for path in [
        "/index.html.bak",
        "/assets/",
        "/assets/../Cargo.toml",
        "/assets/%2e%2e/index.html",
        "/assets/none.js",
    ] {
        let refused = answer(app.request("GET", path)).await;
        assert_eq!(refused.status, 404, "{path}");
        assert_eq!(
            refused.header("content-type"),
            "application/problem+json",
            "{path}"
        );
    }
    for path in ["/v1", "/v1/events", "/v1/whoami"] {
        let data = answer(
            app.request("GET", path)
                .bearer_auth(&app.reader)
                .header("accept", "text/html"),
        )
        .await;
        assert_eq!(data.header("content-type"), "application/json", "{path}");
        assert_eq!(data.header("x-content-type-options"), "nosniff", "{path}");
    }
}
