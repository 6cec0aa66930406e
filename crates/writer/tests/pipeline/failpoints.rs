//! Case 20: the writer breaks at every step of a flush, again and again, under load. The places are named in `crates/store/src/failpoint.rs`.

use super::*;
use std::os::unix::process::ExitStatusExt as _;

/// With a fixed name a successor takes over at once; without one the group waits for the session timeout.
const NAMED: (&str, &str) = ("kafka.consumer.instance_id", "writer-0");
const SIGKILL: i32 = 9;

impl World {
    /// Starts a writer that breaks itself at a place.
    fn breaking(&self, failpoint: &str, more: &[(&str, &str)]) -> Process {
        let mut command = self.command(more);
        command.env("FLUMEN_FAILPOINT", failpoint);
        Process(command.spawn().expect("the binary starts"))
    }
}

/// Kills the writer at a place, several times, each time later in its life, and lets a whole one finish.
async fn killed_again_and_again_at(point: &str) {
    let world = World::new(2).await;
    let settings = [
        ("batch.rows", "100"),
        ("assignment.lag_signal_interval", "50ms"),
        NAMED,
    ];
    let mut sent = 0;
    for turn in [1, 2, 7] {
        let mut writer = world.breaking(&format!("{point}:kill:{turn}"), &settings);
        let deadline = std::time::Instant::now() + PATIENCE;
        let ended = loop {
            if let Some(ended) = writer.0.try_wait().expect("a child") {
                break ended;
            }
            assert!(
                std::time::Instant::now() < deadline,
                "{point} was never reached {turn} times"
            );
            world.send(sent..sent + 300).await;
            sent += 300;
        };
        assert_eq!(ended.signal(), Some(SIGKILL), "{point}: {ended}");
    }
    let writer = world.writer(&[NAMED]);
    let sent = i64::try_from(sent).expect("small");
    world.holds_exactly(sent).await;
    assert_eq!(world.settled().await, sent);
    writer.stop().await.expect("no fault");
}

#[tokio::test(flavor = "multi_thread")]
async fn case_20_killed_after_copy_every_accepted_event_is_stored_once() {
    killed_again_and_again_at("after-copy").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn case_20_killed_before_its_commit_every_accepted_event_is_stored_once() {
    killed_again_and_again_at("before-commit").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn case_20_killed_after_its_commit_every_accepted_event_is_stored_once() {
    killed_again_and_again_at("after-commit").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn case_20_killed_before_kafka_is_told_every_accepted_event_is_stored_once() {
    killed_again_and_again_at("before-kafka-commit").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flush_that_fails_at_any_step_even_after_its_commit_is_repeated_and_stored_once() {
    let world = World::new(2).await;
    let mut writer = world.breaking(
        "after-copy:error:1,before-commit:error:2,after-commit:error:1,after-commit:error:3",
        &[("batch.rows", "100")],
    );
    for round in 0..10 {
        world.send(round * 300..(round + 1) * 300).await;
    }
    world.holds_exactly(3_000).await;
    assert_eq!(world.settled().await, 3_000);
    assert!(
        writer.0.try_wait().expect("a child").is_none(),
        "the writer took each for an outage and went on"
    );
}

/// The worst zombie: stopped with everything written and nothing committed, so that its transaction holds the checkpoint's row.
#[tokio::test(flavor = "multi_thread")]
async fn case_22_a_writer_stopped_before_its_commit_is_ended_by_the_server_and_its_heir_goes_on() {
    let world = World::new(1).await;
    let settings = [
        ("batch.rows", "100"),
        ("database.idle_in_transaction_timeout", "2s"),
        ("database.lock_timeout", "1s"),
    ];
    let zombie = world.breaking("before-commit:pause:3", &settings);
    let pid = nix::unistd::Pid::from_raw(i32::try_from(zombie.0.id()).expect("a pid"));
    world.send(0..2_000).await;
    eventually(PATIENCE, || async { is_stopped(pid) }).await;
    let stored = world.number("SELECT count(*) FROM events").await;
    assert!(stored < 2_000, "it stopped in the middle: {stored}");
    let heir = world.writer(&settings);
    world.holds_exactly(2_000).await;
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGCONT).expect("continued");
    world.send(2_000..3_000).await;
    world.holds_exactly(3_000).await;
    assert_eq!(world.settled().await, 3_000);
    heir.stop().await.expect("no fault");
}

/// Whether a process is stopped by a signal (state `T` of `/proc`).
fn is_stopped(pid: nix::unistd::Pid) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ")
        .is_some_and(|(_, state)| state.starts_with('T'))
}
