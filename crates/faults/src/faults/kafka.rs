//! Brokers that die, freeze and are restarted.

use std::time::Duration;

use anyhow::Context as _;
use devstack::Signal;
use rand::Rng as _;

use super::Fault;
use crate::scene::Scene;
use crate::stack::BROKERS;

const SECOND: Duration = Duration::from_secs(1);

pub(super) fn faults() -> Vec<Fault> {
    vec![
        Fault::new(
            "broker-killed",
            "18",
            "kill -9 of one broker of three, started again",
            |scene| Box::pin(killed(scene)),
        )
        .election()
        .soak(),
        Fault::new(
            "leader-killed",
            "18",
            "kill -9 of the leader of every partition",
            |scene| Box::pin(leader_killed(scene)),
        )
        .election(),
        Fault::new(
            "controller-killed",
            "18",
            "kill -9 of the active controller",
            |scene| Box::pin(controller_killed(scene)),
        )
        .election(),
        Fault::new(
            "brokers-all-stopped",
            "18",
            "all brokers are stopped, and started again",
            |scene| Box::pin(all_stopped(scene)),
        )
        .election(),
        Fault::new(
            "brokers-rolling-restart",
            "18",
            "one broker after the other is restarted as an operator does it",
            |scene| Box::pin(rolling(scene)),
        )
        .election(),
        Fault::new(
            "brokers-two-down",
            "18",
            "two of three brokers are down: too few replicas in sync",
            |scene| Box::pin(two_down(scene)),
        )
        .election()
        .reduced(),
        Fault::new(
            "broker-frozen",
            "18",
            "SIGSTOP of a broker beyond its session, SIGCONT",
            |scene| Box::pin(frozen(scene)),
        )
        .election(),
    ]
}

async fn killed(scene: &mut Scene) -> anyhow::Result<()> {
    let victim = scene.rng.random_range(0..BROKERS);
    kill_and_start(scene, victim, 3 * SECOND).await
}

async fn kill_and_start(scene: &mut Scene, victim: usize, down: Duration) -> anyhow::Result<()> {
    scene.inject();
    scene.stack.kafka.lock().await.kill_broker(victim).await;
    scene.pass(down).await;
    scene.stack.kafka.lock().await.start_broker(victim).await?;
    scene.heal();
    scene.stack.in_sync(&scene.topic, 90 * SECOND).await
}

/// The partitions of a topic are first led by one broker each; moving them all to one is done by killing the others.
async fn leader_killed(scene: &mut Scene) -> anyhow::Result<()> {
    let leader = scene.rng.random_range(0..BROKERS);
    // Without the others for a moment, this one leads everything that it has a replica of; it keeps that when they come back.
    for other in (0..BROKERS).filter(|other| *other != leader) {
        scene.stack.kafka.lock().await.stop_broker(other).await;
        scene.stack.kafka.lock().await.start_broker(other).await?;
        scene.stack.in_sync(&scene.topic, 90 * SECOND).await?;
    }
    let led = led_by(scene, leader).await?;
    scene.notes.push(format!(
        "broker {} led {led} of {} partitions when it was killed",
        leader + 1,
        scene.partitions
    ));
    kill_and_start(scene, leader, 5 * SECOND).await
}

/// How many partitions of the topic a broker leads.
async fn led_by(scene: &Scene, broker: usize) -> anyhow::Result<usize> {
    let (brokers, topic) = (scene.stack.brokers.clone(), scene.topic.clone());
    let id = i32::try_from(broker + 1)?;
    tokio::task::spawn_blocking(move || {
        use rdkafka::consumer::{BaseConsumer, Consumer as _};
        let consumer: BaseConsumer = rdkafka::ClientConfig::new()
            .set("bootstrap.servers", brokers)
            .create()?;
        let metadata = consumer.fetch_metadata(Some(&topic), 10 * SECOND)?;
        let topic = metadata.topics().first().context("the topic is there")?;
        let led = topic
            .partitions()
            .iter()
            .filter(|partition| partition.leader() == id);
        Ok(led.count())
    })
    .await?
}

async fn controller_killed(scene: &mut Scene) -> anyhow::Result<()> {
    let controller = scene.stack.kafka.lock().await.controller().await;
    let controller = controller.context("find out who the controller is")?;
    scene.notes.push(format!(
        "broker {} was the active controller",
        controller + 1
    ));
    kill_and_start(scene, controller, 3 * SECOND).await
}

async fn all_stopped(scene: &mut Scene) -> anyhow::Result<()> {
    scene.inject();
    scene.stack.kafka.lock().await.stop_all().await;
    scene.pass(3 * SECOND).await;
    scene.stack.kafka.lock().await.start_stopped().await?;
    scene.heal();
    scene.stack.in_sync(&scene.topic, 90 * SECOND).await
}

async fn rolling(scene: &mut Scene) -> anyhow::Result<()> {
    scene.inject();
    for broker in 0..BROKERS {
        scene.stack.kafka.lock().await.stop_broker(broker).await;
        scene.stack.kafka.lock().await.start_broker(broker).await?;
        scene.stack.in_sync(&scene.topic, 90 * SECOND).await?;
    }
    scene.heal();
    Ok(())
}

async fn two_down(scene: &mut Scene) -> anyhow::Result<()> {
    let left = scene.rng.random_range(0..BROKERS);
    scene.inject();
    for broker in (0..BROKERS).filter(|broker| *broker != left) {
        scene.stack.kafka.lock().await.kill_broker(broker).await;
    }
    let shed = scene.client.ledger().shed;
    let accepted = scene.client.ledger().accepted.len();
    // Until those that were under way have their answer.
    let refused = scene
        .wait_for("an answer 503", 30 * SECOND, |scene| {
            scene.client.ledger().shed > shed
        })
        .await;
    scene.require(
        refused.is_ok(),
        "with one replica of three the answer is 503",
    );
    scene.pass(2 * SECOND).await;
    let more = scene.client.ledger().accepted.len() - accepted;
    scene.notes.push(format!(
        "{more} events were accepted while the last two replicas went"
    ));
    scene.stack.kafka.lock().await.start_stopped().await?;
    scene.heal();
    scene.stack.in_sync(&scene.topic, 90 * SECOND).await
}

async fn frozen(scene: &mut Scene) -> anyhow::Result<()> {
    let victim = scene.rng.random_range(0..BROKERS);
    signal(scene, victim, Signal::SIGSTOP).await;
    scene.inject();
    scene.pass(10 * SECOND).await;
    signal(scene, victim, Signal::SIGCONT).await;
    scene.heal();
    scene.stack.in_sync(&scene.topic, 90 * SECOND).await
}

async fn signal(scene: &Scene, broker: usize, signal: Signal) {
    if let Some(process) = scene.stack.kafka.lock().await.broker(broker) {
        process.signal(signal);
    }
}
