//! The COPY encoder against PostgreSQL's own text input: what is stored must be what the text of each column would have become, and what
//! the text input refuses must be set aside, with the same SQLSTATE.
//!
//! Each line of the input is a row. One that the edge takes as an event is stored as that event, and must not be refused. Any other is the
//! JSON data of an event that no edge has seen.
//!
//! Works on the PostgreSQL that `FLUMEN_TEST_POSTGRES` names, in a database of its own that stays for the life of the process.

use std::borrow::Cow;
use std::error::Error;
use std::sync::{LazyLock, Mutex};

use event::parse::{self, Limits, Mode};
use event::{Data, Event, Extensions, Timestamp};
use store::write::{Advance, Batch, Record, Sink};
use store::{Config, Pool};
use tokio::runtime::Runtime;
use tokio_postgres::types::{IsNull, ToSql, Type};
use tokio_postgres::{Client, NoTls};

/// 2026-03-01T00:00:00Z.
const NOW: Timestamp = Timestamp::from_micros(1_772_323_200_000_000);
const CLUSTER: &str = "fuzz";
const TOPIC: &str = "fuzz";
/// Rows after which the tables are emptied, so that they stay small.
const KEEP: i64 = 5_000;

struct World {
    runtime: Runtime,
    sink: Sink,
    sql: Client,
    next: i64,
    emptied: i64,
}

static WORLD: LazyLock<Mutex<World>> = LazyLock::new(|| Mutex::new(World::create()));

/// Stores the rows, and compares.
///
/// # Panics
/// On a finding, or without a database.
pub(crate) fn run(bytes: &[u8]) {
    let mut world = WORLD.lock().expect("the first finding ends the process");
    world.compare(bytes);
}

/// Removes the database, for a test that ends. The fuzzer ends by being stopped, and the next one of its process id removes what it left.
///
/// # Panics
/// Without a database.
#[allow(dead_code, reason = "not used by the fuzzer")]
pub(crate) fn clean_up() {
    let world = WORLD.lock().expect("no finding");
    let url = std::env::var("FLUMEN_TEST_POSTGRES").expect("it was set before");
    let drop = format!("DROP DATABASE {} WITH (FORCE)", name());
    world
        .runtime
        .block_on(async { connect(&url).await.batch_execute(&drop).await })
        .expect("drop");
}

fn name() -> String {
    format!("fuzz_{}", std::process::id())
}

/// Bytes sent as they are where text is expected: whether they are text is the server's to judge.
#[derive(Debug)]
struct Raw<'a>(Option<&'a [u8]>);

impl ToSql for Raw<'_> {
    fn to_sql(
        &self,
        _: &Type,
        out: &mut tokio_postgres::types::private::BytesMut,
    ) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        match self.0 {
            Some(bytes) => {
                out.extend_from_slice(bytes);
                Ok(IsNull::No)
            }
            None => Ok(IsNull::Yes),
        }
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    tokio_postgres::types::to_sql_checked!();
}

/// What should become of a row.
#[derive(Debug, PartialEq, Eq)]
enum Fate {
    Stored(Vec<Option<String>>),
    Refused(String),
}

impl World {
    fn create() -> Self {
        let runtime = Runtime::new().expect("a runtime");
        let url = std::env::var("FLUMEN_TEST_POSTGRES")
            .expect("FLUMEN_TEST_POSTGRES is not set: `make fuzz` sets it");
        let (sink, sql) = runtime.block_on(async {
            let admin = connect(&url).await;
            let name = name();
            admin
                .batch_execute(&format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"))
                .await
                .expect("drop");
            admin
                .batch_execute(&format!("CREATE DATABASE {name}"))
                .await
                .expect("create");
            let (server, _) = url.rsplit_once('/').expect("a URL with a database");
            let url = format!("{server}/{name}");
            let config = Config {
                url: url.clone().into(),
                ..Config::default()
            };
            let pool = Pool::new(&config).expect("a pool");
            store::migrate::migrate(&pool).await.expect("migrate");
            store::checkpoints::load_or_create(&pool, CLUSTER, TOPIC, &[(0, 0)])
                .await
                .expect("a checkpoint");
            (Sink::new(pool, &config), connect(&url).await)
        });
        Self {
            runtime,
            sink,
            sql,
            next: 0,
            emptied: 0,
        }
    }

    fn compare(&mut self, bytes: &[u8]) {
        let first = self.next;
        let mut batch = Batch::new(CLUSTER, TOPIC);
        let mut fates = Vec::new();
        for line in bytes.split(|byte| *byte == b'\n').take(32) {
            let offset = self.next;
            self.next += 1;
            let (event, is_checked) = event_of(line, offset);
            batch.push_event(
                &event,
                &Record {
                    partition: 0,
                    offset,
                    timestamp: Some(NOW),
                    key: None,
                    headers: &[],
                    value: event.value(),
                },
            );
            let fate = self.runtime.block_on(by_text(&self.sql, &event));
            if is_checked {
                assert!(
                    matches!(fate, Fate::Stored(_)),
                    "the edge took what PostgreSQL refuses: {fate:?} for {:?}",
                    String::from_utf8_lossy(line)
                );
            }
            fates.push((offset, fate));
        }
        batch.advance(Advance {
            partition: 0,
            expected: first,
            next: self.next,
        });
        let outcome = self
            .runtime
            .block_on(self.sink.flush(&batch))
            .expect("a batch of any rows is stored");
        assert_eq!(
            (outcome.inserted + outcome.dead_lettered) as i64,
            self.next - first,
            "each row ends in one place: {outcome:?}"
        );
        for (offset, expected) in fates {
            let found = self.runtime.block_on(found(&self.sql, offset));
            assert_eq!(
                found, expected,
                "what COPY stored, and what the text input makes of it"
            );
        }
        if self.next - self.emptied > KEEP {
            self.emptied = self.next;
            self.runtime
                .block_on(
                    self.sql
                        .batch_execute("TRUNCATE events, event_counts, dead_letters, recent_ids"),
                )
                .expect("empty");
        }
    }
}

async fn connect(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.expect("connect");
    tokio::spawn(connection);
    client
        .batch_execute("SET timezone = 'UTC'")
        .await
        .expect("set");
    client
}

/// The event of a line, with an `id` of its own, and whether the edge has seen it.
fn event_of(line: &[u8], offset: i64) -> (Event<'_>, bool) {
    let id = format!("{offset}");
    let mut new_id = || id.clone();
    let limits = Limits::default();
    if let Ok(mut events) = parse::parse(Mode::Structured, &[], line, &limits, NOW, &mut new_id)
        && let Some(Ok(mut event)) = events.pop()
    {
        let kept: String = event.id.chars().take(40).collect();
        event.id = Cow::Owned(format!("{offset}{kept}"));
        return (event, true);
    }
    let event = Event {
        source: Cow::Borrowed("fuzz"),
        kind: Cow::Borrowed("raw"),
        id: Cow::Owned(id),
        time: Some(NOW),
        recorded: NOW,
        subject: None,
        dataschema: None,
        datacontenttype: None,
        traceparent: None,
        extensions: Extensions::new(),
        data: Data::Json(Cow::Borrowed(line)),
    };
    (event, false)
}

const COLUMNS: &str = "time::text, uid::text, received_at::text, source, type, id, subject, datacontenttype, dataschema, traceparent, \
                       extensions::text, data::text, data_bytes::text";

/// What PostgreSQL's text input makes of the event's columns.
async fn by_text(sql: &Client, event: &Event<'_>) -> Fate {
    let times = [event.occurred().to_string(), event.recorded.to_string()];
    let uid = event.uid().to_string();
    let extensions = (!event.extensions.is_empty()).then(|| {
        let mut text = Vec::new();
        event.extensions.write_json(&mut text);
        text
    });
    let (json, hex) = match &event.data {
        Data::None => (None, None),
        Data::Json(text) => (Some(&**text), None),
        Data::Bytes(bytes) => {
            let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            (None, Some(format!("\\x{hex}")))
        }
    };
    let text =
        |value: &'_ Option<Cow<'_, str>>| value.as_ref().map(|text| text.as_bytes().to_vec());
    let (subject, content_type) = (text(&event.subject), text(&event.datacontenttype));
    let (dataschema, traceparent) = (text(&event.dataschema), text(&event.traceparent));
    let values: [Option<&[u8]>; 13] = [
        Some(times[0].as_bytes()),
        Some(uid.as_bytes()),
        Some(times[1].as_bytes()),
        Some(event.source.as_bytes()),
        Some(event.kind.as_bytes()),
        Some(event.id.as_bytes()),
        subject.as_deref(),
        content_type.as_deref(),
        dataschema.as_deref(),
        traceparent.as_deref(),
        extensions.as_deref(),
        json,
        hex.as_ref().map(|hex| hex.as_bytes()),
    ];
    let values = values.map(Raw);
    let parameters: Vec<(&(dyn ToSql + Sync), Type)> = values
        .iter()
        .map(|value| (value as &(dyn ToSql + Sync), Type::TEXT))
        .collect();
    let row = sql
        .query_typed(
            "SELECT $1::text::timestamptz::text, $2::text::uuid::text, $3::text::timestamptz::text, $4, $5, $6, $7, $8, $9, $10, \
             $11::text::jsonb::text, $12::text::jsonb::text, $13::text::bytea::text",
            &parameters,
        )
        .await;
    match row {
        Ok(rows) => Fate::Stored((0..13).map(|column| rows[0].get(column)).collect()),
        Err(error) => Fate::Refused(
            error
                .code()
                .expect("an error of the server")
                .code()
                .to_owned(),
        ),
    }
}

/// What became of the row.
async fn found(sql: &Client, offset: i64) -> Fate {
    let rows = sql
        .query_typed(
            &format!(
                "SELECT {COLUMNS} FROM events WHERE kafka_partition = 0 AND kafka_offset = $1"
            ),
            &[(&offset, Type::INT8)],
        )
        .await
        .expect("select");
    if let [row] = rows.as_slice() {
        return Fate::Stored((0..13).map(|column| row.get(column)).collect());
    }
    let letters = sql
        .query_typed(
            // The detail begins with the SQLSTATE.
            "SELECT left(detail, 5) FROM dead_letters WHERE kafka_partition = 0 AND kafka_offset = $1",
            &[(&offset, Type::INT8)],
        )
        .await
        .expect("select");
    assert_eq!((rows.len(), letters.len()), (0, 1), "one place");
    Fate::Refused(letters[0].get(0))
}
