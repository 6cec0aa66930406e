//! One reader of the feed for all tails of a process.
//!
//! # Why a tail misses nothing
//!
//! The hub reads the feed on from its position and hands every part to all who listen, then moves its position. A tail begins to listen first and
//! takes the hub's position after that: everything behind that position will be handed to it. It catches up from the store to there, and
//! of what it is handed leaves out the offsets that it has had. While nobody listens the hub sleeps and has no position; it takes its position
//! away before it looks for the last time whether somebody listens, so nobody can hold one that it will not go on from.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use store::read::{
    FeedHead, FeedPosition, FeedQuery, Fields, Filter, PatternSet, ReadError, Reader,
};
use tokio::sync::{Notify, broadcast, watch};
use tokio_util::sync::CancellationToken;

use super::written::Written;
use crate::metrics::{Kind, Metrics};

/// Parts of the feed that are kept for those who are behind. With [`PART_BYTES`], the memory that all tails share.
const PARTS: usize = 32;
const PART_EVENTS: usize = 1_000;
const PART_BYTES: usize = 512 * 1024;

/// Parts of which it is kept what was written of them: tails that keep up are no further behind.
const WRITTEN_PARTS: usize = 4;

/// After a failure the database is asked less often.
const PAUSE_AFTER_FAILURE: Duration = Duration::from_secs(1);

/// A part of the feed, with everything in it.
#[derive(Debug)]
pub(crate) struct Part {
    /// The events with what filters look at.
    pub(crate) events: Vec<(FeedHead, Vec<u8>)>,
    /// Where it begins.
    pub(crate) from: FeedPosition,
    /// Where the next part begins.
    pub(crate) next: FeedPosition,
    /// What tails that ask for the same are sent of it.
    pub(crate) written: Written,
}

/// What listeners are handed.
#[derive(Debug, Clone)]
pub(crate) enum News {
    Part(Arc<Part>),
    /// The log was replaced by another one, which goes on from here.
    Replaced(FeedPosition),
}

/// Hands the feed to all tails. Cloning gives another handle.
#[derive(Debug, Clone)]
pub(crate) struct Hub {
    news: broadcast::Sender<News>,
    position: watch::Receiver<Option<FeedPosition>>,
    someone: Arc<Notify>,
    /// Ends all tails.
    pub(crate) stopping: CancellationToken,
}

impl Hub {
    /// Starts the task that reads; it ends with `stopping`.
    pub(crate) fn start(
        reader: Reader,
        topic: String,
        interval: Duration,
        stopping: CancellationToken,
        metrics: Metrics,
    ) -> Self {
        let (news, _) = broadcast::channel(PARTS);
        let (position, position_seen) = watch::channel(None);
        let someone = Arc::new(Notify::new());
        let task = Task {
            reader,
            topic,
            interval,
            news: news.clone(),
            position,
            someone: Arc::clone(&someone),
            metrics,
        };
        let end = stopping.clone();
        tokio::spawn(async move { end.run_until_cancelled(task.run()).await });
        Self {
            news,
            position: position_seen,
            someone,
            stopping,
        }
    }

    /// Listens, and tells from where on; `None` when the database cannot say so within `patience`.
    pub(crate) async fn listen(
        &self,
        patience: Duration,
    ) -> Option<(broadcast::Receiver<News>, FeedPosition)> {
        let news = self.news.subscribe();
        self.someone.notify_one();
        let mut position = self.position.clone();
        let known = tokio::time::timeout(patience, position.wait_for(Option::is_some)).await;
        let at = known.ok()?.ok()?.clone()?;
        Some((news, at))
    }
}

struct Task {
    reader: Reader,
    topic: String,
    interval: Duration,
    news: broadcast::Sender<News>,
    position: watch::Sender<Option<FeedPosition>>,
    someone: Arc<Notify>,
    metrics: Metrics,
}

impl Task {
    async fn run(self) {
        let query = FeedQuery {
            filter: Filter::of_sources(PatternSet::any()),
            limit: PART_EVENTS,
            max_bytes: PART_BYTES,
            fields: Fields::ALL,
        };
        let mut at: Option<FeedPosition> = None;
        let mut latest = VecDeque::with_capacity(WRITTEN_PARTS);
        loop {
            if self.news.receiver_count() == 0 {
                self.position.send_replace(None);
                if self.news.receiver_count() == 0 {
                    at = None;
                    latest.clear();
                    self.someone.notified().await;
                    continue;
                }
            }
            let pause = match self.step(&mut at, &query, &mut latest).await {
                Ok(is_caught_up) => is_caught_up.then_some(self.interval),
                Err(ReadError::LogReplaced) => {
                    at = None;
                    None
                }
                Err(_) => Some(PAUSE_AFTER_FAILURE),
            };
            if let Some(pause) = pause {
                tokio::time::sleep(pause).await;
            }
        }
    }

    /// Reads one part and hands it out.
    async fn step(
        &self,
        at: &mut Option<FeedPosition>,
        query: &FeedQuery,
        latest: &mut VecDeque<Arc<Part>>,
    ) -> Result<bool, ReadError> {
        let Some(from) = at else {
            let now = FeedPosition::from(self.reader.checkpoints(&self.topic).await?);
            // Whoever listens already was at a place in a log that is gone; with nobody there, nobody hears it.
            if self.position.borrow().is_some() {
                let _ = self.news.send(News::Replaced(now.clone()));
            }
            self.position.send_replace(Some(now.clone()));
            *at = Some(now);
            return Ok(false);
        };
        if self.position.borrow().is_none() {
            self.position.send_replace(Some(from.clone()));
        }
        let reading = self.reader.follow(&self.topic, from, query);
        let (page, heads) = self.metrics.read(Kind::Tail, reading).await?;
        let next = page.next;
        if !heads.is_empty() {
            let events = page.events.iter().map(<[u8]>::to_vec);
            let part = Arc::new(Part {
                events: heads.into_iter().zip(events).collect(),
                from: from.clone(),
                next: next.clone(),
                written: Written::default(),
            });
            if latest.len() >= WRITTEN_PARTS
                && let Some(oldest) = latest.pop_front()
            {
                oldest.written.forget();
            }
            latest.push_back(Arc::clone(&part));
            // An error means that everyone has left.
            let _ = self.news.send(News::Part(part));
        }
        if *from != next {
            self.position.send_replace(Some(next.clone()));
            *from = next;
        }
        Ok(page.is_caught_up)
    }
}
