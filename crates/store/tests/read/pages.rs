//! Pages and what they show.

use std::borrow::Cow;

use devstack::testing::eventually;
use event::{Data, ExtensionValue};
use serde_json::{Value, json};
use store::read::{Order, PatternSet};

use crate::support::{NOON, PATIENCE, Store, event, ids, query, sources};

#[tokio::test]
async fn what_the_writer_stores_is_shown_with_every_attribute_and_type() {
    let store = Store::start().await;
    let mut full = event("shop", "id\u{1f600}\"\\\t", NOON + 1);
    full.subject = Some(Cow::Borrowed("cart/7"));
    full.dataschema = Some(Cow::Borrowed("https://example.com/s"));
    full.datacontenttype = Some(Cow::Borrowed("application/json"));
    full.traceparent = Some(Cow::Borrowed(
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    ));
    full.extensions.push(
        Cow::Borrowed("tenant"),
        ExtensionValue::Text(Cow::Borrowed("t\"1")),
    );
    full.extensions.push(
        Cow::Borrowed("retries"),
        ExtensionValue::Number(Cow::Borrowed("3")),
    );
    full.extensions
        .push(Cow::Borrowed("dry"), ExtensionValue::Bool(true));
    full.data = Data::Json(Cow::Borrowed(
        b"{\"n\": 1.50, \"big\": 123456789012345678901234567890}",
    ));
    let mut bytes = event("shop", "2", NOON + 2);
    bytes.datacontenttype = Some(Cow::Borrowed("image/png"));
    bytes.data = Data::Bytes(Cow::Borrowed(b"\x89PNG"));
    let mut nothing = event("shop", "3", NOON + 3);
    nothing.data = Data::None;
    let mut null = event("shop", "4", NOON + 4);
    null.data = Data::Json(Cow::Borrowed(b"null"));
    let events = [full, bytes, nothing, null];
    store.write(3, 40, &[]).await;
    store.write(0, 0, &events).await;

    let page = store
        .reader
        .page(&query(sources(&["*"]), 10))
        .await
        .expect("a page");
    let shown: Vec<Value> = page
        .events
        .iter()
        .map(|json| serde_json::from_slice(json).expect("JSON"))
        .collect();
    let expected = json!({
        "specversion": "1.0", "uid": events[0].uid().to_string(), "id": "id\u{1f600}\"\\\t", "source": "shop", "type": "test.happened",
        "time": "2026-01-15T12:00:00.000001Z", "subject": "cart/7", "datacontenttype": "application/json",
        "dataschema": "https://example.com/s", "tenant": "t\"1", "retries": 3, "dry": true,
        "traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "recordedtime": "2026-01-15T12:00:00Z",
        "kafkapartition": 0, "kafkaoffset": 0, "data": shown[0]["data"],
    });
    assert_eq!(shown[0], expected);
    let text =
        String::from_utf8(page.events.iter().next().expect("the first").to_vec()).expect("UTF-8");
    assert!(
        text.contains("1.50") && text.contains("123456789012345678901234567890"),
        "{text}"
    );
    assert_eq!(
        (&shown[1]["data_base64"], shown[1].get("data")),
        (&json!("iVBORw=="), None)
    );
    assert_eq!(
        (shown[2].get("data"), shown[2].get("data_base64")),
        (None, None)
    );
    assert_eq!(shown[3].get("data"), Some(&Value::Null));
    let array: Vec<Value> = serde_json::from_slice(
        &[b"[".to_vec(), page.events.into_members(), b"]".to_vec()].concat(),
    )
    .expect("JSON");
    assert_eq!(array, shown);
}

#[tokio::test]
async fn a_prefix_shows_the_sources_it_stands_for_and_new_ones_soon() {
    let store = Store::start().await;
    let events: Vec<_> = (0..200)
        .map(|n| {
            event(
                ["shop-1", "bank", "shop-2", "clinic"][n % 4],
                format!("{n:03}"),
                NOON + n as i64,
            )
        })
        .collect();
    store.write(0, 0, &events).await;
    let expected: Vec<String> = (0..200)
        .filter(|n| n % 2 == 0)
        .map(|n| format!("{n:03}"))
        .collect();
    let all = store
        .reader
        .page(&query(sources(&["shop-*"]), 1_000))
        .await
        .expect("a page");
    assert_eq!(ids(&all.events), expected, "in one order over both");
    let none = store
        .reader
        .page(&query(sources(&["nobody-*"]), 10))
        .await
        .expect("a page");
    assert!(none.events.is_empty() && none.next.is_none());
    store
        .write(0, 200, &[event("shop-9", "new", NOON + 1_000)])
        .await;
    eventually(PATIENCE, async || {
        let mut newest = query(sources(&["shop-*"]), 1);
        newest.order = Order::Descending;
        ids(&store.reader.page(&newest).await.expect("a page").events) == ["new"]
    })
    .await;
}

#[tokio::test]
async fn more_sources_than_are_merged_make_the_same_page() {
    let store = Store::start().await;
    let events: Vec<_> = (0..300)
        .map(|n| {
            event(
                &format!("s{:03}", n % 150),
                format!("{n:03}"),
                NOON + n as i64,
            )
        })
        .collect();
    store.write(0, 0, &events).await;
    let expected: Vec<String> = (0..300)
        .filter(|n| n % 150 < 100)
        .map(|n| format!("{n:03}"))
        .collect();
    let page = store
        .reader
        .page(&query(sources(&["s0*"]), 1_000))
        .await
        .expect("a page");
    assert_eq!(ids(&page.events), expected);
}

#[tokio::test]
async fn an_event_is_found_by_its_uid_only_within_the_rights() {
    let store = Store::start().await;
    let one = event("shop", "1", NOON + 999);
    store.write(0, 0, std::slice::from_ref(&one)).await;
    let rights = |texts: &[&str]| sources(texts).sources;
    let found = store
        .reader
        .event(one.uid(), &PatternSet::any())
        .await
        .expect("an answer")
        .expect("there");
    assert_eq!(ids(&found), ["1"]);
    assert!(
        store
            .reader
            .event(one.uid(), &rights(&["bank", "x*"]))
            .await
            .expect("an answer")
            .is_none()
    );
    assert!(
        store
            .reader
            .event(one.uid(), &rights(&["sh*"]))
            .await
            .expect("an answer")
            .is_some()
    );
    assert!(
        store
            .reader
            .event(event("shop", "2", NOON).uid(), &PatternSet::any())
            .await
            .expect("an answer")
            .is_none()
    );
}
