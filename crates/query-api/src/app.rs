//! The wiring: what is built from the configuration, how it runs and how it ends.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use actix_web::web;
use prometheus_client::registry::Registry;
use service::admin::{self, AdminServer, Check, ConfigView, Liveness, Readiness, Reload};
use service::config::{Layers, Loaded, Shutdown};
use service::http::{self, Edge};
use service::keys::KeyStore;
use service::lifecycle::{Exit, Steps};
use service::limits::Limits;
use service::surface::Surface;
use service::telemetry::LevelHandle;
use service::tls::Certificate;
use store::Pool;
use store::read::Reader;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::config::Config;
use crate::cursor::Cursors;
use crate::freshness;
use crate::metrics::Metrics;
use crate::routes::{self, Memory, State};
use crate::tail::{Hub, Seats};
use crate::watch::Watch;

/// The sockets a process listens on.
#[derive(Debug)]
pub struct Listeners {
    /// For callers.
    pub public: TcpListener,
    /// For operators.
    pub admin: TcpListener,
}

/// A built query-api; [`Application::run`] serves.
pub struct Application {
    address: SocketAddr,
    server: http::Listener,
    admin: AdminServer,
    pool: Pool,
    /// Of exports, which keep a connection for minutes: no page waits for one of them to end.
    export_pool: Pool,
    readiness: Readiness,
    reload: Reload,
    database: Check,
    health_interval: Duration,
    shutdown: Shutdown,
    stopping: CancellationToken,
}

impl Application {
    /// Builds everything and listens; connects to PostgreSQL only when asked something. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// When the keys file, a certificate, the database's settings or a listener cannot be used.
    pub fn build(
        loaded: Loaded<Config>,
        listeners: Listeners,
        mut registry: Registry,
        level: Option<LevelHandle>,
    ) -> anyhow::Result<Self> {
        let config = Arc::new(loaded.config.clone());
        let keys = KeyStore::load(&config.keys)?;
        let limits = Limits::new(config.limits.clone());
        let certificate = config
            .listen
            .tls
            .as_ref()
            .map(Certificate::load)
            .transpose()?;
        let pool = Pool::new(&config.database)?;
        let reader = Reader::new(pool.clone(), &config.database, config.budgets())?;
        let export_pool = Pool::new(&store::Config {
            pool_size: config.export.max_exports,
            ..config.database.clone()
        })?;
        let export_reader = Reader::new(export_pool.clone(), &config.database, config.budgets())?;
        if config.cursors.secret.is_none() {
            warn!(
                "cursors.secret is not set: cursors end with this process, and with several replicas those of one are refused by the others"
            );
        }
        let stopping = CancellationToken::new();
        let metrics = Metrics::register(&mut registry, &pool);
        let edge = Edge::new(&mut registry).stamping(freshness::start(
            pool.clone(),
            config.feed.topic.clone(),
            config.query.freshness_interval,
            stopping.clone(),
        ));
        let watch = Watch::start(
            reader.clone(),
            config.feed.topic.clone(),
            config.query.poll_interval,
            config.query.max_waiting,
            metrics.waiting.clone(),
            stopping.clone(),
        );
        let hub = Hub::start(
            reader.clone(),
            config.feed.topic.clone(),
            config.query.poll_interval,
            stopping.clone(),
            metrics.clone(),
        );
        let exports = Seats::new(
            "exports",
            config.export.max_exports,
            config.export.max_per_key,
            metrics.exports.clone(),
        );
        let seats = Seats::new(
            "tails",
            config.tail.max_tails,
            config.tail.max_per_key,
            metrics.tails.clone(),
        );
        let readiness = Readiness::new();
        let database = readiness.check("database");
        let view = ConfigView::new(loaded.redacted.clone());
        let reload = Reload::new();
        register_reload(
            &reload,
            loaded.layers().clone(),
            &keys,
            &limits,
            certificate.clone(),
            level,
            &view,
        );
        let pools = [pool.clone(), export_pool.clone()];
        register_database(&reload, loaded.layers().clone(), pools);
        let state = web::Data::new(State {
            pool: pool.clone(),
            reader,
            export_reader,
            keys,
            limits,
            cursors: Cursors::new(config.cursors.secret.as_ref()),
            watch,
            hub,
            seats,
            exports,
            memory: Memory::new(
                config.query.max_answer_memory.as_usize(),
                metrics.answer_bytes.clone(),
            ),
            metrics,
            config: Arc::clone(&config),
        });
        let address = listeners.public.local_addr()?;
        let surface = Surface::new(crate::openapi());
        let routes = move |app: &mut web::ServiceConfig| {
            app.app_data(state.clone())
                .configure(routes::configure)
                .configure(|app| surface.configure(app));
        };
        let (listen, drain) = (&config.listen, config.shutdown.drain);
        let server = http::serve(
            listeners.public,
            listen,
            certificate.as_ref(),
            drain,
            edge.draining(&readiness),
            routes,
        )?;
        let admin = admin::State {
            registry: Arc::new(registry),
            readiness: readiness.clone(),
            liveness: Liveness::new(),
            reload: reload.clone(),
            config: view,
        };
        Ok(Self {
            address,
            server,
            admin: admin::serve(listeners.admin, admin)?,
            pool,
            export_pool,
            readiness,
            reload,
            database,
            health_interval: config.health.interval,
            shutdown: config.shutdown.clone(),
            stopping,
        })
    }

    /// Where callers reach it.
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Where operators reach it.
    pub fn admin_addr(&self) -> SocketAddr {
        self.admin.local_addr()
    }

    /// What SIGHUP runs.
    pub fn reload(&self) -> Reload {
        self.reload.clone()
    }

    /// Serves until `shutdown` is cancelled, then ends step by step.
    pub async fn run(self, shutdown: CancellationToken) -> Exit {
        info!(address = %self.address, admin = %self.admin.local_addr(), "query-api is listening");
        let health = tokio::spawn(watch_database(
            self.pool.clone(),
            self.database,
            self.health_interval,
        ));
        let handle = self.server.handle();
        let mut serving = tokio::spawn(self.server);
        let ended = tokio::select! {
            () = shutdown.cancelled() => None,
            ended = &mut serving => Some(ended),
        };
        if let Some(ended) = ended {
            warn!(?ended, "the listener ended by itself");
            self.admin.stop().await;
            return Exit::Failed;
        }
        let mut steps = Steps::new();
        self.readiness.drain();
        tokio::time::sleep(self.shutdown.unready).await;
        // Whoever waits for something to be stored gets what there is.
        self.stopping.cancel();
        // A little more than the listener gives itself, so that it is the one to end it.
        let drain = self.shutdown.drain + Duration::from_secs(1);
        steps.run("drain", drain, handle.stop(true)).await;
        health.abort();
        self.pool.close();
        self.export_pool.close();
        steps
            .run("close", self.shutdown.close, self.admin.stop())
            .await;
        steps.exit()
    }
}

/// Registers what may change while the service runs.
fn register_reload(
    reload: &Reload,
    layers: Layers,
    keys: &KeyStore,
    limits: &Limits,
    certificate: Option<Certificate>,
    level: Option<LevelHandle>,
    view: &ConfigView,
) {
    let keys = keys.clone();
    reload.register("keys", move || {
        let count = keys.reload().map_err(|error| error.to_string())?;
        Ok(format!("{count} keys"))
    });
    if let Some(certificate) = certificate {
        reload.register("certificate", move || {
            certificate.reload().map_err(|error| error.to_string())?;
            Ok("read again".to_owned())
        });
    }
    let (limits, view) = (limits.clone(), view.clone());
    reload.register("settings", move || {
        let loaded = Config::load(layers.clone()).map_err(|error| error.to_string())?;
        if let Some(level) = &level {
            level
                .set(&loaded.config.telemetry.log)
                .map_err(|error| error.to_string())?;
        }
        limits.set_defaults(loaded.config.limits);
        view.replace(loaded.redacted);
        Ok("limits and log level; other settings take a restart".to_owned())
    });
}

/// Registers that a rotated password, or another host, is taken without a restart.
fn register_database(reload: &Reload, layers: Layers, pools: [Pool; 2]) {
    reload.register("database", move || {
        let loaded = Config::load(layers.clone()).map_err(|error| error.to_string())?;
        for pool in &pools {
            pool.reconfigure(&loaded.config.database)
                .map_err(|error| error.to_string())?;
        }
        Ok("further connections as configured".to_owned())
    });
}

/// Asks the database for ever whether it is there; the first answer makes the process ready.
async fn watch_database(pool: Pool, check: Check, interval: Duration) {
    loop {
        let changed = match pool.health().await {
            Ok(health) if health.migrated => {
                check.pass().then(|| "the database is there".to_owned())
            }
            Ok(_) => {
                let reason = "the schema is missing: run `flumen migrate`";
                check.fail(reason).then(|| reason.to_owned())
            }
            Err(error) => {
                let reason = error.to_string();
                check.fail(reason.clone()).then_some(reason)
            }
        };
        if let Some(state) = changed {
            info!(state, "readiness changed");
        }
        tokio::time::sleep(interval).await;
    }
}
