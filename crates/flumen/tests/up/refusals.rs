//! What `up` refuses, and that it says what to do.

use std::net::TcpListener;
use std::process::{Command, Output};

use crate::stack::Stack;

fn message(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn a_folder_runs_one_pipeline() {
    let stack = Stack::up(&[]);
    let again = stack.flumen("up", &["--ports", "auto"]);
    assert!(message(&again).contains("a pipeline runs in"));
}

#[test]
fn a_port_in_use_is_named_with_a_way_out() {
    // Whoever has it, it is in use.
    let _held = TcpListener::bind(("127.0.0.1", 8081));
    let stack = Stack::new();
    let said = message(&stack.flumen("up", &[]));
    assert!(
        said.contains("is in use") && said.contains("--ports auto"),
        "{said}"
    );
    assert!(
        !stack.folder().join("kafka").exists(),
        "something was started"
    );
}

#[test]
fn a_missing_service_is_named_with_a_way_out() {
    let elsewhere = tempfile::tempdir().expect("make a folder");
    let alone = elsewhere.path().join("flumen");
    std::fs::copy(env!("CARGO_BIN_EXE_flumen"), &alone).expect("copy the binary");
    let output = Command::new(&alone)
        .args(["up", "--ports", "auto", "--state"])
        .arg(elsewhere.path().join("state"))
        .output()
        .expect("run flumen");
    let said = message(&output);
    assert!(said.contains("ingest-api was not found"), "{said}");
    assert!(said.contains("cargo build"), "{said}");
}

#[test]
fn a_setting_for_a_service_that_does_not_exist_is_refused() {
    let output = Stack::new().flumen("up", &["--set", "reader.batch.rows=1"]);
    assert!(message(&output).contains("there is no service `reader`"));
}
