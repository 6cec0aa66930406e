use actix_web::test::TestRequest;

use super::*;

fn key(requests: Option<u32>, events: Option<u32>) -> Key {
    Key {
        id: "k".to_owned(),
        name: String::new(),
        sha256: [0; 32],
        scopes: Vec::new(),
        sources: Vec::new(),
        expires: None,
        disabled: false,
        requests_per_second: requests,
        events_per_second: events,
    }
}

fn limits(requests: u32, events: u32) -> Limits {
    let burst = Duration::from_secs(1);
    Limits::new(RateLimits {
        concurrent_requests: 0,
        requests_per_second: requests,
        events_per_second: events,
        burst,
    })
}

#[test]
fn a_key_without_a_rate_is_not_limited() {
    let (limits, request) = (limits(0, 0), TestRequest::default().to_http_request());
    for _ in 0..1_000 {
        limits
            .admit_request(&request, &key(None, None))
            .expect("no rate, no limit");
    }
}

#[test]
fn a_keys_own_rate_wins_over_the_default_and_the_answer_says_when_to_come_again() {
    let (limits, request) = (limits(1_000, 0), TestRequest::default().to_http_request());
    let key = key(Some(2), None);
    assert!(
        limits.admit_request(&request, &key).is_ok()
            && limits.admit_request(&request, &key).is_ok()
    );
    let problem = limits
        .admit_request(&request, &key)
        .expect_err("the third is one too many");
    assert_eq!(problem.status().as_u16(), 429);
    assert_eq!(
        problem
            .respond(None)
            .headers()
            .get("retry-after")
            .expect("present"),
        "1"
    );
    let mut headers = HeaderMap::new();
    write_fields(&request, &mut headers);
    let policy = headers
        .get("ratelimit-policy")
        .expect("present")
        .to_str()
        .expect("ascii");
    assert!(policy.starts_with("\"requests\";q=2;w=1"), "{policy}");
    let state = headers
        .get("ratelimit")
        .expect("present")
        .to_str()
        .expect("ascii");
    assert!(
        state.starts_with("\"requests\";r=1;t=1") && state.contains("r=0"),
        "{state}"
    );
}

#[test]
fn a_batch_larger_than_the_burst_takes_the_whole_burst_and_passes() {
    let (limits, request) = (limits(0, 10), TestRequest::default().to_http_request());
    let key = key(None, None);
    limits
        .admit_events(&request, &key, 1_000)
        .expect("an empty history admits any batch");
    assert!(limits.admit_events(&request, &key, 1).is_err());
}

#[test]
fn new_defaults_hold_for_the_next_request() {
    let (limits, request) = (limits(1, 0), TestRequest::default().to_http_request());
    let key = key(None, None);
    limits.admit_request(&request, &key).expect("the first");
    assert!(limits.admit_request(&request, &key).is_err());
    limits.set_defaults(RateLimits {
        requests_per_second: 0,
        ..RateLimits::default()
    });
    limits
        .admit_request(&request, &key)
        .expect("the limit is gone");
}
