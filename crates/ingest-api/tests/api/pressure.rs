//! Many large bodies at once (case 17), against the real process, whose memory is then its own.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use devstack::testing::{TestTopic, brokers, eventually};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::harness::{Api, PATIENCE, event};

const MIB: f64 = 1024.0 * 1024.0;

/// A service of its own that ends with its test.
struct Process {
    child: Child,
    admin: u16,
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("an address").port()
}

async fn metric(process: &Process, line: &str) -> Option<f64> {
    let url = format!("http://127.0.0.1:{}/metrics", process.admin);
    let text = reqwest::get(url).await.ok()?.text().await.ok()?;
    text.lines()
        .find_map(|known| known.strip_prefix(line)?.strip_prefix(' ')?.parse().ok())
}

#[tokio::test]
async fn case_17_a_thousand_bodies_of_a_mebibyte_are_taken_or_refused_and_memory_stays_bounded() {
    // Its keys are borrowed from a service in process.
    let lender = Api::start_on("127.0.0.1:1", "none", &[]).await;
    let topic = TestTopic::create(2).await;
    let (port, admin) = (free_port(), free_port());
    let set = [
        format!("listen.address=127.0.0.1:{port}"),
        format!("admin.address=127.0.0.1:{admin}"),
        format!("kafka.brokers={}", brokers()),
        format!("kafka.topic={}", topic.name()),
        format!(
            "keys.file={}",
            lender.keys.path().join("keys.toml").display()
        ),
        "body.max_in_flight_bytes=32MiB".to_owned(),
        "body.max_bytes=2MiB".to_owned(),
        "telemetry.log=error".to_owned(),
    ];
    let child = Command::new(env!("CARGO_BIN_EXE_ingest-api"))
        .args(set.iter().flat_map(|setting| ["--set", setting]))
        .stderr(Stdio::null())
        .spawn()
        .expect("the service starts");
    let process = Process { child, admin };
    eventually(PATIENCE, || async {
        reqwest::get(format!("http://127.0.0.1:{admin}/readyz"))
            .await
            .is_ok_and(|answer| answer.status() == 200)
    })
    .await;
    let body = event("1", &format!("\"data\":\"{}\"", "x".repeat(1000 << 10)));
    let request = lender.head(&format!(
        "Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    ));
    let request: std::sync::Arc<[u8]> = request.into_bytes().into();
    let mut clients = tokio::task::JoinSet::new();
    for _ in 0..1000 {
        let request = std::sync::Arc::clone(&request);
        clients.spawn(async move {
            let mut stream = TcpStream::connect(("127.0.0.1", port)).await.ok()?;
            // A service that refuses may close before all of it is sent; then the answer decides, if it still comes.
            let _ = tokio::time::timeout(Duration::from_secs(60), stream.write_all(&request)).await;
            let mut status = [0; 12];
            tokio::time::timeout(Duration::from_secs(60), stream.read_exact(&mut status))
                .await
                .ok()?
                .ok()?;
            String::from_utf8_lossy(&status[9..]).parse::<u16>().ok()
        });
    }
    let statuses: Vec<_> = clients.join_all().await.into_iter().flatten().collect();
    let count = |status| statuses.iter().filter(|known| **known == status).count();
    assert_eq!(count(202) + count(503), statuses.len(), "{statuses:?}");
    assert!(count(202) > 0, "some are taken");
    let peak = metric(&process, "process_resident_memory_max_bytes")
        .await
        .expect("the metric")
        / MIB;
    // The budget, the producer's queue, 64 KiB that each connection sent and nobody took yet, and the process itself.
    let bound = 32.0 + 32.0 + 1000.0 / 16.0 + 40.0;
    assert!(peak < bound, "{peak} MiB");
    assert_eq!(
        metric(&process, "flumen_ingest_in_flight_bytes").await,
        Some(0.0)
    );
}
