//! What the writer does for its tables now and then: partitions ahead of time, so that no flush waits for one, and ids that are past their window.

use crate::{metrics::Metrics, outage::Backoff};
use event::Timestamp;
use std::time::Duration;
use store::{ErrorKind, Pool, StoreError, recent_ids, write::Sink};

/// Runs until it is dropped. Several writers doing the same at the same time is fine.
pub(crate) async fn run(
    pool: Pool,
    sink: Sink,
    database: store::Config,
    interval: Duration,
    metrics: Metrics,
) {
    let mut backoff = Backoff::new();
    loop {
        match once(&pool, &sink, &database, &metrics).await {
            Ok(()) => {
                backoff = Backoff::new();
                tokio::time::sleep(interval).await;
            }
            Err(error) => {
                // Flushing makes what it needs by itself, so nothing is lost by waiting; an outage is told by the lanes.
                if error.kind() == ErrorKind::Outage {
                    tracing::debug!(%error, "maintenance waits for the database");
                } else {
                    tracing::error!(%error, "the tables cannot be maintained");
                }
                tokio::time::sleep(backoff.next().max(interval / 120)).await;
            }
        }
    }
}

async fn once(
    pool: &Pool,
    sink: &Sink,
    database: &store::Config,
    metrics: &Metrics,
) -> Result<(), StoreError> {
    let now = Timestamp::now();
    let made = sink
        .partitions()
        .ahead(pool, now, database.partitions_ahead)
        .await?;
    if !made.is_empty() {
        metrics.table_partitions.inc_by(made.len() as u64);
        tracing::info!(partitions = made.len(), "made partitions ahead of time");
    }
    let expired = recent_ids::expire(pool, now, database.recent_id_window, false).await?;
    metrics.expired_ids.inc_by(expired);
    Ok(())
}
