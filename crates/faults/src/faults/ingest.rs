//! Ingest-apis that die and are restarted.

use std::time::Duration;

use super::{Fault, rolling};
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

async fn restarted(scene: &mut Scene) -> anyhow::Result<()> {
    scene.inject();
    for index in scene.victims(scene.ingest.len()) {
        rolling::leave(scene, |scene| &mut scene.ingest, index).await?;
        scene.pass(SECOND).await;
    }
    scene.heal();
    Ok(())
}
