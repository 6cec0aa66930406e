//! The body of a failure.

use actix_web::ResponseError;
use serde_json::json;

use super::*;

#[test]
fn the_body_is_rfc_9457_with_its_own_members_and_the_request_id() {
    let problem = Problem::new(ErrorCode::InvalidParameter, "limit must be 1 to 1000")
        .with("parameter", "limit");
    assert_eq!(
        problem.to_json(Some("r1")),
        json!({
            "type": "/problems/invalid-parameter", "title": "Invalid parameter", "status": 400,
            "detail": "limit must be 1 to 1000", "parameter": "limit", "request_id": "r1",
        })
    );
    let response = problem.error_response();
    assert_eq!(
        response.headers().get("content-type").expect("present"),
        CONTENT_TYPE
    );
}

#[test]
fn names_are_unique_and_fit_into_a_uri() {
    let mut names: Vec<_> = ErrorCode::ALL.iter().map(|code| code.name()).collect();
    assert!(names.iter().all(|name| {
        name.bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
    }));
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), ErrorCode::ALL.len());
}

#[test]
fn a_wait_of_less_than_a_second_is_told_as_one() {
    for (wait, expected) in [(0, "1"), (200, "1"), (1_000, "1"), (1_001, "2")] {
        let problem =
            Problem::new(ErrorCode::Unavailable, "later").retry_after(Duration::from_millis(wait));
        assert_eq!(
            problem
                .respond(None)
                .headers()
                .get("retry-after")
                .expect("present"),
            expected
        );
    }
}

#[test]
fn a_header_that_cannot_be_sent_is_left_out() {
    let problem = Problem::new(ErrorCode::BadRequest, "x").with_header("x-test", "a\r\nb");
    assert!(problem.respond(None).headers().get("x-test").is_none());
}

#[test]
fn every_status_has_a_code_of_its_own_class() {
    for status in 400..600u16 {
        let status = StatusCode::from_u16(status).expect("a status");
        let code = ErrorCode::of_status(status);
        assert_eq!(
            code.status().is_server_error(),
            status.is_server_error(),
            "{status}"
        );
        assert_eq!(of_status(status).status(), status);
    }
}
