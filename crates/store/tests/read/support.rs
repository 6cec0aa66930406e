//! A store of a test's own.

use std::borrow::Cow;
use std::time::Duration;

use devstack::testing::TestDatabase;
use event::{Data, Event, Extensions, Timestamp};
use store::read::{Budgets, Events, Filter, Order, PageQuery, Pattern, PatternSet, Reader};
use store::write::{Advance, Batch, Record, Sink};
use store::{Config, Pool};

pub(crate) const TOPIC: &str = "events";

/// 2026-01-15T12:00:00Z in microseconds.
pub(crate) const NOON: i64 = 1_768_478_400_000_000;

pub(crate) struct Store {
    pub(crate) pool: Pool,
    pub(crate) reader: Reader,
    sink: Sink,
    /// Dropped last.
    database: TestDatabase,
}

impl Store {
    pub(crate) async fn start() -> Self {
        let database = TestDatabase::create().await;
        let config = Config::with_url(database.url());
        let pool = Pool::new(&config).expect("a valid configuration");
        store::migrate::migrate(&pool).await.expect("migrated");
        let reader = Reader::new(pool.clone(), &config, Budgets::default()).expect("a reader");
        let sink = Sink::new(pool.clone(), &config);
        Self {
            pool,
            reader,
            sink,
            database,
        }
    }

    /// A reader that knows nothing yet.
    pub(crate) fn another_reader(&self, budgets: Budgets) -> Reader {
        let config = Config::with_url(self.database.url());
        Reader::new(self.pool.clone(), &config, budgets).expect("a reader")
    }

    /// Stores events as records of one partition, from an offset on.
    pub(crate) async fn write(&self, partition: i32, from: i64, events: &[Event<'_>]) {
        store::checkpoints::load_or_create(&self.pool, "c", TOPIC, &[(partition, from)])
            .await
            .expect("a checkpoint");
        let mut batch = Batch::new("c", TOPIC);
        for (event, offset) in events.iter().zip(from..) {
            let record = Record {
                partition,
                offset,
                timestamp: None,
                key: None,
                headers: &[],
                value: None,
            };
            batch.push_event(event, &record);
        }
        let next = from + i64::try_from(events.len()).expect("few");
        batch.advance(Advance {
            partition,
            expected: from,
            next,
        });
        self.sink.flush(&batch).await.expect("stored");
    }
}

pub(crate) fn event(source: &str, id: impl Into<String>, micros: i64) -> Event<'static> {
    Event {
        source: Cow::Owned(source.to_owned()),
        kind: Cow::Borrowed("test.happened"),
        id: Cow::Owned(id.into()),
        time: Some(Timestamp::from_micros(micros)),
        recorded: Timestamp::from_micros(NOON),
        subject: None,
        dataschema: None,
        datacontenttype: None,
        traceparent: None,
        extensions: Extensions::new(),
        data: Data::Json(Cow::Borrowed(b"{}")),
    }
}

pub(crate) fn sources(texts: &[&str]) -> Filter {
    Filter::of_sources(PatternSet::of(
        texts.iter().map(|text| Pattern::parse(text)),
    ))
}

pub(crate) fn query(filter: Filter, limit: usize) -> PageQuery {
    PageQuery {
        filter,
        from: None,
        to: None,
        order: Order::Ascending,
        at: None,
        limit,
        max_bytes: 1 << 20,
        fields: store::read::Fields::ALL,
    }
}

pub(crate) fn ids(events: &Events) -> Vec<String> {
    let id = |json: &[u8]| {
        let event: serde_json::Value = serde_json::from_slice(json).expect("JSON");
        event["id"].as_str().expect("an id").to_owned()
    };
    events.iter().map(id).collect()
}

/// Long enough for a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);
