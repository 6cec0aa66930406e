//! Ingest-apis that die and are restarted.

use std::time::Duration;

use super::Fault;
use crate::scene::Scene;

const SECOND: Duration = Duration::from_secs(1);

pub(super) fn faults() -> Vec<Fault> {
    vec![
        Fault::new(
            "ingest-killed",
            "18",
            "kill -9 of the only ingest-api in the middle of requests, five times",
            |scene| Box::pin(killed(scene, 5)),
        )
        .reduced(),
        Fault::new(
            "ingest-killed-once",
            "18",
            "kill -9 of an ingest-api, started again at once",
            |scene| Box::pin(killed(scene, 1)),
        )
        .ingest_apis(2)
        .soak(),
        Fault::new(
            "ingest-restarted",
            "28",
            "each of two ingest-apis behind a load balancer is stopped with SIGTERM and started again, under load",
            |scene| Box::pin(restarted(scene)),
        )
        .ingest_apis(2)
        .set_ingest("shutdown.unready=2s")
        .bounds(|bounds| {
            bounds.no_failed_request = true;
            bounds.stall = Some(10 * SECOND);
        })
        .soak(),
    ]
}

async fn killed(scene: &mut Scene, times: u32) -> anyhow::Result<()> {
    scene.inject();
    for _ in 0..times {
        scene
            .pass_about(Duration::from_millis(50), Duration::from_millis(1200))
            .await;
        let victim = scene.victim(scene.ingest.len());
        scene.ingest[victim].kill().await;
        scene.route();
        scene.ingest[victim].start_again().await?;
        scene.route();
    }
    scene.heal();
    Ok(())
}

/// As a rolling update does it: the load balancer is told by readiness, and leaves the one out that is about to stop.
async fn restarted(scene: &mut Scene) -> anyhow::Result<()> {
    scene.inject();
    for index in scene.victims(scene.ingest.len()) {
        scene.ingest[index].signal(devstack::Signal::SIGTERM);
        // It answers for another while, unready, until the load balancer has looked again.
        let mut ready = true;
        for _ in 0..100 {
            ready = scene.ingest[index].is_ready().await;
            if !ready {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        scene.require(
            !ready,
            "an ingest-api that is to stop says so by its readiness",
        );
        let others = scene
            .ingest
            .iter()
            .enumerate()
            .filter(|(other, _)| *other != index)
            .map(|(_, service)| service.address.clone())
            .collect();
        scene.stack.links.producer_ingest.lead_to(0, others);
        scene.ingest[index].ended(60 * SECOND).await?;
        scene.ingest[index].start_again().await?;
        scene.route();
        scene.pass(SECOND).await;
    }
    scene.heal();
    Ok(())
}
