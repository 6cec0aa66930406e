//! Puts the built Explorer into the binary, when there is one: `npm ci && npm run build` in `explorer/` makes it.
//!
//! Without it the build succeeds all the same, and the page says what to do.

#[path = "src/routes/explorer/embed.rs"]
mod embed;

use std::path::PathBuf;
use std::{env, fs, io};

fn main() -> io::Result<()> {
    let explorer = PathBuf::from(variable("CARGO_MANIFEST_DIR")?).join("../../explorer");
    let out = PathBuf::from(variable("OUT_DIR")?);
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=src/routes/explorer/embed.rs");
    let dist = explorer.join("dist");
    if embed::is_built(&dist) {
        println!("cargo::rerun-if-changed={}", dist.display());
    } else if explorer.is_dir() {
        // A path that does not exist would build this crate again every time.
        println!("cargo::rerun-if-changed={}", explorer.display());
    }
    fs::write(out.join("explorer.rs"), embed::embed(&dist, &out)?)
}

fn variable(name: &str) -> io::Result<String> {
    env::var(name).map_err(|error| io::Error::other(format!("{name}: {error}")))
}
