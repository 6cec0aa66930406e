//! Half of the capacity for an hour, a random fault every ten seconds, and what the processes cost meanwhile.

mod plot;
mod sample;
mod table;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use serde::Serialize;

use crate::args::{Args, SoakArgs};
use crate::audit::{self, Audit, Log, Snapshot};
use crate::client::Pace;
use crate::faults::{self, Fault};
use crate::report::say;
use crate::scene::{Scene, Set};
use crate::stack::Stack;
use sample::{Sample, Sampler};

/// How long the capacity is measured, after a moment to get going.
const CALIBRATION: Duration = Duration::from_secs(15);
const GETTING_GOING: Duration = Duration::from_secs(5);
/// No fault of the soak takes longer, elections and all.
const PLAY_BUDGET: Duration = Duration::from_secs(120);
/// For everything to be accepted, and stored, at the end.
const DRAIN_BUDGET: Duration = Duration::from_secs(180);
/// Events in a request.
const BATCH: usize = 50;
const SENDERS: usize = 8;

/// What an hour came to.
#[derive(Debug, Serialize)]
pub(crate) struct Outcome {
    pub(crate) seed: u64,
    pub(crate) minutes: f64,
    pub(crate) remark: String,
    pub(crate) binaries: String,
    /// Events a second: what the pipeline could do, and what it was given.
    pub(crate) capacity: f64,
    pub(crate) rate: f64,
    pub(crate) sent: u64,
    pub(crate) accepted: u64,
    pub(crate) in_kafka: u64,
    pub(crate) stored: u64,
    pub(crate) distinct: u64,
    pub(crate) dead_lettered: u64,
    pub(crate) lost: u64,
    pub(crate) doubled: u64,
    /// Events that a reader of the feed saw, and how many of them more than once.
    pub(crate) read: u64,
    pub(crate) read_twice: u64,
    /// How often each fault was played.
    pub(crate) faults: BTreeMap<&'static str, u32>,
    pub(crate) complaints: Vec<String>,
    pub(crate) samples: Vec<Sample>,
}

impl Outcome {
    fn is_good(&self) -> bool {
        self.lost == 0 && self.doubled == 0 && self.complaints.is_empty()
    }
}

/// Soaks. True when nothing was lost or doubled.
pub(crate) async fn run(args: &Args, soak: &SoakArgs) -> anyhow::Result<bool> {
    let faults: Vec<Fault> = faults::all()
        .into_iter()
        .filter(|fault| fault.soak)
        .collect();
    let set = Set {
        ingest: 2,
        writers: 2,
        query: 1,
        pace: Some(at_rate(500.0)),
        ingest_settings: vec!["shutdown.unready=2s".to_owned()],
        ..Set::default()
    };
    let stack = Stack::start(args).await?;
    let mut scene = Scene::open(&stack, &set, args.seed).await?;
    // One of each is never killed: memory that is always new tells nothing.
    scene.spares_first = true;
    let played = play(args, soak, &stack, &mut scene, &faults).await;
    if args.keep || !matches!(&played, Ok(outcome) if outcome.is_good()) {
        say(scene.logs());
        stack.keep();
    }
    let closed = scene.close().await;
    stack.stop().await;
    let outcome = played?;
    if let Err(error) = closed {
        say(format!("the stack did not come down well: {error:#}"));
    }
    table::write(args, &outcome)?;
    Ok(outcome.is_good())
}

/// Clients that send so many events a second together.
fn at_rate(rate: f64) -> Pace {
    Pace {
        senders: SENDERS,
        batch: BATCH,
        every: Duration::from_secs_f64((SENDERS * BATCH) as f64 / rate),
        ..Pace::default()
    }
}

async fn play(
    args: &Args,
    soak: &SoakArgs,
    stack: &Arc<Stack>,
    scene: &mut Scene,
    faults: &[Fault],
) -> anyhow::Result<Outcome> {
    let (capacity, rate) = match soak.rate {
        Some(rate) => (0.0, f64::from(rate)),
        None => {
            let capacity = calibrate(scene).await?;
            (capacity, capacity / 2.0)
        }
    };
    say(format!(
        "the capacity is {capacity:.0} events/s; soaking at {rate:.0} events/s for {} minutes",
        soak.minutes
    ));
    scene.change_pace(at_rate(rate), DRAIN_BUDGET).await;
    scene.pass(GETTING_GOING).await;

    let mut outcome = Outcome {
        seed: args.seed,
        minutes: soak.minutes as f64,
        remark: soak.remark.clone(),
        binaries: stack
            .binaries
            .file_name()
            .map(|name| name.to_string_lossy().into_owned())
            .unwrap_or_default(),
        capacity,
        rate,
        sent: 0,
        accepted: 0,
        in_kafka: 0,
        stored: 0,
        distinct: 0,
        dead_lettered: 0,
        lost: 0,
        doubled: 0,
        read: 0,
        read_twice: 0,
        faults: BTreeMap::new(),
        complaints: Vec::new(),
        samples: Vec::new(),
    };
    let sampler = Sampler::start(scene, args.out.join("soak-samples.json"));
    let began = Instant::now();
    let every = Duration::from_secs(soak.every);
    let end = began + Duration::from_secs(60 * soak.minutes);
    let mut rng = StdRng::seed_from_u64(args.seed);
    let mut next = began + every;
    while next < end {
        tokio::time::sleep_until(next.into()).await;
        let Some(fault) = faults.choose(&mut rng) else {
            break;
        };
        sampler.mark(fault.name);
        *outcome.faults.entry(fault.name).or_default() += 1;
        say(format!(
            "{:>6.0} s  {:<32} {} accepted, {} settled",
            began.elapsed().as_secs_f64(),
            fault.name,
            scene.client.ledger().accepted.len(),
            scene.progress.settled()
        ));
        match tokio::time::timeout(PLAY_BUDGET, (fault.play)(scene)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => outcome
                .complaints
                .push(format!("{}: {error:#}", fault.name)),
            Err(_) => outcome
                .complaints
                .push(format!("{} did not end", fault.name)),
        }
        scene.stack.links.clear();
        scene.revive()?;
        next = (next + every).max(Instant::now());
    }
    tokio::time::sleep_until(end.into()).await;
    outcome.samples = sampler.finish();
    outcome.complaints.append(&mut scene.complaints);
    say("the load ends; everything is to be settled now");
    scene.end_load(DRAIN_BUDGET).await;
    if let Err(error) = scene.drain(DRAIN_BUDGET).await {
        outcome.complaints.push(format!("{error:#}"));
    }
    let log = Log::read(stack, &scene.topic, scene.partitions).await?;
    let snapshot = Snapshot::of(&scene.client.ledger());
    let audit = audit::compare(stack, &scene.database, log, &snapshot).await?;
    judge(scene, audit, &mut outcome).await;
    Ok(outcome)
}

async fn judge(scene: &Scene, audit: Audit, outcome: &mut Outcome) {
    {
        let ledger = scene.client.ledger();
        outcome.sent = ledger.sent.len() as u64;
        outcome.accepted = ledger.accepted.len() as u64;
        if let Some(refused) = ledger.refused.first() {
            outcome
                .complaints
                .push(format!("refused for good: {refused}"));
        }
    }
    outcome.in_kafka = audit.in_kafka;
    outcome.stored = audit.stored;
    outcome.distinct = audit.distinct;
    outcome.dead_lettered = audit.dead_lettered;
    outcome.lost = audit.lost;
    outcome.doubled = audit.doubled;
    if audit.dead_lettered > 0 {
        outcome
            .complaints
            .push("an outage made dead letters".to_owned());
    }
    if audit.amiss || audit.lost + audit.doubled > 0 {
        outcome.complaints.extend(audit.remarks);
    }
    if let Some(follower) = &scene.follower {
        let stored = usize::try_from(audit.stored).unwrap_or(usize::MAX);
        // What did not come is told by the numbers.
        let _ = scene
            .wait_for("the reader to come to the end", DRAIN_BUDGET, |_| {
                let seen = follower.seen();
                seen.caught_up && seen.events.len() >= stored
            })
            .await;
        let seen = follower.seen();
        outcome.read = seen.events.len() as u64;
        outcome.read_twice = seen.events.values().filter(|count| **count > 1).count() as u64;
        if outcome.read != audit.stored || outcome.read_twice > 0 {
            outcome.complaints.push(format!(
                "the reader of the feed saw {} of {} events, {} of them more than once",
                outcome.read, audit.stored, outcome.read_twice
            ));
        }
    }
}

/// What the whole pipeline can do: the lesser of what is accepted and what is stored, a second.
async fn calibrate(scene: &mut Scene) -> anyhow::Result<f64> {
    say("measuring the capacity");
    let flat_out = Pace {
        every: Duration::from_millis(1),
        ..at_rate(1.0)
    };
    scene.change_pace(flat_out, DRAIN_BUDGET).await;
    scene.pass(GETTING_GOING).await;
    let count = |scene: &Scene| {
        (
            scene.client.ledger().accepted.len(),
            scene.progress.settled(),
        )
    };
    let (before, began) = (count(scene), Instant::now());
    scene.pass(CALIBRATION).await;
    let (after, took) = (count(scene), began.elapsed().as_secs_f64());
    let accepted = (after.0 - before.0) as f64 / took;
    let stored = (after.1 - before.1) as f64 / took;
    say(format!(
        "accepted {accepted:.0} events/s, stored {stored:.0} events/s"
    ));
    // What has piled up is not part of the soak.
    scene.end_load(DRAIN_BUDGET).await;
    scene
        .drain(DRAIN_BUDGET)
        .await
        .context("settle what the calibration sent")?;
    Ok(accepted.min(stored))
}
