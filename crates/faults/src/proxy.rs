//! A TCP proxy in every connection between two parts, which breaks them on demand.

use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};

/// Bytes carried at once.
const CHUNK: usize = 16 << 10;
/// Chunks on their way: enough for 500 ms at the speed of the tests, and bounded.
const IN_FLIGHT: usize = 256;

/// What becomes of the bytes on a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Weather {
    /// They pass.
    Clear,
    /// Connections are reset, new ones too.
    Cut,
    /// Nothing passes and nobody is told, as when a cable is pulled out. Connections that saw it are reset when it is over.
    HalfOpen,
    /// They arrive so much later, in either direction.
    Delay(Duration),
    /// No more of them a second, for each connection and direction.
    Throttle(u32),
}

/// The connections of one kind of client to one kind of server: a listener for each server.
#[derive(Debug, Clone)]
pub(crate) struct Link {
    shared: Arc<Shared>,
    ports: Vec<u16>,
}

#[derive(Debug)]
struct Shared {
    weather: watch::Sender<Weather>,
    /// Bytes towards the server until the connection that carries them is reset; not armed when zero or less.
    fuse: AtomicI64,
    blown: AtomicUsize,
    open: AtomicUsize,
    turn: AtomicUsize,
    targets: Mutex<Vec<Vec<String>>>,
}

/// A connection that is over, and whose ends are to be told by a reset.
#[derive(Debug)]
struct Broken;

impl Link {
    /// Listens for `servers` servers, whose addresses are told later.
    pub(crate) async fn open(servers: usize) -> anyhow::Result<Self> {
        let shared = Arc::new(Shared {
            weather: watch::Sender::new(Weather::Clear),
            fuse: AtomicI64::new(0),
            blown: AtomicUsize::new(0),
            open: AtomicUsize::new(0),
            turn: AtomicUsize::new(0),
            targets: Mutex::new(vec![Vec::new(); servers]),
        });
        let mut ports = Vec::new();
        for server in 0..servers {
            let port = devstack::ports::free(1)[0];
            let listener = TcpListener::bind(("127.0.0.1", port))
                .await
                .context("listen as a proxy")?;
            ports.push(port);
            tokio::spawn(accept(listener, Arc::clone(&shared), server));
        }
        Ok(Self { shared, ports })
    }

    /// Where to connect to instead of the servers.
    pub(crate) fn ports(&self) -> &[u16] {
        &self.ports
    }

    /// Where to connect to instead of the first server.
    pub(crate) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.ports[0])
    }

    /// Says where a server is; with several addresses new connections take turns.
    pub(crate) fn lead_to(&self, server: usize, addresses: Vec<String>) {
        let mut targets = self.shared.lock();
        targets[server] = addresses;
    }

    /// Changes what becomes of the bytes, from now on.
    pub(crate) fn set(&self, weather: Weather) {
        self.shared.weather.send_replace(weather);
    }

    /// Resets every connection there is; new ones pass.
    pub(crate) async fn reset(&self) {
        self.set(Weather::Cut);
        // Every connection has a task that must see it.
        for _ in 0..100 {
            if self.shared.open.load(Ordering::Relaxed) == 0 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        self.set(Weather::Clear);
    }

    /// Resets the connection that carries the byte so far ahead, towards the server.
    pub(crate) fn reset_after(&self, bytes: i64) {
        self.shared.fuse.store(bytes, Ordering::Relaxed);
    }

    /// How many connections were reset by [`Link::reset_after`] so far.
    pub(crate) fn blown(&self) -> usize {
        self.shared.blown.load(Ordering::Relaxed)
    }

    /// Everything passes again.
    pub(crate) fn clear(&self) {
        self.shared.fuse.store(0, Ordering::Relaxed);
        self.set(Weather::Clear);
    }
}

impl Shared {
    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Vec<String>>> {
        self.targets.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn target(&self, server: usize) -> Option<String> {
        let targets = self.lock();
        let choices = &targets[server];
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        choices.get(turn.checked_rem(choices.len())?).cloned()
    }

    /// True when this chunk burns the fuse down.
    fn burns(&self, bytes: usize) -> bool {
        let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
        let before = self.fuse.load(Ordering::Relaxed);
        if before <= 0 {
            return false;
        }
        let left = self.fuse.fetch_sub(bytes, Ordering::Relaxed) - bytes;
        if left <= 0 {
            self.fuse.store(0, Ordering::Relaxed);
            self.blown.fetch_add(1, Ordering::Relaxed);
        }
        left <= 0
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>, server: usize) {
    loop {
        match listener.accept().await {
            Ok((client, _)) => {
                let shared = Arc::clone(&shared);
                tokio::spawn(async move {
                    shared.open.fetch_add(1, Ordering::Relaxed);
                    carry(client, &shared, server).await;
                    shared.open.fetch_sub(1, Ordering::Relaxed);
                });
            }
            // Out of file handles: others end meanwhile.
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
}

async fn carry(mut client: TcpStream, shared: &Shared, server: usize) {
    let mut weather = shared.weather.subscribe();
    let now = *weather.borrow_and_update();
    match now {
        Weather::Cut => return reset(client),
        Weather::HalfOpen => {
            // Its sender lives as long as this task.
            let _ = weather
                .wait_for(|weather| *weather != Weather::HalfOpen)
                .await;
            return reset(client);
        }
        _ => {}
    }
    let Some(target) = shared.target(server) else {
        return reset(client);
    };
    let Ok(mut upstream) = TcpStream::connect(target).await else {
        return reset(client);
    };
    let _ = (client.set_nodelay(true), upstream.set_nodelay(true));
    let broken = {
        let (client_reads, client_writes) = client.split();
        let (server_reads, server_writes) = upstream.split();
        let both = async {
            tokio::try_join!(
                pump(client_reads, server_writes, shared, true),
                pump(server_reads, client_writes, shared, false)
            )
        };
        tokio::select! {
            ended = both => ended.is_err(),
            _ = weather.wait_for(|weather| *weather == Weather::Cut) => true,
        }
    };
    if broken {
        reset(client);
        reset(upstream);
    }
}

/// Closes so that the other end is told by a reset and not by an end of file.
fn reset(stream: TcpStream) {
    // Where that fails the connection closes in the usual way.
    let _ = stream.set_zero_linger();
    drop(stream);
}

async fn pump(
    from: ReadHalf<'_>,
    to: WriteHalf<'_>,
    shared: &Shared,
    upward: bool,
) -> Result<(), Broken> {
    let (queue, queued) = mpsc::channel(IN_FLIGHT);
    tokio::try_join!(take(from, queue, shared), give(to, queued, shared, upward)).map(|_| ())
}

async fn take(
    mut from: ReadHalf<'_>,
    queue: mpsc::Sender<(Instant, Vec<u8>)>,
    shared: &Shared,
) -> Result<(), Broken> {
    let mut buffer = vec![0; CHUNK];
    loop {
        let read = from.read(&mut buffer).await.map_err(|_| Broken)?;
        if read == 0 {
            return Ok(());
        }
        let due = match *shared.weather.borrow() {
            Weather::Delay(delay) => Instant::now() + delay,
            _ => Instant::now(),
        };
        let chunk = buffer[..read].to_vec();
        queue.send((due, chunk)).await.map_err(|_| Broken)?;
    }
}

async fn give(
    mut to: WriteHalf<'_>,
    mut queued: mpsc::Receiver<(Instant, Vec<u8>)>,
    shared: &Shared,
    upward: bool,
) -> Result<(), Broken> {
    let mut weather = shared.weather.subscribe();
    while let Some((due, chunk)) = queued.recv().await {
        tokio::time::sleep_until(due.into()).await;
        let now = *weather.borrow_and_update();
        match now {
            Weather::HalfOpen => {
                let _ = weather
                    .wait_for(|weather| *weather != Weather::HalfOpen)
                    .await;
                return Err(Broken);
            }
            Weather::Throttle(rate) => {
                let time = chunk.len() as f64 / f64::from(rate.max(1));
                tokio::select! {
                    () = tokio::time::sleep(Duration::from_secs_f64(time)) => {}
                    // Better weather helps what is under way too.
                    _ = weather.changed() => {}
                }
            }
            _ => {}
        }
        if upward && shared.burns(chunk.len()) {
            // Half of it arrives.
            let _ = to.write_all(&chunk[..chunk.len() / 2]).await;
            return Err(Broken);
        }
        to.write_all(&chunk).await.map_err(|_| Broken)?;
    }
    to.shutdown().await.map_err(|_| Broken)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A server that sends back what it gets, behind a link.
    async fn echo() -> (Link, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("listen");
        let address = listener.local_addr().expect("bound").to_string();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let (mut reads, mut writes) = stream.split();
                    tokio::io::copy(&mut reads, &mut writes).await
                });
            }
        });
        let link = Link::open(1).await.expect("a link");
        link.lead_to(0, vec![address]);
        let stream = TcpStream::connect(link.address()).await.expect("connect");
        (link, stream)
    }

    async fn ask(stream: &mut TcpStream) -> std::io::Result<u8> {
        stream.write_all(b"a").await?;
        stream.read_u8().await
    }

    #[tokio::test]
    async fn bytes_pass_and_come_late_when_told_so() {
        let (link, mut stream) = echo().await;
        assert_eq!(ask(&mut stream).await.expect("an echo"), b'a');
        link.set(Weather::Delay(Duration::from_millis(100)));
        let asked = Instant::now();
        ask(&mut stream).await.expect("an echo");
        assert!(asked.elapsed() >= Duration::from_millis(200), "both ways");
    }

    #[tokio::test]
    async fn a_cut_resets_what_there_is_and_what_comes() {
        let (link, mut stream) = echo().await;
        ask(&mut stream).await.expect("an echo");
        link.set(Weather::Cut);
        assert!(ask(&mut stream).await.is_err());
        let mut later = TcpStream::connect(link.address()).await.expect("accepted");
        assert!(ask(&mut later).await.is_err());
        link.clear();
        let mut again = TcpStream::connect(link.address()).await.expect("accepted");
        assert_eq!(ask(&mut again).await.expect("an echo"), b'a');
    }

    #[tokio::test]
    async fn half_open_says_nothing_and_resets_afterwards() {
        let (link, mut stream) = echo().await;
        ask(&mut stream).await.expect("an echo");
        link.set(Weather::HalfOpen);
        let silence = tokio::time::timeout(Duration::from_millis(200), ask(&mut stream)).await;
        assert!(silence.is_err(), "nothing is told");
        link.clear();
        assert!(stream.read_u8().await.is_err(), "and then it is over");
    }

    #[tokio::test]
    async fn the_fuse_resets_the_connection_that_carries_the_byte() {
        let (link, mut stream) = echo().await;
        link.reset_after(1000);
        for _ in 0..9 {
            stream.write_all(&[0; 100]).await.expect("taken");
            stream.read_exact(&mut [0; 100]).await.expect("an echo");
        }
        assert_eq!(link.blown(), 0);
        let _ = stream.write_all(&[0; 200]).await;
        let mut rest = Vec::new();
        assert!(stream.read_to_end(&mut rest).await.is_err());
        assert_eq!(link.blown(), 1);
    }
}
