//! The network between any two parts.

use std::time::Duration;

use super::Fault;
use crate::proxy::{Link, Weather};
use crate::scene::Scene;

const SECOND: Duration = Duration::from_secs(1);
/// What "slow" means: bytes a second, for each connection and direction.
const SLOW: u32 = 50_000;
/// What "late" means.
const LATE: Duration = Duration::from_millis(500);
/// How long each weather lasts.
const SPELL: Duration = Duration::from_secs(6);

pub(super) fn faults() -> Vec<Fault> {
    vec![
        // Clients to ingest-api.
        Fault::new(
            "producer-ingest-cut",
            "18",
            "no connection from clients to ingest-api",
            |scene| Box::pin(spell(scene, producer_ingest, Weather::Cut)),
        )
        .soak(),
        Fault::new(
            "producer-ingest-half-open",
            "18",
            "nothing passes between clients and ingest-api, and nobody is told",
            |scene| Box::pin(spell(scene, producer_ingest, Weather::HalfOpen)),
        ),
        Fault::new(
            "producer-ingest-slow",
            "18",
            "50 kB/s between clients and ingest-api",
            |scene| Box::pin(spell(scene, producer_ingest, Weather::Throttle(SLOW))),
        ),
        Fault::new(
            "producer-ingest-late",
            "18",
            "500 ms later in either direction between clients and ingest-api",
            |scene| Box::pin(spell(scene, producer_ingest, Weather::Delay(LATE))),
        )
        .soak(),
        Fault::new(
            "producer-ingest-reset",
            "18",
            "every connection of a client is reset, ten times",
            |scene| Box::pin(resets(scene, producer_ingest)),
        )
        .soak(),
        // ingest-api to Kafka.
        Fault::new(
            "ingest-kafka-cut",
            "18",
            "no connection from ingest-api to any broker",
            |scene| Box::pin(spell(scene, ingest_kafka, Weather::Cut)),
        )
        .reduced()
        .soak(),
        Fault::new(
            "ingest-kafka-half-open",
            "18",
            "nothing passes between ingest-api and the brokers, and nobody is told",
            |scene| Box::pin(spell(scene, ingest_kafka, Weather::HalfOpen)),
        ),
        Fault::new(
            "ingest-kafka-slow",
            "18",
            "50 kB/s between ingest-api and the brokers",
            |scene| Box::pin(spell(scene, ingest_kafka, Weather::Throttle(SLOW))),
        ),
        Fault::new(
            "ingest-kafka-late",
            "18",
            "500 ms later in either direction between ingest-api and the brokers",
            |scene| Box::pin(spell(scene, ingest_kafka, Weather::Delay(LATE))),
        )
        .soak(),
        Fault::new(
            "ingest-kafka-reset",
            "18",
            "every connection of ingest-api to a broker is reset, ten times",
            |scene| Box::pin(resets(scene, ingest_kafka)),
        )
        .soak(),
        // Writers to Kafka.
        Fault::new(
            "writer-kafka-cut",
            "21",
            "no connection from the writers to any broker",
            |scene| Box::pin(spell(scene, writer_kafka, Weather::Cut)),
        )
        .writers(2)
        .member_dies()
        .soak(),
        Fault::new(
            "writer-kafka-half-open",
            "21",
            "nothing passes between the writers and the brokers, and nobody is told",
            |scene| Box::pin(spell(scene, writer_kafka, Weather::HalfOpen)),
        )
        .writers(2)
        .member_dies(),
        Fault::new(
            "writer-kafka-slow",
            "21",
            "50 kB/s between the writers and the brokers",
            |scene| Box::pin(spell(scene, writer_kafka, Weather::Throttle(SLOW))),
        )
        .member_dies(),
        Fault::new(
            "writer-kafka-late",
            "21",
            "500 ms later in either direction between the writers and the brokers",
            |scene| Box::pin(spell(scene, writer_kafka, Weather::Delay(LATE))),
        )
        .member_dies()
        .soak(),
        Fault::new(
            "writer-kafka-reset",
            "21",
            "every connection of the writers to a broker is reset, ten times",
            |scene| Box::pin(resets(scene, writer_kafka)),
        )
        .writers(2)
        .member_dies()
        .soak(),
        // Writers to PostgreSQL.
        Fault::new(
            "writer-postgres-cut",
            "23",
            "no connection from the writers to the database",
            |scene| Box::pin(spell(scene, writer_postgres, Weather::Cut)),
        )
        .soak(),
        Fault::new(
            "writer-postgres-half-open",
            "23",
            "nothing passes between the writers and the database, and nobody is told",
            |scene| Box::pin(spell(scene, writer_postgres, Weather::HalfOpen)),
        ),
        Fault::new(
            "writer-postgres-slow",
            "23",
            "50 kB/s between the writers and the database",
            |scene| Box::pin(spell(scene, writer_postgres, Weather::Throttle(SLOW))),
        ),
        Fault::new(
            "writer-postgres-late",
            "23",
            "500 ms later in either direction between the writers and the database",
            |scene| Box::pin(spell(scene, writer_postgres, Weather::Delay(LATE))),
        )
        .soak(),
        Fault::new(
            "writer-postgres-reset-in-copy",
            "23",
            "the connection is reset in the middle of a COPY, twenty times",
            |scene| Box::pin(resets_in_copy(scene)),
        )
        .reduced()
        .soak(),
        // query-api to PostgreSQL.
        Fault::new(
            "query-postgres-cut",
            "41",
            "no connection from query-api to the database",
            |scene| Box::pin(spell(scene, query_postgres, Weather::Cut)),
        )
        .with_reader()
        .soak(),
        Fault::new(
            "query-postgres-half-open",
            "41",
            "nothing passes between query-api and the database, and nobody is told",
            |scene| Box::pin(spell(scene, query_postgres, Weather::HalfOpen)),
        )
        .with_reader(),
        Fault::new(
            "query-postgres-slow",
            "41",
            "50 kB/s between query-api and the database",
            |scene| Box::pin(spell(scene, query_postgres, Weather::Throttle(SLOW))),
        )
        .with_reader(),
        Fault::new(
            "query-postgres-late",
            "41",
            "500 ms later in either direction between query-api and the database",
            |scene| Box::pin(spell(scene, query_postgres, Weather::Delay(LATE))),
        )
        .with_reader(),
        Fault::new(
            "query-postgres-reset",
            "41",
            "every connection of query-api to the database is reset, ten times",
            |scene| Box::pin(resets(scene, query_postgres)),
        )
        .with_reader()
        .soak(),
    ]
}

type Choose = fn(&Scene) -> &Link;

fn producer_ingest(scene: &Scene) -> &Link {
    &scene.stack.links.producer_ingest
}

fn ingest_kafka(scene: &Scene) -> &Link {
    &scene.stack.links.ingest_kafka
}

fn writer_kafka(scene: &Scene) -> &Link {
    &scene.stack.links.writer_kafka
}

fn writer_postgres(scene: &Scene) -> &Link {
    &scene.stack.links.writer_postgres
}

fn query_postgres(scene: &Scene) -> &Link {
    &scene.stack.links.query_postgres
}

/// Bad weather on a link for a while.
async fn spell(scene: &mut Scene, link: Choose, weather: Weather) -> anyhow::Result<()> {
    scene.inject();
    link(scene).set(weather);
    scene.pass(SPELL).await;
    link(scene).clear();
    scene.heal();
    Ok(())
}

async fn resets(scene: &mut Scene, link: Choose) -> anyhow::Result<()> {
    scene.inject();
    for _ in 0..10 {
        scene
            .pass_about(Duration::from_millis(100), Duration::from_millis(900))
            .await;
        link(scene).reset().await;
    }
    scene.heal();
    Ok(())
}

/// A batch of the load is some ten thousand bytes: the byte that breaks the connection is within the rows of one, or of its neighbour.
async fn resets_in_copy(scene: &mut Scene) -> anyhow::Result<()> {
    scene.inject();
    let mut done = 0;
    for _ in 0..20 {
        let ahead = rand::Rng::random_range(&mut scene.rng, 500..60_000);
        let before = writer_postgres(scene).blown();
        writer_postgres(scene).reset_after(ahead);
        let blown = scene
            .wait_for("a batch to be broken", 10 * SECOND, |scene| {
                writer_postgres(scene).blown() > before
            })
            .await;
        done += u32::from(blown.is_ok());
    }
    writer_postgres(scene).clear();
    scene.heal();
    scene.require(done >= 10, "connections were reset while they carried rows");
    scene.notes.push(format!(
        "{done} connections were reset while they carried rows"
    ));
    Ok(())
}
