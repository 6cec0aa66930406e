//! Every way to send an event ends in the same record.

use crate::harness::{Api, event, send};

#[tokio::test]
async fn structured_batched_plain_and_ndjson_events_become_the_same_record() {
    let api = Api::start().await;
    let more = r#""subject":"a","data":{"n": 1.0}"#;
    for (id, content_type, open, close) in [
        ("1", "application/cloudevents+json; charset=utf-8", "", ""),
        ("2", "application/cloudevents-batch+json", "[", "]"),
        ("3", "application/json", "", ""),
        ("4", "application/json", "[", "]"),
        ("5", "application/x-ndjson", "", "\n"),
    ] {
        let reply = api
            .send(content_type, format!("{open}{}{close}", event(id, more)))
            .await;
        assert_eq!(
            (reply.status, &reply.json["accepted"]),
            (202, &1.into()),
            "{content_type}: {reply:?}"
        );
    }
    let binary = api
        .post()
        .header("ce-specversion", "1.0")
        .header("ce-id", "6")
        .header("ce-source", "shop-1");
    let binary = binary
        .header("ce-type", "sold")
        .header("ce-subject", "a")
        .body(r#"{"n": 1.0}"#);
    assert_eq!(send(binary).await.status, 202);
    for (index, record) in api.records(6).await.iter().enumerate() {
        assert_eq!(record.headers["ce_id"], (index + 1).to_string());
        assert_eq!(record.headers["ce_source"], "shop-1");
        assert_eq!(record.headers["ce_type"], "sold");
        assert_eq!(record.headers["ce_subject"], "a");
        assert_eq!(
            record.value.as_deref(),
            Some(&br#"{"n": 1.0}"#[..]),
            "the bytes of data are untouched"
        );
        assert!(
            !record.headers.contains_key("ce_time"),
            "neither a time nor a UUIDv7"
        );
        assert!(record.headers.contains_key("ce_recordedtime"));
    }
}

#[tokio::test]
async fn binary_data_its_type_and_its_attributes_are_kept() {
    let api = Api::start().await;
    let request = api
        .post()
        .header("ce-specversion", "1.0")
        .header("ce-id", "1")
        .header("ce-source", "%2Fcaf%C3%A9");
    let request = request
        .header("ce-type", "t")
        .header("ce-partitionkey", "k")
        .header("content-type", "image/png");
    assert_eq!(send(request.body(vec![0, 255, 7])).await.status, 202);
    let record = &api.records(1).await[0];
    assert_eq!(record.value.as_deref(), Some(&[0, 255, 7][..]));
    assert_eq!(record.key.as_deref(), Some("k"));
    assert_eq!(record.headers["content-type"], "image/png");
    assert_eq!(record.headers["ce_source"], "/caf\u{e9}");
}

#[tokio::test]
async fn an_event_without_an_id_is_given_one_that_holds_its_time() {
    let api = Api::start().await;
    let reply = api.plain(r#"{"source":"s","type":"t"}"#).await;
    let record = &api.records(1).await[0];
    let id = &record.headers["ce_id"];
    let millis = i64::try_from(event::uuid_v7_millis(id).expect("a UUIDv7")).expect("a time");
    let time = event::Timestamp::from_millis(millis);
    assert_eq!(record.headers["ce_time"], time.to_string());
    assert_eq!(
        reply.json["events"][0]["uid"],
        event::Uid::of(time, "s", id).to_string()
    );
}

#[tokio::test]
async fn the_trace_of_a_request_goes_on_with_its_events() {
    let api = Api::start().await;
    let (of_request, of_event) = (
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "00-11111111111111111111111111111111-2222222222222222-01",
    );
    let own = format!("\"traceparent\":\"{of_event}\"");
    let body = format!("[{},{}]", event("1", ""), event("2", &own));
    let request = api
        .post()
        .header("content-type", "application/json")
        .header("traceparent", of_request);
    assert_eq!(send(request.body(body)).await.status, 202);
    let records = api.records(2).await;
    assert_eq!(records[0].headers["traceparent"], of_request);
    assert_eq!(records[1].headers["traceparent"], of_event);
}

#[tokio::test]
async fn prefer_minimal_leaves_the_accepted_events_out() {
    let api = Api::start().await;
    let body = format!("[{},{{}},{}]", event("1", ""), event("2", ""));
    let request = api
        .post()
        .header("content-type", "application/json")
        .header("prefer", "return=minimal");
    let reply = send(request.body(body)).await;
    assert_eq!(
        (reply.status, reply.header("preference-applied")),
        (207, "return=minimal")
    );
    assert_eq!(
        (
            &reply.json["accepted"],
            reply.json["events"].as_array().map(Vec::len)
        ),
        (&2.into(), Some(1))
    );
    assert_eq!(reply.json["events"][0]["index"], 1);
}
