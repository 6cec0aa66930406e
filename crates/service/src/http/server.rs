//! The public listener.

use std::net::{SocketAddr, TcpListener};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use actix_web::dev::{Server, ServerHandle};
use actix_web::http::KeepAlive;
use actix_web::middleware::from_fn;
use actix_web::{App, HttpServer, web};

use super::Edge;
use crate::config::Listen;
use crate::problem;
use crate::tls::Certificate;

/// The public listener: a future that must be polled for anything to be served. Spawn it within a tokio runtime.
pub struct Listener(Server);

impl Listener {
    /// What it is ended by: `handle().stop(true)` drains it.
    pub fn handle(&self) -> ServerHandle {
        self.0.handle()
    }
}

impl Future for Listener {
    type Output = std::io::Result<()>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(context)
    }
}

impl std::fmt::Debug for Listener {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Listener")
    }
}

/// Opens a listener; an error names the address.
///
/// # Errors
/// When the address is taken or not ours.
pub fn bind(address: SocketAddr) -> std::io::Result<TcpListener> {
    TcpListener::bind(address).map_err(|error| {
        std::io::Error::new(error.kind(), format!("cannot listen on {address}: {error}"))
    })
}

/// Serves `routes` on `listener` with [`super::edge`] around them and 404 for the rest, over TLS when there is a certificate.
///
/// `handle().stop(true)` of what is returned drains it within `drain`, rounded up to whole seconds. Signals are left to [`crate::lifecycle`].
///
/// # Errors
/// When the listener cannot be used.
pub fn serve(
    listener: TcpListener,
    listen: &Listen,
    certificate: Option<&Certificate>,
    drain: Duration,
    edge: Edge,
    routes: impl Fn(&mut web::ServiceConfig) + Send + Clone + 'static,
) -> std::io::Result<Listener> {
    let edge = web::Data::new(edge.with(listen));
    let factory = move || {
        App::new()
            .app_data(edge.clone())
            .wrap(from_fn(super::edge))
            .configure(routes.clone())
            .default_service(web::to(problem::not_found))
    };
    let mut server = HttpServer::new(factory)
        .keep_alive(KeepAlive::Timeout(listen.keep_alive))
        .client_request_timeout(listen.head_timeout)
        .max_connections(listen.max_connections)
        .h1_allow_half_closed(listen.allow_half_closed)
        // What is written in two pieces, a page or an event of a tail, must not wait for the client's delayed acknowledgement of the first: 40 ms.
        .tcp_nodelay(true)
        .shutdown_timeout(drain.as_secs() + u64::from(drain.subsec_nanos() > 0))
        .disable_signals();
    if listen.workers > 0 {
        server = server.workers(listen.workers);
    }
    let server = match certificate {
        Some(certificate) => server.listen_rustls_0_23(listener, certificate.server_config())?,
        None if listen.h2c => server.listen_auto_h2c(listener)?,
        None => server.listen(listener)?,
    };
    Ok(Listener(server.run()))
}
