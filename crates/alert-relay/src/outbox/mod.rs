//! What was accepted and is not yet sent, in one file on disk.
//!
//! An alert that was answered 200 is in here: it was written and synced before the answer. Alerts wait in lanes (a lane is a group
//! of alerts on a route) until a mail is made of them. Making a mail takes the alerts out and puts the mail in, in one
//! transaction: from then on it is what it is, whatever happens, with its message id. It leaves when the other side has taken it.
//!
//! One thread owns the file. It takes every command that waits, does them in one transaction and syncs once: that is what lets
//! thousands of webhooks a second be durable. After a fault of the disk it opens the file again, for the next command.

mod compose;
mod index;
mod mail;
mod store;

pub(crate) use index::{Head, Index};
pub(crate) use mail::{Count, Mail};
pub(crate) use store::OutboxError;

use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::JoinHandle;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::{Notify, mpsc, oneshot};
use tracing::{error, info};

use crate::alert::Alert;
use crate::config;
use crate::metrics::Metrics;
use store::Store;

/// Commands that may wait. Their bytes are bounded by the bodies they came from.
const QUEUE: usize = 1024;
/// Commands in one transaction.
const BATCH: usize = 512;
/// How long the file is left alone after it could not be opened.
const PAUSE: Duration = Duration::from_millis(250);

/// An alert on its way in.
#[derive(Debug)]
pub(crate) struct Draft {
    route: Arc<str>,
    lane: u64,
    severity: Arc<str>,
    identity: u128,
    json: Vec<u8>,
}

/// An alert as it waits.
#[derive(Debug, Serialize, Deserialize)]
struct Entry<A> {
    /// When it was accepted.
    at: u64,
    alert: A,
}

impl Draft {
    pub(crate) fn new(route: &Arc<str>, lane: u64, alert: &Alert, now_ms: u64) -> Self {
        let json = serde_json::to_vec(&Entry { at: now_ms, alert }).unwrap_or_default();
        Self {
            route: Arc::clone(route),
            lane,
            severity: alert.severity.as_str().into(),
            identity: alert.identity(route),
            json,
        }
    }
}

/// What became of drafts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Accepted {
    /// Taken.
    pub(crate) new: u64,
    /// Known already.
    pub(crate) duplicates: u64,
}

/// Which alerts become one mail.
#[derive(Debug)]
pub(crate) struct Compose {
    pub(crate) route: Arc<str>,
    pub(crate) lanes: Vec<u64>,
    /// Whether it is a digest of several groups.
    pub(crate) is_digest: bool,
    pub(crate) to: Vec<String>,
    pub(crate) max_alerts: usize,
    /// The part of a message id behind the `@`.
    pub(crate) domain: String,
    pub(crate) now_ms: u64,
}

type Reply<T> = oneshot::Sender<Result<T, OutboxError>>;

enum Command {
    Accept(Vec<Draft>, u64, Reply<Accepted>),
    Compose(Compose, Reply<Option<u64>>),
    Finish(u64, Reply<()>),
    Keep(Box<Mail>, Reply<()>),
    Bury(Box<Mail>, Reply<()>),
    Load(u64, Reply<Option<Mail>>),
    Dead(usize, Reply<Vec<Mail>>),
    Revive(u64, Reply<u64>),
    Forget(u64, Reply<()>),
}

/// A handle to the outbox. When the last one is dropped, the file is closed.
#[derive(Debug, Clone)]
pub(crate) struct Outbox {
    commands: mpsc::Sender<Command>,
    index: Arc<Mutex<Index>>,
    changed: Arc<Notify>,
}

impl Outbox {
    /// Opens or makes the file, and reads what is in it. Blocks while it does.
    ///
    /// # Errors
    /// [`OutboxError`] when the file cannot be used, for instance because another process has it.
    pub(crate) fn open(
        config: &config::Outbox,
        metrics: Metrics,
    ) -> Result<(Self, JoinHandle<()>), OutboxError> {
        let (store, index) = Store::open(config)?;
        info!(
            path = %config.path.display(),
            alerts = index.alerts,
            mails = index.mails.len(),
            dead_letters = index.dead,
            bytes = index.bytes,
            "opened the outbox"
        );
        index.publish(&metrics);
        let (commands, queue) = mpsc::channel(QUEUE);
        let outbox = Self {
            commands,
            index: Arc::new(Mutex::new(index)),
            changed: Arc::default(),
        };
        let worker = Worker {
            config: config.clone(),
            store: Some(store),
            index: Arc::clone(&outbox.index),
            changed: Arc::clone(&outbox.changed),
            metrics,
        };
        let thread = std::thread::Builder::new()
            .name("outbox".to_owned())
            .spawn(move || worker.run(queue))
            .map_err(|error| OutboxError::Storage(Arc::new(error.into())))?;
        Ok((outbox, thread))
    }

    /// Keeps alerts. When this returns, they are on disk.
    pub(crate) async fn accept(
        &self,
        drafts: Vec<Draft>,
        now_ms: u64,
    ) -> Result<Accepted, OutboxError> {
        self.ask(|reply| Command::Accept(drafts, now_ms, reply))
            .await
    }

    /// Makes a mail of alerts; none when they are gone.
    pub(crate) async fn compose(&self, what: Compose) -> Result<Option<u64>, OutboxError> {
        self.ask(|reply| Command::Compose(what, reply)).await
    }

    /// Forgets a mail that was sent.
    pub(crate) async fn finish(&self, id: u64) -> Result<(), OutboxError> {
        self.ask(|reply| Command::Finish(id, reply)).await
    }

    /// Keeps a mail as it is now, for a later attempt.
    pub(crate) async fn keep(&self, mail: Mail) -> Result<(), OutboxError> {
        self.ask(|reply| Command::Keep(Box::new(mail), reply)).await
    }

    /// Sets a mail aside as a dead letter.
    pub(crate) async fn bury(&self, mail: Mail) -> Result<(), OutboxError> {
        self.ask(|reply| Command::Bury(Box::new(mail), reply)).await
    }

    /// Reads a mail.
    pub(crate) async fn load(&self, id: u64) -> Result<Option<Mail>, OutboxError> {
        self.ask(|reply| Command::Load(id, reply)).await
    }

    /// The newest dead letters.
    pub(crate) async fn dead_letters(&self, limit: usize) -> Result<Vec<Mail>, OutboxError> {
        self.ask(|reply| Command::Dead(limit, reply)).await
    }

    /// Makes mails of all dead letters again, and tells how many they were.
    pub(crate) async fn revive(&self, now_ms: u64) -> Result<u64, OutboxError> {
        self.ask(|reply| Command::Revive(now_ms, reply)).await
    }

    /// Forgets the alerts that were seen before the window began.
    pub(crate) async fn forget(&self, now_ms: u64) -> Result<(), OutboxError> {
        self.ask(|reply| Command::Forget(now_ms, reply)).await
    }

    /// What is in it, in memory. Held for moments only.
    pub(crate) fn index(&self) -> MutexGuard<'_, Index> {
        self.index
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// Waits until something has changed.
    pub(crate) async fn changed(&self) {
        self.changed.notified().await;
    }

    async fn ask<T>(&self, command: impl FnOnce(Reply<T>) -> Command) -> Result<T, OutboxError> {
        let (reply, answer) = oneshot::channel();
        self.commands
            .send(command(reply))
            .await
            .map_err(|_| OutboxError::Closed)?;
        answer.await.unwrap_or(Err(OutboxError::Closed))
    }
}

/// The thread that owns the file.
struct Worker {
    config: config::Outbox,
    store: Option<Store>,
    index: Arc<Mutex<Index>>,
    changed: Arc<Notify>,
    metrics: Metrics,
}

impl Worker {
    fn run(mut self, mut queue: mpsc::Receiver<Command>) {
        let mut batch = Vec::with_capacity(BATCH);
        while let Some(first) = queue.blocking_recv() {
            batch.push(first);
            while batch.len() < BATCH {
                match queue.try_recv() {
                    Ok(command) => batch.push(command),
                    Err(_) => break,
                }
            }
            self.carry_out(&mut batch);
        }
    }

    fn carry_out(&mut self, batch: &mut Vec<Command>) {
        let started = std::time::Instant::now();
        let shared = Arc::clone(&self.index);
        let outcome = self.reopened().and_then(|store| {
            let mut index = shared
                .lock()
                .unwrap_or_else(|poisoned| poisoned.into_inner())
                .begin();
            store
                .carry_out(batch, &mut index)
                .map(|replies| (replies, index))
        });
        match outcome {
            Ok((replies, change)) => {
                let (is_written, dropped) = (change.is_written, change.dropped_dead_letters);
                {
                    let mut index = self
                        .index
                        .lock()
                        .unwrap_or_else(|poisoned| poisoned.into_inner());
                    index.apply(change);
                    index.publish(&self.metrics);
                }
                if is_written {
                    self.metrics
                        .commit_seconds
                        .observe(started.elapsed().as_secs_f64());
                    self.metrics.outbox_faults_now.set(0);
                    self.changed.notify_one();
                }
                if dropped > 0 {
                    self.metrics.dropped_dead_letters.inc_by(dropped);
                    error!(
                        dropped,
                        "dropped the oldest dead letters, since there were more than outbox.max_dead_letters"
                    );
                }
                replies.into_iter().for_each(|reply| reply());
            }
            Err(fault) => {
                error!(error = %fault, commands = batch.len(), "the outbox cannot be written; webhooks are answered 503");
                self.metrics.outbox_faults.inc();
                self.metrics.outbox_faults_now.set(1);
                // Nothing of the transaction is there; the next one begins with the file opened anew.
                self.store = None;
                batch.drain(..).for_each(|command| command.fail(&fault));
            }
        }
        batch.clear();
    }

    fn reopened(&mut self) -> Result<&mut Store, OutboxError> {
        if self.store.is_none() {
            let (store, index) =
                Store::open(&self.config).inspect_err(|_| std::thread::sleep(PAUSE))?;
            info!("opened the outbox again");
            *self
                .index
                .lock()
                .unwrap_or_else(|poisoned| poisoned.into_inner()) = index;
            self.store = Some(store);
        }
        self.store.as_mut().ok_or(OutboxError::Closed)
    }
}

impl Command {
    fn fail(self, fault: &OutboxError) {
        let fault = || fault.clone();
        // Whoever went away needs no answer.
        match self {
            Self::Accept(_, _, reply) => drop(reply.send(Err(fault()))),
            Self::Compose(_, reply) => drop(reply.send(Err(fault()))),
            Self::Finish(_, reply)
            | Self::Keep(_, reply)
            | Self::Bury(_, reply)
            | Self::Forget(_, reply) => {
                drop(reply.send(Err(fault())));
            }
            Self::Load(_, reply) => drop(reply.send(Err(fault()))),
            Self::Dead(_, reply) => drop(reply.send(Err(fault()))),
            Self::Revive(_, reply) => drop(reply.send(Err(fault()))),
        }
    }
}

#[cfg(test)]
mod tests;
