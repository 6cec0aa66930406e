//! `devstack run -- CMD`.

use std::os::unix::process::ExitStatusExt as _;
use std::process::Command;

use crate::devstack_binary;

fn run(script: &str) -> std::process::Output {
    Command::new(devstack_binary())
        .args(["run", "--", "sh", "-c", script])
        .output()
        .expect("run devstack")
}

#[test]
fn a_command_sees_both_addresses_and_its_exit_status_is_passed_on() {
    let output = run("echo \"$FLUMEN_TEST_KAFKA $FLUMEN_TEST_POSTGRES\"; exit 7");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(7), "{stderr}");
    let stdout = String::from_utf8_lossy(&output.stdout);
    let (kafka, postgres) = stdout.trim().split_once(' ').expect("two addresses");
    assert!(kafka.starts_with("127.0.0.1:"), "{kafka}");
    assert!(
        postgres.starts_with("postgres://postgres@127.0.0.1:"),
        "{postgres}"
    );
    assert!(output.status.signal().is_none());
}

#[test]
fn a_command_killed_by_a_signal_ends_as_in_a_shell() {
    let output = run("kill -9 $$");
    assert_eq!(output.status.code(), Some(137));
}

#[test]
fn without_java_it_says_what_to_do() {
    let output = Command::new(devstack_binary())
        .args(["run", "--", "true"])
        .env("PATH", "/nowhere")
        .output()
        .expect("run devstack");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert!(stderr.contains("java is needed to run Kafka"), "{stderr}");
    assert!(stderr.contains("openjdk-17-jre-headless maven"), "{stderr}");
}
