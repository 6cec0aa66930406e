//! Who is let in, and what a broken file does.

use actix_web::HttpRequest;
use actix_web::test::TestRequest;
use secrecy::ExposeSecret;

use super::*;
use crate::config::KeysConfig;

fn new_key(scope: Scope, sources: &[&str]) -> NewKey {
    let sources: Vec<_> = sources
        .iter()
        .map(|text| SourcePattern::parse(text).expect("a pattern"))
        .collect();
    create("a test", &[scope], &sources, None).expect("the system has randomness")
}

fn request(authorization: &str) -> HttpRequest {
    TestRequest::default()
        .insert_header(("authorization", authorization))
        .to_http_request()
}

fn bearer(key: &NewKey) -> HttpRequest {
    request(&format!("Bearer {}", key.token.expose_secret()))
}

#[test]
fn a_created_key_is_let_in_by_the_entry_it_came_with() {
    let new = new_key(Scope::Ingest, &["billing", "shop-*"]);
    let store = KeyStore::from_text(&new.entry).expect("the entry is valid");
    let key = authenticate(&bearer(&new), &store, Scope::Ingest).expect("let in");
    assert_eq!(key.id, new.id);
    assert!(key.may_use("billing") && key.may_use("shop-7") && key.may_use("shop-"));
    assert!(!key.may_use("billing2") && !key.may_use("sho") && !key.may_use_all());
}

#[test]
fn whatever_is_wrong_with_a_token_gets_one_and_the_same_answer() {
    let good = new_key(Scope::Read, &["*"]);
    let stranger = new_key(Scope::Read, &["*"]);
    let revoked = new_key(Scope::Read, &["*"]);
    let expired = new_key(Scope::Read, &["*"]);
    let text = format!(
        "{}\n{}disabled = true\n\n{}expires = 2020-01-01T00:00:00Z\n",
        good.entry, revoked.entry, expired.entry
    );
    let store = KeyStore::from_text(&text).expect("valid");
    assert!(authenticate(&bearer(&good), &store, Scope::Read).is_ok());
    // The right id with another secret, whose checksum holds.
    let forged = new_key(Scope::Read, &["*"]);
    let forged_text = text.replace(&good.id, &forged.id);
    let forged_store = KeyStore::from_text(&forged_text).expect("valid");

    let two_headers = TestRequest::default()
        .append_header((
            "authorization",
            format!("Bearer {}", good.token.expose_secret()),
        ))
        .append_header(("authorization", "Bearer other"))
        .to_http_request();
    let wrong = [
        (TestRequest::default().to_http_request(), &store),
        (request("Bearer"), &store),
        (request("Bearer "), &store),
        (request("Basic dXNlcjpwYXNz"), &store),
        (
            request(&format!("Bearer fl_{}", "x".repeat(10_000))),
            &store,
        ),
        (bearer(&stranger), &store),
        (bearer(&revoked), &store),
        (bearer(&expired), &store),
        (bearer(&forged), &forged_store),
        (two_headers, &store),
    ];
    let mut bodies = Vec::new();
    for (request, store) in &wrong {
        let problem = authenticate(request, store, Scope::Read).expect_err("not let in");
        let response = problem.respond(None);
        assert_eq!(response.status().as_u16(), 401);
        let challenge = response.headers().get("www-authenticate").expect("present");
        assert!(challenge.to_str().expect("ascii").starts_with("Bearer"));
        bodies.push(problem.to_json(None).to_string());
    }
    bodies.dedup();
    assert_eq!(bodies.len(), 1, "{bodies:?}");
}

#[test]
fn a_key_without_the_scope_is_forbidden() {
    let new = new_key(Scope::Read, &["*"]);
    let store = KeyStore::from_text(&new.entry).expect("valid");
    let problem = authenticate(&bearer(&new), &store, Scope::Ingest).expect_err("the wrong scope");
    assert_eq!(
        (problem.status().as_u16(), problem.name()),
        (403, "forbidden")
    );
}

#[test]
fn a_key_in_the_query_string_is_refused_even_when_it_is_good() {
    let new = new_key(Scope::Read, &["*"]);
    let store = KeyStore::from_text(&new.entry).expect("valid");
    let token = new.token.expose_secret();
    for query in [
        format!("api_key={token}"),
        format!("x={token}"),
        "access_token=abc".to_owned(),
    ] {
        let request = TestRequest::with_uri(&format!("/v1/events?{query}"))
            .insert_header(("authorization", format!("Bearer {token}")))
            .to_http_request();
        let problem = authenticate(&request, &store, Scope::Read).expect_err("refused");
        assert_eq!(
            (problem.status().as_u16(), problem.name()),
            (400, "key-in-query")
        );
        assert!(!problem.detail().contains(token));
    }
}

#[test]
fn a_reload_takes_new_keys_and_a_broken_file_keeps_the_old_ones() {
    let (first, second) = (new_key(Scope::Read, &["*"]), new_key(Scope::Read, &["*"]));
    let file = tempfile::NamedTempFile::new().expect("a temporary file");
    let write = |text: &str| std::fs::write(file.path(), text).expect("the file takes the text");
    write(&first.entry);
    let store = KeyStore::load(&KeysConfig {
        file: file.path().to_owned(),
    })
    .expect("valid");
    let in_use = store.get(&first.id).expect("known");

    write("[[keys]]\nid = ");
    let error = store.reload().expect_err("broken").to_string();
    assert!(
        error.contains(&file.path().display().to_string()),
        "{error}"
    );
    assert!(authenticate(&bearer(&first), &store, Scope::Read).is_ok());

    write(&second.entry);
    assert_eq!(store.reload().expect("valid"), 1);
    assert!(
        authenticate(&bearer(&first), &store, Scope::Read).is_err(),
        "revoked by its absence"
    );
    assert!(authenticate(&bearer(&second), &store, Scope::Read).is_ok());
    assert_eq!(in_use.id, first.id, "a request in progress keeps its key");
}

#[test]
fn an_entry_that_is_wrong_is_named_with_what_would_be_right() {
    let sha = "00".repeat(32);
    let entry = |id: &str, sha: &str, scopes: &str, sources: &str, more: &str| {
        format!(
            "[[keys]]\nid = \"{id}\"\nsha256 = \"{sha}\"\nscopes = {scopes}\nsources = {sources}\n{more}\n"
        )
    };
    let good = entry("abc", &sha, "[\"read\"]", "[\"*\"]", "");
    let cases = [
        (
            entry("a b", &sha, "[\"read\"]", "[\"*\"]", ""),
            "letters and digits",
        ),
        (
            entry("abc", "12", "[\"read\"]", "[\"*\"]", ""),
            "64 hexadecimal digits",
        ),
        (
            entry("abc", &"zz".repeat(32), "[\"read\"]", "[\"*\"]", ""),
            "64 hexadecimal digits",
        ),
        (
            entry("abc", &sha, "[\"write\"]", "[\"*\"]", ""),
            "no scope `write`",
        ),
        (entry("abc", &sha, "[]", "[\"*\"]", ""), "scopes is empty"),
        (
            entry("abc", &sha, "[\"read\"]", "[]", ""),
            "sources is empty",
        ),
        (
            entry("abc", &sha, "[\"read\"]", "[\"a*b\"]", ""),
            "only at its end",
        ),
        (
            entry(
                "abc",
                &sha,
                "[\"read\"]",
                "[\"*\"]",
                "expires = \"tomorrow\"",
            ),
            "2027-01-01T00:00:00Z",
        ),
        (
            entry("abc", &sha, "[\"read\"]", "[\"*\"]", "expires = 2027-01-01"),
            "2027-01-01T00:00:00Z",
        ),
        (
            entry("abc", &sha, "[\"read\"]", "[\"*\"]", "color = 1"),
            "color",
        ),
        (format!("{good}{good}"), "same id"),
    ];
    for (text, expected) in cases {
        let error = parse(&text, Path::new("keys.toml"))
            .expect_err(expected)
            .to_string();
        assert!(
            error.contains("keys.toml") && error.contains(expected),
            "{error}"
        );
    }
    let error = KeyStore::load(&KeysConfig::default())
        .expect_err("unset")
        .to_string();
    assert!(error.contains("flumen keys create"), "{error}");
}
