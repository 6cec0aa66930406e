//! Clients that send the same event many times, and answers that do not come.

use std::sync::Arc;
use std::time::Duration;

use event::Timestamp;
use futures_util::future::join_all;

use super::Fault;
use crate::audit::Log;
use crate::client::Sent;
use crate::proxy::Weather;
use crate::scene::Scene;

const SECOND: Duration = Duration::from_secs(1);
/// For what was sent to be settled.
const SETTLED: Duration = Duration::from_secs(60);

pub(super) fn faults() -> Vec<Fault> {
    vec![
        Fault::new(
            "same-event-from-8-clients",
            "13",
            "eight clients send the same events at the same time",
            |scene| Box::pin(from_eight_clients(scene)),
        )
        .without_load()
        .ingest_apis(2)
        .writers(2)
        .reduced(),
        Fault::new(
            "file-imported-again",
            "13",
            "a whole file is sent again, twice, the last time while the writer is killed",
            |scene| Box::pin(imported_again(scene)),
        )
        .without_load(),
        Fault::new(
            "answers-lost",
            "18",
            "connections go silent between request and answer, again and again; clients send again",
            |scene| Box::pin(answers_lost(scene)),
        ),
        Fault::new(
            "ack-after-503",
            "18",
            "Kafka's acknowledgement comes after the answer was 503, and then the client sends again",
            |scene| Box::pin(ack_after_503(scene)),
        )
        .set_ingest("kafka.producer.delivery_timeout=2500ms")
        .set_ingest("kafka.producer.socket_timeout=2s")
        .set_ingest("answer.ack_timeout=3s")
        .reduced(),
        Fault::new(
            "id-without-time",
            "13",
            "events with an id and no time, sent again for six days through any ingest-api and any writer, among others that carry a time",
            |scene| Box::pin(id_without_time(scene)),
        )
        .ingest_apis(2)
        .writers(2),
    ]
}

async fn from_eight_clients(scene: &mut Scene) -> anyhow::Result<()> {
    scene.inject();
    for _ in 0..20 {
        let events = Arc::new(scene.client.events(20));
        let eight = (0..8).map(|_| {
            let (client, events) = (Arc::clone(&scene.client), Arc::clone(&events));
            async move { client.deliver(&events).await }
        });
        let accepted = join_all(eight).await.into_iter().filter(|is| *is).count();
        scene.require(
            accepted == 8,
            format!("all of eight clients are answered 202, not {accepted}"),
        );
    }
    scene.heal();
    let records = Log::end(&scene.stack, &scene.topic, scene.partitions).await?;
    scene.require(records >= 8 * 400, "each of them is in Kafka");
    scene.notes.push(format!("{records} records of 400 events"));
    Ok(())
}

async fn deliver_all(scene: &Scene, file: &[Sent]) -> bool {
    for lines in file.chunks(500) {
        if !scene.client.deliver(lines).await {
            return false;
        }
    }
    true
}

async fn imported_again(scene: &mut Scene) -> anyhow::Result<()> {
    // An export of the last three weeks.
    let now = Timestamp::now();
    let file: Vec<Sent> = (0..4000_u64)
        .map(|line| {
            let time = now.saturating_sub(Duration::from_secs(450 * line));
            scene.client.event_at(Some(time))
        })
        .collect();
    scene.inject();
    let first = deliver_all(scene, &file).await;
    scene.drain(SETTLED).await?;
    let again = deliver_all(scene, &file).await;
    let sends = {
        let client = Arc::clone(&scene.client);
        tokio::spawn(async move {
            for lines in file.chunks(500) {
                client.deliver(lines).await;
            }
        })
    };
    for _ in 0..3 {
        scene
            .pass_about(Duration::from_millis(100), Duration::from_millis(600))
            .await;
        scene.writers[0].kill().await;
        scene.writers[0].launch()?;
    }
    sends.await?;
    scene.heal();
    scene.require(first && again, "every line is accepted every time");
    Ok(())
}

async fn answers_lost(scene: &mut Scene) -> anyhow::Result<()> {
    let before = scene.client.ledger().failed;
    scene.inject();
    for _ in 0..15 {
        scene.stack.links.producer_ingest.set(Weather::HalfOpen);
        scene
            .pass_about(Duration::from_millis(50), Duration::from_millis(250))
            .await;
        scene.stack.links.producer_ingest.clear();
        scene.pass(Duration::from_millis(200)).await;
    }
    scene.heal();
    let failed = scene.client.ledger().failed - before;
    scene.require(failed > 0, "some answers were lost");
    scene.notes.push(format!("{failed} requests had no answer"));
    Ok(())
}

/// An acknowledgement takes 2.6 s, and ingest-api waits for less.
async fn ack_after_503(scene: &mut Scene) -> anyhow::Result<()> {
    scene.inject();
    let late = Weather::Delay(Duration::from_millis(1300));
    scene.stack.links.ingest_kafka.set(late);
    let refused = scene
        .wait_for("an answer 503", 20 * SECOND, |scene| {
            scene.client.ledger().shed > 0
        })
        .await;
    scene.require(
        refused.is_ok(),
        "the answer is 503 while the acknowledgement is late",
    );
    scene.pass(6 * SECOND).await;
    scene.stack.links.ingest_kafka.clear();
    scene.heal();
    scene.pass(3 * SECOND).await;
    // What the late acknowledgements were for is in Kafka twice by now.
    scene.end_load(SETTLED).await;
    scene.drain(SETTLED).await?;
    let records = Log::end(&scene.stack, &scene.topic, scene.partitions).await?;
    // An event whose answer was 503 although Kafka took it was sent again: two records, one row.
    let stored = scene.number("SELECT count(*) FROM events").await?;
    scene.require(
        records > stored,
        format!("some events are in Kafka twice, as their first answer was 503 ({records} records, {stored} stored)"),
    );
    scene
        .notes
        .push(format!("{records} records of {stored} events"));
    Ok(())
}

/// Days pass by making what is remembered older.
async fn id_without_time(scene: &mut Scene) -> anyhow::Result<()> {
    const EVENTS: usize = 60;
    let events: Vec<Sent> = (0..EVENTS).map(|_| scene.client.event_at(None)).collect();
    let keys = format!("'{}'", scene_ids(&events));
    scene.inject();
    let mut accepted = true;
    for day in 0..7 {
        if day > 0 {
            scene
                .sql("UPDATE recent_ids SET time = time - interval '1 day'")
                .await?;
        }
        let ingest = day % scene.ingest.len();
        for some in events.chunks(7) {
            for address in [&scene.ingest[ingest].address, &scene.ingest[0].address] {
                let answer = scene.client.send_via(address, some).await;
                accepted &= matches!(answer, crate::client::Answer::Accepted);
            }
        }
        scene.pass(SECOND / 2).await;
        let writer = day % scene.writers.len();
        scene.writers[writer].stop().await?;
        scene.writers[writer].launch()?;
    }
    scene.heal();
    scene.require(accepted, "every one of them is accepted every time");
    scene.pass(SECOND).await;
    scene.end_load(SETTLED).await;
    scene.drain(SETTLED).await?;
    let stored = scene
        .number(&format!(
            "SELECT count(*) FROM events WHERE id = ANY (string_to_array({keys}, ','))"
        ))
        .await?;
    scene.require(
        stored == i64::try_from(EVENTS)?,
        format!("each of {EVENTS} events is stored once, not {stored} rows"),
    );
    let remembered = scene.number("SELECT count(*) FROM recent_ids").await?;
    scene.require(
        remembered == i64::try_from(EVENTS)?,
        format!(
            "only they are remembered, not {remembered} ids: events that carry a time cost nothing"
        ),
    );
    Ok(())
}

fn scene_ids(events: &[Sent]) -> String {
    let ids: Vec<&str> = events.iter().map(|event| event.id.as_str()).collect();
    ids.join(",")
}
