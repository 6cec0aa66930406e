//! The lane's other half: writes sealed batches, one after another, and waits for the database as long as it takes.

use crate::{
    consume::Report,
    metrics::Metrics,
    outage::{Backoff, Outage},
    traces::Traces,
};
use std::sync::{Arc, mpsc::Sender};
use store::{
    ErrorKind, StoreError,
    write::{Batch, FlushOutcome, Sink},
};
use tokio::sync::mpsc::Receiver;
use tokio_util::sync::CancellationToken;

/// A sealed batch on its way to the database.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) batch: Box<Batch>,
    pub(crate) traces: Traces,
    /// Cancelled when nobody may wait for this batch any longer; its records are replayed from the checkpoint.
    pub(crate) cancel: CancellationToken,
}

/// How a flush ended for good.
#[derive(Debug)]
pub(crate) enum Settled {
    /// Committed.
    Stored(FlushOutcome),
    /// Another writer owns a partition of it: nothing was written.
    Conflict(StoreError),
    /// Given up on request. A commit under way may have gone through; the checkpoint tells.
    Abandoned,
    /// The database refuses for a reason that waiting does not mend.
    Failed(StoreError),
}

/// Runs one lane until its sender is dropped.
pub(crate) async fn run(
    lane: usize,
    sink: Sink,
    mut jobs: Receiver<Job>,
    reports: Sender<Report>,
    outage: Arc<Outage>,
    metrics: Metrics,
) {
    while let Some(job) = jobs.recv().await {
        let Job {
            batch,
            traces,
            cancel,
        } = job;
        let mut work = traces.open(&batch);
        let settled = tokio::select! {
            settled = flush(&sink, &batch, &outage) => settled,
            () = cancel.cancelled() => Settled::Abandoned,
        };
        traces.close(&mut work, &settled);
        metrics.settled(&settled, work.exemplar());
        drop(work);
        if reports
            .send(Report::Settled {
                lane,
                batch,
                settled,
            })
            .is_err()
        {
            // The consume thread is gone; so is everybody who would care.
            return;
        }
    }
}

async fn flush(sink: &Sink, batch: &Batch, outage: &Outage) -> Settled {
    let mut backoff = Backoff::new();
    loop {
        let error = match sink.flush(batch).await {
            Ok(outcome) => {
                outage.is_over();
                return Settled::Stored(outcome);
            }
            Err(error) => error,
        };
        match error.kind() {
            ErrorKind::Outage => {
                outage.goes_on(&error);
                tokio::time::sleep(backoff.next()).await;
            }
            ErrorKind::Conflict => return Settled::Conflict(error),
            ErrorKind::Data | ErrorKind::Fatal => return Settled::Failed(error),
        }
    }
}
