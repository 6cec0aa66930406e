//! Tells, by partition, how many records the writer is behind and how old the oldest unsettled one is.

use crate::{
    assignment::Board,
    metrics::{Metrics, PartitionLabel},
};
use event::Timestamp;
use kafka::Log;
use std::time::Duration;

/// How often the ends of the logs are asked for.
const INTERVAL: Duration = Duration::from_secs(5);

/// How long one question may take; a broker that is slower is asked again the next time.
const ASK_TIMEOUT: Duration = Duration::from_secs(3);

/// Runs until it is dropped.
pub(crate) async fn run(log: Log, board: Board, metrics: Metrics) {
    let mut ticks = tokio::time::interval(INTERVAL);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let owned = board.snapshot();
        let partitions: Vec<i32> = owned.keys().copied().collect();
        let log = log.clone();
        let ends = tokio::task::spawn_blocking(move || {
            let end =
                |partition: i32| Some((partition, log.range(partition, ASK_TIMEOUT).ok()?.end));
            partitions.into_iter().filter_map(end).collect::<Vec<_>>()
        })
        .await
        .unwrap_or_default();
        // Asked again: what was given back meanwhile is not this writer's to tell any more.
        let owned = board.snapshot();
        for (partition, end) in ends {
            if let Some(position) = owned.get(&partition) {
                let label = PartitionLabel { partition };
                metrics
                    .lag
                    .get_or_create(&label)
                    .set((end - position.committed).max(0));
                metrics
                    .age
                    .get_or_create(&label)
                    .set(age_seconds(position.waiting.since()));
            }
        }
    }
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
