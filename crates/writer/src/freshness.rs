//! Tells how far the writer is behind the log: as metrics, and in the database for whoever reads it.
//!
//! One task asks Kafka where the logs end. What it learns goes into the database with the flushes that are made anyway ([`Ends`]); only
//! for partitions without one does it write by itself, which is the heartbeat of an idle writer.

use crate::{
    assignment::{Board, Position},
    metrics::{Metrics, PartitionLabel},
};
use event::Timestamp;
use kafka::Log;
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use store::{
    Pool,
    checkpoints::{self, Sighting},
    write::{Batch, LogEnd},
};

/// How long one question may take; a broker that is slower is asked again the next time.
const ASK_TIMEOUT: Duration = Duration::from_secs(3);

/// Where the logs of the owned partitions end. The task writes, the lanes read.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ends(Arc<Mutex<BTreeMap<i32, LogEnd>>>);

impl Ends {
    fn replace(&self, ends: BTreeMap<i32, LogEnd>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = ends;
    }

    /// Adds to a batch what is known of the logs that it comes from.
    pub(crate) fn tell(&self, batch: &mut Batch) {
        for (partition, end) in self.0.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            batch.saw_end(*partition, *end);
        }
    }
}

/// Everything the task needs.
#[derive(Debug)]
pub(crate) struct Freshness {
    pub(crate) log: Log,
    pub(crate) topic: String,
    pub(crate) board: Board,
    pub(crate) pool: Pool,
    pub(crate) ends: Ends,
    pub(crate) metrics: Metrics,
    /// How often the ends of the logs are asked for.
    pub(crate) heartbeat: Duration,
}

impl Freshness {
    /// Runs until it is dropped.
    pub(crate) async fn run(self) {
        let mut ticks = tokio::time::interval(self.heartbeat);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut cluster = None;
        let mut before = BTreeMap::new();
        loop {
            ticks.tick().await;
            let partitions: Vec<i32> = self.board.snapshot().into_keys().collect();
            let ends = ask(&self.log, partitions).await;
            // Looked at again: what was given back meanwhile is not this writer's to tell any more.
            let owned = self.board.snapshot();
            self.measure(&owned, &ends);
            let idle = idle(&owned, &before, &ends);
            self.ends.replace(ends);
            before = owned
                .into_iter()
                .map(|(partition, position)| (partition, position.committed))
                .collect();
            if idle.is_empty() {
                continue;
            }
            if cluster.is_none() {
                let log = self.log.clone();
                cluster = tokio::task::spawn_blocking(move || log.cluster_id(ASK_TIMEOUT).ok())
                    .await
                    .unwrap_or_default();
            }
            let Some(cluster) = &cluster else { continue };
            if let Err(error) = checkpoints::report(&self.pool, cluster, &self.topic, &idle).await {
                // An outage is told by those who write; until it is over the time that readers are shown stands still.
                tracing::debug!(%error, "the database does not take the heartbeat");
            }
        }
    }

    fn measure(&self, owned: &BTreeMap<i32, Position>, ends: &BTreeMap<i32, LogEnd>) {
        for (&partition, end) in ends {
            let Some(position) = owned.get(&partition) else {
                continue;
            };
            let label = PartitionLabel { partition };
            self.metrics
                .lag
                .get_or_create(&label)
                .set((end.offset - position.committed).max(0));
            self.metrics
                .age
                .get_or_create(&label)
                .set(age_seconds(position.waiting.since()));
        }
    }
}

async fn ask(log: &Log, partitions: Vec<i32>) -> BTreeMap<i32, LogEnd> {
    let log = log.clone();
    tokio::task::spawn_blocking(move || {
        let end = |partition: i32| {
            // Before the question: what came since is not in the answer.
            let seen_at = Timestamp::now();
            let offset = log.range(partition, ASK_TIMEOUT).ok()?.end;
            Some((partition, LogEnd { offset, seen_at }))
        };
        partitions.into_iter().filter_map(end).collect()
    })
    .await
    .unwrap_or_default()
}

/// Partitions that no flush has told about since the last time.
fn idle(
    owned: &BTreeMap<i32, Position>,
    before: &BTreeMap<i32, i64>,
    ends: &BTreeMap<i32, LogEnd>,
) -> Vec<Sighting> {
    let is_idle = |partition: &i32, committed: i64| {
        before
            .get(partition)
            .is_none_or(|before| *before == committed)
    };
    ends.iter()
        .filter_map(|(&partition, &end)| {
            let next_offset = owned.get(&partition)?.committed;
            is_idle(&partition, next_offset).then_some(Sighting {
                partition,
                next_offset,
                end,
            })
        })
        .collect()
}

#[expect(
    clippy::cast_precision_loss,
    reason = "milliseconds of an age are far below 2^52"
)]
fn age_seconds(since_millis: Option<i64>) -> f64 {
    since_millis.map_or(0.0, |since| {
        (Timestamp::now().as_millis() - since).max(0) as f64 / 1e3
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::waiting::Waiting;

    #[test]
    fn only_partitions_without_a_flush_need_a_heartbeat() {
        let at = |committed| Position {
            next: committed,
            committed,
            waiting: Waiting::default(),
        };
        let end = LogEnd {
            offset: 20,
            seen_at: Timestamp::from_millis(1),
        };
        let owned = BTreeMap::from([(0, at(10)), (1, at(10)), (2, at(10)), (3, at(10))]);
        let before = BTreeMap::from([(0, 10), (1, 9)]);
        // 0 stood still, 1 moved, 2 is new, of 3 Kafka did not tell, and 4 was given back.
        let ends = BTreeMap::from([(0, end), (1, end), (2, end), (4, end)]);
        let told: Vec<i32> = idle(&owned, &before, &ends)
            .iter()
            .map(|sighting| sighting.partition)
            .collect();
        assert_eq!(told, [0, 2]);
    }
}
