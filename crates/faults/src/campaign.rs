//! Plays faults one after the other, and judges each.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rand::SeedableRng as _;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;

use crate::args::Args;
use crate::audit::{self, Audit, Log, Snapshot};
use crate::faults::{self, Bounds, Fault};
use crate::report::{self, Row, say};
use crate::scene::Scene;
use crate::stack::Stack;

/// No fault plays longer; a minute's lock is the longest that is meant.
const PLAY_BUDGET: Duration = Duration::from_secs(480);
/// Beyond every bound: then it has not recovered.
const RECOVERY_BUDGET: Duration = Duration::from_secs(90);
/// Load goes on for so long after everything is well.
const SETTLE: Duration = Duration::from_secs(1);
/// For clients to have everything accepted, and for the writers to settle it.
const DRAIN_BUDGET: Duration = Duration::from_secs(90);
/// The documented bound of a writer with default settings: 2 x `batch.lanes` x `batch.bytes` + `kafka.consumer.prefetch_bytes` is
/// 48 MiB, and 64 MiB for the process itself (docs/configuration.md).
const WRITER_MEMORY_MIB: f64 = 112.0;

/// Plays what the command line asks for. True when nothing was lost, doubled or late.
pub(crate) async fn run(args: &Args) -> anyhow::Result<bool> {
    let all = faults::all();
    let chosen: Vec<&Fault> = all
        .iter()
        .filter(|fault| args.only.is_empty() || contains(fault, &args.only))
        .filter(|fault| !contains(fault, &args.skip))
        .filter(|fault| !args.reduced || fault.reduced)
        .collect();
    if args.list {
        report::list(&chosen);
        return Ok(true);
    }
    anyhow::ensure!(
        !chosen.is_empty(),
        "no fault has such a name; --list shows them all"
    );
    let stack = Stack::start(args).await?;
    let mut rows = Vec::new();
    let outcome = tokio::select! {
        outcome = play_all(args, &stack, &chosen, &mut rows) => outcome,
        _ = tokio::signal::ctrl_c() => Err(anyhow::anyhow!("interrupted")),
    };
    let is_good = outcome.is_ok() && rows.iter().all(Row::is_good);
    if args.keep || !is_good {
        stack.keep();
    }
    stack.stop().await;
    report::write(args, &rows)?;
    outcome?;
    Ok(is_good)
}

fn contains(fault: &Fault, words: &[String]) -> bool {
    words.iter().any(|word| fault.name.contains(word.as_str()))
}

async fn play_all(
    args: &Args,
    stack: &Arc<Stack>,
    chosen: &[&Fault],
    rows: &mut Vec<Row>,
) -> anyhow::Result<()> {
    let Some(minutes) = args.minutes else {
        for (index, fault) in chosen.iter().enumerate() {
            say(format!("{} of {}: {}", index + 1, chosen.len(), fault.name));
            rows.push(play(args, stack, fault, args.seed).await);
        }
        return Ok(());
    };
    let deadline = Instant::now() + Duration::from_secs(60 * minutes);
    let mut rng = StdRng::seed_from_u64(args.seed);
    let mut seed = args.seed;
    while Instant::now() < deadline {
        let Some(fault) = chosen.choose(&mut rng) else {
            return Ok(());
        };
        say(format!("{}, seed {seed}", fault.name));
        rows.push(play(args, stack, fault, seed).await);
        seed += 1;
    }
    Ok(())
}

/// Plays one fault and shows how it went.
async fn play(args: &Args, stack: &Arc<Stack>, fault: &Fault, seed: u64) -> Row {
    let began = Instant::now();
    let mut row = match Scene::open(stack, &fault.set, seed).await {
        Ok(mut scene) => {
            let mut row = observe(args, fault, &mut scene).await;
            if !row.is_good() {
                row.remarks.push(scene.logs());
            }
            if let Err(error) = scene.close().await {
                row.complain(format!("the stack did not recover: {error:#}"));
            }
            row
        }
        Err(error) => {
            // Half a scene may be left; the next one has names of its own.
            let restored = stack.restore().await;
            let mut row = Row::of(fault);
            row.complain(format!("the scene could not be set: {error:#}"));
            if let Err(error) = restored {
                row.complain(format!("the stack did not recover: {error:#}"));
            }
            row
        }
    };
    row.took = began.elapsed().as_secs_f64();
    report::show(&row);
    row
}

async fn observe(args: &Args, fault: &Fault, scene: &mut Scene) -> Row {
    let mut row = Row::of(fault);
    match tokio::time::timeout(PLAY_BUDGET, (fault.play)(scene)).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => row.complain(format!("{error:#}")),
        Err(_) => row.complain("the fault did not end".to_owned()),
    }
    let injected = *scene.injected.get_or_insert(scene.opened);
    let healed = *scene.healed.get_or_insert_with(Instant::now);
    if fault.set.pace.is_some() {
        let bounds = fault.bounds.times(args.patience);
        recover(&bounds, scene, injected, healed, &mut row).await;
    }
    scene.end_load(DRAIN_BUDGET).await;
    if let Err(error) = scene.drain(DRAIN_BUDGET).await {
        row.complain(format!("{error:#}"));
    }
    match look(scene).await {
        Ok(audit) => row.take(audit, scene),
        Err(error) => row.complain(format!("the comparison failed: {error:#}")),
    }
    reader_agrees(scene, &mut row).await;
    for writer in &scene.writers {
        row.writer_memory_mib = row.writer_memory_mib.max(writer.peak_memory_mib());
    }
    if row.writer_memory_mib > WRITER_MEMORY_MIB {
        row.complain(format!(
            "a writer took {:.0} MiB, {WRITER_MEMORY_MIB:.0} MiB are its bound",
            row.writer_memory_mib
        ));
    }
    row.complaints.append(&mut scene.complaints);
    row.remarks.append(&mut scene.notes);
    row
}

/// Waits until ingest and writers are well again, and holds the times against the bounds.
async fn recover(
    bounds: &Bounds,
    scene: &mut Scene,
    injected: Instant,
    healed: Instant,
    row: &mut Row,
) {
    let well = |scene: &Scene| {
        scene.client.ledger().recovered_after(healed).is_some()
            && scene.progress.recovered_after(healed).is_some()
    };
    // What did not come is told below.
    let _ = scene.wait_for("recovery", RECOVERY_BUDGET, well).await;
    scene.pass(SETTLE).await;
    let end = Instant::now();
    let (ingest, unavailable, failed) = {
        let ledger = scene.client.ledger();
        (
            ledger.recovered_after(healed),
            ledger.unavailable(injected, end),
            ledger.failed,
        )
    };
    let writer = scene.progress.recovered_after(healed);
    let stalled = scene.progress.stalled(injected, end);
    row.time(unavailable, ingest, writer, stalled);
    for (who, took, bound) in [
        ("ingest", ingest, bounds.ingest),
        ("the writer", writer, bounds.writer),
    ] {
        match took {
            None => row.complain(format!("{who} did not recover")),
            Some(took) if took > bound => row.complain(format!(
                "{who} recovered after {:.1} s, {:.1} s are allowed",
                took.as_secs_f64(),
                bound.as_secs_f64()
            )),
            Some(_) => {}
        }
    }
    if let Some(bound) = bounds.stall
        && stalled > bound
    {
        row.complain(format!(
            "nothing was stored for {:.1} s, {:.1} s are allowed",
            stalled.as_secs_f64(),
            bound.as_secs_f64()
        ));
    }
    if bounds.no_failed_request && failed > 0 {
        let failures = scene.client.ledger().failures.join("; ");
        row.complain(format!("{failed} requests failed: {failures}"));
    }
    if bounds.no_failed_request
        && let Some(follower) = &scene.follower
    {
        let seen = follower.seen();
        if seen.failed > 0 {
            let failure = seen.failure.as_deref().unwrap_or_default();
            row.complain(format!(
                "{} requests of the reader failed: {failure}",
                seen.failed
            ));
        }
    }
}

async fn look(scene: &Scene) -> anyhow::Result<Audit> {
    let log = Log::read(&scene.stack, &scene.topic, scene.partitions).await?;
    let snapshot = Snapshot::of(&scene.client.ledger());
    audit::compare(&scene.stack, &scene.database, log, &snapshot).await
}

/// A reader that followed the feed all the time has seen every stored event once (P5).
async fn reader_agrees(scene: &Scene, row: &mut Row) {
    let Some(follower) = &scene.follower else {
        return;
    };
    let stored = usize::try_from(row.stored).unwrap_or(usize::MAX);
    let came = scene
        .wait_for("the reader to come to the end", DRAIN_BUDGET, |_| {
            let seen = follower.seen();
            seen.caught_up && seen.events.len() >= stored
        })
        .await;
    let seen = follower.seen();
    let twice = seen.events.values().filter(|count| **count > 1).count();
    if came.is_err() || seen.events.len() != stored || twice > 0 {
        row.complain(format!(
            "the reader of the feed saw {} of {stored} events, {twice} of them more than once",
            seen.events.len()
        ));
    }
}
