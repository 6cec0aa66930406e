//! Notices a database that has gone back in time.
//!
//! After a fail-over to a standby that had not received everything, or a restore, rows and checkpoints are together as they were some
//! moments before, and what they miss is still in Kafka. A flush finds the checkpoint moved and begins anew from it; but a partition
//! without traffic has no flush, and its events would be missing until the next one comes. So the checkpoints are looked at.

use crate::{assignment::Board, consume::Report};
use kafka::Log;
use std::{sync::mpsc::Sender, time::Duration};
use store::{Pool, checkpoints};

/// How often: one small query.
const INTERVAL: Duration = Duration::from_secs(3);

/// How long Kafka may take to tell the cluster's id, which it does once.
const ASK_TIMEOUT: Duration = Duration::from_secs(3);

/// Runs until it is dropped.
pub(crate) async fn run(
    log: Log,
    topic: String,
    board: Board,
    pool: Pool,
    reports: Sender<Report>,
) {
    let mut ticks = tokio::time::interval(INTERVAL);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut cluster = None;
    loop {
        ticks.tick().await;
        // Before the question: what is settled meanwhile moves the checkpoints forward only.
        let owned = board.snapshot();
        if owned.is_empty() {
            continue;
        }
        let Some(cluster_id) = &cluster else {
            let log = log.clone();
            cluster = tokio::task::spawn_blocking(move || log.cluster_id(ASK_TIMEOUT).ok())
                .await
                .unwrap_or_default();
            continue;
        };
        let partitions: Vec<i32> = owned.keys().copied().collect();
        // An outage is noticed, and told, by those who write.
        let Ok(found) = checkpoints::load(&pool, cluster_id, &topic, &partitions).await else {
            continue;
        };
        let rewound = owned.iter().find_map(|(&partition, position)| {
            let found = found
                .iter()
                .find(|checkpoint| checkpoint.partition == partition)
                .map(|checkpoint| checkpoint.next_offset);
            found
                .is_none_or(|found| found < position.committed)
                .then_some(Report::Rewound {
                    partition,
                    committed: position.committed,
                    found,
                })
        });
        if let Some(report) = rewound
            && reports.send(report).is_err()
        {
            return;
        }
    }
}
