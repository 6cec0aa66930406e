//! The process around the service: its flags and how it ends.

use std::process::{Command, Output, Stdio};
use std::time::Duration;

use devstack::testing::eventually;
use tempfile::TempDir;

fn run(flags: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_ingest-api"))
        .args(flags)
        .output()
        .expect("the service starts")
}

#[test]
fn a_configuration_is_checked_without_connecting_to_anything() {
    let good = run(&[
        "--check-config",
        "--set",
        "kafka.brokers=nowhere.invalid:9092",
    ]);
    assert!(good.status.success(), "{good:?}");
    let shown: serde_json::Value = serde_json::from_slice(&good.stdout).expect("JSON");
    assert_eq!(shown["kafka"]["brokers"], "nowhere.invalid:9092");
    let bad = run(&["--check-config", "--set", "body.max_byte=1MiB"]);
    assert_eq!(bad.status.code(), Some(2), "{bad:?}");
    let text = String::from_utf8_lossy(&bad.stderr);
    assert!(
        text.contains("max_byte") && text.contains("--set"),
        "{text}"
    );
}

#[test]
fn without_a_keys_file_the_way_out_is_told() {
    let end = run(&[
        "--set",
        "listen.address=127.0.0.1:0",
        "--set",
        "admin.address=127.0.0.1:0",
    ]);
    assert!(!end.status.success());
    let text = String::from_utf8_lossy(&end.stderr);
    assert!(text.contains("flumen keys create"), "{text}");
}

#[tokio::test]
async fn the_process_ends_with_its_parent() {
    let folder = TempDir::new().expect("a folder");
    let keys = folder.path().join("keys.toml");
    std::fs::write(&keys, "").expect("write the keys");
    let set = [
        "listen.address=127.0.0.1:0".to_owned(),
        "admin.address=127.0.0.1:0".to_owned(),
        "kafka.brokers=127.0.0.1:1".to_owned(),
        format!("keys.file={}", keys.display()),
    ];
    let mut child = Command::new(env!("CARGO_BIN_EXE_ingest-api"))
        .arg("--exit-with-parent")
        .args(set.iter().flat_map(|setting| ["--set", setting]))
        .stdin(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("the service starts");
    drop(child.stdin.take());
    let mut end = None;
    let deadline = std::time::Instant::now() + Duration::from_secs(30);
    eventually(Duration::from_secs(35), || {
        end = child.try_wait().expect("a status");
        if end.is_none() && std::time::Instant::now() > deadline {
            let _ = child.kill();
        }
        let ended = end.is_some();
        async move { ended }
    })
    .await;
    assert_eq!(end.and_then(|status| status.code()), Some(0));
}
