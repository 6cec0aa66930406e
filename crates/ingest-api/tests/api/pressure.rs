//! Many large or hostile bodies, and many idle connections, against the real process, whose memory is then its own.
//!
//! The limit that is held is the documented one (docs/operations.md, "Memory"): the budget of bodies, the producer's queue, 160 KiB for each
//! connection, and the process itself. All that time others are served.

use std::io::Write as _;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use devstack::testing::{TestTopic, brokers, eventually};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::harness::{Api, event};

const MIB: f64 = 1024.0 * 1024.0;
/// `body.max_in_flight_bytes` of every test here.
const BUDGET_MIB: f64 = 32.0;
/// The default of `kafka.producer.queue_bytes`.
const QUEUE_MIB: f64 = 32.0;
/// What a connection that sends and is not read may hold.
const CONNECTION_MIB: f64 = 160.0 / 1024.0;
/// The process with nothing to do, its threads and what their allocator keeps, in a build without optimisation.
const PROCESS_MIB: f64 = 64.0;

/// As long as the slowest machine may take for all of one test's clients.
const PATIENCE: Duration = Duration::from_secs(120);

/// A service of its own that ends with its test.
struct Process {
    child: Child,
    port: u16,
    admin: u16,
    /// Lends its keys, and is asked for nothing.
    lender: Api,
    _topic: TestTopic,
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Process {
    async fn start(more: &[&str]) -> Self {
        let lender = Api::start_on("127.0.0.1:1", "none", &[]).await;
        let topic = TestTopic::create(2).await;
        let (port, admin) = (free_port(), free_port());
        let mut set = vec![
            format!("listen.address=127.0.0.1:{port}"),
            format!("admin.address=127.0.0.1:{admin}"),
            "listen.workers=2".to_owned(),
            format!("kafka.brokers={}", brokers()),
            format!("kafka.topic={}", topic.name()),
            format!(
                "keys.file={}",
                lender.keys.path().join("keys.toml").display()
            ),
            format!("body.max_in_flight_bytes={BUDGET_MIB}MiB"),
            "body.max_bytes=2MiB".to_owned(),
            // Clients that starve on a busy machine are not what these tests are about.
            "listen.head_timeout=120s".to_owned(),
            "body.chunk_timeout=120s".to_owned(),
            "body.timeout=120s".to_owned(),
            "telemetry.log=error".to_owned(),
        ];
        set.extend(more.iter().map(|setting| (*setting).to_owned()));
        let child = Command::new(env!("CARGO_BIN_EXE_ingest-api"))
            .args(set.iter().flat_map(|setting| ["--set", setting]))
            .stderr(Stdio::null())
            .spawn()
            .expect("the service starts");
        let process = Self {
            child,
            port,
            admin,
            lender,
            _topic: topic,
        };
        eventually(PATIENCE, || async {
            reqwest::get(format!("http://127.0.0.1:{admin}/readyz"))
                .await
                .is_ok_and(|answer| answer.status() == 200)
        })
        .await;
        process
    }

    async fn metric(&self, line: &str) -> Option<f64> {
        let url = format!("http://127.0.0.1:{}/metrics", self.admin);
        let text = reqwest::get(url).await.ok()?.text().await.ok()?;
        text.lines()
            .find_map(|known| known.strip_prefix(line)?.strip_prefix(' ')?.parse().ok())
    }

    /// The most memory it ever held, which must be within the documented limit for so many connections.
    #[expect(
        clippy::print_stdout,
        reason = "for whoever looks at how far off the limit is"
    )]
    async fn stays_within_its_memory(&self, connections: usize, what: &str) {
        let peak = self
            .metric("process_resident_memory_max_bytes")
            .await
            .expect("the metric")
            / MIB;
        let connections = f64::from(u32::try_from(connections).expect("few"));
        let limit = BUDGET_MIB + QUEUE_MIB + connections * CONNECTION_MIB + PROCESS_MIB;
        assert!(
            peak < limit,
            "{peak:.0} MiB, where {limit:.0} are the limit; {what}"
        );
        println!("peak {peak:.1} MiB of {limit:.0}; {what}");
    }

    /// Everything that was held for bodies is given back, soon.
    async fn gives_everything_back(&self) {
        eventually(PATIENCE, || async {
            match self.metric("flumen_ingest_in_flight_bytes").await {
                Some(0.0) => Ok(()),
                other => Err(other),
            }
        })
        .await;
    }

    /// Sends one proper event on a connection of its own, until it is taken; how long that took.
    async fn serves(&self) -> Duration {
        let started = Instant::now();
        let request = self.request("", event("another", "").as_bytes());
        eventually(PATIENCE, || async {
            match exchange(self.port, &request).await {
                Some(202) => Ok(()),
                other => Err(other),
            }
        })
        .await;
        started.elapsed()
    }

    /// A whole request with this body, after which the connection is closed.
    fn request(&self, headers: &str, body: &[u8]) -> Arc<[u8]> {
        let head = format!(
            "{headers}Content-Length: {}\r\nConnection: close\r\n\r\n",
            body.len()
        );
        let mut request = self.lender.head(&head).into_bytes();
        request.extend_from_slice(body);
        request.into()
    }

    /// Sends this request from so many clients at once; the statuses of those that got one, counted.
    async fn flood(&self, clients: usize, requests: &[Arc<[u8]>]) -> Statuses {
        let mut tasks = JoinSet::new();
        for client in 0..clients {
            let (port, request) = (self.port, Arc::clone(&requests[client % requests.len()]));
            tasks.spawn(async move { exchange(port, &request).await });
        }
        let mut statuses = Statuses::default();
        for status in tasks.join_all().await {
            match status {
                Some(status) => *statuses.answered.entry(status).or_default() += 1,
                None => statuses.cut_off += 1,
            }
        }
        statuses
    }
}

/// How the clients of a flood fared.
#[derive(Debug, Default)]
struct Statuses {
    answered: std::collections::BTreeMap<u16, usize>,
    /// A service that refuses a body may close before all of it is sent, and the answer is then lost with the connection.
    cut_off: usize,
}

impl Statuses {
    fn of(&self, status: u16) -> usize {
        self.answered.get(&status).copied().unwrap_or_default()
    }
}

fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("an address").port()
}

/// The status of the answer to this request.
async fn exchange(port: u16, request: &[u8]) -> Option<u16> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.ok()?;
    // A service that refuses may close before all of it is sent; then the answer decides, if it still comes.
    let _ = tokio::time::timeout(PATIENCE, stream.write_all(request)).await;
    status(&mut stream).await
}

async fn status(stream: &mut TcpStream) -> Option<u16> {
    let mut line = [0; 12];
    tokio::time::timeout(PATIENCE, stream.read_exact(&mut line))
        .await
        .ok()?
        .ok()?;
    String::from_utf8_lossy(&line[9..]).parse().ok()
}

#[tokio::test]
async fn case_17_a_thousand_bodies_of_a_mebibyte_are_taken_or_refused_and_memory_stays_bounded() {
    const CLIENTS: usize = 1_000;
    let process = Process::start(&[]).await;
    let body = event("1", &format!("\"data\":\"{}\"", "x".repeat(1000 << 10)));
    let request = process.request("", body.as_bytes());
    let statuses = process.flood(CLIENTS, &[request]).await;
    assert!(
        statuses
            .answered
            .keys()
            .all(|status| [202, 503].contains(status)),
        "{statuses:?}"
    );
    assert!(statuses.of(202) > 0, "some are taken: {statuses:?}");
    process
        .stays_within_its_memory(CLIENTS, &format!("{statuses:?}"))
        .await;
    process.gives_everything_back().await;
    process.serves().await;
}

#[tokio::test]
async fn case_4_bombs_of_both_kinds_from_many_clients_at_once_are_413_memory_stays_bounded_and_others_are_served()
 {
    const CLIENTS: usize = 200;
    let process = Process::start(&[]).await;
    let zeros = vec![0; 64 << 20];
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    gzip.write_all(&zeros).expect("to memory");
    let bombs = [
        ("gzip", gzip.finish().expect("to memory")),
        ("zstd", zstd::encode_all(&zeros[..], 19).expect("to memory")),
    ];
    let requests: Vec<_> = bombs
        .iter()
        .map(|(name, bomb)| {
            assert!(bomb.len() < 100_000, "{name}: {}", bomb.len());
            process.request(&format!("Content-Encoding: {name}\r\n"), bomb)
        })
        .collect();
    let done = AtomicBool::new(false);
    let flood = async {
        let statuses = process.flood(CLIENTS, &requests).await;
        done.store(true, Ordering::Relaxed);
        statuses
    };
    let others = async {
        let mut served = 0;
        while !done.load(Ordering::Relaxed) {
            process.serves().await;
            served += 1;
        }
        served
    };
    let (statuses, served) = tokio::join!(flood, others);
    // 503 where the budget was full just then.
    assert!(
        statuses
            .answered
            .keys()
            .all(|status| [413, 503].contains(status)),
        "{statuses:?}"
    );
    assert!(
        statuses.of(413) > 0,
        "they are recognised for what they are: {statuses:?}"
    );
    assert!(served > 0, "others are served meanwhile");
    process
        .stays_within_its_memory(CLIENTS, &format!("{statuses:?}"))
        .await;
    process.gives_everything_back().await;
}

/// As many files as this process may open, the limit raised as far as it goes.
fn raise_open_files(wanted: u64) -> u64 {
    use nix::sys::resource::{Resource, getrlimit, setrlimit};
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).expect("a limit");
    let most = wanted.max(soft).min(hard);
    setrlimit(Resource::RLIMIT_NOFILE, most, hard).expect("up to the hard limit anybody may");
    most
}

#[tokio::test]
async fn case_16_ten_thousand_idle_connections_cost_little_and_others_are_served_meanwhile() {
    const WANTED: usize = 10_000;
    const LEAST: usize = 2_000;
    let files = raise_open_files(WANTED as u64 + 500);
    let count = WANTED.min(usize::try_from(files).expect("few") - 500);
    assert!(
        count >= LEAST,
        "this process may open only {files} files: raise the hard limit (`ulimit -Hn`) to {}",
        LEAST + 500
    );
    let process = Process::start(&["listen.max_connections=6000", "listen.keep_alive=300s"]).await;
    let before = process
        .metric("process_resident_memory_bytes")
        .await
        .expect("the metric")
        / MIB;
    // Each has been answered once and is kept open, as by a client that never comes back.
    let request: Arc<[u8]> = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n".as_slice().into();
    let mut idle = Vec::with_capacity(count);
    let started = Instant::now();
    while idle.len() < count {
        let mut opening = JoinSet::new();
        for _ in 0..500.min(count - idle.len()) {
            let (port, request) = (process.port, Arc::clone(&request));
            opening.spawn(async move {
                let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
                stream.write_all(&request).await?;
                Ok::<_, std::io::Error>((status(&mut stream).await, stream))
            });
        }
        for opened in opening.join_all().await {
            let (status, stream) = opened.expect("a connection is taken");
            assert_eq!(
                status,
                Some(200),
                "connection {} after {:?}",
                idle.len(),
                started.elapsed()
            );
            idle.push(stream);
        }
    }
    let mut slowest = Duration::ZERO;
    for _ in 0..20 {
        slowest = slowest.max(process.serves().await);
    }
    // At once; the room is for a busy machine.
    assert!(slowest < Duration::from_secs(10), "{slowest:?}");
    let grown = process
        .metric("process_resident_memory_bytes")
        .await
        .expect("the metric")
        / MIB
        - before;
    let each = grown * 1024.0 / f64::from(u32::try_from(count).expect("few"));
    // An idle connection is far cheaper than one that sends and is not read.
    assert!(
        each < 40.0,
        "{each:.1} KiB for each of {count} idle connections"
    );
    println!(
        "{each:.1} KiB for each of {count} idle connections; others served within {slowest:?}"
    );
    process
        .stays_within_its_memory(count, "idle connections")
        .await;
}

#[tokio::test]
async fn case_16_silent_connections_are_closed_and_make_room_for_others_even_when_they_fill_the_service()
 {
    const SILENT: usize = 600;
    // Twice as many as the service takes at a time.
    let process = Process::start(&["listen.max_connections=150", "listen.head_timeout=1s"]).await;
    let mut silent = Vec::with_capacity(SILENT);
    for _ in 0..SILENT {
        silent.push(
            TcpStream::connect(("127.0.0.1", process.port))
                .await
                .expect("taken by the kernel, at least"),
        );
    }
    // It waits behind them in the kernel's queue, and is served when their time is up.
    process.serves().await;
    for mut stream in silent {
        let mut rest = Vec::new();
        tokio::time::timeout(PATIENCE, stream.read_to_end(&mut rest))
            .await
            .expect("the service closes it")
            .ok();
        let rest = String::from_utf8_lossy(&rest);
        assert!(
            rest.is_empty() || rest.starts_with("HTTP/1.1 408"),
            "{rest}"
        );
    }
}

#[tokio::test]
async fn case_16_two_hundred_slow_loris_clients_cost_themselves_only() {
    const CLIENTS: usize = 200;
    let process = Process::start(&[
        "listen.head_timeout=2s",
        "body.chunk_timeout=1s",
        "body.timeout=3s",
    ])
    .await;
    let head = Arc::<str>::from(process.lender.head("X-Slow: "));
    let body = Arc::<str>::from(process.lender.head("Content-Length: 100000\r\n\r\n{"));
    let mut slow = JoinSet::new();
    for client in 0..CLIENTS {
        let port = process.port;
        let start = Arc::clone(if client % 2 == 0 { &head } else { &body });
        slow.spawn(async move {
            let stream = TcpStream::connect(("127.0.0.1", port)).await.ok()?;
            let (mut reading, mut writing) = stream.into_split();
            writing.write_all(start.as_bytes()).await.ok()?;
            let mut answer = Vec::new();
            let trickle = async {
                while writing.write_all(b"x").await.is_ok() {
                    tokio::time::sleep(Duration::from_millis(200)).await;
                }
                std::future::pending::<()>().await;
            };
            tokio::select! {
                ended = tokio::time::timeout(PATIENCE, reading.read_to_end(&mut answer)) => ended.ok().map(drop)?,
                () = trickle => {}
            }
            Some(String::from_utf8_lossy(&answer).into_owned())
        });
    }
    let mut slowest = Duration::ZERO;
    for _ in 0..30 {
        slowest = slowest.max(process.serves().await);
    }
    assert!(
        slowest < Duration::from_secs(10),
        "others are served meanwhile, the slowest in {slowest:?}"
    );
    for answer in slow.join_all().await {
        let answer = answer.expect("the service ends each of them");
        assert!(
            answer.is_empty() || answer.starts_with("HTTP/1.1 408"),
            "{answer}"
        );
    }
    process
        .stays_within_its_memory(CLIENTS, "slow clients")
        .await;
    process.gives_everything_back().await;
}
