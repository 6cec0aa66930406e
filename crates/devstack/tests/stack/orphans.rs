//! Whatever ends the parent ends the stack.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use devstack::testing::eventually;
use devstack::{Signal, is_running};
use nix::sys::signal::kill;
use nix::unistd::Pid;

use crate::devstack_binary;

const PATIENCE: Duration = Duration::from_secs(60);

/// Starts a stack with a command that waits, and returns the processes of the stack.
fn start() -> (Child, Vec<u32>) {
    let mut devstack = Command::new(devstack_binary())
        .args(["run", "--", "sh", "-c", "echo up; exec sleep 600"])
        .stdout(Stdio::piped())
        .spawn()
        .expect("start devstack");
    let stdout = devstack.stdout.take().expect("piped");
    let mut line = String::new();
    BufReader::new(stdout).read_line(&mut line).expect("read");
    assert_eq!(line, "up\n");
    let children = descendants(devstack.id());
    assert!(
        children.len() > 5,
        "Kafka, PostgreSQL and its workers, sleep: {children:?}"
    );
    (devstack, children)
}

fn descendants(of: u32) -> Vec<u32> {
    let mut found = Vec::new();
    let mut look_at = vec![of];
    while let Some(parent) = look_at.pop() {
        let output = Command::new("ps")
            .args(["-o", "pid=", "--ppid", &parent.to_string()])
            .output()
            .expect("run ps");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        for pid in text.split_whitespace() {
            let pid = pid.parse().expect("a process id");
            found.push(pid);
            look_at.push(pid);
        }
    }
    found
}

fn send(child: &Child, signal: Signal) {
    let pid = i32::try_from(child.id()).expect("a process id");
    kill(Pid::from_raw(pid), signal).expect("send a signal");
}

async fn all_gone(pids: &[u32]) {
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

#[tokio::test]
async fn nothing_is_left_when_the_parent_is_killed() {
    let (mut devstack, children) = start();
    send(&devstack, Signal::SIGKILL);
    devstack.wait().expect("reap");
    all_gone(&children).await;
}

#[tokio::test]
async fn nothing_is_left_after_sigterm() {
    let (mut devstack, children) = start();
    send(&devstack, Signal::SIGTERM);
    let status = devstack.wait().expect("reap");
    assert_eq!(status.code(), Some(143), "as the command ended");
    all_gone(&children).await;
}
