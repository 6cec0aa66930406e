//! Taking partitions over and giving them back.
//!
//! Taking over waits for nothing: the checkpoints are looked up by a task, and reading begins when it reports. Giving back flushes within a budget; what is
//! not stored by then is given up, because whoever owns the partition next reads it again from the checkpoint.

use super::{Loop, Report, SLICE};
use crate::{
    assignment::{self, Position, Positions},
    batch::Trigger,
    error::Fault,
    flush::Settled,
    lane::Lane,
    waiting::Waiting,
};
use std::{
    sync::{Arc, mpsc::RecvTimeoutError},
    time::{Duration, Instant},
};

/// How long a cancelled flush may take to come back: it only has to drop its connection.
const CANCEL_TIMEOUT: Duration = Duration::from_secs(3);

impl Loop {
    /// Asks where to read from; nothing waits for the answer.
    pub(super) fn assigned(&mut self, partitions: Vec<i32>) {
        self.parts.metrics.assignments.inc();
        tracing::info!(
            ?partitions,
            "partitions assigned; looking up their checkpoints"
        );
        self.look_up(partitions);
    }

    /// Gives up what is held (after a revocation, nothing is) and asks where to read these partitions from.
    fn look_up(&mut self, partitions: Vec<i32>) {
        self.generation += 1;
        self.abandon();
        self.let_go();
        if partitions.is_empty() {
            self.parts.joined.pass();
            return;
        }
        let generation = self.generation;
        let reports = self.parts.reports.0.clone();
        let find = assignment::find(
            self.parts.consumer.log(),
            self.parts.config.kafka.topic.clone(),
            partitions,
            self.parts.config.assignment.start,
            self.parts.pool.clone(),
            Arc::clone(&self.parts.outage),
        );
        let looking = self.parts.runtime.spawn(async move {
            let found = find.await;
            // When the loop is gone nobody needs the answer.
            drop(reports.send(Report::Positions { generation, found }));
        });
        self.looking = Some(looking.abort_handle());
    }

    pub(super) fn begin(&mut self, positions: Positions) -> Result<(), Fault> {
        if self.lanes.is_empty() {
            let topic = &self.parts.config.kafka.topic;
            let ends = &self.parts.ends;
            let lane = |jobs| Lane::new(&positions.cluster_id, topic, jobs, ends.clone());
            self.lanes = self.parts.jobs.drain(..).map(lane).collect();
        }
        tracing::info!(positions = ?positions.next, "reading from the checkpoints");
        self.owned = positions
            .next
            .iter()
            .map(|&(partition, next)| {
                let position = Position {
                    next,
                    committed: next,
                    waiting: Waiting::default(),
                };
                (partition, position)
            })
            .collect();
        self.parts.board.publish(&self.owned);
        self.parts
            .metrics
            .partitions
            .set(i64::try_from(self.owned.len()).unwrap_or(i64::MAX));
        self.parts.joined.pass();
        if let Err(error) = self.parts.consumer.assign(&positions.next) {
            // A rebalance has begun in between; its events follow.
            tracing::info!(%error, "the assignment is outdated already");
            return Ok(());
        }
        let partitions: Vec<i32> = self.owned.keys().copied().collect();
        if self.throttled_until.is_some() {
            self.parts.consumer.pause(&partitions)?;
        } else {
            // Those that were paused for a lane that was behind, before they were assigned anew.
            self.parts.consumer.resume(&partitions)?;
        }
        Ok(())
    }

    pub(super) fn revoked(&mut self, partitions: &[i32], lost: bool) {
        self.generation += 1;
        self.parts.metrics.revocations.inc();
        tracing::info!(?partitions, lost, "partitions taken back");
        if lost {
            // Another member may own them by now: what is held is theirs to read again.
            self.abandon();
        } else {
            self.give_back(Trigger::Revoke, self.parts.config.assignment.revoke_budget);
            self.signal_lag();
        }
        self.let_go();
        if let Err(error) = self.parts.consumer.release() {
            tracing::warn!(%error, "kafka did not take the partitions back");
        }
    }

    /// Flushes everything that is held, within a budget; true when all of it is stored. What is not by then is given up, to be read again.
    pub(super) fn give_back(&mut self, trigger: Trigger, budget: Duration) -> bool {
        let deadline = Instant::now() + budget;
        loop {
            self.parts.beat.beat();
            for lane in &mut self.lanes {
                lane.dispatch(trigger, &self.parts.metrics);
            }
            if self.lanes.iter().all(Lane::is_idle) {
                return true;
            }
            let hopeless = self.parts.outage.is_on() || Instant::now() >= deadline;
            if hopeless || self.receive_settled(SLICE).is_err() {
                tracing::warn!(
                    "not everything read could be stored; it is read again from the checkpoints"
                );
                self.abandon();
                return false;
            }
        }
    }

    /// Gives up everything that is held, in flight or not.
    pub(super) fn abandon(&mut self) {
        for lane in &mut self.lanes {
            lane.discard();
            lane.cancel();
        }
        let deadline = Instant::now() + CANCEL_TIMEOUT;
        while self.lanes.iter().any(Lane::is_in_flight) && Instant::now() < deadline {
            self.parts.beat.beat();
            // How it ended is all the same now.
            let _ = self.receive_settled(SLICE);
        }
        for lane in &mut self.lanes {
            lane.discard();
        }
    }

    /// Takes a report while the partitions are on their way out: only how flushes ended matters. An error means that giving back has failed.
    pub(super) fn receive_settled(&mut self, timeout: Duration) -> Result<(), ()> {
        let report = match self.parts.reports.1.recv_timeout(timeout) {
            Ok(report) => report,
            Err(RecvTimeoutError::Timeout) => return Ok(()),
            Err(RecvTimeoutError::Disconnected) => return Err(()),
        };
        let Report::Settled {
            lane,
            batch,
            settled,
        } = report
        else {
            return Ok(());
        };
        let stored = match settled {
            Settled::Stored(_) => {
                for advance in batch.advances() {
                    if let Some(position) = self.owned.get_mut(&advance.partition) {
                        position.committed = advance.next;
                    }
                }
                Ok(())
            }
            Settled::Abandoned => Ok(()),
            Settled::Conflict(error) => {
                self.parts.metrics.conflicts.inc();
                tracing::warn!(%error, "another writer owns a partition that is being given back");
                Err(())
            }
            Settled::Failed(error) => {
                tracing::error!(%error, "the last flush failed");
                Err(())
            }
        };
        self.lanes[lane].settle(batch);
        stored
    }

    /// Owns nothing from now on, and looks nothing up.
    pub(super) fn let_go(&mut self) {
        if let Some(looking) = self.looking.take() {
            looking.abort();
        }
        self.owned.clear();
        self.signalled.clear();
        self.parts.board.publish(&self.owned);
        self.parts.metrics.forget_partitions();
        self.parts.metrics.partitions.set(0);
        self.parts.metrics.paused.set(0);
    }

    /// A checkpoint was seen behind what this writer has committed.
    pub(super) fn rewound(&mut self, partition: i32, committed: i64, found: Option<i64>) {
        let still_ours = self
            .owned
            .get(&partition)
            .is_some_and(|position| position.committed >= committed);
        if still_ours {
            tracing::error!(
                partition,
                committed,
                found,
                "a checkpoint is behind what was committed"
            );
            self.rewind();
        }
    }

    /// Reads on from the checkpoints, which have gone back together with the rows. What the group knows does not change.
    pub(super) fn rewind(&mut self) {
        self.parts.metrics.rewinds.inc();
        tracing::error!(
            "the database went back in time (a fail-over to a standby that lagged, or a restore): storing again what it misses"
        );
        self.look_up(self.owned.keys().copied().collect());
    }

    pub(super) fn rejoin(&mut self) -> Result<(), Fault> {
        self.parts.joined.fail("joining the group again");
        self.parts.consumer.rejoin()?;
        Ok(())
    }
}
