//! The sending half of an import: batches in parallel, settled in the order of their rows.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use bytes::{BufMut as _, Bytes, BytesMut};
use serde_json::value::RawValue;
use tokio::{
    sync::{Mutex, Semaphore, mpsc},
    task::JoinSet,
};
use tokio_util::sync::CancellationToken;

use super::{
    args::Args,
    batch::{Batch, Producer, Slot},
    input::Input,
    mapping::Mapping,
    report::{Progress, Reject, Rejects, Summary, Totals},
    resume::{Position, Resume},
};
use crate::{
    client::{Attempt, Client, Compression, Encoder, Outcome, Request, SendError},
    exit::{self, Exit},
};

const CONTENT_TYPE: &str = "application/cloudevents-batch+json";
/// How often the position is written down.
const SAVE_EVERY: Duration = Duration::from_secs(1);
/// What is under way when the operator interrupts may still be answered for this long.
const GRACE: Duration = Duration::from_secs(5);

/// A batch with all its outcomes.
struct Settled {
    batch: Batch,
    accepted: u64,
    /// With the index into `batch.events`.
    rejected: Vec<Outcome>,
    requests: u64,
    repeated: u64,
}

/// Imports all inputs from a position on, and prints the summary.
pub(super) async fn run(
    args: Args,
    inputs: Vec<Input>,
    mapping: Mapping,
    client: Client,
    mut resume: Resume,
    start: Position,
) -> anyhow::Result<()> {
    let parallel = usize::from(args.sending.parallel);
    let compression = args.sending.compress.unwrap_or(if client.is_local() {
        Compression::None
    } else {
        Compression::Zstd
    });
    let (stop, abort) = (CancellationToken::new(), CancellationToken::new());
    let interrupted = listen_for_interrupt(stop.clone(), abort.clone());

    let (batches, queue) = mpsc::channel(parallel);
    let (settled, mut outcomes) = mpsc::channel(parallel);
    let shared = Arc::new((args, inputs, mapping));
    let reading = {
        let shared = Arc::clone(&shared);
        let stop = stop.clone();
        let runtime = tokio::runtime::Handle::current();
        tokio::task::spawn_blocking(move || {
            let (args, inputs, mapping) = &*shared;
            Producer {
                args,
                inputs,
                mapping,
                start,
                window: Arc::new(Semaphore::new(parallel * 4)),
                batches,
                stop,
                runtime,
            }
            .run()
        })
    };
    let queue = Arc::new(Mutex::new(queue));
    let mut senders = JoinSet::new();
    for _ in 0..parallel {
        let sender = Sender {
            client: client.clone(),
            encoder: Encoder::new(compression)?,
            queue: Arc::clone(&queue),
            settled: settled.clone(),
            abort: abort.clone(),
        };
        senders.spawn(sender.run());
    }
    drop((settled, queue));

    let (args, inputs, _) = &*shared;
    let mut ledger = Ledger::new(args, inputs, start)?;
    let mut failure = None;
    while let Some(outcome) = outcomes.recv().await {
        let taken = match outcome {
            Ok(settled) => ledger.take(settled, &mut resume),
            Err(error) => Err(error),
        };
        if let Err(error) = taken {
            stop.cancel();
            failure.get_or_insert(error);
        }
    }
    let read = reading.await.context("the reader failed");
    while senders.join_next().await.is_some() {}
    interrupted.abort();
    let read = read.and_then(|read| read);

    let failed = failure.or(read.err());
    let stopped = stop.is_cancelled();
    ledger.finish(&mut resume, failed, stopped)
}

/// The first interruption stops reading and waits for what is under way, a second one does not wait.
fn listen_for_interrupt(
    stop: CancellationToken,
    abort: CancellationToken,
) -> tokio::task::JoinHandle<()> {
    tokio::spawn(async move {
        if tokio::signal::ctrl_c().await.is_err() {
            return;
        }
        stop.cancel();
        tokio::select! {
            _ = tokio::signal::ctrl_c() => {}
            () = tokio::time::sleep(GRACE) => {}
        }
        abort.cancel();
    })
}

struct Sender {
    client: Client,
    encoder: Encoder,
    queue: Arc<Mutex<mpsc::Receiver<Batch>>>,
    settled: mpsc::Sender<anyhow::Result<Settled>>,
    abort: CancellationToken,
}

impl Sender {
    async fn run(mut self) {
        loop {
            let batch = self.queue.lock().await.recv().await;
            let Some(batch) = batch else { return };
            let abort = self.abort.clone();
            let outcome = tokio::select! {
                outcome = self.send(batch) => outcome,
                () = abort.cancelled() => return,
            };
            let failed = outcome.is_err();
            // Nobody listens any more only after a failure that was told already.
            if self.settled.send(outcome).await.is_err() || failed {
                self.abort.cancel();
                return;
            }
        }
    }

    /// Sends a batch, in parts when it is too large for one request.
    async fn send(&mut self, batch: Batch) -> anyhow::Result<Settled> {
        let mut settled = Settled {
            accepted: 0,
            rejected: Vec::new(),
            requests: 0,
            repeated: 0,
            batch,
        };
        let mut parts = Vec::new();
        if !settled.batch.events.is_empty() {
            parts.push(0..settled.batch.events.len());
        }
        while let Some(part) = parts.pop() {
            let body = body_of(&settled.batch, &settled.batch.events[part.clone()]);
            let mut request = Request::new(
                CONTENT_TYPE,
                body.clone(),
                u32::try_from(part.len()).unwrap_or(u32::MAX),
            );
            if self.encoder.compression() != Compression::None {
                request.bytes = self.encoder.encode(&body)?.into();
                request.compression = self.encoder.compression();
            }
            let mut attempts = 0;
            let answer = self.client.send(&request, |_: Attempt| attempts += 1).await;
            settled.requests += attempts;
            settled.repeated += attempts.saturating_sub(1);
            match answer {
                Ok(answer) => {
                    settled.accepted += u64::from(answer.accepted);
                    let first = u32::try_from(part.start).unwrap_or(u32::MAX);
                    settled
                        .rejected
                        .extend(answer.rejected.into_iter().map(|mut outcome| {
                            outcome.index += first;
                            outcome
                        }));
                }
                Err(SendError::TooLarge(problem)) if part.len() == 1 => {
                    settled.rejected.push(Outcome {
                        index: u32::try_from(part.start).unwrap_or(u32::MAX),
                        uid: None,
                        status: problem.status,
                        kind: problem.kind.clone(),
                        detail: problem.detail.clone().or(problem.title),
                        pointer: None,
                    });
                }
                Err(SendError::TooLarge(_)) => {
                    let middle = part.start + part.len() / 2;
                    parts.push(middle..part.end);
                    parts.push(part.start..middle);
                }
                Err(error) => {
                    return Err(anyhow::Error::new(error)
                        .context(format!("send events to {}", self.client.url())));
                }
            }
        }
        settled.rejected.sort_by_key(|outcome| outcome.index);
        Ok(settled)
    }
}

/// The body of a request for some of the events; that of the batch when it is all of them.
fn body_of(batch: &Batch, events: &[Slot]) -> Bytes {
    if events.len() == batch.events.len() {
        return batch.body.clone();
    }
    let mut body = BytesMut::from(&b"["[..]);
    for (at, slot) in events.iter().enumerate() {
        if at > 0 {
            body.put_u8(b',');
        }
        body.put_slice(&batch.body[slot.bytes.clone()]);
    }
    body.put_u8(b']');
    body.freeze()
}

/// Settles batches in the order of their rows, however they are answered.
struct Ledger<'a> {
    args: &'a Args,
    inputs: &'a [Input],
    waiting: BTreeMap<u64, Settled>,
    next: u64,
    position: Position,
    totals: Totals,
    rejects: Rejects,
    progress: Progress,
    consumed: u64,
    saved_at: Instant,
}

impl<'a> Ledger<'a> {
    fn new(args: &'a Args, inputs: &'a [Input], start: Position) -> anyhow::Result<Self> {
        let goes_on = start != Position::default();
        let total_bytes = inputs.iter().map(|input| input.bytes).sum::<Option<u64>>();
        let first_byte = inputs[..start.file]
            .iter()
            .filter_map(|input| input.bytes)
            .sum();
        Ok(Self {
            args,
            inputs,
            waiting: BTreeMap::new(),
            next: 0,
            position: start,
            totals: Totals::default(),
            rejects: Rejects::open(args.sending.rejects.as_deref(), goes_on)?,
            progress: Progress::start(total_bytes, args.sending.limit, start.rows),
            consumed: first_byte,
            saved_at: Instant::now(),
        })
    }

    fn take(&mut self, settled: Settled, resume: &mut Resume) -> anyhow::Result<()> {
        self.waiting.insert(settled.batch.sequence, settled);
        while let Some(settled) = self.waiting.remove(&self.next) {
            self.next += 1;
            self.settle(settled)?;
        }
        self.progress
            .show(self.totals, self.rejects.total(), self.consumed);
        if self.saved_at.elapsed() >= SAVE_EVERY {
            self.save(resume)?;
        }
        if let Some(most) = self.args.sending.max_rejects
            && self.rejects.total() > most
        {
            anyhow::bail!("more than {most} rows were rejected (--max-rejects)");
        }
        Ok(())
    }

    fn settle(&mut self, mut settled: Settled) -> anyhow::Result<()> {
        let batch = &settled.batch;
        for row in &batch.unmapped {
            self.rejects.add(&Reject {
                file: &self.inputs[row.file].name,
                row: row.row,
                reason: row.reason,
                status: None,
                detail: &row.detail,
                pointer: None,
                event: None,
                raw: Some(&row.raw),
            })?;
        }
        for outcome in &settled.rejected {
            let slot = &batch.events[outcome.index as usize];
            let event = serde_json::from_slice::<&RawValue>(&batch.body[slot.bytes.clone()]).ok();
            self.rejects.add(&Reject {
                file: &self.inputs[slot.file].name,
                row: slot.row,
                reason: outcome.reason(),
                status: Some(outcome.status),
                detail: outcome.detail.as_deref().unwrap_or("no detail given"),
                pointer: outcome.pointer.as_deref(),
                event,
                raw: None,
            })?;
        }
        self.totals.accepted += settled.accepted;
        self.totals.rows += (batch.events.len() + batch.unmapped.len()) as u64;
        self.totals.requests += settled.requests;
        self.totals.repeated += settled.repeated;
        self.position = batch.next;
        self.consumed = batch.consumed;
        drop(settled.batch.permit.take());
        Ok(())
    }

    /// Rejects first: the position must never be ahead of them.
    fn save(&mut self, resume: &mut Resume) -> anyhow::Result<()> {
        self.rejects.flush()?;
        resume.save(self.position);
        self.saved_at = Instant::now();
        Ok(())
    }

    fn finish(
        mut self,
        resume: &mut Resume,
        failure: Option<anyhow::Error>,
        stopped: bool,
    ) -> anyhow::Result<()> {
        self.progress.finish();
        let complete = failure.is_none() && !stopped;
        if complete {
            self.rejects.flush()?;
            resume.remove();
        } else {
            self.save(resume)?;
        }
        Summary {
            totals: self.totals,
            rejects: &self.rejects,
            elapsed: self.progress.elapsed(),
            complete,
        }
        .print(self.args.sending.json);
        let again = "run the same command again to go on from there";
        if let Some(error) = failure {
            return Err(error.context(format!(
                "the import stopped after {} rows; {again}",
                self.position.rows
            )));
        }
        if stopped {
            anyhow::bail!("interrupted after {} rows; {again}", self.position.rows);
        }
        if self.rejects.total() > 0 {
            return Err(Exit::error(exit::REJECTS, ""));
        }
        Ok(())
    }
}
