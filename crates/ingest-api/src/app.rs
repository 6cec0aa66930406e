//! The application: everything wired, then served, then ended step by step.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use actix_web::dev::ServerHandle;
use actix_web::web::Data;
use kafka::{Producer, ProducerMetrics};
use service::admin::{self, AdminServer, ConfigView, Liveness, Readiness, Reload};
use service::config::Loaded;
use service::http::{Edge, Listener};
use service::keys::KeyStore;
use service::lifecycle::{Exit, Steps};
use service::limits::Limits;
use service::surface::Surface;
use service::telemetry::LevelHandle;
use service::tls::Certificate;
use tokio_util::sync::CancellationToken;
use tracing::info;

use crate::admission::Budget;
use crate::metrics::Metrics;
use crate::routes::{self, Ingest};
use crate::{Config, health};

/// Why the service could not be started, or did not go on. Its text is for the operator.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// A listener could not be opened or used.
    #[error(transparent)]
    Listen(#[from] std::io::Error),
    /// The keys file is missing or wrong.
    #[error(transparent)]
    Keys(#[from] service::keys::KeysError),
    /// The certificate is missing or wrong.
    #[error(transparent)]
    Tls(#[from] service::tls::TlsError),
    /// The producer could not be made.
    #[error(transparent)]
    Kafka(#[from] kafka::Error),
    /// The listener ended by itself.
    #[error("the listener ended unasked")]
    Ended,
}

/// Everything wired and listening; [`Self::run`] serves.
#[derive(Debug)]
pub struct Application {
    address: SocketAddr,
    server: Listener,
    admin: AdminServer,
    producer: Arc<Producer>,
    readiness: Readiness,
    liveness: Liveness,
    config: Config,
}

impl Application {
    /// Reads keys and certificate, makes the producer and opens both listeners. Does not wait for Kafka: until it is
    /// there, requests are answered 503. Blocks for as long as it takes to read two files.
    ///
    /// Hooks for what can be reloaded are added to `reload`. `level` is what a reload changes the log level with.
    ///
    /// # Errors
    /// [`ServeError`], when a file, an address or a setting is wrong.
    #[expect(
        clippy::unused_async,
        reason = "listeners must be opened within a runtime, as every service's"
    )]
    pub async fn build(
        loaded: Loaded<Config>,
        reload: Reload,
        level: Option<LevelHandle>,
    ) -> Result<Self, ServeError> {
        let config = loaded.config.clone();
        let mut registry = service::metrics::registry("ingest-api", env!("CARGO_PKG_VERSION"));
        let edge = Edge::new(&mut registry);
        let metrics = Metrics::register(&mut registry, &config.metrics);
        let producer_metrics = ProducerMetrics::default();
        producer_metrics.register(&mut registry);

        let keys = KeyStore::load(&config.keys)?;
        let rates = Limits::new(config.limits.clone());
        let certificate = config
            .listen
            .tls
            .as_ref()
            .map(Certificate::load)
            .transpose()?;
        let producer = Arc::new(Producer::new(&config.kafka, producer_metrics)?);
        let budget = Budget::new(
            config.body.max_in_flight_bytes.as_usize(),
            config.body.key_bytes(),
            metrics.in_flight_bytes.clone(),
        );
        let view = ConfigView::new(loaded.redacted.clone());
        let (readiness, liveness) = (Readiness::new(), Liveness::new());
        register_reloads(
            &reload,
            &loaded,
            &keys,
            &rates,
            certificate.as_ref(),
            level,
            &view,
        );

        let listener = service::http::bind(config.listen.address)?;
        let admin_listener = service::http::bind(config.admin.address)?;
        let address = listener.local_addr()?;
        let ingest = Data::new(Ingest {
            producer: Arc::clone(&producer),
            keys,
            rates,
            budget,
            limits: config.event_limits(),
            body: config.body.clone(),
            answer: config.answer.clone(),
            metrics,
        });
        let workers = Arc::new(AtomicUsize::new(0));
        let watched = liveness.clone();
        let surface = Surface::new(crate::openapi());
        let routes = move |app: &mut actix_web::web::ServiceConfig| {
            health::watch_worker(&watched, &workers);
            app.app_data(ingest.clone());
            routes::configure(app);
            surface.configure(app);
        };
        let drain = config.shutdown.drain;
        let server = service::http::serve(
            listener,
            &config.listen,
            certificate.as_ref(),
            drain,
            edge.draining(&readiness),
            routes,
        )?;
        let state = admin::State {
            registry: Arc::new(registry),
            readiness: readiness.clone(),
            liveness: liveness.clone(),
            reload,
            config: view,
        };
        let admin = admin::serve(admin_listener, state)?;
        Ok(Self {
            address,
            server,
            admin,
            producer,
            readiness,
            liveness,
            config,
        })
    }

    /// Where the public listener listens.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Where the admin listener listens.
    #[must_use]
    pub fn admin_addr(&self) -> SocketAddr {
        self.admin.local_addr()
    }

    /// Serves until `shutdown` is cancelled, then ends: unready, drain, flush, close.
    ///
    /// # Errors
    /// [`ServeError`] when the listener fails.
    pub async fn run(self, shutdown: CancellationToken) -> Result<Exit, ServeError> {
        info!(address = %self.address, admin = %self.admin.local_addr(), "listening");
        let handle = self.server.handle();
        let mut serving = tokio::spawn(self.server);
        let watch = health::watch(
            Arc::clone(&self.producer),
            self.readiness.clone(),
            self.liveness,
            self.config.health.clone(),
        );
        let watching = tokio::spawn(watch);
        tokio::select! {
            ended = &mut serving => {
                watching.abort();
                self.admin.stop().await;
                return match ended {
                    Ok(Err(error)) => Err(error.into()),
                    _ => Err(ServeError::Ended),
                };
            }
            () = shutdown.cancelled() => {}
        }
        let exit = end(&self.config, &self.readiness, handle, self.producer).await;
        watching.abort();
        self.admin.stop().await;
        Ok(exit)
    }
}

/// The steps of a shutdown, each within its budget.
async fn end(
    config: &Config,
    readiness: &Readiness,
    handle: ServerHandle,
    producer: Arc<Producer>,
) -> Exit {
    let budgets = &config.shutdown;
    readiness.drain();
    tokio::time::sleep(budgets.unready).await;
    let mut steps = Steps::new();
    // The listener keeps the budget itself; a second more is for it to notice.
    steps
        .run(
            "drain",
            budgets.drain + std::time::Duration::from_secs(1),
            handle.stop(true),
        )
        .await;
    let flush = budgets.flush;
    let flushed = tokio::task::spawn_blocking(move || producer.flush(flush));
    steps
        .run("flush", flush + std::time::Duration::from_secs(1), flushed)
        .await;
    steps.exit()
}

fn register_reloads(
    reload: &Reload,
    loaded: &Loaded<Config>,
    keys: &KeyStore,
    rates: &Limits,
    certificate: Option<&Certificate>,
    level: Option<LevelHandle>,
    view: &ConfigView,
) {
    let (layers, rates, view) = (loaded.layers().clone(), rates.clone(), view.clone());
    reload.register("config", move || {
        let loaded = Config::load(layers.clone()).map_err(|error| error.to_string())?;
        if let Some(level) = &level {
            level
                .set(&loaded.config.telemetry.log)
                .map_err(|error| error.to_string())?;
        }
        rates.set_defaults(loaded.config.limits);
        view.replace(loaded.redacted);
        Ok("rate limits and log level".to_owned())
    });
    let keys = keys.clone();
    reload.register("keys", move || match keys.reload() {
        Ok(count) => Ok(format!("{count} keys")),
        Err(error) => Err(error.to_string()),
    });
    if let Some(certificate) = certificate.cloned() {
        reload.register("certificate", move || match certificate.reload() {
            Ok(()) => Ok("certificate".to_owned()),
            Err(error) => Err(error.to_string()),
        });
    }
}
