//! The reading half of an import, on a thread of its own: rows in, batches of event bytes out.

use std::{
    ops::Range,
    time::{Duration, Instant},
};

use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio_util::sync::CancellationToken;

use super::{
    args::Args,
    input::Input,
    mapping::{MapError, Mapping},
    resume::Position,
    row::{ReadError, Row},
};
use crate::units::Rate;

/// A batch is closed at this size even when it could hold more events: well below what ingest-api
/// takes in one request.
const MAX_BATCH_BYTES: usize = 1024 * 1024;

/// Events that travel together, and the rows before them that did not become events.
#[derive(Debug)]
pub(super) struct Batch {
    /// Consecutive from 0.
    pub(super) sequence: u64,
    /// Body of the request: a JSON array.
    pub(super) body: Bytes,
    pub(super) events: Vec<Slot>,
    /// Rows that could not be read or mapped.
    pub(super) unmapped: Vec<Unmapped>,
    /// Where to go on once all of this is settled.
    pub(super) next: Position,
    /// Bytes used of all files so far, for the progress.
    pub(super) consumed: u64,
    /// Returned when the batch is settled: bounds what is in memory.
    pub(super) permit: Option<OwnedSemaphorePermit>,
}

/// Where an event is in the body, and where it came from.
#[derive(Debug, Clone)]
pub(super) struct Slot {
    pub(super) bytes: Range<usize>,
    pub(super) file: usize,
    pub(super) row: u64,
}

/// A row that is not sent.
#[derive(Debug)]
pub(super) struct Unmapped {
    pub(super) file: usize,
    pub(super) row: u64,
    pub(super) reason: &'static str,
    pub(super) detail: String,
    /// The row as text, as far as it is.
    pub(super) raw: String,
}

/// Reads all inputs from a position on.
pub(super) struct Producer<'a> {
    pub(super) args: &'a Args,
    pub(super) inputs: &'a [Input],
    pub(super) mapping: &'a Mapping,
    pub(super) start: Position,
    pub(super) window: std::sync::Arc<Semaphore>,
    pub(super) batches: mpsc::Sender<Batch>,
    pub(super) stop: CancellationToken,
    pub(super) runtime: tokio::runtime::Handle,
}

/// A batch while it is filled.
struct Open {
    body: Vec<u8>,
    events: Vec<Slot>,
    unmapped: Vec<Unmapped>,
}

impl Open {
    fn new() -> Self {
        Self {
            body: vec![b'['],
            events: Vec::new(),
            unmapped: Vec::new(),
        }
    }
}

impl Producer<'_> {
    /// Reads until the end, the limit or the stop; returns early when nobody takes the batches.
    pub(super) fn run(self) -> anyhow::Result<()> {
        let mut pace = Pace::new(self.args.sending.rate);
        let mut open = Open::new();
        let mut sequence = 0;
        let mut consumed_before: u64 = self.inputs[..self.start.file]
            .iter()
            .filter_map(|input| input.bytes)
            .sum();
        let mut left = self
            .args
            .sending
            .limit
            .map_or(u64::MAX, |limit| limit.saturating_sub(self.start.rows));
        let mut rows = self.start.rows;
        let mut row = self.mapping.row();
        for (file, input) in self.inputs.iter().enumerate().skip(self.start.file) {
            let mut reader = input.open(self.args, self.mapping.wanted())?;
            let mut position = 0;
            if file == self.start.file && self.start.row > 0 {
                position = self.start.row;
                reader.skip(position).map_err(in_file(input))?;
            }
            while left > 0 && !self.stop.is_cancelled() {
                match reader.next(&mut row) {
                    Ok(false) => break,
                    Ok(true) => self.map(&row, file, &mut open),
                    Err(ReadError::Row {
                        reason,
                        detail,
                        raw,
                    }) => open.unmapped.push(Unmapped {
                        file,
                        row: row.number,
                        reason,
                        detail,
                        raw,
                    }),
                    Err(error) => return Err(in_file(input)(error)),
                }
                left -= 1;
                rows += 1;
                position += 1;
                if open.events.len() >= self.args.sending.batch as usize
                    || open.body.len() >= MAX_BATCH_BYTES
                    || open.unmapped.len() >= self.args.sending.batch as usize
                {
                    let next = Position {
                        file,
                        row: position,
                        rows,
                    };
                    let consumed = consumed_before + reader.consumed();
                    if !self.close(&mut open, &mut sequence, next, consumed, &mut pace) {
                        return Ok(());
                    }
                }
            }
            if left == 0 || self.stop.is_cancelled() {
                let next = Position {
                    file,
                    row: position,
                    rows,
                };
                let consumed = consumed_before + reader.consumed();
                self.close(&mut open, &mut sequence, next, consumed, &mut pace);
                return Ok(());
            }
            consumed_before += input.bytes.unwrap_or_default();
        }
        let end = Position {
            file: self.inputs.len(),
            row: 0,
            rows,
        };
        self.close(&mut open, &mut sequence, end, consumed_before, &mut pace);
        Ok(())
    }

    fn map(&self, row: &Row, file: usize, open: &mut Open) {
        if open.body.len() > 1 {
            open.body.push(b',');
        }
        let start = open.body.len();
        match self
            .mapping
            .write(row, &self.inputs[file].name, &mut open.body)
        {
            Ok(()) => open.events.push(Slot {
                bytes: start..open.body.len(),
                file,
                row: row.number,
            }),
            Err(MapError { reason, detail }) => {
                // Without the comma that was put for it.
                open.body
                    .truncate(if start > 1 { start - 1 } else { start });
                open.unmapped.push(Unmapped {
                    file,
                    row: row.number,
                    reason,
                    detail,
                    raw: String::from_utf8_lossy(&row.data).into_owned(),
                });
            }
        }
    }

    /// Hands the batch over; `false` when reading should end.
    fn close(
        &self,
        open: &mut Open,
        sequence: &mut u64,
        next: Position,
        consumed: u64,
        pace: &mut Pace,
    ) -> bool {
        let Open {
            mut body,
            events,
            unmapped,
        } = std::mem::replace(open, Open::new());
        body.push(b']');
        if !pace.wait(events.len(), &self.stop) {
            return false;
        }
        let window = std::sync::Arc::clone(&self.window);
        let permit = self.runtime.block_on(async {
            tokio::select! {
                permit = window.acquire_owned() => permit.ok(),
                () = self.stop.cancelled() => None,
            }
        });
        if permit.is_none() {
            return false;
        }
        let batch = Batch {
            sequence: *sequence,
            body: Bytes::from(body),
            events,
            unmapped,
            next,
            consumed,
            permit,
        };
        *sequence += 1;
        self.batches.blocking_send(batch).is_ok()
    }
}

fn in_file(input: &Input) -> impl Fn(ReadError) -> anyhow::Error {
    let path = input.path.display().to_string();
    move |error| anyhow::Error::new(error).context(path.clone())
}

/// Holds back batches so that no more events than asked for go out each second.
struct Pace {
    rate: Rate,
    due: Option<Instant>,
}

impl Pace {
    fn new(rate: Rate) -> Self {
        Self { rate, due: None }
    }

    /// Waits until these events are due; `false` when the import is stopped meanwhile.
    fn wait(&mut self, events: usize, stop: &CancellationToken) -> bool {
        let Rate::PerSecond(rate) = self.rate else {
            return true;
        };
        let mut now = Instant::now();
        // What was missed while others were slow is not made up for in a burst.
        let due = self.due.unwrap_or(now).max(now - Duration::from_secs(1));
        while now < due {
            if stop.is_cancelled() {
                return false;
            }
            std::thread::sleep((due - now).min(Duration::from_millis(100)));
            now = Instant::now();
        }
        let span = Duration::from_secs_f64(events as f64 / rate);
        self.due = Some(due + span);
        true
    }
}
