//! Events that break a rule, and events that come twice (cases 8 to 11, 13 and 15).

use crate::harness::{Api, event, send};

/// Sends an event with these members between two good ones, and says how it was refused.
async fn refusal(api: &Api, members: &str) -> (u64, String, String) {
    let reply = api
        .plain(format!(
            "[{},{},{}]",
            event("a", ""),
            event("b", members),
            event("c", "")
        ))
        .await;
    assert_eq!(
        (reply.status, &reply.json["accepted"]),
        (207, &2.into()),
        "{members}: {reply:?}"
    );
    let (kind, pointer) = reply.outcome(1);
    (reply.statuses()[1], kind.to_owned(), pointer.to_owned())
}

async fn assert_refused(api: &Api, cases: &[(&str, &str, &str)]) {
    for (members, kind, pointer) in cases {
        let expected = (422, format!("/problems/{kind}"), (*pointer).to_owned());
        assert_eq!(refusal(api, members).await, expected, "{members}");
    }
}

#[tokio::test]
async fn case_08_numbers_beyond_numeric_are_refused_and_others_kept_exactly() {
    let api = Api::start().await;
    let digits = "7".repeat(10_000);
    assert_refused(
        &api,
        &[
            (r#""data":{"a":1e131000}"#, "number-too-long", "/data/a"),
            (
                &format!(r#""data":[{digits}]"#),
                "number-too-long",
                "/data/0",
            ),
            (r#""data":{"a":NaN}"#, "not-a-number", "/data/a"),
        ],
    )
    .await;
    let api = Api::start().await;
    let big = "12345678901234567890123456789.00";
    assert_eq!(
        api.plain(event("1", &format!("\"data\":{big}")))
            .await
            .status,
        202
    );
    assert_eq!(
        api.records(1).await[0].value.as_deref(),
        Some(big.as_bytes())
    );
}

#[tokio::test]
async fn case_09_text_that_postgresql_cannot_hold_is_refused() {
    let api = Api::start().await;
    assert_refused(
        &api,
        &[
            (r#""data":{"a":"\u0000"}"#, "nul-character", "/data/a"),
            (r#""data":{"\u0000":1}"#, "nul-character", "/data/\0"),
            (r#""data":["\ud800"]"#, "lone-surrogate", "/data/0"),
            (r#""subject":"a\u0000""#, "nul-character", "/subject"),
        ],
    )
    .await;
    assert_eq!(
        api.plain(&b"{\"source\":\"\xff\"}"[..]).await.kind(),
        "/problems/malformed-json"
    );
    let binary = api
        .post()
        .header("ce-specversion", "1.0")
        .header("ce-id", "1")
        .header("ce-source", "s");
    let reply = send(binary.header("ce-type", "t").header("ce-subject", "%C0%A0")).await;
    assert_eq!(
        (reply.status, reply.kind()),
        (422, "/problems/invalid-encoding")
    );
    assert_eq!(reply.json["pointer"], "/subject");
}

#[tokio::test]
async fn case_10_attributes_that_break_a_rule_are_named_by_a_pointer() {
    let api = Api::start().await;
    for (body, kind, pointer) in [
        (r#"{"type":"t"}"#, "missing-attribute", "/source"),
        (r#"{"source":"s"}"#, "missing-attribute", "/type"),
        (r#"{"source":7,"type":"t"}"#, "wrong-type", "/source"),
        (
            r#"{"source":"s","type":"t","specversion":"0.3"}"#,
            "unsupported-specversion",
            "/specversion",
        ),
        (
            r#"{"source":"s","type":"t","userId":"1"}"#,
            "invalid-attribute-name",
            "/userId",
        ),
        (
            r#"{"source":"s","type":"t","uid":"1"}"#,
            "reserved-attribute",
            "/uid",
        ),
    ] {
        let reply = api.plain(body).await;
        assert_eq!(
            (reply.status, reply.kind()),
            (422, format!("/problems/{kind}").as_str()),
            "{body}"
        );
        assert_eq!(reply.json["pointer"], pointer, "{body}");
    }
}

#[tokio::test]
async fn case_11_times_that_are_no_times_or_out_of_range_are_refused() {
    let api = Api::start().await;
    for time in [
        "now",
        "2026-02-30T00:00:00Z",
        "2026-11-21T11:41:28",
        "0000-01-01T00:00:00Z",
    ] {
        assert_refused(
            &api,
            &[(&format!("\"time\":\"{time}\""), "time-invalid", "/time")],
        )
        .await;
    }
    for time in ["2199-01-01T00:00:00Z", "1999-01-01T00:00:00Z"] {
        assert_refused(
            &api,
            &[(
                &format!("\"time\":\"{time}\""),
                "time-out-of-range",
                "/time",
            )],
        )
        .await;
    }
}

#[tokio::test]
async fn case_13_the_same_event_is_accepted_each_time_under_the_same_uid() {
    let api = Api::start().await;
    let time = event::Timestamp::now();
    let same = event("1", &format!("\"time\":\"{time}\""));
    let twice = api.plain(format!("[{same},{same}]")).await;
    let (one, other) = tokio::join!(api.plain(same.clone()), api.plain(same.clone()));
    let uid = &twice.json["events"][0]["uid"];
    for reply in [&twice, &one, &other] {
        assert_eq!(reply.status, 202);
        for outcome in reply.json["events"].as_array().expect("outcomes") {
            assert_eq!(&outcome["uid"], uid);
        }
    }
    api.records(4).await;
}

#[tokio::test]
async fn case_15_cloud_events_of_the_wrong_shape_are_refused_and_the_mode_is_named() {
    let api = Api::start().await;
    let bare = r#"{"source":"s","type":"t","id":"1"}"#;
    let both = event("1", r#""data":1,"data_base64":"AA==""#);
    for (content_type, body, status, kind, word) in [
        (
            "application/cloudevents+json",
            bare,
            422,
            "missing-attribute",
            "structured",
        ),
        (
            "application/cloudevents+json",
            both.as_str(),
            422,
            "data-conflict",
            "structured",
        ),
        (
            "application/cloudevents-batch+json",
            bare,
            400,
            "not-an-array",
            "batch",
        ),
        (
            "application/cloudevents+json",
            "[]",
            400,
            "not-an-object",
            "structured",
        ),
    ] {
        let reply = api.send(content_type, body.to_owned()).await;
        assert_eq!(
            (reply.status, reply.kind()),
            (status, format!("/problems/{kind}").as_str()),
            "{reply:?}"
        );
        assert!(
            reply.json["detail"]
                .as_str()
                .expect("a detail")
                .contains(word),
            "{reply:?}"
        );
    }
}
