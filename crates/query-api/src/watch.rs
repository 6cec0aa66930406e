//! Waiting for something to be stored.
//!
//! Whoever waits is woken when the checkpoints move. One task asks the database for all of them, and only while anyone waits, so a thousand
//! waiting requests cost as much as one.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use prometheus_client::metrics::gauge::Gauge;
use store::read::{Checkpoints, Reader};
use tokio::sync::{Notify, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// After a failure the database is asked less often.
const PAUSE_AFTER_FAILURE: Duration = Duration::from_secs(1);

/// Tells when the checkpoints have moved. Cloning gives another handle.
#[derive(Debug, Clone)]
pub(crate) struct Watch {
    shared: Arc<Shared>,
    moved: watch::Receiver<Checkpoints>,
}

#[derive(Debug)]
struct Shared {
    waiting: AtomicUsize,
    max_waiting: usize,
    someone: Notify,
    gauge: Gauge,
    stopping: CancellationToken,
}

/// One request's place among those that wait; given up when dropped.
#[derive(Debug)]
pub(crate) struct Waiter {
    shared: Arc<Shared>,
    moved: watch::Receiver<Checkpoints>,
    deadline: Instant,
}

impl Watch {
    /// Starts the task that asks; it ends with `stopping`, and so does all waiting.
    pub(crate) fn start(
        reader: Reader,
        topic: String,
        interval: Duration,
        max_waiting: usize,
        gauge: Gauge,
        stopping: CancellationToken,
    ) -> Self {
        let (sender, moved) = watch::channel(Checkpoints::default());
        let shared = Arc::new(Shared {
            waiting: AtomicUsize::new(0),
            max_waiting,
            someone: Notify::new(),
            gauge,
            stopping,
        });
        let asked_by = Arc::clone(&shared);
        tokio::spawn(async move {
            let stopping = asked_by.stopping.clone();
            let ask = asked_by.ask(reader, topic, interval, sender);
            stopping.run_until_cancelled(ask).await;
        });
        Self { shared, moved }
    }

    /// A place to wait for up to `wait`; `None` when there is nothing to wait for, or too many wait already.
    pub(crate) fn enter(&self, wait: Duration) -> Option<Waiter> {
        if wait.is_zero() {
            return None;
        }
        let before = self.shared.waiting.fetch_add(1, Ordering::SeqCst);
        self.shared.gauge.inc();
        let mut moved = self.moved.clone();
        // Moves of long ago are no news. One that nobody has asked for yet will still differ from what is known.
        moved.mark_unchanged();
        let waiter = Waiter {
            shared: Arc::clone(&self.shared),
            moved,
            deadline: Instant::now() + wait,
        };
        // Dropped here when there are too many, which gives the place up again.
        (before < self.shared.max_waiting).then_some(waiter)
    }
}

impl Shared {
    async fn ask(
        &self,
        reader: Reader,
        topic: String,
        interval: Duration,
        sender: watch::Sender<Checkpoints>,
    ) {
        loop {
            while self.waiting.load(Ordering::SeqCst) == 0 {
                self.someone.notified().await;
            }
            let pause = match reader.checkpoints(&topic).await {
                Ok(found) => {
                    sender.send_if_modified(|known| {
                        let has_moved = *known != found;
                        *known = found;
                        has_moved
                    });
                    interval
                }
                // Whoever waits finds out by its own next question.
                Err(_) => PAUSE_AFTER_FAILURE,
            };
            tokio::time::sleep(pause).await;
        }
    }
}

impl Waiter {
    /// Waits until the checkpoints have moved since the last call, at first since the waiter came. False when the time is over.
    pub(crate) async fn moved(&mut self) -> bool {
        self.shared.someone.notify_one();
        tokio::select! {
            moved = self.moved.changed() => moved.is_ok(),
            () = tokio::time::sleep_until(self.deadline) => false,
            () = self.shared.stopping.cancelled() => false,
        }
    }

    /// Says whether the time is over.
    pub(crate) fn is_over(&self) -> bool {
        Instant::now() >= self.deadline || self.shared.stopping.is_cancelled()
    }
}

impl Drop for Waiter {
    fn drop(&mut self) {
        self.shared.waiting.fetch_sub(1, Ordering::SeqCst);
        self.shared.gauge.dec();
    }
}
