//! Writers that die, freeze, come and go.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Context as _;
use devstack::Signal;
use rdkafka::producer::{BaseRecord, DefaultProducerContext, Producer as _, ThreadedProducer};

use super::Fault;
use crate::scene::{SESSION_TIMEOUT, Scene};

const SECOND: Duration = Duration::from_secs(1);
/// A writer that stops leaves its group within its own budgets.
const GRACEFUL_STALL: Duration = Duration::from_secs(10);
/// How often a writer dies at each of its places.
const DEATHS: u32 = 2;

pub(super) fn faults() -> Vec<Fault> {
    vec![
        Fault::new(
            "writer-killed-after-copy",
            "20",
            "kill -9 of the writer when the rows are copied and nothing is committed, twice",
            |scene| Box::pin(dies_at(scene, "after-copy")),
        )
        .member_dies(),
        Fault::new(
            "writer-killed-before-commit",
            "20",
            "kill -9 of the writer right before it commits, twice",
            |scene| Box::pin(dies_at(scene, "before-commit")),
        )
        .member_dies(),
        Fault::new(
            "writer-killed-after-commit",
            "20",
            "kill -9 of the writer when the database has committed and the writer does not know yet, twice",
            |scene| Box::pin(dies_at(scene, "after-commit")),
        )
        .member_dies(),
        Fault::new(
            "writer-killed-before-kafka-commit",
            "20",
            "kill -9 of the writer before it tells Kafka how far it is, twice",
            |scene| Box::pin(dies_at(scene, "before-kafka-commit")),
        )
        .member_dies(),
        Fault::new(
            "writer-killed-in-a-loop",
            "20",
            "kill -9 of one of two writers at random times, ten times",
            |scene| Box::pin(killed_in_a_loop(scene)),
        )
        .writers(2)
        .with_reader()
        .member_dies()
        .reduced(),
        Fault::new(
            "writer-killed-once",
            "20",
            "kill -9 of a writer, started again at once",
            |scene| Box::pin(killed_once(scene)),
        )
        .writers(2)
        .member_dies()
        .soak(),
        Fault::new(
            "writer-zombie",
            "22",
            "SIGSTOP of a writer past its session timeout, another takes over, SIGCONT; one record in twenty is no event",
            |scene| Box::pin(zombie(scene, None)),
        )
        .writers(2)
        .reduced(),
        Fault::new(
            "writer-zombie-before-commit",
            "22",
            "the writer freezes right before its commit, another takes over, and then it goes on",
            |scene| Box::pin(zombie(scene, Some("before-commit:pause:20"))),
        ),
        Fault::new(
            "writer-of-another-group",
            "22",
            "a second writer stores the same topic into the same database under another group's name: Kafka keeps neither from a record, only the checkpoints do",
            |scene| Box::pin(of_another_group(scene)),
        ),
        Fault::new(
            "writers-1-4-2",
            "21",
            "from one writer to four and back to two, under load",
            |scene| Box::pin(one_four_two(scene)),
        )
        .with_reader()
        .bounds(|bounds| bounds.stall = Some(GRACEFUL_STALL)),
        Fault::new(
            "writer-restarted",
            "28",
            "SIGTERM of the only writer under load, and a new one",
            |scene| Box::pin(restarted(scene)),
        )
        .bounds(|bounds| {
            bounds.stall = Some(GRACEFUL_STALL);
            bounds.no_failed_request = true;
        })
        .soak(),
        Fault::new(
            "writer-behind",
            "23",
            "a backlog with events of up to 900 kB, stored through a slow connection: memory stays within its bound",
            |scene| Box::pin(behind(scene)),
        )
        .without_load(),
    ]
}

/// The writer dies at the named place, is started again as Kubernetes would, and dies there again.
async fn dies_at(scene: &mut Scene, place: &str) -> anyhow::Result<()> {
    scene.inject();
    for death in 0..DEATHS {
        let writer = scene.writers.first_mut().context("a writer")?;
        writer.kill().await;
        // Not at its first batch, so that something is stored in between.
        let nth = match place {
            // Passed every five seconds only.
            "before-kafka-commit" => 1 + death,
            _ => 5 + 7 * death,
        };
        writer.set_failpoint(Some(&format!("{place}:kill:{nth}")));
        writer.launch()?;
        writer
            .ended(Duration::from_secs(40))
            .await
            .context("the binary has to be built with `--features store/failpoints`")?;
    }
    let writer = scene.writers.first_mut().context("a writer")?;
    writer.set_failpoint(None);
    writer.launch()?;
    scene.heal();
    scene
        .notes
        .push(format!("it died {DEATHS} times at {place}"));
    Ok(())
}

async fn killed_in_a_loop(scene: &mut Scene) -> anyhow::Result<()> {
    scene.inject();
    for _ in 0..10 {
        scene
            .pass_about(Duration::from_millis(100), Duration::from_millis(2500))
            .await;
        let victim = scene.victim(scene.writers.len());
        scene.writers[victim].kill().await;
        scene.writers[victim].launch()?;
    }
    scene.heal();
    Ok(())
}

async fn killed_once(scene: &mut Scene) -> anyhow::Result<()> {
    let victim = scene.victim(scene.writers.len());
    scene.inject();
    scene.writers[victim].kill().await;
    scene.writers[victim].launch()?;
    scene.heal();
    Ok(())
}

/// Freezes a writer for longer than its group waits. When it thaws it holds a batch whose partitions are another's by then.
async fn zombie(scene: &mut Scene, at: Option<&str>) -> anyhow::Result<()> {
    // A dead letter has no key that would keep a second one out: only the checkpoint does.
    let rubbish = Rubbish::start(&scene.stack.brokers, &scene.topic)?;
    if let Some(place) = at {
        // This one freezes by itself, in the middle of a transaction.
        scene.writers[0].stop().await?;
        scene.writers[0].set_failpoint(Some(place));
        scene.writers[0].start_again().await?;
        frozen(scene, 0).await?;
        scene.inject();
        scene.add_writer().await?;
    } else {
        scene.inject();
        scene.writers[0].signal(Signal::SIGSTOP);
    }
    let before = scene.progress.settled();
    let frozen_for = SESSION_TIMEOUT + 6 * SECOND;
    scene.pass(frozen_for).await;
    let after = scene.progress.settled();
    scene.require(
        after > before,
        "another writer took over while the first was frozen",
    );
    scene.writers[0].signal(Signal::SIGCONT);
    scene.heal();
    // What the frozen one held is tried once more by now, and more has come.
    scene.pass(2 * SECOND).await;
    scene.dead_letters = Some(rubbish.stop().await?);
    Ok(())
}

/// Waits until a writer has frozen at its failpoint.
async fn frozen(scene: &mut Scene, index: usize) -> anyhow::Result<()> {
    let pid = scene.writers[index].pid().context("it runs")?;
    let stat = format!("/proc/{pid}/stat");
    scene
        .wait_for(
            "the writer to freeze at its failpoint (built with `--features store/failpoints`?)",
            Duration::from_secs(30),
            |_| {
                let stat = std::fs::read_to_string(&stat).unwrap_or_default();
                stat.rsplit(") ")
                    .next()
                    .is_some_and(|rest| rest.starts_with('T'))
            },
        )
        .await
}

/// Both read every record, and one in twenty is a dead letter, which has no key that would keep a second one out.
async fn of_another_group(scene: &mut Scene) -> anyhow::Result<()> {
    let rubbish = Rubbish::start(&scene.stack.brokers, &scene.topic)?;
    scene.inject();
    scene
        .add_writer_with(["kafka.consumer.group=another-group"])
        .await?;
    scene.pass(12 * SECOND).await;
    let mut conflicts = 0.0;
    for writer in &scene.writers {
        let counted = writer.metric("flumen_writer_checkpoint_conflicts_total");
        conflicts += counted.await.unwrap_or_default();
    }
    scene.require(conflicts > 0.0, "the writers got into each other's way");
    scene
        .notes
        .push(format!("{conflicts} checkpoints were found to be moved"));
    let mut other = scene.writers.pop().context("the other writer")?;
    other.stop().await?;
    scene.heal();
    scene.dead_letters = Some(rubbish.stop().await?);
    Ok(())
}

async fn one_four_two(scene: &mut Scene) -> anyhow::Result<()> {
    scene.inject();
    for _ in 0..3 {
        scene.add_writer().await?;
        scene.pass(SECOND).await;
    }
    scene.pass(2 * SECOND).await;
    for _ in 0..2 {
        if let Some(mut writer) = scene.writers.pop() {
            writer.stop().await?;
        }
        scene.pass(SECOND).await;
    }
    scene.heal();
    Ok(())
}

async fn restarted(scene: &mut Scene) -> anyhow::Result<()> {
    let victim = scene.victim(scene.writers.len());
    scene.inject();
    scene.writers[victim].stop().await?;
    scene.writers[victim].launch()?;
    scene.heal();
    Ok(())
}

/// Everything the writer may hold is full: what it has prefetched, what it fills, what it writes.
async fn behind(scene: &mut Scene) -> anyhow::Result<()> {
    scene.writers[0].stop().await?;
    scene.inject();
    for round in 0..40 {
        let small = scene.client.events(1000);
        let accepted = scene.client.deliver(&small).await;
        let mut large = scene.client.event();
        let filling = "x".repeat(if round % 4 == 0 { 900_000 } else { 200_000 });
        large.json = large.json.replace(
            "\"amount\"",
            &format!("\"filling\":\"{filling}\",\"amount\""),
        );
        let both = accepted && scene.client.deliver(&[large]).await;
        scene.require(both, "the backlog is accepted");
    }
    scene
        .stack
        .links
        .writer_postgres
        .set(crate::proxy::Weather::Throttle(3_000_000));
    scene.writers[0].start_again().await?;
    scene.pass(5 * SECOND).await;
    scene.stack.links.writer_postgres.clear();
    scene.heal();
    Ok(())
}

/// Records without a header, fifty a second, produced past every ingest-api.
struct Rubbish {
    stop: Arc<AtomicBool>,
    thread: tokio::task::JoinHandle<anyhow::Result<u64>>,
}

impl Rubbish {
    fn start(brokers: &str, topic: &str) -> anyhow::Result<Self> {
        let producer: ThreadedProducer<DefaultProducerContext> = rdkafka::ClientConfig::new()
            .set("bootstrap.servers", brokers)
            .set("acks", "all")
            .set("enable.idempotence", "true")
            .create()
            .context("make a producer")?;
        let stop = Arc::new(AtomicBool::new(false));
        let (stopped, topic) = (Arc::clone(&stop), topic.to_owned());
        let thread = tokio::task::spawn_blocking(move || {
            let mut count = 0;
            while !stopped.load(Ordering::Relaxed) {
                let record = BaseRecord::<(), _>::to(&topic).payload("no event");
                producer
                    .send(record)
                    .map_err(|(error, _)| error)
                    .context("produce")?;
                count += 1;
                std::thread::sleep(Duration::from_millis(20));
            }
            producer.flush(30 * SECOND).context("flush")?;
            Ok(count)
        });
        Ok(Self { stop, thread })
    }

    /// How many there are.
    async fn stop(self) -> anyhow::Result<u64> {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.await?
    }
}
