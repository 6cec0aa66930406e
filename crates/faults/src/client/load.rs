//! Clients that send all the time, at a pace.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::Client;

/// How much is sent.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pace {
    /// Clients that each send a batch, wait for its answer, and send the next after a pause.
    pub(crate) senders: usize,
    /// Events in a batch.
    pub(crate) batch: usize,
    /// From the beginning of one batch to that of the next, unless its answer takes longer.
    pub(crate) every: Duration,
    /// Besides, one event so often, without waiting for the answer to the one before: they tell when ingest is available.
    pub(crate) probe: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            senders: 4,
            batch: 10,
            every: Duration::from_millis(50),
            probe: Duration::from_millis(200),
        }
    }
}

/// Clients at work.
pub(crate) struct Load {
    client: Arc<Client>,
    stop: CancellationToken,
    tasks: JoinSet<()>,
}

impl Load {
    /// Starts them.
    pub(crate) fn start(client: &Arc<Client>, pace: Pace) -> Self {
        let stop = CancellationToken::new();
        let mut tasks = JoinSet::new();
        for _ in 0..pace.senders {
            tasks.spawn(send(Arc::clone(client), pace, stop.clone()));
        }
        tasks.spawn(probe(Arc::clone(client), pace.probe, stop.clone()));
        Self {
            client: Arc::clone(client),
            stop,
            tasks,
        }
    }

    /// Sends nothing new, and goes on with what was not accepted for so long at most.
    pub(crate) async fn finish(mut self, patience: Duration) {
        self.stop.cancel();
        let all = async { while self.tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(patience, all).await.is_err() {
            self.client.give_up.cancel();
            while self.tasks.join_next().await.is_some() {}
        }
    }
}

async fn send(client: Arc<Client>, pace: Pace, stop: CancellationToken) {
    let mut ticks = tokio::time::interval(pace.every);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = stop.cancelled() => return,
        }
        let events = client.events(pace.batch);
        client.deliver(&events).await;
    }
}

/// Single events whose sender does not try again: what became of them nobody knows unless they were accepted.
async fn probe(client: Arc<Client>, every: Duration, stop: CancellationToken) {
    let mut ticks = tokio::time::interval(every);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut asked = JoinSet::new();
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = stop.cancelled() => break,
        }
        let client = Arc::clone(&client);
        asked.spawn(async move {
            let event = client.event();
            client.send(&[event]).await;
        });
        while asked.try_join_next().is_some() {}
    }
    while asked.join_next().await.is_some() {}
}
