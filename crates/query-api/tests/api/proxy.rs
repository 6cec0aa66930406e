//! A way to the database that can be cut.

use std::sync::Arc;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

pub(crate) struct Proxy {
    pub(crate) port: u16,
    is_open: Arc<watch::Sender<bool>>,
}

impl Proxy {
    /// Leads to where `target` (host:port) is.
    pub(crate) async fn start(target: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("bound").port();
        let is_open = Arc::new(watch::channel(true).0);
        let gate = Arc::clone(&is_open);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let mut gate = gate.subscribe();
                if !*gate.borrow() {
                    continue;
                }
                let target = target.clone();
                tokio::spawn(async move {
                    tokio::select! {
                        () = carry(client, target) => {}
                        _ = gate.wait_for(|is_open| !is_open) => {}
                    }
                });
            }
        });
        Self { port, is_open }
    }

    /// Ends every connection and lets no new one through.
    pub(crate) fn cut(&self) {
        self.is_open.send_replace(false);
    }

    /// Lets connections through again.
    pub(crate) fn mend(&self) {
        self.is_open.send_replace(true);
    }
}

async fn carry(mut client: TcpStream, target: String) {
    if let Ok(mut server) = TcpStream::connect(target).await {
        let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
    }
}
