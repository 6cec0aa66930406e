//! Wires the parts together, runs them and takes them down in order.

use crate::{
    assignment::Board,
    config::Config,
    consume::{Loop, Parts},
    error::Fault,
    flush,
    freshness::{Ends, Freshness},
    maintenance,
    metrics::Metrics,
    outage::Outage,
    rewind,
};
use kafka::{Consumer, ConsumerMetrics};
use service::{
    admin::{self, AdminServer, ConfigView, Liveness, Readiness, Reload},
    lifecycle::Exit,
};
use std::{
    net::{SocketAddr, TcpListener},
    sync::{Arc, mpsc},
    time::Duration,
};
use store::{Pool, write::Sink};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// Without a turn for this long the consume loop counts as stuck. Its longest legitimate wait is sliced far finer.
const STALLED_AFTER: Duration = Duration::from_secs(30);

/// A writer that is wired and listens for operators, but reads nothing yet.
#[derive(Debug)]
pub struct Application {
    config: Config,
    admin: AdminServer,
    readiness: Readiness,
    liveness: Liveness,
    consumer: Consumer,
    pool: Pool,
    sink: Sink,
    outage: Arc<Outage>,
    metrics: Metrics,
}

impl Application {
    /// Wires a writer and opens its admin listener on `config.admin.address`. Waits neither for Kafka nor for the database. Must be called within a tokio
    /// runtime.
    ///
    /// # Errors
    /// A setting that only its user can judge (such as a certificate file), or an address in use.
    pub fn build(config: Config, view: ConfigView, reload: Reload) -> Result<Self, Fault> {
        let mut registry = service::metrics::registry("writer", env!("CARGO_PKG_VERSION"));
        let metrics = Metrics::default();
        metrics.register(&mut registry);
        let consumer_metrics = ConsumerMetrics::default();
        consumer_metrics.register(&mut registry);
        let readiness = Readiness::new();
        let liveness = Liveness::new();
        let pool = Pool::new(&config.database)?;
        let sink = Sink::new(pool.clone(), &config.database);
        let outage = Outage::new(
            readiness.check("database"),
            config.readiness.outage,
            metrics.clone(),
        );
        let consumer = Consumer::new(&config.kafka, consumer_metrics)?;
        let listener = TcpListener::bind(config.admin.address).map_err(|error| {
            Fault::Internal(format!(
                "cannot listen on {}: {error}",
                config.admin.address
            ))
        })?;
        let state = admin::State {
            registry: Arc::new(registry),
            readiness: readiness.clone(),
            liveness: liveness.clone(),
            reload,
            config: view,
        };
        let admin =
            admin::serve(listener, state).map_err(|error| Fault::Internal(error.to_string()))?;
        Ok(Self {
            config,
            admin,
            readiness,
            liveness,
            consumer,
            pool,
            sink,
            outage: Arc::new(outage),
            metrics,
        })
    }

    /// Where operators are served.
    #[must_use]
    pub fn admin_addr(&self) -> SocketAddr {
        self.admin.local_addr()
    }

    /// Moves records until told to stop, then stores what has been read, leaves the group and closes.
    ///
    /// # Errors
    /// A [`Fault`], after the metrics have been up for `shutdown.fault_linger` longer.
    pub async fn run(self, stop: CancellationToken) -> Result<Exit, Fault> {
        let Self {
            config,
            admin,
            readiness,
            liveness,
            consumer,
            pool,
            sink,
            outage,
            metrics,
        } = self;
        // Before anything can say that the database is there: that alone is not ready.
        let joined = readiness.check("group");
        let shutdown = config.shutdown.clone();
        let board = Board::default();
        let mut tasks = JoinSet::new();
        let (reports, received) = mpsc::channel();
        let mut jobs = Vec::new();
        for lane in 0..config.batch.lanes {
            let (sender, receiver) = tokio::sync::mpsc::channel(1);
            jobs.push(sender);
            tasks.spawn(flush::run(
                lane,
                sink.clone(),
                receiver,
                reports.clone(),
                Arc::clone(&outage),
                metrics.clone(),
            ));
        }
        let ends = Ends::default();
        let freshness = Freshness {
            log: consumer.log(),
            topic: config.kafka.topic.clone(),
            board: board.clone(),
            pool: pool.clone(),
            ends: ends.clone(),
            metrics: metrics.clone(),
            heartbeat: config.freshness.heartbeat,
        };
        tasks.spawn(freshness.run());
        tasks.spawn(rewind::run(
            consumer.log(),
            config.kafka.topic.clone(),
            board.clone(),
            pool.clone(),
            reports.clone(),
        ));
        tasks.spawn(maintenance::run(
            pool.clone(),
            sink,
            config.database.clone(),
            config.maintenance.interval,
            metrics.clone(),
        ));
        tasks.spawn({
            let (outage, pool) = (Arc::clone(&outage), pool.clone());
            async move { outage.watch(&pool).await }
        });
        let stop_reading = CancellationToken::new();
        let parts = Parts {
            joined,
            beat: liveness.watch("consume", STALLED_AFTER),
            config,
            consumer,
            jobs,
            reports: (reports, received),
            pool: pool.clone(),
            outage,
            board,
            ends,
            metrics: metrics.clone(),
            runtime: tokio::runtime::Handle::current(),
            stop: stop_reading.clone(),
        };
        let (ended, end) = tokio::sync::oneshot::channel();
        std::thread::Builder::new()
            .name("consume".into())
            // Nobody receives only when `run` itself was dropped.
            .spawn(move || drop(ended.send(Loop::new(parts).run())))
            .map_err(|error| {
                Fault::Internal(format!("cannot start the consume thread: {error}"))
            })?;
        tokio::spawn({
            let (stop, readiness) = (stop.clone(), readiness.clone());
            async move {
                stop.cancelled().await;
                readiness.drain();
                tokio::time::sleep(shutdown.unready).await;
                stop_reading.cancel();
            }
        });
        let ended = end
            .await
            .unwrap_or_else(|_| Err(Fault::Internal("the consume thread panicked".into())));
        tasks.shutdown().await;
        pool.close();
        if let Err(fault) = &ended {
            readiness.drain();
            if matches!(fault, Fault::CheckpointOutOfRange { .. }) {
                metrics.checkpoint_out_of_range.set(1);
            }
            tracing::error!(%fault, "the writer has stopped");
            tokio::select! {
                () = tokio::time::sleep(shutdown.fault_linger) => {}
                () = stop.cancelled() => {}
            }
        }
        admin.stop().await;
        ended.map(|clean| if clean { Exit::Clean } else { Exit::OverBudget })
    }
}
