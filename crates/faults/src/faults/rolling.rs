//! One service of several is stopped and started again, as a rolling update does it.

use std::time::Duration;

use crate::scene::Scene;
use crate::stack::Service;

/// Above the sum of a service's own shutdown budgets.
const STOP_BUDGET: Duration = Duration::from_secs(60);
/// How often its readiness is looked at, and how many times.
const LOOK: Duration = Duration::from_millis(20);
const LOOKS: u32 = 100;

/// The load balancer is told by readiness, and leaves the one out that is about to stop; it answers for another while until the load
/// balancer has looked again (`shutdown.unready`).
pub(super) async fn leave(
    scene: &mut Scene,
    services: impl Fn(&mut Scene) -> &mut Vec<Service>,
    index: usize,
) -> anyhow::Result<()> {
    let service = &services(scene)[index];
    service.signal(devstack::Signal::SIGTERM);
    let (name, admin) = (service.name(), service.admin.clone());
    let mut ready = true;
    for _ in 0..LOOKS {
        ready = service.is_ready().await;
        if !ready {
            break;
        }
        tokio::time::sleep(LOOK).await;
    }
    let claim = format!("{name} says by its readiness that it is to stop");
    scene.require(!ready, claim);
    scene.route_without(Some(&admin));
    let service = &mut services(scene)[index];
    service.ended(STOP_BUDGET).await?;
    service.start_again().await?;
    scene.route();
    Ok(())
}
