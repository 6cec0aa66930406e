//! Looks, all the time, at how far the writers are and at what a reader of the feed sees.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde::Deserialize;
use tokio::task::AbortHandle;

use crate::client::Key;
use crate::stack::Stack;

/// How often the checkpoints are looked at.
const LOOK: Duration = Duration::from_millis(100);

/// The sum of a topic's checkpoints over time.
pub(crate) struct Progress {
    seen: Arc<Mutex<Vec<(Instant, i64)>>>,
    task: AbortHandle,
}

impl Progress {
    /// Begins to look.
    pub(crate) fn watch(stack: &Arc<Stack>, database: &str, topic: &str) -> Self {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let task = tokio::spawn(look(
            Arc::clone(stack),
            database.to_owned(),
            topic.to_owned(),
            Arc::clone(&seen),
        ));
        Self {
            seen,
            task: task.abort_handle(),
        }
    }

    fn seen(&self) -> MutexGuard<'_, Vec<(Instant, i64)>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many records are settled by now.
    pub(crate) fn settled(&self) -> i64 {
        self.seen().last().map_or(0, |seen| seen.1)
    }

    /// How long after a moment the writers moved on; none while they have not.
    pub(crate) fn recovered_after(&self, healed: Instant) -> Option<Duration> {
        let seen = self.seen();
        let before = seen
            .iter()
            .rev()
            .find(|(at, _)| *at <= healed)
            .map_or(0, |seen| seen.1);
        seen.iter()
            .find(|(at, settled)| *at > healed && *settled > before)
            .map(|(at, _)| *at - healed)
    }

    /// The longest time without progress between two moments.
    pub(crate) fn stalled(&self, from: Instant, to: Instant) -> Duration {
        let seen = self.seen();
        let mut longest = Duration::ZERO;
        let mut since = from;
        let mut settled = None;
        for &(at, now) in seen.iter().filter(|(at, _)| *at >= from && *at <= to) {
            longest = longest.max(at - since);
            if settled != Some(now) {
                since = at;
                settled = Some(now);
            }
        }
        longest.max(to.saturating_duration_since(since))
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn look(
    stack: Arc<Stack>,
    database: String,
    topic: String,
    seen: Arc<Mutex<Vec<(Instant, i64)>>>,
) {
    loop {
        // While the database is out there is nothing to see.
        if let Ok(sql) = stack.sql(&database).await {
            while let Ok(Ok(row)) = tokio::time::timeout(
                Duration::from_secs(2),
                sql.query_one(
                    "SELECT coalesce(sum(next_offset), 0)::bigint FROM checkpoints WHERE topic = $1",
                    &[&topic],
                ),
            )
            .await
            {
                let settled = row.get(0);
                seen.lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .push((Instant::now(), settled));
                tokio::time::sleep(LOOK).await;
            }
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// A reader of the feed that starts at the beginning and never gives up.
pub(crate) struct Follower {
    seen: Arc<Mutex<Seen>>,
    task: AbortHandle,
}

/// What the reader was given.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// Events by how often they came.
    pub(crate) events: HashMap<Key, u32>,
    /// Whether it had come to the end when it last looked.
    pub(crate) caught_up: bool,
    /// Requests that were not answered, and were not told when to come again.
    pub(crate) failed: u64,
    /// What the last of them met.
    pub(crate) failure: Option<String>,
}

#[derive(Deserialize)]
struct Page {
    events: Vec<Named>,
    next: String,
    caught_up: bool,
}

#[derive(Deserialize)]
struct Named {
    source: String,
    id: String,
}

impl Follower {
    /// Begins to read from the query-api at `address`.
    pub(crate) fn watch(address: &str, token: &str) -> Self {
        let seen = Arc::new(Mutex::new(Seen::default()));
        let task = tokio::spawn(follow(
            format!("http://{address}/v1/feed?limit=5000&wait=1s"),
            token.to_owned(),
            Arc::clone(&seen),
        ));
        Self {
            seen,
            task: task.abort_handle(),
        }
    }

    /// What it has seen.
    pub(crate) fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn follow(url: String, token: String, seen: Arc<Mutex<Seen>>) {
    let mut after: Option<String> = None;
    let client = reqwest::Client::builder()
        .timeout(Duration::from_secs(5))
        .no_proxy()
        .build();
    let Ok(client) = client else {
        return;
    };
    loop {
        let url = match &after {
            Some(cursor) => format!("{url}&after={cursor}"),
            None => url.clone(),
        };
        let page = async {
            let answer = client.get(&url).bearer_auth(&token).send().await?;
            if let Some(pause) = retry_after(&answer) {
                return Ok(Err(pause));
            }
            answer.error_for_status()?.json::<Page>().await.map(Ok)
        };
        match page.await {
            Ok(Err(pause)) => tokio::time::sleep(pause).await,
            Ok(Ok(page)) => {
                let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
                for event in &page.events {
                    let key = Key::of(&event.source, &event.id);
                    *seen.events.entry(key).or_default() += 1;
                }
                seen.caught_up = page.caught_up;
                after = Some(page.next);
            }
            Err(error) => {
                {
                    let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
                    seen.failed += 1;
                    seen.failure = Some(format!("{error:?}"));
                    seen.caught_up = false;
                }
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        }
    }
}

/// When an answer of a service that cannot serve now says to come again.
fn retry_after(answer: &reqwest::Response) -> Option<Duration> {
    if !matches!(answer.status().as_u16(), 429 | 503) {
        return None;
    }
    let seconds = answer.headers().get("retry-after")?.to_str().ok()?;
    seconds.parse().ok().map(Duration::from_secs)
}
