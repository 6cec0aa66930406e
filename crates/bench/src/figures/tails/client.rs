//! Many tails read by two threads of this process, which takes every event apart just as far as it must to know that none is missing.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use event::Timestamp;
use memchr::memmem;
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::task::LocalSet;

use crate::fixture::ID_DIGITS;
use crate::stack::{Chunks, Client};

const THREADS: usize = 2;
/// Tails of a thread that are being opened at a time: fewer than a key may have under way.
const OPENING: usize = 16;
/// How long all tails may take until they are open.
const OPEN_BUDGET: Duration = Duration::from_secs(60);

const ID: &[u8] = b"\"id\":\"order-";
const TIME: &[u8] = b"\"time\":\"";
const END: &[u8] = b"event: end\ndata: ";

/// What one tail has had.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    pub(super) events: u64,
    /// Of their numbers.
    pub(super) sum: u64,
    /// Milliseconds from an event's time, which is when its request was made, until it was here: of the first event of whatever came at once.
    pub(super) delays: Vec<f64>,
    pub(super) last: Instant,
    /// Why it ended, if it did.
    pub(super) end: Option<String>,
}

/// How long to read.
#[derive(Debug, Clone, Copy)]
enum Goal {
    Unknown,
    Events(u64),
    GivenUp,
}

/// Open tails.
pub(super) struct Tails {
    goal: watch::Sender<Goal>,
    threads: Vec<std::thread::JoinHandle<anyhow::Result<Vec<Seen>>>>,
}

impl Tails {
    /// Opens them, with keys that take turns, and waits until all are.
    pub(super) async fn open(address: &str, keys: &[String], tails: usize) -> anyhow::Result<Self> {
        let (goal, reached) = watch::channel(Goal::Unknown);
        let (opened, mut open) = mpsc::unbounded_channel();
        let threads = (0..THREADS)
            .map(|thread| {
                let own = (thread..tails).step_by(THREADS);
                let tokens: Vec<String> = own.map(|tail| keys[tail % keys.len()].clone()).collect();
                let (address, opened) = (address.to_owned(), opened.clone());
                let reached = reached.clone();
                std::thread::spawn(move || run_thread(&address, tokens, &opened, &reached))
            })
            .collect();
        drop(opened);
        let all_open = async {
            for number in 0..tails {
                let first = open.recv().await;
                first.with_context(|| format!("a tail failed when {number} were open"))?;
            }
            anyhow::Ok(())
        };
        let waited = tokio::time::timeout(OPEN_BUDGET, all_open).await;
        let outcome = waited
            .context("the tails do not open")
            .and_then(|open| open);
        let this = Self { goal, threads };
        match outcome {
            Ok(()) => Ok(this),
            Err(error) => {
                // What a thread says about it says more.
                this.goal.send_replace(Goal::GivenUp);
                this.join().await?;
                Err(error)
            }
        }
    }

    /// Waits until each has had so many events, or the patience is over, and tells what they had.
    pub(super) async fn finish(self, events: u64, patience: Duration) -> anyhow::Result<Vec<Seen>> {
        self.goal.send_replace(Goal::Events(events));
        let goal = self.goal.clone();
        let giving_up = tokio::spawn(async move {
            tokio::time::sleep(patience).await;
            goal.send_replace(Goal::GivenUp);
        });
        let seen = self.join().await;
        giving_up.abort();
        seen
    }

    async fn join(self) -> anyhow::Result<Vec<Seen>> {
        let threads = self.threads;
        let joined = tokio::task::spawn_blocking(move || {
            let mut all = Vec::new();
            for thread in threads {
                let seen = thread.join();
                all.extend(seen.map_err(|_| anyhow::anyhow!("a thread panicked"))??);
            }
            anyhow::Ok(all)
        });
        joined.await?
    }
}

fn run_thread(
    address: &str,
    tokens: Vec<String>,
    opened: &mpsc::UnboundedSender<()>,
    goal: &watch::Receiver<Goal>,
) -> anyhow::Result<Vec<Seen>> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let local = LocalSet::new();
    let opening = Arc::new(Semaphore::new(OPENING));
    let tasks: Vec<_> = tokens
        .into_iter()
        .map(|token| {
            let (address, opened, goal) = (address.to_owned(), opened.clone(), goal.clone());
            let opening = Arc::clone(&opening);
            local.spawn_local(async move {
                let permit = opening.acquire().await?;
                let chunks = Client::open(&address, &token)
                    .await?
                    .stream("/v1/tail")
                    .await?;
                drop(permit);
                let mut tail = Tail::new(chunks);
                tail.read(&opened, goal).await?;
                anyhow::Ok(tail.seen)
            })
        })
        .collect();
    local.block_on(&runtime, async {
        let mut all = Vec::new();
        for task in tasks {
            all.push(task.await??);
        }
        Ok(all)
    })
}

struct Tail {
    chunks: Chunks,
    /// What has come of a block that is not whole.
    text: Vec<u8>,
    seen: Seen,
    is_open: bool,
}

impl Tail {
    fn new(chunks: Chunks) -> Self {
        Self {
            chunks,
            text: Vec::new(),
            seen: Seen {
                events: 0,
                sum: 0,
                delays: Vec::new(),
                last: Instant::now(),
                end: None,
            },
            is_open: false,
        }
    }

    /// Reads until the goal is reached, given up or out of reach.
    async fn read(
        &mut self,
        opened: &mpsc::UnboundedSender<()>,
        mut goal: watch::Receiver<Goal>,
    ) -> anyhow::Result<()> {
        let mut is_told = false;
        loop {
            let now = *goal.borrow_and_update();
            let is_over = match now {
                Goal::Unknown => false,
                Goal::Events(events) => self.seen.events >= events,
                Goal::GivenUp => true,
            };
            if is_over || self.seen.end.is_some() {
                return Ok(());
            }
            let text = &mut self.text;
            tokio::select! {
                more = self.chunks.next(|bytes| text.extend_from_slice(bytes)) => match more {
                    Ok(true) => {}
                    Ok(false) => self.seen.end = Some("the stream is over".to_owned()),
                    Err(error) => self.seen.end = Some(format!("{error:#}")),
                },
                changed = goal.changed() => changed?,
            }
            self.take()?;
            // With its first block a tail says that it is at its place in the feed. Nobody listens any more after a failure.
            if self.is_open && !std::mem::replace(&mut is_told, true) {
                let _ = opened.send(());
            }
        }
    }

    /// Looks at all blocks that are whole.
    fn take(&mut self) -> anyhow::Result<()> {
        let Some(end) = memmem::rfind(&self.text, b"\n\n") else {
            return Ok(());
        };
        let blocks = &self.text[..end + 2];
        let before = self.seen.events;
        self.is_open = true;
        for at in memmem::find_iter(blocks, ID) {
            let digits = blocks.get(at + ID.len()..at + ID.len() + ID_DIGITS);
            let number: u64 = std::str::from_utf8(digits.context("an id is cut off")?)?.parse()?;
            self.seen.events += 1;
            self.seen.sum += number;
        }
        if self.seen.events > before {
            self.seen.last = Instant::now();
            let late = delay(blocks).context("an event tells no time")?;
            self.seen.delays.push(late);
        }
        if let Some(at) = memmem::find(blocks, END) {
            let rest = String::from_utf8_lossy(&blocks[at + END.len()..]);
            self.seen.end = Some(rest.trim_end().to_owned());
        }
        self.text.drain(..end + 2);
        Ok(())
    }
}

/// How many milliseconds ago the first event of some blocks was sent.
fn delay(blocks: &[u8]) -> Option<f64> {
    let rest = &blocks[memmem::find(blocks, TIME)? + TIME.len()..];
    let text = std::str::from_utf8(&rest[..memchr::memchr(b'"', rest)?]).ok()?;
    let sent = Timestamp::parse_rfc3339(text).ok()?;
    Some((Timestamp::now().as_micros() - sent.as_micros()) as f64 / 1e3)
}
