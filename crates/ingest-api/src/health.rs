//! Readiness from Kafka and the queue; liveness from the loops alone.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use kafka::{Availability, Producer};
use service::admin::{Liveness, Readiness};
use tracing::{info, warn};

use crate::config;

/// How often a loop gives a sign of life, and how long it may be silent.
const BEAT: Duration = Duration::from_secs(1);
const SILENCE: Duration = Duration::from_secs(30);
/// How often is looked while Kafka is away, and so how much later than the producer a starting service is ready.
const IMPATIENCE: Duration = Duration::from_millis(10);

/// Works out readiness for as long as it is polled.
pub(crate) async fn watch(
    producer: Arc<Producer>,
    readiness: Readiness,
    liveness: Liveness,
    config: config::Health,
) {
    let broker = readiness.check("kafka");
    let queue = readiness.check("queue");
    let beat = liveness.watch("main", SILENCE);
    let interval = config.interval.min(BEAT);
    loop {
        beat.beat();
        let pause = match producer.availability() {
            Availability::Up => {
                if broker.pass() {
                    info!("ready: kafka is available");
                }
                interval
            }
            away => {
                if broker.fail(away.reason()) {
                    warn!(reason = away.reason(), "not ready");
                }
                interval.min(IMPATIENCE)
            }
        };
        let fill = producer.saturation();
        if fill <= config.max_queue_fill {
            queue.pass();
        } else if queue.fail("the producer's queue is nearly full") {
            warn!(fill, "not ready: the producer's queue is nearly full");
        }
        tokio::time::sleep(pause).await;
    }
}

/// Makes the loop of the calling worker give signs of life. Must be called on the worker's own thread.
pub(crate) fn watch_worker(liveness: &Liveness, workers: &AtomicUsize) {
    let number = workers.fetch_add(1, Ordering::Relaxed);
    let beat = liveness.watch(&format!("worker-{number}"), SILENCE);
    actix_web::rt::spawn(async move {
        let mut ticks = tokio::time::interval(BEAT);
        loop {
            ticks.tick().await;
            beat.beat();
        }
    });
}
