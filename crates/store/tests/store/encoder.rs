//! The COPY encoder against PostgreSQL's own text input: the same values, the same rows.

use std::borrow::Cow;

use event::{Data, Event, ExtensionValue, Extensions, Timestamp};
use proptest::prelude::*;
use store::write::{Advance, Batch};
use tokio_postgres::types::Type;

use crate::support::{CLUSTER, Db, TOPIC, push};

/// Text as PostgreSQL can hold it: anything but NUL.
fn text(most: usize) -> impl Strategy<Value = String> {
    proptest::collection::vec(
        prop_oneof![any::<char>(), proptest::char::range(' ', '~')]
            .prop_filter("not NUL", |c| *c != '\0'),
        1..most,
    )
    .prop_map(|chars| chars.into_iter().collect())
}

fn json() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        any::<bool>().prop_map(|b| b.to_string()),
        any::<i64>().prop_map(|n| n.to_string()),
        any::<f64>()
            .prop_filter("finite", |n| n.is_finite())
            .prop_map(|n| format!("{n:e}")),
        text(12).prop_map(|s| quote(&s)),
    ];
    leaf.prop_recursive(4, 32, 5, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..5)
                .prop_map(|all| format!("[{}]", all.join(" , "))),
            proptest::collection::vec((text(6), inner), 0..5).prop_map(|all| {
                let all: Vec<String> = all
                    .iter()
                    .map(|(k, v)| format!("{} :{v}", quote(k)))
                    .collect();
                format!("{{{}}}", all.join(","))
            }),
        ]
    })
}

fn quote(text: &str) -> String {
    serde_json::to_string(text).expect("a string")
}

/// Whole microseconds from the year 1 to the year 9999.
fn moment() -> impl Strategy<Value = Timestamp> {
    prop_oneof![
        // Few months, so that few partitions are made.
        1_790_000_000_000_000..1_800_000_000_000_000i64,
        Just(-1),
        Just(0),
        Just(946_684_799_999_999),
        Just(946_684_800_000_000),
        Just(Timestamp::MIN_RFC3339.as_micros()),
        Just(Timestamp::MAX_RFC3339.as_micros()),
    ]
    .prop_map(Timestamp::from_micros)
}

fn extension() -> impl Strategy<Value = (String, ExtensionValue<'static>)> {
    let value = prop_oneof![
        text(20).prop_map(|s| ExtensionValue::Text(Cow::Owned(s))),
        any::<i32>().prop_map(|n| ExtensionValue::Number(Cow::Owned(n.to_string()))),
        any::<bool>().prop_map(ExtensionValue::Bool),
    ];
    ("[a-z0-9]{1,20}", value)
}

fn data() -> impl Strategy<Value = Data<'static>> {
    prop_oneof![
        Just(Data::None),
        json().prop_map(|text| Data::Json(Cow::Owned(text.into_bytes()))),
        proptest::collection::vec(any::<u8>(), 0..200)
            .prop_map(|bytes| Data::Bytes(Cow::Owned(bytes))),
    ]
}

fn any_event() -> impl Strategy<Value = Event<'static>> {
    let optional = || proptest::option::of(text(40).prop_map(Cow::Owned));
    (
        (text(30), text(30), text(30)),
        (moment(), moment()),
        (optional(), optional(), optional(), optional()),
        proptest::collection::vec(extension(), 0..4),
        data(),
    )
        .prop_map(|(names, times, texts, extensions, data)| {
            let mut own = Extensions::new();
            for (name, value) in extensions {
                if own.get(&name).is_none() {
                    own.push(Cow::Owned(name), value);
                }
            }
            Event {
                source: Cow::Owned(names.0),
                kind: Cow::Owned(names.1),
                id: Cow::Owned(names.2),
                time: Some(times.0),
                recorded: times.1,
                subject: texts.0,
                dataschema: texts.1,
                datacontenttype: texts.2,
                traceparent: texts.3,
                extensions: own,
                data,
            }
        })
}

/// The row by PostgreSQL's text input, one parameter a column.
async fn insert_as_text(db: &Db, event: &Event<'_>, offset: i64) {
    let text_or_none = |value: &Option<Cow<'_, str>>| value.as_deref().map(str::to_owned);
    let (json, bytes) = match &event.data {
        Data::None => (None, None),
        Data::Json(text) => (Some(String::from_utf8(text.to_vec()).expect("text")), None),
        Data::Bytes(bytes) => {
            let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            (None, Some(format!("\\x{hex}")))
        }
    };
    let extensions = (!event.extensions.is_empty()).then(|| {
        let mut text = Vec::new();
        event.extensions.write_json(&mut text);
        String::from_utf8(text).expect("text")
    });
    let values: Vec<Option<String>> = vec![
        Some(event.occurred().to_string()),
        Some(event.uid().to_string()),
        Some(event.recorded.to_string()),
        Some(offset.to_string()),
        Some("0".to_owned()),
        Some(event.source.to_string()),
        Some(event.kind.to_string()),
        Some(event.id.to_string()),
        text_or_none(&event.subject),
        text_or_none(&event.datacontenttype),
        text_or_none(&event.dataschema),
        text_or_none(&event.traceparent),
        extensions,
        json,
        bytes,
    ];
    let parameters: Vec<(&(dyn tokio_postgres::types::ToSql + Sync), Type)> = values
        .iter()
        .map(|value| {
            (
                value as &(dyn tokio_postgres::types::ToSql + Sync),
                Type::TEXT,
            )
        })
        .collect();
    db.sql
        .execute_typed(
            "INSERT INTO expected (time, uid, received_at, kafka_offset, kafka_partition, source, type, id, subject, \
             datacontenttype, dataschema, traceparent, extensions, data, data_bytes) VALUES ($1::text::timestamptz, $2::text::uuid, \
             $3::text::timestamptz, $4::text::int8, $5::text::int4, $6, $7, $8, $9, $10, $11, $12, $13::text::jsonb, $14::text::jsonb, \
             $15::text::bytea)",
            &parameters,
        )
        .await
        .expect("text input");
}

#[test]
fn rows_copied_in_binary_equal_the_same_values_given_as_text() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    let db = runtime.block_on(async {
        let db = Db::create().await;
        db.start(1).await;
        db.sql
            .batch_execute("CREATE TABLE expected (LIKE events)")
            .await
            .expect("create");
        db
    });
    let config = ProptestConfig {
        cases: 24,
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    let next = std::cell::Cell::new(0i64);
    proptest!(config, |(all in proptest::collection::vec(any_event(), 1..40))| {
        runtime.block_on(async {
            let first = next.get();
            let mut batch = Batch::new(CLUSTER, TOPIC);
            let mut offset = first;
            let mut seen = std::collections::HashSet::new();
            for event in all.iter().filter(|event| seen.insert(event.uid())) {
                push(&mut batch, event, 0, offset);
                insert_as_text(&db, event, offset).await;
                offset += 1;
            }
            batch.advance(Advance { partition: 0, expected: first, next: offset });
            let outcome = db.flush(&batch).await;
            assert_eq!(outcome.inserted as i64, offset - first, "{outcome:?}");
            next.set(offset);
            let different = db
                .number(
                    "SELECT count(*) FROM ((TABLE events EXCEPT ALL TABLE expected) UNION ALL (TABLE expected EXCEPT ALL TABLE events)) d",
                )
                .await;
            assert_eq!(different, 0, "rows differ");
        });
    });
    assert_eq!(runtime.block_on(db.wrong_counts()), 0);
}
