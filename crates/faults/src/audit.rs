//! The comparison of four sets: what was answered 2xx, what is in Kafka, what is in `events`, what is in `dead_letters`.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use anyhow::Context as _;
use event::Uid;
use futures_util::TryStreamExt as _;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::message::{Headers as _, Message as _};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};

use crate::client::{Key, Ledger};
use crate::stack::Stack;

/// How long a broker may take to answer the reader.
const ASK: Duration = Duration::from_secs(30);
/// Findings told in words; the numbers tell the rest.
const TOLD: usize = 8;

/// Every record of a topic: by partition and offset, the event it says it is.
pub(crate) struct Log {
    partitions: Vec<Vec<Slot>>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Slot {
    /// A record is there.
    record: bool,
    /// The event it says it is; none for a record that says nothing.
    key: Option<Key>,
    stored: u8,
    dead: u8,
}

/// What was found.
#[derive(Debug, Clone, Default)]
pub(crate) struct Audit {
    pub(crate) in_kafka: u64,
    pub(crate) stored: u64,
    pub(crate) distinct: u64,
    pub(crate) dead_lettered: u64,
    pub(crate) lost: u64,
    pub(crate) doubled: u64,
    /// What else does not fit, and examples of what is lost or doubled.
    pub(crate) remarks: Vec<String>,
    /// Something does not fit that is neither lost nor doubled.
    pub(crate) amiss: bool,
}

impl Audit {
    fn remark(&mut self, text: String) {
        if self.remarks.len() < TOLD {
            self.remarks.push(text);
        }
    }

    fn amiss(&mut self, text: String) {
        self.amiss = true;
        self.remark(text);
    }
}

impl Log {
    /// Reads all of a topic.
    pub(crate) async fn read(stack: &Stack, topic: &str, partitions: i32) -> anyhow::Result<Self> {
        let (brokers, topic) = (stack.brokers.clone(), topic.to_owned());
        tokio::task::spawn_blocking(move || read(&brokers, &topic, partitions))
            .await?
            .context("read the topic")
    }

    /// The sum of the offsets that come next: what the checkpoints have to reach.
    pub(crate) async fn end(stack: &Stack, topic: &str, partitions: i32) -> anyhow::Result<i64> {
        let (brokers, topic) = (stack.brokers.clone(), topic.to_owned());
        let ends = move || -> anyhow::Result<i64> {
            let consumer = reader(&brokers)?;
            (0..partitions)
                .map(|partition| Ok(consumer.fetch_watermarks(&topic, partition, ASK)?.1))
                .sum()
        };
        tokio::task::spawn_blocking(ends)
            .await?
            .context("look for the end of the topic")
    }

    fn slot(&mut self, partition: i32, offset: i64) -> Option<&mut Slot> {
        self.partitions
            .get_mut(usize::try_from(partition).ok()?)?
            .get_mut(usize::try_from(offset).ok()?)
            .filter(|slot| slot.record)
    }
}

fn reader(brokers: &str) -> anyhow::Result<BaseConsumer> {
    Ok(ClientConfig::new()
        .set("bootstrap.servers", brokers)
        .set("group.id", "faults-audit")
        .set("enable.auto.commit", "false")
        .set("auto.offset.reset", "error")
        .set("fetch.wait.max.ms", "50")
        .create()?)
}

fn read(brokers: &str, topic: &str, partitions: i32) -> anyhow::Result<Log> {
    let consumer = reader(brokers)?;
    let mut list = TopicPartitionList::new();
    let mut log = Log {
        partitions: Vec::new(),
    };
    let mut missing = 0;
    for partition in 0..partitions {
        let (low, high) = consumer.fetch_watermarks(topic, partition, ASK)?;
        anyhow::ensure!(low == 0, "records were deleted from {topic}[{partition}]");
        list.add_partition_offset(topic, partition, Offset::Offset(0))?;
        log.partitions
            .push(vec![Slot::default(); usize::try_from(high)?]);
        missing += high;
    }
    consumer.assign(&list)?;
    let mut silent = 0;
    while missing > 0 {
        let Some(record) = consumer.poll(Duration::from_millis(500)) else {
            silent += 1;
            anyhow::ensure!(silent < 60, "{missing} records of {topic} did not come");
            continue;
        };
        let Ok(record) = record else {
            // A passing disturbance; silence for too long ends it.
            silent += 1;
            anyhow::ensure!(silent < 60, "{missing} records of {topic} did not come");
            continue;
        };
        silent = 0;
        let partition = usize::try_from(record.partition())?;
        let offset = usize::try_from(record.offset())?;
        if let Some(slot) = log.partitions[partition].get_mut(offset) {
            missing -= 1;
            slot.record = true;
            slot.key = key(&record);
        }
    }
    Ok(log)
}

/// The event that a record says it is.
fn key(record: &impl rdkafka::Message) -> Option<Key> {
    let headers = record.headers()?;
    let text = |name| {
        let header = headers.iter().find(|header| header.key == name)?;
        std::str::from_utf8(header.value?).ok()
    };
    Some(Key::of(text("ce_source")?, text("ce_id")?))
}

/// Compares. `log` is the whole topic, `ledger` what the client remembers.
pub(crate) async fn compare(
    stack: &Stack,
    database: &str,
    mut log: Log,
    ledger: &Snapshot,
) -> anyhow::Result<Audit> {
    let mut audit = Audit::default();
    let sql = stack.sql(database).await?;
    let rows = sql
        .query_raw(
            "SELECT source, id, uuid_send(uid), kafka_partition, kafka_offset FROM events",
            std::iter::empty::<&str>(),
        )
        .await
        .context("read the events")?;
    let mut stored: HashMap<Key, ([u8; 16], u32)> = HashMap::new();
    let mut rows = std::pin::pin!(rows);
    while let Some(row) = rows.try_next().await.context("read the events")? {
        audit.stored += 1;
        let key = Key::of(row.get(0), row.get(1));
        let uid: [u8; 16] = row
            .get::<_, &[u8]>(2)
            .try_into()
            .context("understand a uid")?;
        let (partition, offset) = (row.get(3), row.get(4));
        stored.entry(key).or_insert((uid, 0)).1 += 1;
        match log.slot(partition, offset) {
            Some(slot) if slot.key == Some(key) => slot.stored = slot.stored.saturating_add(1),
            Some(_) => audit.amiss(format!(
                "the row of [{partition}] {offset} is not what the record there is"
            )),
            None => audit.amiss(format!("the row of [{partition}] {offset} has no record")),
        }
    }
    let mut uids = HashSet::with_capacity(stored.len());
    for (uid, count) in stored.values() {
        uids.insert(*uid);
        if *count > 1 {
            audit.doubled += u64::from(count - 1);
            let uid = Uid::from_bytes(*uid);
            audit.remark(format!("event {uid} is stored {count} times"));
        }
    }
    audit.distinct = uids.len() as u64;

    let dead = sql
        .query(
            "SELECT kafka_partition, kafka_offset, reason FROM dead_letters",
            &[],
        )
        .await
        .context("read the dead letters")?;
    for row in &dead {
        audit.dead_lettered += 1;
        let (partition, offset): (i32, i64) = (row.get(0), row.get(1));
        match log.slot(partition, offset) {
            Some(slot) => slot.dead = slot.dead.saturating_add(1),
            None => audit.amiss(format!(
                "the dead letter of [{partition}] {offset} has no record"
            )),
        }
    }

    let mut in_kafka = HashSet::new();
    let mut dead_keys = HashSet::new();
    for (partition, slots) in log.partitions.iter().enumerate() {
        for (offset, slot) in slots.iter().enumerate().filter(|(_, slot)| slot.record) {
            audit.in_kafka += 1;
            in_kafka.extend(slot.key);
            if slot.dead > 0 {
                dead_keys.extend(slot.key);
            }
            if slot.dead > 1 || (slot.dead > 0 && slot.stored > 0) {
                audit.doubled += 1;
                audit.remark(format!(
                    "the record [{partition}] {offset} is stored {} times and dead-lettered {} times",
                    slot.stored, slot.dead
                ));
            }
            let is_somewhere =
                slot.dead > 0 || slot.key.is_some_and(|key| stored.contains_key(&key));
            // What was answered 2xx is counted below.
            let is_accepted = slot
                .key
                .is_some_and(|key| ledger.accepted.contains_key(&key));
            if !is_somewhere && !is_accepted {
                audit.lost += 1;
                audit.remark(format!("the record [{partition}] {offset} is nowhere"));
            }
        }
    }
    for (key, uid) in &ledger.accepted {
        let row = stored.get(key);
        if row.is_none() && !dead_keys.contains(key) {
            audit.lost += 1;
            let kafka = if in_kafka.contains(key) {
                "is"
            } else {
                "is not"
            };
            audit.remark(format!(
                "an accepted event is not stored; it {kafka} in Kafka: {key:?}"
            ));
        } else if !in_kafka.contains(key) {
            audit.lost += 1;
            audit.remark(format!("an accepted event is not in Kafka: {key:?}"));
        }
        if let (Some((stored, _)), Some(uid)) = (row, uid)
            && stored != uid.as_bytes()
        {
            audit.amiss(format!("event {uid} is stored under another uid"));
        }
    }
    let counted: i64 = sql
        .query_one(
            "SELECT coalesce(sum(count), 0)::bigint FROM event_counts",
            &[],
        )
        .await
        .context("sum the counts up")?
        .get(0);
    if u64::try_from(counted).ok() != Some(audit.stored) {
        audit.amiss(format!(
            "event_counts says {counted}, events holds {}",
            audit.stored
        ));
    }
    Ok(audit)
}

/// What the comparison needs of a ledger.
pub(crate) struct Snapshot {
    accepted: HashMap<Key, Option<Uid>>,
}

impl Snapshot {
    pub(crate) fn of(ledger: &Ledger) -> Self {
        Self {
            accepted: ledger.accepted.clone(),
        }
    }
}
