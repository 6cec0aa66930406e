//! The least that an HTTP service in actix can do: read the body, answer 202.

use std::time::Duration;

use actix_web::{App, HttpResponse, HttpServer, web};
use anyhow::Context as _;
use devstack::{Launch, Process, ports};

/// As large as the ingest-api's largest body.
const MAX_BODY: usize = 8 << 20;

/// A running one. Dropping it kills it.
pub(crate) struct Noop {
    _process: Process,
    pub(crate) address: String,
}

impl Noop {
    /// Starts one in a process of its own.
    pub(crate) async fn start() -> anyhow::Result<Self> {
        let port = ports::free(1)[0];
        let own = std::env::current_exe().context("find this executable")?;
        let process = Launch::new("the handler that does nothing", own)
            .args(["noop", &port.to_string()])
            .spawn()?;
        let address = format!("127.0.0.1:{port}");
        while tokio::net::TcpStream::connect(&address).await.is_err() {
            if let Some(status) = process.exited() {
                return Err(process.died(status).into());
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Ok(Self {
            _process: process,
            address,
        })
    }
}

/// Serves until it is killed, with as many workers as the ingest-api has.
pub(crate) fn main(port: u16) -> anyhow::Result<()> {
    actix_web::rt::System::new().block_on(async move {
        HttpServer::new(|| {
            App::new()
                .app_data(web::PayloadConfig::new(MAX_BODY))
                .route("/v1/events", web::post().to(accept))
        })
        .tcp_nodelay(true)
        .bind(("127.0.0.1", port))?
        .run()
        .await
        .context("serve")
    })
}

async fn accept(body: web::Bytes) -> HttpResponse {
    // Of about the size of the ingest-api's minimal answer.
    let content = if body.is_empty() {
        r#"{"accepted":0,"rejected":0}"#
    } else {
        r#"{"accepted":1,"rejected":0}"#
    };
    HttpResponse::Accepted()
        .content_type("application/json")
        .body(content)
}
