//! From `up` to `down`, with an event that travels the whole path.

use std::process::Command;

use devstack::testing::eventually;
use serde_json::Value;

use crate::stack::{PATIENCE, Stack, all_gone};

#[tokio::test]
async fn an_event_travels_through_a_pipeline_that_up_started_and_down_ends() {
    let stack = Stack::up(&["--writers", "2"]);
    assert_eq!(stack.json()["writers"].as_array().map(Vec::len), Some(2));

    let uid = stack.send("shop").await;
    let event = stack.read(&uid).await;
    assert_eq!(event["source"], "shop");
    assert_eq!(event["data"]["kept"], true);

    let status = stack.flumen("status", &["--json"]);
    let report: Value = serde_json::from_slice(&status.stdout).expect("a report in JSON");
    assert!(status.status.success(), "{report:#}");
    assert_eq!(report["ready"], true);
    assert_eq!(report["parts"].as_array().map(Vec::len), Some(6));

    let pids = stack.pids();
    let down = stack.flumen("down", &[]);
    assert!(
        down.status.success(),
        "{}",
        String::from_utf8_lossy(&down.stderr)
    );
    all_gone(&pids).await;
    assert!(
        !stack.file().exists(),
        "stack.json says that something runs"
    );
    assert!(!stack.flumen("status", &[]).status.success());
    assert!(
        stack.flumen("down", &[]).status.success(),
        "down may be repeated"
    );
}

#[tokio::test]
async fn the_commands_on_the_screen_work_when_pasted() {
    let stack = Stack::new();
    let screen = stack.start(&[]);
    let commands: Vec<&str> = screen
        .split("\n\n")
        .map(str::trim)
        .filter(|block| block.starts_with("curl ") || block.starts_with("psql "))
        .collect();
    let [send, read, follow, psql] = commands[..] else {
        panic!("three curl commands and one psql: {commands:#?}");
    };
    assert!(pasted(send).contains("\"accepted\":1"));
    eventually(PATIENCE, || async {
        let answer = pasted(read);
        if answer.contains("user.login") {
            Ok(())
        } else {
            Err(answer)
        }
    })
    .await;
    // Two seconds will do here.
    assert!(pasted(&follow.replace("wait=20s", "wait=2s")).contains("\"next\":"));
    assert!(pasted(psql).contains("my-app"));
}

fn pasted(command: &str) -> String {
    let output = Command::new("sh")
        .args(["-c", command])
        .output()
        .expect("run sh");
    assert!(output.status.success(), "{command}: {output:?}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[tokio::test]
async fn two_pipelines_run_side_by_side_and_share_nothing() {
    let (one, two) = (Stack::up(&[]), Stack::up(&[]));
    for pointer in [
        "/ingest_api/url",
        "/query_api/url",
        "/kafka/brokers",
        "/keys/reader",
    ] {
        assert_ne!(one.text(pointer), two.text(pointer), "{pointer}");
    }
    let uid = one.send("only-in-one").await;
    one.read(&uid).await;
    let pids = one.pids();
    assert!(one.flumen("down", &[]).status.success());
    all_gone(&pids).await;

    let uid = two.send("still-here").await;
    two.read(&uid).await;
}

#[test]
fn only_the_owner_can_read_what_is_secret() {
    use std::os::unix::fs::PermissionsExt as _;

    let stack = Stack::up(&[]);
    for name in [
        "stack.json",
        "secrets.json",
        "keys.toml",
        "config/writer-1.toml",
    ] {
        let path = stack.folder().join(name);
        let mode = std::fs::metadata(&path).expect(name).permissions().mode();
        assert_eq!(mode & 0o077, 0, "{name} is open to others");
    }
    let keys = std::fs::read_to_string(stack.folder().join("keys.toml")).expect("read");
    assert!(
        !keys.contains(&stack.text("/keys/producer")),
        "the keys file holds a key"
    );
}
