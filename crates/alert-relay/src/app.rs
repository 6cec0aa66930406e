//! The application: everything wired, then served, then ended step by step.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::ServerHandle;
use actix_web::web::Data;
use arc_swap::ArcSwap;
use service::admin::{self, AdminServer, Check, ConfigView, Liveness, Readiness, Reload};
use service::config::Loaded;
use service::http::{Edge, Listener};
use service::lifecycle::{Exit, Steps};
use service::telemetry::LevelHandle;
use service::tls::Certificate;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::Config;
use crate::body::Budget;
use crate::dispatch::{Dispatcher, Live};
use crate::metrics::Metrics;
use crate::outbox::Outbox;
use crate::policy::Policy;
use crate::render::{Renderer, TemplateError};
use crate::routes::{self, Relay};
use crate::senders::{Senders, SendersError};
use crate::transport::{Transport, TransportError};

/// How long the dispatcher may be silent.
const SILENCE: Duration = Duration::from_secs(60);
/// How often readiness is worked out.
const LOOK: Duration = Duration::from_millis(250);
/// For the thread of the outbox to end once nobody asks it anything.
const CLOSE: Duration = Duration::from_secs(5);

/// Why the service could not be started, or did not go on. Its text is for the operator.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// A listener could not be opened or used.
    #[error(transparent)]
    Listen(#[from] std::io::Error),
    /// The senders file is missing or wrong.
    #[error(transparent)]
    Senders(#[from] SendersError),
    /// The certificate is missing or wrong.
    #[error(transparent)]
    Tls(#[from] service::tls::TlsError),
    /// A template is wrong.
    #[error(transparent)]
    Template(#[from] TemplateError),
    /// A secret or certificate for sending is missing or wrong.
    #[error(transparent)]
    Transport(#[from] TransportError),
    /// The outbox cannot be opened.
    #[error("{0}")]
    Outbox(String),
    /// Routes or quiet hours are wrong, which loading has found already.
    #[error("{0}: {1}")]
    Policy(String, String),
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
    relay: Arc<Relay>,
    thread: std::thread::JoinHandle<()>,
    readiness: Readiness,
    liveness: Liveness,
    config: Config,
}

impl Application {
    /// Reads senders, templates, secrets and certificate, opens the outbox and both listeners. Connects to nothing.
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
        let mut registry = service::metrics::registry("alert-relay", env!("CARGO_PKG_VERSION"));
        let edge = Edge::new(&mut registry);
        let metrics = Metrics::register(&mut registry);
        metrics
            .outbox_limit
            .set(i64::try_from(config.outbox.max_bytes.0).unwrap_or(i64::MAX));

        let senders = Senders::load(&config.senders.file)?;
        let certificate = config
            .listen
            .tls
            .as_ref()
            .map(Certificate::load)
            .transpose()?;
        let live = Live {
            policy: Arc::new(ArcSwap::from_pointee(
                Policy::of(&config).map_err(|(key, why)| ServeError::Policy(key, why))?,
            )),
            renderer: Arc::new(ArcSwap::from_pointee(Renderer::load(&config)?)),
            transport: Arc::new(ArcSwap::from_pointee(Transport::load(&config)?)),
        };
        let view = ConfigView::new(loaded.redacted.clone());
        let (readiness, liveness) = (Readiness::new(), Liveness::new());
        register_reloads(
            &reload,
            &loaded,
            &senders,
            &live,
            certificate.as_ref(),
            level,
            &view,
        );

        let listener = service::http::bind(config.listen.address)?;
        let admin_listener = service::http::bind(config.admin.address)?;
        let address = listener.local_addr()?;
        let (outbox, thread) = Outbox::open(&config.outbox, metrics.clone())
            .map_err(|error| ServeError::Outbox(error.to_string()))?;
        let relay = Arc::new(Relay {
            outbox,
            senders,
            budget: Budget::new(&config.body),
            live,
            body: config.body.clone(),
            alerts: config.alerts.clone(),
            metrics,
        });
        let shared = Data::new(Arc::clone(&relay));
        let routes = move |app: &mut actix_web::web::ServiceConfig| {
            app.app_data(shared.clone());
            routes::configure(app);
        };
        let server = service::http::serve(
            listener,
            &config.listen,
            certificate.as_ref(),
            config.shutdown.drain,
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
            relay,
            thread,
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
        let stop = CancellationToken::new();
        let beat = self.liveness.watch("dispatcher", SILENCE);
        let relay = &self.relay;
        let dispatcher = Dispatcher::new(
            relay.outbox.clone(),
            relay.live.clone(),
            relay.metrics.clone(),
            beat,
        );
        let mut dispatching = tokio::spawn(dispatcher.run(stop.clone()));
        let watching = tokio::spawn(watch(Arc::clone(relay), self.readiness.check("outbox")));
        tokio::select! {
            ended = &mut serving => {
                watching.abort();
                dispatching.abort();
                self.admin.stop().await;
                return match ended {
                    Ok(Err(error)) => Err(error.into()),
                    _ => Err(ServeError::Ended),
                };
            }
            () = shutdown.cancelled() => {}
        }
        let mut steps = drain(&self.config, &self.readiness, handle).await;
        stop.cancel();
        let flushed = steps
            .run("flush", self.config.shutdown.flush, &mut dispatching)
            .await;
        if flushed.is_none() {
            dispatching.abort();
            drop(dispatching.await);
        }
        watching.abort();
        drop(watching.await);
        drop(serving.await);
        drop(self.relay);
        let thread = self.thread;
        steps
            .run(
                "close",
                CLOSE,
                tokio::task::spawn_blocking(move || drop(thread.join())),
            )
            .await;
        self.admin.stop().await;
        Ok(steps.exit())
    }
}

/// The first steps of a shutdown, each within its budget.
async fn drain(config: &Config, readiness: &Readiness, handle: ServerHandle) -> Steps {
    readiness.drain();
    tokio::time::sleep(config.shutdown.unready).await;
    let mut steps = Steps::new();
    // The listener keeps the budget itself; a second more is for it to notice.
    steps
        .run(
            "drain",
            config.shutdown.drain + Duration::from_secs(1),
            handle.stop(true),
        )
        .await;
    steps
}

/// Ready while the outbox can be written and has room.
async fn watch(relay: Arc<Relay>, check: Check) {
    let mut ticks = tokio::time::interval(LOOK);
    loop {
        ticks.tick().await;
        let metrics = &relay.metrics;
        let is_full = metrics.outbox_bytes.get() >= metrics.outbox_limit.get();
        let fault = match (metrics.outbox_faults_now.get() != 0, is_full) {
            (true, _) => "the outbox cannot be written",
            (false, true) => "the outbox is full",
            (false, false) => {
                check.pass();
                continue;
            }
        };
        if check.fail(fault) {
            warn!(reason = fault, "not ready");
        }
    }
}

fn register_reloads(
    reload: &Reload,
    loaded: &Loaded<Config>,
    senders: &Senders,
    live: &Live,
    certificate: Option<&Certificate>,
    level: Option<LevelHandle>,
    view: &ConfigView,
) {
    let (layers, live, view) = (loaded.layers().clone(), live.clone(), view.clone());
    reload.register("config", move || {
        let loaded = Config::load(layers.clone()).map_err(|error| error.to_string())?;
        let config = &loaded.config;
        // All of it or nothing: each part is made before the first is put in place.
        let policy = Policy::of(config).map_err(|(key, why)| format!("{key}: {why}"))?;
        let renderer = Renderer::load(config).map_err(|error| error.to_string())?;
        let transport = Transport::load(config).map_err(|error| error.to_string())?;
        if let Some(level) = &level {
            level
                .set(&config.telemetry.log)
                .map_err(|error| error.to_string())?;
        }
        live.policy.store(Arc::new(policy));
        live.renderer.store(Arc::new(renderer));
        live.transport.store(Arc::new(transport));
        view.replace(loaded.redacted);
        Ok("routes, quiet hours, rate, templates, transport and log level".to_owned())
    });
    let senders = senders.clone();
    reload.register("senders", move || match senders.reload() {
        Ok(count) => Ok(format!("{count} senders")),
        Err(error) => Err(error.to_string()),
    });
    if let Some(certificate) = certificate.cloned() {
        reload.register("certificate", move || match certificate.reload() {
            Ok(()) => Ok("certificate".to_owned()),
            Err(error) => Err(error.to_string()),
        });
    }
}
