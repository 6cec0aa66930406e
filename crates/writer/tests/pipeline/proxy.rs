//! A way to the database that can be cut.

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
};
use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

pub(crate) struct Proxy {
    address: SocketAddr,
    is_cut: Arc<AtomicBool>,
    connections: Arc<Mutex<JoinSet<()>>>,
}

impl Proxy {
    /// A proxy to the server of this URL, and the URL through it.
    pub(crate) async fn to(url: &str) -> (Self, String) {
        let config: tokio_postgres::Config = url.parse().expect("a URL");
        let tokio_postgres::config::Host::Tcp(host) = &config.get_hosts()[0] else {
            panic!("a TCP address");
        };
        let target = format!("{host}:{}", config.get_ports()[0]);
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("bound");
        let through = url.replace(&target, &address.to_string());
        assert_ne!(url, through, "the URL names {target}");
        let proxy = Self {
            address,
            is_cut: Arc::default(),
            connections: Arc::default(),
        };
        let (is_cut, connections) = (Arc::clone(&proxy.is_cut), Arc::clone(&proxy.connections));
        tokio::spawn(async move {
            while let Ok((mut client, _)) = listener.accept().await {
                if is_cut.load(Ordering::Acquire) {
                    // Dropped at once, as a server that is shutting down does.
                    continue;
                }
                let target = target.clone();
                connections.lock().expect("not poisoned").spawn(async move {
                    if let Ok(mut server) = TcpStream::connect(target).await {
                        drop(tokio::io::copy_bidirectional(&mut client, &mut server).await);
                    }
                });
            }
        });
        (proxy, through)
    }

    /// Breaks every connection and refuses new ones.
    pub(crate) fn cut(&self) {
        self.is_cut.store(true, Ordering::Release);
        self.connections.lock().expect("not poisoned").abort_all();
    }

    /// Lets connections through again.
    pub(crate) fn mend(&self) {
        self.is_cut.store(false, Ordering::Release);
    }
}

impl std::fmt::Display for Proxy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.address)
    }
}
