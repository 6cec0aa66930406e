//! Puts the viewer of the OpenAPI documents into the binary, when there is one: `npm ci && npm run reference` in `explorer/` makes it.
//!
//! Without it the build succeeds all the same, and the page at `/docs` says what to do.

use std::fmt::Write;
use std::path::PathBuf;
use std::{env, fs, io};

fn main() -> io::Result<()> {
    let explorer = PathBuf::from(variable("CARGO_MANIFEST_DIR")?).join("../../explorer");
    let out = PathBuf::from(variable("OUT_DIR")?);
    println!("cargo::rerun-if-changed=build.rs");
    let reference = explorer.join("reference");
    if explorer.is_dir() {
        // The folder is there from the start, so that a build before npm has run sees the viewer when it comes; a path that does not
        // exist would build this crate again every time.
        println!("cargo::rerun-if-changed={}", reference.display());
    }
    let mut names = Vec::new();
    if reference.is_dir() {
        for entry in fs::read_dir(&reference)? {
            let name = entry?.file_name().to_string_lossy().into_owned();
            if !name.starts_with('.') {
                names.push(name);
            }
        }
    }
    names.sort();
    let mut code = String::from("&[\n");
    for (index, name) in names.iter().enumerate() {
        // Copied, so that what is compiled names no path of this machine.
        let copy = format!("reference-{index}");
        fs::copy(reference.join(name), out.join(&copy))?;
        let _ = writeln!(
            code,
            "    ({name:?}, include_bytes!(concat!(env!(\"OUT_DIR\"), {:?}))),",
            format!("/{copy}")
        );
    }
    code.push_str("]\n");
    fs::write(out.join("reference.rs"), code)
}

fn variable(name: &str) -> io::Result<String> {
    env::var(name).map_err(|error| io::Error::other(format!("{name}: {error}")))
}
