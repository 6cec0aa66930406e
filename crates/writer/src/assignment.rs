//! Owned partitions and how far each is, and where to begin with a new one.

use crate::{
    config::Start,
    error::Fault,
    outage::{Backoff, Outage},
    waiting::Waiting,
};
use kafka::Log;
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use store::{ErrorKind, Pool, checkpoints};

/// How long one question to a broker may take.
const ASK_TIMEOUT: Duration = Duration::from_secs(10);

/// How far the writer is with one partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Position {
    /// The offset to read next; what the checkpoint will say once everything read is settled.
    pub(crate) next: i64,
    /// What the checkpoint says.
    pub(crate) committed: i64,
    /// Since when the records wait that were read and are not settled.
    pub(crate) waiting: Waiting,
}

/// The owned partitions. The consume thread writes, the tasks beside it read.
#[derive(Debug, Clone, Default)]
pub(crate) struct Board(Arc<Mutex<BTreeMap<i32, Position>>>);

impl Board {
    pub(crate) fn publish(&self, owned: &BTreeMap<i32, Position>) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone_from(owned);
    }

    pub(crate) fn snapshot(&self) -> BTreeMap<i32, Position> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

/// Where to read from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Positions {
    pub(crate) cluster_id: String,
    pub(crate) next: Vec<(i32, i64)>,
}

/// Finds out where to read partitions from: their checkpoints, made where there is none, and checked against the log.
///
/// Waits for the database and for Kafka as long as it takes; the consume thread polls on meanwhile.
pub(crate) async fn find(
    log: Log,
    topic: String,
    partitions: Vec<i32>,
    start: Start,
    pool: Pool,
    outage: Arc<Outage>,
) -> Result<Positions, Fault> {
    let (cluster_id, ranges) = ranges(&log, &partitions).await?;
    let starts: Vec<_> = ranges
        .iter()
        .map(|(partition, log)| match start {
            Start::Earliest => (*partition, log.start),
            Start::Latest => (*partition, log.end),
        })
        .collect();
    let mut backoff = Backoff::new();
    let checkpoints = loop {
        match checkpoints::load_or_create(&pool, &cluster_id, &topic, &starts).await {
            Ok(checkpoints) => {
                outage.is_over();
                break checkpoints;
            }
            Err(error) if error.kind() == ErrorKind::Outage => {
                outage.goes_on(&error);
                tokio::time::sleep(backoff.next()).await;
            }
            Err(error) => return Err(error.into()),
        }
    };
    let next = checkpoints
        .iter()
        .map(|checkpoint| (checkpoint.partition, checkpoint.next_offset))
        .collect();
    let positions = Positions { cluster_id, next };
    if verify(&topic, &positions.next, &ranges).is_err() {
        // The log went on while the database was asked, and who owned the partitions before may have stored of that.
        let (_, ranges) = self::ranges(&log, &partitions).await?;
        verify(&topic, &positions.next, &ranges)?;
    }
    Ok(positions)
}

type Range = std::ops::Range<i64>;

/// The cluster, and what the log holds of each partition.
async fn ranges(log: &Log, partitions: &[i32]) -> Result<(String, Vec<(i32, Range)>), Fault> {
    let mut backoff = Backoff::new();
    loop {
        match ask(log, partitions).await {
            Err(Fault::Kafka(error)) if error.is_transient() => {
                tracing::warn!(%error, "kafka does not tell the range of the log; asking again");
                tokio::time::sleep(backoff.next()).await;
            }
            answer => return answer,
        }
    }
}

async fn ask(log: &Log, partitions: &[i32]) -> Result<(String, Vec<(i32, Range)>), Fault> {
    let (log, partitions) = (log.clone(), partitions.to_vec());
    tokio::task::spawn_blocking(move || {
        let cluster_id = log.cluster_id(ASK_TIMEOUT)?;
        let ranges = partitions
            .iter()
            .map(|&partition| Ok((partition, log.range(partition, ASK_TIMEOUT)?)))
            .collect::<Result<_, kafka::Error>>()?;
        Ok((cluster_id, ranges))
    })
    .await
    .map_err(|error| Fault::Internal(error.to_string()))?
}

fn verify(topic: &str, next: &[(i32, i64)], ranges: &[(i32, Range)]) -> Result<(), Fault> {
    for (partition, checkpoint) in next {
        let Some((_, log)) = ranges.iter().find(|(known, _)| known == partition) else {
            continue;
        };
        // At the end is fine: everything is stored, and nothing new has come.
        if *checkpoint < log.start || *checkpoint > log.end {
            return Err(Fault::CheckpointOutOfRange {
                topic: topic.to_owned(),
                partition: *partition,
                checkpoint: *checkpoint,
                log: log.clone(),
            });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checkpoint_must_be_in_the_log_or_at_its_end() {
        let ranges = [(0, 10..20)];
        for fine in [10, 15, 20] {
            verify("events", &[(0, fine)], &ranges).expect("in the log");
        }
        for bad in [9, 21] {
            let fault = verify("events", &[(0, bad)], &ranges).expect_err("outside");
            assert!(matches!(
                fault,
                Fault::CheckpointOutOfRange { partition: 0, .. }
            ));
        }
    }
}
