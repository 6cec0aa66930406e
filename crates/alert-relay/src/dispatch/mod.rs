//! Decides what becomes a mail and when, and sees each mail through to its end.
//!
//! One task. It looks at the outbox's index, makes mails of the groups that are due (or a digest, when a route has had its share),
//! and sends what is next in every lane: within a lane one mail at a time and in order, so that the end of an alert is never told
//! before its begin. A digest keeps its place among all mails of its route.

mod backoff;
mod pace;

pub(crate) use backoff::retry_after;
pub(crate) use pace::millis;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use arc_swap::ArcSwap;
use service::admin::Beat;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::metrics::Metrics;
use crate::outbox::{Compose, Head, Index, Mail, Outbox, OutboxError};
use crate::policy::Policy;
use crate::render::Renderer;
use crate::transport::{Failure, Outcome, Transport};
use pace::{Pace, Turn};

/// The least time between two looks, so that a flood of webhooks does not make one for each.
const REST: Duration = Duration::from_millis(20);
/// The most time between two looks.
const LOOK: Duration = Duration::from_secs(1);
/// How often alerts are forgotten that were seen long ago.
const FORGET: Duration = Duration::from_secs(600);
/// How long after a fault of the outbox its outcome is written again.
const AGAIN: Duration = Duration::from_secs(2);

/// What is replaced on reload.
#[derive(Debug, Clone)]
pub(crate) struct Live {
    pub(crate) policy: Arc<ArcSwap<Policy>>,
    pub(crate) renderer: Arc<ArcSwap<Renderer>>,
    pub(crate) transport: Arc<ArcSwap<Transport>>,
}

/// What is to be written about a mail after an attempt.
#[derive(Debug)]
enum Verdict {
    Finish(u64),
    Keep(Mail),
    Bury(Mail),
}

impl Verdict {
    fn id(&self) -> u64 {
        match self {
            Self::Finish(id) => *id,
            Self::Keep(mail) | Self::Bury(mail) => mail.id,
        }
    }
}

/// An attempt that has ended.
#[derive(Debug)]
struct Attempt {
    id: u64,
    /// Absent when the mail could not be read.
    result: Option<(Mail, Outcome)>,
    elapsed: Duration,
}

/// The task's state.
#[derive(Debug)]
pub(crate) struct Dispatcher {
    outbox: Outbox,
    live: Live,
    metrics: Metrics,
    beat: Beat,
    paces: HashMap<Arc<str>, Pace>,
    sending: JoinSet<Attempt>,
    /// Mails under way, or whose outcome could not be written yet: never to be sent again by this process.
    busy: HashSet<u64>,
    unwritten: Vec<Verdict>,
    write_again: Instant,
    /// The other side asked for a pause.
    paused_ms: u64,
    forgotten: Instant,
}

/// Now, in Unix milliseconds.
pub(crate) fn now_ms() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, millis)
}

impl Dispatcher {
    pub(crate) fn new(outbox: Outbox, live: Live, metrics: Metrics, beat: Beat) -> Self {
        Self {
            outbox,
            live,
            metrics,
            beat,
            paces: HashMap::new(),
            sending: JoinSet::new(),
            busy: HashSet::new(),
            unwritten: Vec::new(),
            write_again: Instant::now(),
            paused_ms: 0,
            forgotten: Instant::now(),
        }
    }

    /// Works until `stop`, then waits for the mails under way. Dropping it leaves them to the next start.
    pub(crate) async fn run(mut self, stop: CancellationToken) {
        loop {
            self.beat.beat();
            let now = now_ms();
            let wake = self.look(now).await;
            let pause = Duration::from_millis(wake.saturating_sub(now)).clamp(REST, LOOK);
            let attempt = tokio::select! {
                biased;
                () = stop.cancelled() => break,
                Some(ended) = self.sending.join_next() => Some(ended),
                () = self.outbox.changed() => None,
                () = tokio::time::sleep(pause) => None,
            };
            if let Some(Ok(attempt)) = attempt {
                self.settle(attempt).await;
            }
            tokio::select! {
                () = stop.cancelled() => break,
                () = tokio::time::sleep(REST) => {}
            }
        }
        while let Some(ended) = self.sending.join_next().await {
            if let Ok(attempt) = ended {
                self.settle(attempt).await;
            }
        }
        self.write_verdicts().await;
    }

    /// Makes and starts what is due. Returns when there will be more.
    async fn look(&mut self, now: u64) -> u64 {
        if !self.unwritten.is_empty() && self.write_again <= Instant::now() {
            self.write_verdicts().await;
        }
        if self.forgotten.elapsed() >= FORGET {
            self.forgotten = Instant::now();
            if let Err(error) = self.outbox.forget(now).await {
                warn!(%error, "cannot forget alerts that were seen long ago");
            }
        }
        let made = self.make_mails(now).await;
        let started = self.start_mails(now);
        made.min(started)
    }

    async fn make_mails(&mut self, now: u64) -> u64 {
        let policy = self.live.policy.load_full();
        let (due, mut wake, quiet) = due_groups(&self.outbox.index(), &policy, now);
        self.metrics
            .quiet_alerts
            .set(i64::try_from(quiet.alerts).unwrap_or(i64::MAX));
        self.metrics.oldest_seconds.set(
            i64::try_from(
                quiet
                    .oldest_ms
                    .map_or(0, |oldest| now.saturating_sub(oldest))
                    / 1000,
            )
            .unwrap_or(0),
        );
        for (route, lanes) in due {
            let pace = self
                .paces
                .entry(Arc::clone(&route))
                .or_insert_with(|| Pace::new(&policy.rate, now));
            let composed = match pace.turn(&policy.rate, lanes.len(), now) {
                Turn::Wait(until) => {
                    wake = wake.min(until);
                    continue;
                }
                Turn::Digest => {
                    self.metrics.digests.inc();
                    vec![(lanes, true)]
                }
                Turn::Single(count) => lanes
                    .into_iter()
                    .take(count)
                    .map(|lane| (vec![lane], false))
                    .collect(),
            };
            for (lanes, is_digest) in composed {
                let what = Compose {
                    to: policy.recipients(&route).to_vec(),
                    route: Arc::clone(&route),
                    lanes,
                    is_digest,
                    max_alerts: policy.grouping.max_alerts,
                    domain: domain(&policy.mail.from),
                    now_ms: now,
                };
                if let Err(error) = self.outbox.compose(what).await {
                    error!(%error, route = &*route, "cannot make a mail; its alerts stay in the outbox");
                    return now + millis(AGAIN);
                }
            }
            // What a lane has left, or a route beyond its share, is looked at at once.
            wake = wake.min(now);
        }
        wake
    }

    fn start_mails(&mut self, now: u64) -> u64 {
        let policy = self.live.policy.load();
        if now < self.paused_ms {
            return self.paused_ms;
        }
        let room = policy.retry.concurrency.saturating_sub(self.sending.len());
        let (ready, wake) = ready_mails(&self.outbox.index(), &self.busy, room, now);
        for id in ready {
            self.busy.insert(id);
            let (outbox, live, metrics) =
                (self.outbox.clone(), self.live.clone(), self.metrics.clone());
            self.sending
                .spawn(async move { attempt(id, &outbox, &live, &metrics).await });
        }
        wake
    }

    /// Draws the conclusion from an attempt and writes it down.
    async fn settle(&mut self, attempt: Attempt) {
        self.metrics
            .send_seconds
            .observe(attempt.elapsed.as_secs_f64());
        let Some((mail, outcome)) = attempt.result else {
            self.busy.remove(&attempt.id);
            return;
        };
        let now = now_ms();
        let verdict = self.conclude(mail, outcome, now);
        self.unwritten.push(verdict);
        self.write_verdicts().await;
    }

    fn conclude(&mut self, mut mail: Mail, outcome: Outcome, now: u64) -> Verdict {
        let retry = self.live.policy.load().retry.clone();
        let failure = match outcome {
            Outcome::Sent => {
                self.metrics.mail("sent");
                let condensed = mail.more.iter().map(|count| count.count).sum();
                self.metrics.condensed.inc_by(condensed);
                self.metrics
                    .last_sent
                    .set(i64::try_from(now / 1000).unwrap_or_default());
                #[expect(clippy::cast_precision_loss, reason = "milliseconds of some days")]
                self.metrics
                    .delivery_seconds
                    .observe(now.saturating_sub(mail.created_ms) as f64 / 1e3);
                info!(
                    route = mail.route,
                    message_id = mail.message_id,
                    status = mail.status().name(),
                    alerts = mail.firing + mail.resolved,
                    recipients = mail.to.len(),
                    attempts = mail.attempts + 1,
                    "mail sent"
                );
                return Verdict::Finish(mail.id);
            }
            Outcome::Partly { left, failure } => {
                mail.to = left;
                failure
            }
            Outcome::Failed(failure) => failure,
        };
        mail.attempts += 1;
        mail.refusals += u32::from(failure.is_refusal());
        mail.last_error = failure.to_string();
        self.metrics.failure(failure.reason());
        let is_over = mail.attempts >= retry.max_attempts
            || mail.refusals >= retry.max_refusals
            || now.saturating_sub(mail.since_ms) >= millis(retry.max_age);
        if is_over {
            self.metrics.mail("dead");
            error!(
                route = mail.route,
                message_id = mail.message_id,
                attempts = mail.attempts,
                recipients = mail.to.len(),
                reason = mail.last_error,
                "a mail could not be sent and is a dead letter now"
            );
            return Verdict::Bury(mail);
        }
        let pause = backoff::pause_ms(&retry, mail.attempts, failure.retry_after());
        mail.next_ms = now + pause;
        if failure.is_everyones() && failure.retry_after().is_some() {
            self.paused_ms = self.paused_ms.max(mail.next_ms);
        }
        self.metrics.mail(if failure.is_refusal() {
            "refused"
        } else {
            "postponed"
        });
        warn!(
            route = mail.route,
            message_id = mail.message_id,
            attempts = mail.attempts,
            again_in_ms = pause,
            reason = mail.last_error,
            "a mail could not be sent and is tried again"
        );
        Verdict::Keep(mail)
    }

    /// Writes what is known of mails. What cannot be written is kept here, so that no mail is sent again for it.
    async fn write_verdicts(&mut self) {
        for verdict in std::mem::take(&mut self.unwritten) {
            let id = verdict.id();
            let written = match &verdict {
                Verdict::Finish(id) => self.outbox.finish(*id).await,
                Verdict::Keep(mail) => self.outbox.keep(mail.clone()).await,
                Verdict::Bury(mail) => self.outbox.bury(mail.clone()).await,
            };
            match written {
                Ok(()) | Err(OutboxError::Closed) => drop(self.busy.remove(&id)),
                Err(error) => {
                    error!(%error, "cannot write what became of a mail");
                    self.unwritten.push(verdict);
                    self.write_again = Instant::now() + AGAIN;
                }
            }
        }
    }
}

/// One attempt to send one mail.
async fn attempt(id: u64, outbox: &Outbox, live: &Live, metrics: &Metrics) -> Attempt {
    let started = Instant::now();
    let result = match outbox.load(id).await {
        Ok(Some(mail)) => {
            let outcome = deliver(&mail, live, metrics).await;
            Some((mail, outcome))
        }
        Ok(None) => None,
        Err(error) => {
            warn!(%error, "cannot read a mail from the outbox");
            None
        }
    };
    Attempt {
        id,
        result,
        elapsed: started.elapsed(),
    }
}

/// Renders and sends.
pub(crate) async fn deliver(mail: &Mail, live: &Live, metrics: &Metrics) -> Outcome {
    let rendered = live.renderer.load().mail(mail, metrics);
    let transport = live.transport.load_full();
    match rendered {
        Ok(rendered) => transport.send(&rendered, metrics).await,
        Err(reason) => Outcome::Failed(Failure::Configuration(reason)),
    }
}

/// What of the index is not due because it is quiet, and how old the rest is.
#[derive(Debug, Default)]
struct Quiet {
    alerts: u64,
    oldest_ms: Option<u64>,
}

type Due = BTreeMap<Arc<str>, Vec<u64>>;

/// The lanes of every route whose time has come, oldest first, and when the next one's comes.
fn due_groups(index: &Index, policy: &Policy, now: u64) -> (Due, u64, Quiet) {
    let wait = millis(policy.grouping.wait);
    let mut due: BTreeMap<Arc<str>, Vec<(u64, u64)>> = BTreeMap::new();
    let mut until: HashMap<Arc<str>, Option<u64>> = HashMap::new();
    let mut wake = u64::MAX;
    let mut quiet = Quiet {
        alerts: 0,
        oldest_ms: index.mails.values().map(|mail| mail.created_ms).min(),
    };
    for ((route, lane), group) in &index.groups {
        let severity = &group.severity;
        let end = match until.get(severity) {
            Some(end) => *end,
            None => *until
                .entry(Arc::clone(severity))
                .or_insert_with(|| policy.quiet_until(severity, now)),
        };
        if let Some(end) = end {
            quiet.alerts += group.count;
            wake = wake.min(end);
            continue;
        }
        quiet.oldest_ms = Some(
            quiet
                .oldest_ms
                .map_or(group.first_ms, |oldest| oldest.min(group.first_ms)),
        );
        let at = group.first_ms + wait;
        if at <= now {
            due.entry(Arc::clone(route))
                .or_default()
                .push((group.first_ms, *lane));
        } else {
            wake = wake.min(at);
        }
    }
    let sorted = due.into_iter().map(|(route, mut lanes)| {
        lanes.sort_unstable();
        (route, lanes.into_iter().map(|(_, lane)| lane).collect())
    });
    (sorted.collect(), wake, quiet)
}

/// The mails that are next in their lane and whose time has come, and when the next one's comes.
fn ready_mails(index: &Index, busy: &HashSet<u64>, room: usize, now: u64) -> (Vec<u64>, u64) {
    let mut ready = Vec::new();
    let mut wake = u64::MAX;
    let mut lanes: HashSet<(&str, u64)> = HashSet::new();
    let mut routes: HashSet<&str> = HashSet::new();
    let mut digests: HashSet<&str> = HashSet::new();
    for (id, head) in &index.mails {
        let Head {
            route,
            lane,
            next_ms,
            ..
        } = head;
        let is_next = match lane {
            Some(lane) => !digests.contains(&**route) && lanes.insert((route, *lane)),
            None => !routes.contains(&**route),
        };
        routes.insert(route);
        if lane.is_none() {
            digests.insert(route);
        }
        if !is_next || busy.contains(id) {
            continue;
        }
        if *next_ms > now {
            wake = wake.min(*next_ms);
        } else if ready.len() < room {
            ready.push(*id);
        }
    }
    (ready, wake)
}

/// The part of an address behind the `@`, for message ids.
pub(crate) fn domain(from: &str) -> String {
    let domain = crate::config::mailbox(from).map(|mailbox| mailbox.email.domain().to_owned());
    domain.unwrap_or_else(|_| "localhost".to_owned())
}

#[cfg(test)]
mod tests;
