//! Rows, put into the tables as the writer does it.

use event::{Timestamp, Uid};
use serde_json::{Value, json};
use tokio_postgres::{Client, NoTls};
use uuid::Uuid;

/// 2026-01-15T12:00:00Z.
pub(crate) const NOON: i64 = 1_768_478_400;

pub(crate) const CLUSTER: &str = "test-cluster";
pub(crate) const TOPIC: &str = "events";

/// One event to store.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    pub(crate) source: String,
    pub(crate) kind: String,
    pub(crate) id: String,
    pub(crate) micros: i64,
    pub(crate) subject: Option<String>,
    pub(crate) data: Value,
}

impl Row {
    pub(crate) fn new(source: &str, id: impl Into<String>, seconds: i64) -> Self {
        Self {
            source: source.to_owned(),
            kind: "test.happened".to_owned(),
            id: id.into(),
            micros: seconds * 1_000_000,
            subject: None,
            data: json!({ "n": 1 }),
        }
    }

    pub(crate) fn kind(self, kind: &str) -> Self {
        Self {
            kind: kind.to_owned(),
            ..self
        }
    }

    pub(crate) fn subject(self, subject: &str) -> Self {
        Self {
            subject: Some(subject.to_owned()),
            ..self
        }
    }

    pub(crate) fn uid(&self) -> Uid {
        Uid::of(Timestamp::from_micros(self.micros), &self.source, &self.id)
    }
}

/// A connection as superuser.
pub(crate) async fn connect(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls)
        .await
        .expect("PostgreSQL is there");
    tokio::spawn(connection);
    client
}

/// Makes the partitions that a range of seconds needs, a month each.
pub(crate) async fn make_partitions(client: &Client, seconds: impl IntoIterator<Item = i64>) {
    for second in seconds {
        client
            .execute(
                "SELECT flumen_ensure_partition(t, date_trunc('month', t, 'UTC'), date_trunc('month', t, 'UTC') + interval '1 month') \
                 FROM (SELECT to_timestamp($1::bigint::float8) AS t) AS s",
                &[&second],
            )
            .await
            .expect("the partition is made");
    }
}

/// Stores rows of one Kafka partition and moves its checkpoint, in one transaction; `delay_seconds` passes before it commits.
pub(crate) async fn commit(client: &mut Client, partition: i32, rows: &[Row], delay_seconds: f64) {
    let transaction = client.transaction().await.expect("begins");
    transaction
        .execute(
            "INSERT INTO checkpoints (cluster_id, topic, kafka_partition, next_offset) VALUES ($1, $2, $3, 0) ON CONFLICT DO NOTHING",
            &[&CLUSTER, &TOPIC, &partition],
        )
        .await
        .expect("the checkpoint is there");
    let expected: i64 = transaction
        .query_one(
            "SELECT next_offset FROM checkpoints WHERE kafka_partition = $1",
            &[&partition],
        )
        .await
        .expect("the checkpoint is there")
        .get(0);
    let column = |of: fn(&Row) -> String| rows.iter().map(of).collect::<Vec<_>>();
    let times: Vec<f64> = rows.iter().map(|row| row.micros as f64 / 1e6).collect();
    let uids: Vec<Uuid> = rows
        .iter()
        .map(|row| Uuid::from_bytes(*row.uid().as_bytes()))
        .collect();
    let subjects: Vec<Option<String>> = rows.iter().map(|row| row.subject.clone()).collect();
    transaction
        .execute(
            "INSERT INTO events (time, uid, source, type, id, subject, data, received_at, kafka_partition, kafka_offset) \
             SELECT to_timestamp(t), u, s, k, i, b, d::jsonb, now(), $7, $8 + n - 1 FROM \
             unnest($1::float8[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], $9::text[]) \
             WITH ORDINALITY AS r(t, u, s, k, i, b, d, n)",
            &[
                &times,
                &uids,
                &column(|row| row.source.clone()),
                &column(|row| row.kind.clone()),
                &column(|row| row.id.clone()),
                &subjects,
                &partition,
                &expected,
                &column(|row| row.data.to_string()),
            ],
        )
        .await
        .expect("the rows are stored");
    transaction
        .execute(
            "INSERT INTO event_counts (bucket, source, type, kafka_partition, count) \
             SELECT date_trunc('minute', to_timestamp(t), 'UTC'), s, k, $4, count(*) FROM unnest($1::float8[], $2::text[], $3::text[]) AS r(t, s, k) \
             GROUP BY 1, 2, 3 ON CONFLICT (bucket, source, type, kafka_partition) DO UPDATE SET count = event_counts.count + excluded.count",
            &[&times, &column(|row| row.source.clone()), &column(|row| row.kind.clone()), &partition],
        )
        .await
        .expect("the counts are kept");
    transaction
        .execute("SELECT pg_sleep($1)", &[&delay_seconds])
        .await
        .expect("waits");
    let next = expected + i64::try_from(rows.len()).expect("few");
    let moved = transaction
        .execute(
            "UPDATE checkpoints SET next_offset = $1, updated_at = now() WHERE kafka_partition = $2 AND next_offset = $3",
            &[&next, &partition, &expected],
        )
        .await
        .expect("the checkpoint is moved");
    assert_eq!(moved, 1, "nobody else moved it");
    transaction.commit().await.expect("commits");
}

/// Stores rows as partition 0, with the partitions they need.
pub(crate) async fn store(url: &str, rows: &[Row]) {
    let mut client = connect(url).await;
    let mut seconds: Vec<i64> = rows.iter().map(|row| row.micros / 1_000_000).collect();
    seconds.sort_unstable();
    seconds.dedup_by_key(|second| *second / 86_400);
    make_partitions(&client, seconds).await;
    commit(&mut client, 0, rows, 0.0).await;
}
