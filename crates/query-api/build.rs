//! Puts the built Explorer into the binary, when there is one: `npm ci && npm run build` in `explorer/` makes it.
//!
//! Without it the build succeeds all the same, and the page says what to do.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

fn main() -> io::Result<()> {
    let explorer = PathBuf::from(variable("CARGO_MANIFEST_DIR")?).join("../../explorer");
    let out = PathBuf::from(variable("OUT_DIR")?);
    println!("cargo::rerun-if-changed=build.rs");
    let dist = explorer.join("dist");
    let mut files = Vec::new();
    if dist.join("index.html").is_file() {
        println!("cargo::rerun-if-changed={}", dist.display());
        collect(&dist, "", &mut files)?;
    } else if explorer.is_dir() {
        // A path that does not exist would build this crate again every time.
        println!("cargo::rerun-if-changed={}", explorer.display());
    }
    files.sort();
    let mut code = String::from("&[\n");
    for (index, (name, path)) in files.iter().enumerate() {
        // Copied, so that what is compiled names no path of this machine.
        let copy = format!("explorer-{index}");
        fs::copy(path, out.join(&copy))?;
        let _ = writeln!(
            code,
            "    ({name:?}, include_bytes!(concat!(env!(\"OUT_DIR\"), {:?}))),",
            format!("/{copy}")
        );
    }
    code.push_str("]\n");
    fs::write(out.join("explorer.rs"), code)
}

/// All files below a folder, by their address.
fn collect(folder: &Path, prefix: &str, files: &mut Vec<(String, PathBuf)>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        if entry.file_type()?.is_dir() {
            collect(&entry.path(), &format!("{name}/"), files)?;
        } else {
            files.push((name, entry.path()));
        }
    }
    Ok(())
}

fn variable(name: &str) -> io::Result<String> {
    env::var(name).map_err(|error| io::Error::other(format!("{name}: {error}")))
}
