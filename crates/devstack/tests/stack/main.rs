//! A real Kafka and a real PostgreSQL on this machine: what they do, and that nothing is left of them.
//!
//! These tests start stacks of their own; they need Java, Maven and network the first time.

mod kafka;
mod orphans;
mod postgres;
mod run;
mod secured;

use std::path::PathBuf;
use std::sync::Once;

use std::os::unix::fs::PermissionsExt as _;

/// A folder that PostgreSQL can reach when the tests run as root.
fn folder() -> tempfile::TempDir {
    static HELPER: Once = Once::new();
    HELPER.call_once(|| devstack::with_parent::set_helper(devstack_binary()));
    tempfile::Builder::new()
        .prefix("devstack-test-")
        .permissions(std::fs::Permissions::from_mode(0o755))
        .tempdir()
        .expect("make a folder")
}

fn devstack_binary() -> PathBuf {
    PathBuf::from(env!("CARGO_BIN_EXE_devstack"))
}
