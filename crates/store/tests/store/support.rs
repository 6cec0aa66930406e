//! A migrated database, a sink on it, and events to put into it.

use std::borrow::Cow;

use devstack::testing::TestDatabase;
use event::{Data, Event, Extensions, Timestamp};
use store::{
    Config, Pool,
    checkpoints::{self, Checkpoint},
    write::{Advance, Batch, FlushOutcome, Record, Sink},
};
use tokio_postgres::{Client, NoTls};

pub(crate) const CLUSTER: &str = "cluster";
pub(crate) const TOPIC: &str = "events";

/// A database of its own with the schema in it.
pub(crate) struct Db {
    pub(crate) database: TestDatabase,
    pub(crate) config: Config,
    pub(crate) pool: Pool,
    pub(crate) sink: Sink,
    /// For looking at it without the store.
    pub(crate) sql: Client,
}

impl Db {
    pub(crate) async fn create() -> Self {
        Self::with(|_| {}).await
    }

    pub(crate) async fn with(change: impl FnOnce(&mut Config)) -> Self {
        let database = TestDatabase::create().await;
        let mut config = Config::with_url(database.url());
        store::migrate::migrate(&Pool::new(&config).expect("a pool"))
            .await
            .expect("migrate");
        change(&mut config);
        let pool = Pool::new(&config).expect("a pool");
        let sink = Sink::new(pool.clone(), &config);
        let sql = connect(database.url()).await;
        Self {
            database,
            config,
            pool,
            sink,
            sql,
        }
    }

    /// Makes the checkpoints of partitions 0 to n-1, at offset 0.
    pub(crate) async fn start(&self, partitions: i32) -> Vec<Checkpoint> {
        let starts: Vec<(i32, i64)> = (0..partitions).map(|partition| (partition, 0)).collect();
        checkpoints::load_or_create(&self.pool, CLUSTER, TOPIC, &starts)
            .await
            .expect("checkpoints")
    }

    pub(crate) async fn flush(&self, batch: &Batch) -> FlushOutcome {
        self.sink.flush(batch).await.expect("flush")
    }

    pub(crate) async fn number(&self, query: &str) -> i64 {
        self.sql
            .query_one(query, &[])
            .await
            .unwrap_or_else(|error| panic!("{query}: {error:?}"))
            .get(0)
    }

    pub(crate) async fn events(&self) -> i64 {
        self.number("SELECT count(*) FROM events").await
    }

    /// The sum of all counts.
    pub(crate) async fn counted(&self) -> i64 {
        self.number("SELECT coalesce(sum(count), 0)::int8 FROM event_counts")
            .await
    }

    pub(crate) async fn dead_letters(&self) -> i64 {
        self.number("SELECT count(*) FROM dead_letters").await
    }

    pub(crate) async fn next_offset(&self, partition: i32) -> i64 {
        checkpoints::load(&self.pool, CLUSTER, TOPIC, &[partition])
            .await
            .expect("load")
            .first()
            .expect("a checkpoint")
            .next_offset
    }

    /// Counts that say something else than the events do; must be none.
    pub(crate) async fn wrong_counts(&self) -> i64 {
        self.number(
            "SELECT count(*) FROM (SELECT date_trunc('minute', time) AS bucket, source, type, kafka_partition, count(*) AS n \
             FROM events GROUP BY 1, 2, 3, 4) e FULL JOIN event_counts c USING (bucket, source, type, kafka_partition) \
             WHERE e.n IS DISTINCT FROM c.count",
        )
        .await
    }
}

pub(crate) async fn connect(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.expect("connect");
    tokio::spawn(connection);
    client
        .batch_execute("SET timezone = 'UTC'")
        .await
        .expect("set");
    client
}

pub(crate) fn time(text: &str) -> Timestamp {
    Timestamp::parse_rfc3339(text).expect("valid")
}

/// An event with a time of its own and JSON data.
pub(crate) fn event(id: &str, at: &str, data: &str) -> Event<'static> {
    Event {
        source: Cow::Borrowed("shop"),
        kind: Cow::Borrowed("order.created"),
        id: Cow::Owned(id.to_owned()),
        time: Some(time(at)),
        recorded: time("2026-11-21T12:00:00.5Z"),
        subject: None,
        dataschema: None,
        datacontenttype: None,
        traceparent: None,
        extensions: Extensions::new(),
        data: Data::Json(Cow::Owned(data.as_bytes().to_vec())),
    }
}

/// Pushes an event with the record it would come from.
pub(crate) fn push(batch: &mut Batch, event: &Event<'_>, partition: i32, offset: i64) {
    let mut headers: Vec<(String, Vec<u8>)> = Vec::new();
    event.encode_headers(|name, value| headers.push((name.to_owned(), value.to_vec())));
    let headers: Vec<(&str, Option<&[u8]>)> = headers
        .iter()
        .map(|(name, value)| (name.as_str(), Some(value.as_slice())))
        .collect();
    let record = Record {
        partition,
        offset,
        timestamp: Some(event.recorded),
        key: event.key(),
        headers: &headers,
        value: event.value(),
    };
    batch.push_event(event, &record);
}

/// A batch of these events in partition 0 from an offset on, with its checkpoint.
pub(crate) fn batch(first: i64, events: &[Event<'_>]) -> Batch {
    let mut batch = Batch::new(CLUSTER, TOPIC);
    let mut offset = first;
    for event in events {
        push(&mut batch, event, 0, offset);
        offset += 1;
    }
    batch.advance(Advance {
        partition: 0,
        expected: first,
        next: offset,
    });
    batch
}

/// So many different events, a second apart.
pub(crate) fn events(prefix: &str, count: usize) -> Vec<Event<'static>> {
    (0..count)
        .map(|i| {
            let at = Timestamp::from_micros(
                time("2026-11-21T10:00:00Z").as_micros() + i as i64 * 1_000_000,
            );
            let mut event = event(
                &format!("{prefix}-{i}"),
                "2026-11-21T10:00:00Z",
                &format!("{{\"n\": {i}}}"),
            );
            event.time = Some(at);
            event
        })
        .collect()
}
