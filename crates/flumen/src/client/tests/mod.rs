pub(crate) mod fake;

use self::fake::{Fake, Reply};
use super::*;

pub(crate) fn client(fake: &Fake, retry_for: Patience) -> Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::new(&Options {
        url: fake.url.clone(),
        key: SecretString::from("fl_abcdefgh_secret"),
        timeout: Duration::from_millis(400),
        retry_for,
        connections: 4,
        ca: None,
    })
    .expect("make a client")
}

const PATIENT: Patience = Patience::For(Duration::from_secs(20));

fn two_events() -> Request {
    Request::new(
        "application/cloudevents-batch+json",
        Bytes::from_static(br#"[{"id":"1"},{"id":"2"}]"#),
        2,
    )
}

fn outcomes(status: u16, body: &str) -> Reply {
    Reply::Answer(status, None, body.to_owned())
}

#[tokio::test]
async fn what_may_succeed_later_is_sent_again_whole() {
    let fake = Fake::start(|number, seen| match number {
        0 => Reply::status(503),
        1 => Reply::status(429),
        2 => Reply::Close,
        3 => Reply::Half,
        4 => Reply::Hang,
        5 => outcomes(
            503,
            r#"{"accepted":1,"rejected":1,"events":[{"index":1,"status":503}]}"#,
        ),
        _ => Reply::accept(seen),
    })
    .await;
    let mut attempts = Vec::new();
    let answer = client(&fake, PATIENT)
        .send(&two_events(), |attempt| attempts.push(attempt))
        .await
        .expect("it succeeds in the end");
    assert_eq!((answer.accepted, answer.rejected.len()), (2, 0));
    assert_eq!(
        attempts,
        [
            Attempt::Status(503),
            Attempt::Status(429),
            Attempt::Disconnected,
            Attempt::Disconnected,
            Attempt::TimedOut,
            Attempt::Status(503),
            Attempt::Status(202),
        ]
    );
    let seen = fake.seen();
    assert!(seen.iter().all(|request| request.body == seen[0].body));
}

#[tokio::test]
async fn the_server_says_when_to_come_back() {
    let fake = Fake::start(|number, seen| match number {
        0 => Reply::Answer(503, Some(("retry-after", "1")), "{}".to_owned()),
        _ => Reply::accept(seen),
    })
    .await;
    let started = Instant::now();
    client(&fake, PATIENT)
        .send(&two_events(), |_| {})
        .await
        .expect("the second attempt succeeds");
    assert!(started.elapsed() >= Duration::from_secs(1));
}

#[tokio::test]
async fn patience_ends_with_what_was_met_last() {
    let fake = Fake::start(|_, _| Reply::status(503)).await;
    let error = client(&fake, Patience::For(Duration::from_millis(300)))
        .send(&two_events(), |_| {})
        .await
        .expect_err("it never succeeds");
    assert!(
        matches!(error, SendError::GaveUp { attempts: 2.., .. }),
        "{error}"
    );
    assert!(
        error.to_string().contains("503 of-503: a reason"),
        "{error}"
    );
}

#[tokio::test]
async fn nobody_listening_is_transient_and_named() {
    let fake = Fake::start(|_, _| Reply::Close).await;
    let mut client = client(&fake, Patience::For(Duration::ZERO));
    client.url = "http://127.0.0.1:1/v1/events".parse().expect("a URL");
    let error = client
        .send(&two_events(), |_| {})
        .await
        .expect_err("nobody there");
    assert!(matches!(error, SendError::GaveUp { .. }));
    assert!(
        error.to_string().contains("cannot connect to 127.0.0.1:1"),
        "{error}"
    );
}

#[tokio::test]
async fn outcomes_of_each_event_are_told() {
    let fake = Fake::start(|_, _| {
        outcomes(207, r#"{"accepted":1,"rejected":1,"events":[{"index":0,"uid":"u","status":202},
            {"index":1,"status":422,"type":"/problems/too-deep","detail":"d","pointer":"/data/a"}]}"#)
    })
    .await;
    let answer = client(&fake, PATIENT)
        .send(&two_events(), |_| {})
        .await
        .expect("an answer");
    assert_eq!(answer.accepted, 1);
    assert_eq!(answer.accepted_events[0].uid.as_deref(), Some("u"));
    let rejected = &answer.rejected[0];
    assert_eq!((rejected.index, rejected.reason()), (1, "too-deep"));
    assert_eq!(rejected.pointer.as_deref(), Some("/data/a"));
}

#[tokio::test]
async fn a_refusal_of_every_event_is_an_answer_and_not_a_failure() {
    let fake = Fake::start(|_, seen| Reply::judge(seen, |_| Some("source-forbidden"))).await;
    let answer = client(&fake, PATIENT)
        .send(&two_events(), |_| {})
        .await
        .expect("an answer");
    assert_eq!((answer.accepted, answer.rejected.len()), (0, 2));
}

#[tokio::test]
async fn an_answer_that_does_not_add_up_is_refused() {
    for body in [
        r#"{"accepted":1,"rejected":0,"events":[]}"#,
        r#"{"accepted":2,"rejected":1,"events":[]}"#,
        r#"{"accepted":1,"rejected":1,"events":[]}"#,
        r#"{"accepted":0,"rejected":2,"events":[{"index":1,"status":422},{"index":1,"status":422}]}"#,
        r#"{"accepted":1,"rejected":1,"events":[{"index":2,"status":422}]}"#,
        "<html>hello</html>",
    ] {
        let fake = Fake::start(move |_, _| outcomes(202, body)).await;
        let error = client(&fake, PATIENT)
            .send(&two_events(), |_| {})
            .await
            .expect_err("it does not add up");
        assert!(matches!(error, SendError::Protocol(_)), "{body}: {error}");
    }
}

#[tokio::test]
async fn refusals_of_the_request_teach_and_are_not_repeated() {
    for (status, part) in [
        (401, "FLUMEN_PRODUCER_KEY"),
        (403, "scope `ingest`"),
        (404, "ingest-api"),
    ] {
        let fake = Fake::start(move |_, _| Reply::status(status)).await;
        let error = client(&fake, PATIENT)
            .send(&two_events(), |_| {})
            .await
            .expect_err("refused");
        assert!(matches!(error, SendError::Refused(_)));
        assert!(error.to_string().contains(part), "{error}");
        assert_eq!(fake.seen().len(), 1);
    }
    let fake = Fake::start(|_, _| Reply::status(413)).await;
    let error = client(&fake, PATIENT).send(&two_events(), |_| {}).await;
    assert!(matches!(error, Err(SendError::TooLarge(_))));
}

#[tokio::test]
async fn requests_carry_key_type_encoding_and_preference() {
    let fake = Fake::start(|_, seen| Reply::accept(seen)).await;
    let client = client(&fake, PATIENT);
    let mut request = two_events();
    request.bytes = Encoder::new(Compression::Zstd)
        .and_then(|mut encoder| encoder.encode(&request.bytes))
        .expect("zstd")
        .into();
    request.compression = Compression::Zstd;
    client.send(&request, |_| {}).await.expect("accepted");
    let seen = &fake.seen()[0];
    assert_eq!(seen.head, "POST /v1/events HTTP/1.1");
    assert_eq!(seen.headers["authorization"], "Bearer fl_abcdefgh_secret");
    assert_eq!(seen.headers["content-encoding"], "zstd");
    assert_eq!(seen.headers["prefer"], "return=minimal");
    assert!(
        !format!("{client:?}").contains("secret"),
        "the key leaks into Debug"
    );
}

#[test]
fn a_base_url_may_have_a_path() {
    let url = base_url("https://example.com/flumen").expect("a URL");
    assert_eq!(
        url.join("v1/events").expect("joins").as_str(),
        "https://example.com/flumen/v1/events"
    );
    assert!(base_url("localhost:8080").is_err());
}
