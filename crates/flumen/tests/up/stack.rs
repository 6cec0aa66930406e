//! A pipeline of a test's own.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use devstack::is_running;
use devstack::testing::eventually;
use serde_json::{Value, json};

/// How long a machine under load may take for anything.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

/// A state folder; what runs in it ends with the test.
pub(crate) struct Stack {
    folder: tempfile::TempDir,
}

impl Stack {
    /// A folder in which nothing runs yet.
    pub(crate) fn new() -> Self {
        let folder = tempfile::Builder::new()
            .prefix("flumen-test-")
            .permissions(std::fs::Permissions::from_mode(0o755))
            .tempdir()
            .expect("make a folder");
        Self { folder }
    }

    /// Starts a pipeline in a folder of its own.
    pub(crate) fn up(options: &[&str]) -> Self {
        let stack = Self::new();
        stack.start(options);
        stack
    }

    /// Starts the pipeline, or starts it again; returns the screen it ends on.
    pub(crate) fn start(&self, options: &[&str]) -> String {
        let output = self.flumen("up", &[&["--detach", "--ports", "auto"], options].concat());
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.success(),
            "flumen up failed (were all binaries built, with `cargo build --bins`?):\n{stderr}"
        );
        let stdout = String::from_utf8_lossy(&output.stdout);
        assert!(stdout.contains("Flumen is ready."), "{stdout}");
        stdout.into_owned()
    }

    /// Runs a subcommand on the state folder.
    pub(crate) fn flumen(&self, subcommand: &str, args: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_flumen"))
            .arg(subcommand)
            .arg("--state")
            .arg(self.folder())
            .args(args)
            .output()
            .expect("run flumen")
    }

    /// The state folder.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The path of `stack.json`.
    pub(crate) fn file(&self) -> PathBuf {
        self.folder().join("stack.json")
    }

    /// What `stack.json` says.
    pub(crate) fn json(&self) -> Value {
        let text = std::fs::read(self.file()).expect("read stack.json");
        serde_json::from_slice(&text).expect("stack.json is JSON")
    }

    /// A text in `stack.json`.
    pub(crate) fn text(&self, pointer: &str) -> String {
        let json = self.json();
        let found = json.pointer(pointer).and_then(Value::as_str);
        found.unwrap_or_else(|| panic!("no {pointer}")).to_owned()
    }

    /// A process id in `stack.json`; `None` while the part is being started again.
    pub(crate) fn pid(&self, pointer: &str) -> Option<u32> {
        let pid = self.json().pointer(pointer)?.as_u64()?;
        u32::try_from(pid).ok()
    }

    /// Every process of the pipeline.
    pub(crate) fn pids(&self) -> Vec<u32> {
        let pointers = [
            "/supervisor/pid",
            "/kafka/pids/0",
            "/postgres/pid",
            "/ingest_api/pid",
            "/writers/0/pid",
            "/query_api/pid",
        ];
        pointers
            .iter()
            .map(|pointer| self.pid(pointer).unwrap_or_else(|| panic!("no {pointer}")))
            .collect()
    }

    /// Sends an event and returns its uid.
    pub(crate) async fn send(&self, source: &str) -> String {
        let answer = client()
            .post(format!("{}/v1/events", self.text("/ingest_api/url")))
            .bearer_auth(self.text("/keys/producer"))
            .json(&json!({"source": source, "type": "test", "data": {"kept": true}}))
            .send()
            .await
            .expect("reach ingest-api");
        let status = answer.status();
        let body: Value = answer.json().await.expect("an answer in JSON");
        assert_eq!(status, 202, "{body}");
        let uid = body.pointer("/events/0/uid").and_then(Value::as_str);
        uid.expect("a uid").to_owned()
    }

    /// Reads an event back, waiting until it can be.
    pub(crate) async fn read(&self, uid: &str) -> Value {
        let url = format!("{}/v1/events/{uid}?wait=5s", self.text("/query_api/url"));
        eventually(PATIENCE, || async {
            let answer = client()
                .get(&url)
                .bearer_auth(self.text("/keys/reader"))
                .send()
                .await
                .map_err(|error| error.to_string())?;
            let status = answer.status();
            let body = answer.text().await.unwrap_or_default();
            if status == 200 {
                serde_json::from_str::<Value>(&body).map_err(|error| error.to_string())
            } else {
                Err(format!("{status} {body}"))
            }
        })
        .await
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        if std::thread::panicking() {
            show_logs(&self.folder().join("logs"));
        }
        self.flumen("down", &["--timeout", "20s"]);
    }
}

#[expect(
    clippy::print_stderr,
    reason = "shown by the test runner when a test fails"
)]
fn show_logs(folder: &Path) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        eprintln!(
            "--- {}\n{}",
            entry.path().display(),
            devstack::tail(&entry.path())
        );
    }
}

pub(crate) fn client() -> reqwest::Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
        .no_proxy()
        .timeout(Duration::from_secs(20))
        .build()
        .expect("make an HTTP client")
}

/// Waits until none of the processes runs.
pub(crate) async fn all_gone(pids: &[u32]) {
    eventually(PATIENCE, || async {
        let left: Vec<u32> = pids
            .iter()
            .copied()
            .filter(|&pid| is_running(pid))
            .collect();
        if left.is_empty() { Ok(()) } else { Err(left) }
    })
    .await;
}

/// Ends a process as a crash would.
pub(crate) fn kill(pid: u32) {
    let pid = i32::try_from(pid).expect("a process id");
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), devstack::Signal::SIGKILL)
        .expect("kill a process of the pipeline");
}
