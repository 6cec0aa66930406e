//! The operators' listener: metrics, health, reload and the configuration, never reachable through the public one.
//!
//! | route | answers |
//! |---|---|
//! | `GET /metrics` | OpenMetrics text |
//! | `GET /livez` | 200 while every loop makes progress; never asks a database |
//! | `GET /readyz` | 200 when every check holds, else 503, with reasons |
//! | `POST /reload` | what was read again, and what could not be |
//! | `GET /config` | the merged configuration, secrets masked |

mod health;
mod reload;
mod routes;

pub use health::{Beat, Check, Liveness, Readiness};
pub use reload::{Outcome, Reload};

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::ServerHandle;
use actix_web::{App, HttpServer, web};
use arc_swap::ArcSwap;
use prometheus_client::registry::Registry;

/// What the admin listener shows.
#[derive(Debug, Clone)]
pub struct State {
    /// Every metric of the process; registration is over by now.
    pub registry: Arc<Registry>,
    /// May traffic be sent here?
    pub readiness: Readiness,
    /// Do the loops make progress?
    pub liveness: Liveness,
    /// What `POST /reload` runs.
    pub reload: Reload,
    /// What `GET /config` shows.
    pub config: ConfigView,
}

/// The configuration as it may be shown, replaced on reload. Cloning gives another handle to the same view.
#[derive(Debug, Clone)]
pub struct ConfigView(Arc<ArcSwap<serde_json::Value>>);

impl ConfigView {
    /// Shows this redacted tree, such as [`crate::config::Loaded::redacted`].
    pub fn new(redacted: serde_json::Value) -> Self {
        Self(Arc::new(ArcSwap::from_pointee(redacted)))
    }

    /// Shows another one from now on.
    pub fn replace(&self, redacted: serde_json::Value) {
        self.0.store(Arc::new(redacted));
    }
}

/// A running admin listener; serves until it is stopped.
#[derive(Debug)]
pub struct AdminServer {
    address: SocketAddr,
    handle: ServerHandle,
}

impl AdminServer {
    /// Where it listens.
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Stops it. The last thing of a shutdown, so that probes and scrapes see the whole of it.
    pub async fn stop(self) {
        let graceful = self.handle.stop(true);
        // A scraper that keeps its connection open must not hold the process.
        let _ = tokio::time::timeout(Duration::from_secs(1), graceful).await;
    }
}

/// Serves `state` on `listener`, in the background. Must be called within a tokio runtime.
///
/// # Errors
/// When the listener cannot be used.
pub fn serve(listener: TcpListener, state: State) -> std::io::Result<AdminServer> {
    let address = listener.local_addr()?;
    let state = web::Data::new(state);
    let server = HttpServer::new(move || {
        App::new()
            .app_data(state.clone())
            .configure(routes::configure)
    })
    .workers(1)
    .disable_signals()
    .shutdown_timeout(1)
    .listen(listener)?
    .run();
    let handle = server.handle();
    tokio::spawn(server);
    Ok(AdminServer { address, handle })
}

#[cfg(test)]
mod tests;
