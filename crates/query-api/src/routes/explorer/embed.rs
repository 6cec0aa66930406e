//! The code that puts the built Explorer into the binary. `build.rs` runs it, and so do the tests of the page.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::{fs, io};

/// Copies the files of the page from `dist` to `out`, and answers the expression of a table of them by their address: an empty one when the
/// page was not built.
pub(crate) fn embed(dist: &Path, out: &Path) -> io::Result<String> {
    let mut files = Vec::new();
    if is_built(dist) {
        collect(dist, "", &mut files)?;
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
    Ok(code)
}

/// Whether there is a page.
pub(crate) fn is_built(dist: &Path) -> bool {
    dist.join("index.html").is_file()
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
