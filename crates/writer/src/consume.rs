//! The loop that reads Kafka, on a thread of its own because polling blocks.
//!
//! One turn: take the reports of the lanes and of the tasks that look positions up, send off what is due, wait or pause where a lane is behind, poll a
//! burst of records. Whatever happens, the loop comes back to polling well within the group's patience, and every turn is a sign of life.

mod handover;
mod take;

use self::take::{Taken, Taking};
use crate::{
    assignment::{Board, Position, Positions},
    batch::{Span, Trigger},
    config::Config,
    error::Fault,
    flush::{Job, Settled},
    freshness::Ends,
    lane::Lane,
    limiter::Limiter,
    metrics::Metrics,
    outage::Outage,
};
use event::Timestamp;
use kafka::{Consumer, Event, Polled};
use service::admin::{Beat, Check};
use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError, Sender},
    },
    time::{Duration, Instant},
};
use store::{
    Pool,
    failpoint::{Point, hit_blocking},
    write::Batch,
};
use tokio::{runtime::Handle, task::AbortHandle};
use tokio_util::sync::CancellationToken;

/// The longest the loop sleeps in one go while it waits for a lane.
const SLICE: Duration = Duration::from_millis(20);
/// The longest one poll waits for a record.
const POLL: Duration = Duration::from_millis(50);
/// The same while a flush is in flight: its end is noticed between two polls, and what came meanwhile waits for it.
const NOTICE: Duration = Duration::from_millis(5);
/// Records taken in one turn before the lanes are looked at again.
const BURST: usize = 256;
/// How often a passing fault is logged.
const LOG_INTERVAL: Duration = Duration::from_secs(30);

/// What the tasks tell the loop.
#[derive(Debug)]
pub(crate) enum Report {
    /// A lane's flush is over.
    Settled {
        lane: usize,
        batch: Box<Batch>,
        settled: Settled,
    },
    /// The database went back in time: a checkpoint is behind what was committed.
    Rewound {
        partition: i32,
        committed: i64,
        /// Where it is, if there still is one.
        found: Option<i64>,
    },
    /// Where to read the partitions of an assignment from.
    Positions {
        generation: u64,
        found: Result<Positions, Fault>,
    },
}

/// Everything the loop needs from outside.
#[derive(Debug)]
pub(crate) struct Parts {
    pub(crate) config: Config,
    pub(crate) consumer: Consumer,
    pub(crate) jobs: Vec<tokio::sync::mpsc::Sender<Job>>,
    pub(crate) reports: (Sender<Report>, Receiver<Report>),
    pub(crate) pool: Pool,
    pub(crate) outage: Arc<Outage>,
    pub(crate) board: Board,
    pub(crate) ends: Ends,
    pub(crate) metrics: Metrics,
    pub(crate) joined: Check,
    pub(crate) beat: Beat,
    pub(crate) runtime: Handle,
    pub(crate) stop: CancellationToken,
}

/// The loop's state.
#[derive(Debug)]
pub(crate) struct Loop {
    parts: Parts,
    /// None until the first assignment: a batch names the cluster.
    lanes: Vec<Lane>,
    owned: BTreeMap<i32, Position>,
    /// Counts assignments and revocations, so that an answer to an old question is known as such.
    generation: u64,
    limiter: Limiter,
    throttled_until: Option<Instant>,
    lag_signalled: Instant,
    signalled: Vec<(i32, i64)>,
    complained: Option<Instant>,
    /// The task that looks checkpoints up, if one does.
    looking: Option<AbortHandle>,
}

impl Loop {
    pub(crate) fn new(parts: Parts) -> Self {
        let now = Instant::now();
        let dead_letters = &parts.config.dead_letters;
        Self {
            limiter: Limiter::new(dead_letters.per_second, dead_letters.burst, now),
            lanes: Vec::new(),
            owned: BTreeMap::new(),
            generation: 0,
            throttled_until: None,
            lag_signalled: now,
            signalled: Vec::new(),
            complained: None,
            looking: None,
            parts,
        }
    }

    /// Reads and hands over until told to stop, then flushes and leaves the group. True when everything that was read was stored and the group was left in
    /// time.
    pub(crate) fn run(mut self) -> Result<bool, Fault> {
        let ended = self.turn_until_stopped();
        if ended.is_err() {
            self.parts.joined.fail("stopped by a fault");
        }
        let flushed = self.give_back(Trigger::Shutdown, self.parts.config.shutdown.flush);
        self.signal_lag();
        self.let_go();
        let Parts {
            consumer, config, ..
        } = self.parts;
        let left = consumer.close(config.shutdown.close);
        if !left {
            tracing::warn!(
                "the group was not left in time; its members wait for the session timeout"
            );
        }
        ended.map(|()| flushed && left)
    }

    fn turn_until_stopped(&mut self) -> Result<(), Fault> {
        while !self.parts.stop.is_cancelled() {
            self.parts.beat.beat();
            while let Ok(report) = self.parts.reports.1.try_recv() {
                self.take(report)?;
            }
            let now = Instant::now();
            self.dispatch_due(now);
            if self.wait_for_room(now)? {
                continue;
            }
            self.unthrottle(now);
            self.throttle(now);
            if now.duration_since(self.lag_signalled)
                >= self.parts.config.assignment.lag_signal_interval
            {
                self.signal_lag();
            }
            self.poll(now)?;
        }
        Ok(())
    }

    fn dispatch_due(&mut self, now: Instant) {
        for lane in &mut self.lanes {
            lane.dispatch_due(&self.parts.config.batch, now, &self.parts.metrics);
        }
    }

    /// Waits a little when a lane can take no more; true when the turn is over by that. A lane that stays behind is paused, and reading goes on for the others.
    fn wait_for_room(&mut self, now: Instant) -> Result<bool, Fault> {
        let batch = &self.parts.config.batch;
        let Some(full) = self
            .lanes
            .iter()
            .position(|lane| !lane.paused && !lane.has_room(batch))
        else {
            return Ok(false);
        };
        // In a known outage there is nothing to wait for.
        let patience = if self.parts.outage.is_on() {
            Duration::ZERO
        } else {
            batch.patience
        };
        if self.lanes[full].blocked_for(now) < patience {
            self.wait_for_report(SLICE)?;
            return Ok(true);
        }
        self.lanes[full].paused = true;
        let partitions = self.partitions_of(full);
        tracing::warn!(
            lane = full,
            ?partitions,
            "the database is behind: reading of these partitions is paused"
        );
        self.parts.consumer.pause(&partitions)?;
        self.count_paused();
        Ok(false)
    }

    fn wait_for_report(&mut self, timeout: Duration) -> Result<(), Fault> {
        match self.parts.reports.1.recv_timeout(timeout) {
            Ok(report) => self.take(report),
            Err(RecvTimeoutError::Timeout) => Ok(()),
            Err(RecvTimeoutError::Disconnected) => {
                Err(Fault::Internal("every task is gone".into()))
            }
        }
    }

    fn poll(&mut self, now: Instant) -> Result<(), Fault> {
        let batch = &self.parts.config.batch;
        let due = self
            .lanes
            .iter()
            .filter_map(|lane| lane.due_in(batch, now))
            .min();
        let longest = if self.lanes.iter().any(Lane::is_in_flight) {
            NOTICE
        } else {
            POLL
        };
        let mut timeout = due.map_or(longest, |due| due.min(longest));
        let mut span = None;
        for _ in 0..BURST {
            let event = match self.parts.consumer.poll(timeout) {
                Polled::Idle => return Ok(()),
                Polled::Record(record) => {
                    let accept = &self.parts.config.accept;
                    // After the first poll, which may have waited; the rest of the burst takes less than a millisecond.
                    let span =
                        span.get_or_insert_with(|| Span::seen_from(Timestamp::now(), accept));
                    let taking = Taking {
                        config: &self.parts.config,
                        metrics: &self.parts.metrics,
                        lanes: &mut self.lanes,
                        owned: &mut self.owned,
                        limiter: &mut self.limiter,
                        span,
                    };
                    if taking.take(&record) == Taken::Full {
                        return Ok(());
                    }
                    timeout = Duration::ZERO;
                    continue;
                }
                Polled::Event(event) => event,
            };
            return self.happened(event);
        }
        Ok(())
    }

    fn happened(&mut self, event: Event) -> Result<(), Fault> {
        match event {
            Event::Assigned(partitions) => self.assigned(partitions),
            Event::Revoked { partitions, lost } => self.revoked(&partitions, lost),
            // On the way back in, the checkpoints are held against the log, and what does not fit stops the writer.
            Event::OffsetOutOfRange => self.rejoin()?,
            Event::TopicMissing => {
                self.complain("the topic does not exist; create it with `flumen provision`");
                self.parts.joined.fail("the topic does not exist");
            }
            Event::Disturbed(problem) => self.complain(&problem),
            Event::Fatal(problem) => return Err(Fault::Consumer(problem)),
        }
        Ok(())
    }

    fn complain(&mut self, problem: &str) {
        if self
            .complained
            .is_none_or(|last| last.elapsed() > LOG_INTERVAL)
        {
            self.complained = Some(Instant::now());
            tracing::warn!(
                problem,
                "reading from kafka is disturbed; it is tried again"
            );
        }
    }

    fn take(&mut self, report: Report) -> Result<(), Fault> {
        match report {
            Report::Settled {
                lane,
                batch,
                settled,
            } => self.settled(lane, batch, settled),
            Report::Positions { generation, found } if generation == self.generation => {
                self.begin(found?)
            }
            Report::Positions { .. } => Ok(()),
            Report::Rewound {
                partition,
                committed,
                found,
            } => {
                self.rewound(partition, committed, found);
                Ok(())
            }
        }
    }

    fn settled(&mut self, lane: usize, batch: Box<Batch>, settled: Settled) -> Result<(), Fault> {
        match settled {
            Settled::Stored(outcome) => {
                let mut oldest: Option<i64> = None;
                for advance in batch.advances() {
                    if let Some(position) = self.owned.get_mut(&advance.partition) {
                        position.committed = advance.next;
                        let since = position.waiting.settle(advance.next, position.next);
                        oldest = oldest.into_iter().chain(since).min();
                    }
                }
                if let Some(since) = oldest {
                    let age = (Timestamp::now().as_millis() - since).max(0);
                    self.parts.metrics.readable(outcome.inserted, age);
                }
                self.parts.board.publish(&self.owned);
                self.lanes[lane].settle(batch);
                if outcome.refused > 0 {
                    self.limiter.take(outcome.refused, Instant::now());
                }
                self.dispatch_due(Instant::now());
                if std::mem::take(&mut self.lanes[lane].paused) {
                    let partitions = self.partitions_of(lane);
                    tracing::info!(lane, ?partitions, "reading goes on");
                    if self.throttled_until.is_none() {
                        self.parts.consumer.resume(&partitions)?;
                    }
                    self.count_paused();
                }
                Ok(())
            }
            Settled::Abandoned => {
                self.lanes[lane].settle(batch);
                Ok(())
            }
            Settled::Conflict(error) if error.went_back() => {
                tracing::warn!(%error, "nothing was stored of a batch");
                self.lanes[lane].settle(batch);
                self.rewind();
                Ok(())
            }
            Settled::Conflict(error) => {
                self.parts.metrics.conflicts.inc();
                tracing::warn!(%error, "another writer owns a partition: letting go and joining the group again");
                // The batch being filled follows the one that was refused: all of the lane begins anew.
                for partition in self.partitions_of(lane) {
                    self.owned.remove(&partition);
                }
                self.lanes[lane].settle(batch);
                self.lanes[lane].discard();
                self.rejoin()
            }
            Settled::Failed(error) => {
                self.lanes[lane].settle(batch);
                self.lanes[lane].discard();
                Err(error.into())
            }
        }
    }

    fn partitions_of(&self, lane: usize) -> Vec<i32> {
        let lanes = self.lanes.len();
        let of_lane = |partition: &&i32| lane_of(**partition, lanes) == lane;
        self.owned.keys().filter(of_lane).copied().collect()
    }

    fn count_paused(&self) {
        let paused: usize = (0..self.lanes.len())
            .filter(|&lane| self.lanes[lane].paused)
            .map(|lane| self.partitions_of(lane).len())
            .sum();
        self.parts
            .metrics
            .paused
            .set(i64::try_from(paused).unwrap_or(i64::MAX));
    }

    /// Stops reading for a while when too many records are bad.
    fn throttle(&mut self, now: Instant) {
        let Some(pause) = self.limiter.pause(now) else {
            return;
        };
        if self.throttled_until.replace(now + pause).is_none() {
            self.parts.metrics.throttled.set(1);
            tracing::error!(
                pause_seconds = pause.as_secs_f64(),
                "too many records are bad: reading is slowed to dead_letters.per_second; see `flumen dead-letters list`"
            );
            let partitions: Vec<i32> = self.owned.keys().copied().collect();
            if let Err(error) = self.parts.consumer.pause(&partitions) {
                tracing::warn!(%error, "reading could not be paused");
            }
        }
    }

    fn unthrottle(&mut self, now: Instant) {
        if self.throttled_until.is_none_or(|until| now < until) {
            return;
        }
        self.throttled_until = None;
        self.parts.metrics.throttled.set(0);
        let lanes = self.lanes.len();
        let running = |partition: &&i32| !self.lanes[lane_of(**partition, lanes)].paused;
        let partitions: Vec<i32> = self.owned.keys().filter(running).copied().collect();
        if let Err(error) = self.parts.consumer.resume(&partitions) {
            tracing::warn!(%error, "reading could not be resumed");
        }
    }

    fn signal_lag(&mut self) {
        self.lag_signalled = Instant::now();
        let committed: Vec<_> = self
            .owned
            .iter()
            .map(|(partition, position)| (*partition, position.committed))
            .collect();
        if !committed.is_empty() && committed != self.signalled {
            if hit_blocking(Point::BeforeKafkaCommit).is_err() {
                return;
            }
            self.parts.consumer.signal_lag(&committed);
            self.signalled = committed;
        }
    }
}

fn lane_of(partition: i32, lanes: usize) -> usize {
    usize::try_from(partition).unwrap_or_default() % lanes.max(1)
}
