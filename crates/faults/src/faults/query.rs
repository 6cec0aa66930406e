//! Query-apis that die and are restarted while a reader follows the feed.

use std::time::Duration;

use super::{Fault, rolling};
use crate::scene::Scene;

const SECOND: Duration = Duration::from_secs(1);

pub(super) fn faults() -> Vec<Fault> {
    vec![
        Fault::new(
            "query-restarted",
            "28",
            "each of two query-apis behind a load balancer is stopped with SIGTERM and started again, while a reader follows the feed",
            |scene| Box::pin(restarted(scene)),
        )
        .query_apis(2)
        .set_query("shutdown.unready=2s")
        // Any of them must read the cursors of the others.
        .set_query("cursors.secret=one-secret-for-all-query-apis-of-a-fault")
        .bounds(|bounds| bounds.no_failed_request = true),
        Fault::new(
            "query-killed",
            "28",
            "kill -9 of the only query-api in the middle of a feed, five times",
            |scene| Box::pin(killed(scene)),
        )
        .query_apis(1)
        .set_query("cursors.secret=one-secret-for-all-query-apis-of-a-fault"),
    ]
}

async fn restarted(scene: &mut Scene) -> anyhow::Result<()> {
    scene.inject();
    for index in scene.victims(scene.query.len()) {
        rolling::leave(scene, |scene| &mut scene.query, index).await?;
        scene.pass(SECOND).await;
    }
    scene.heal();
    Ok(())
}

async fn killed(scene: &mut Scene) -> anyhow::Result<()> {
    scene.inject();
    for _ in 0..5 {
        scene
            .pass_about(Duration::from_millis(50), Duration::from_millis(1200))
            .await;
        let victim = scene.victim(scene.query.len());
        scene.query[victim].kill().await;
        scene.route();
        scene.query[victim].start_again().await?;
        scene.route();
    }
    scene.heal();
    Ok(())
}
