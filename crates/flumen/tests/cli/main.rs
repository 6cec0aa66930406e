//! The command line as an operator types it, by the binary itself.
//!
//! `pipeline` runs the whole pipeline, whose binaries must lie beside `flumen`: `cargo build --bins`
//! first, as `make test` does.

mod help;
mod offline;
mod pipeline;

use std::{
    ffi::OsStr,
    process::{Command, Output},
};

/// Runs `flumen` with nothing of this machine's settings.
fn flumen<S: AsRef<OsStr>>(args: impl IntoIterator<Item = S>) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_flumen"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("FLUMEN_") {
            command.env_remove(name);
        }
    }
    command.args(args).output().expect("run flumen")
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}
