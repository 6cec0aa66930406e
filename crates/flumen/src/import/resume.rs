//! Notes how far an import has come, so that an interrupted one goes on where it stopped.
//!
//! The note is only ever behind the truth: everything before the position is accepted or in the
//! rejects file. What was sent after it is sent again and stored once.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use serde::{Deserialize, Serialize};

use super::{args::Args, input::Input};
use crate::exit::{self, Exit};

/// The next row to read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Position {
    /// Index of the file; the number of files at the end.
    pub(super) file: usize,
    /// Rows of that file that are settled.
    pub(super) row: u64,
    /// Rows of all files that are settled.
    pub(super) rows: u64,
}

/// What the file holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Note {
    version: u32,
    import: Fingerprint,
    position: Position,
}

/// Tells one import from another: the files as they are, and how their rows become events.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Fingerprint {
    files: Vec<(String, Option<u64>, Option<String>)>,
    mapping: String,
}

const VERSION: u32 = 1;

/// The note of one import.
#[derive(Debug)]
pub(super) struct Resume {
    /// `None` when there is nowhere to write (standard input).
    path: Option<PathBuf>,
    explicit: bool,
    fingerprint: Fingerprint,
    saved: Option<Position>,
    warned: bool,
}

impl Resume {
    /// Finds the place of the note; reads nothing yet.
    pub(super) fn new(args: &Args, inputs: &[Input]) -> Self {
        let explicit = args.sending.resume.is_some();
        // What comes through a pipe does not come again.
        let can_resume = inputs.iter().all(|input| input.bytes.is_some());
        let path = args.sending.resume.clone().or_else(|| {
            let first = inputs.first()?;
            let name = format!(".{}.flumen-import", first.name);
            Some(first.path.with_file_name(name))
        });
        Self {
            path: path.filter(|_| can_resume),
            explicit,
            fingerprint: Fingerprint::of(args, inputs),
            saved: None,
            warned: false,
        }
    }

    /// Where an earlier run of the same import stopped.
    ///
    /// # Errors
    /// When a note was named that belongs to another import, or cannot be read.
    pub(super) fn load(&mut self) -> anyhow::Result<Option<Position>> {
        let Some(path) = &self.path else {
            return Ok(None);
        };
        let text = match fs::read(path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => {
                return Err(anyhow::Error::new(error).context(format!("read {}", path.display())));
            }
        };
        let note = serde_json::from_slice::<Note>(&text)
            .ok()
            .filter(|note| note.version == VERSION && note.import == self.fingerprint);
        match note {
            Some(note) => {
                self.saved = Some(note.position);
                Ok(Some(note.position))
            }
            None if self.explicit => Err(Exit::error(
                exit::USAGE,
                format!(
                    "{} belongs to another import (other files, changed files, or another mapping); name another file with --resume, or start again with --restart",
                    path.display()
                ),
            )),
            None => Ok(None),
        }
    }

    /// Writes the position, whole or not at all. An import goes on when it cannot.
    pub(super) fn save(&mut self, position: Position) {
        if self.saved == Some(position) {
            return;
        }
        let Some(path) = &self.path else {
            return;
        };
        let note = Note {
            version: VERSION,
            import: self.fingerprint.clone(),
            position,
        };
        match write(path, &note) {
            Ok(()) => self.saved = Some(position),
            Err(error) if !self.warned => {
                self.warned = true;
                tracing::warn!(
                    "an interruption would start this import from the beginning: {error:#}"
                );
            }
            Err(_) => {}
        }
    }

    /// Removes the note of an import that is complete.
    pub(super) fn remove(&mut self) {
        if let (Some(path), Some(_)) = (&self.path, self.saved.take()) {
            let _ = fs::remove_file(path);
        }
    }
}

impl Fingerprint {
    fn of(args: &Args, inputs: &[Input]) -> Self {
        let files = inputs
            .iter()
            .map(|input| {
                let path = fs::canonicalize(&input.path).unwrap_or_else(|_| input.path.clone());
                (
                    path.to_string_lossy().into_owned(),
                    input.bytes,
                    input.modified.map(|nanos| nanos.to_string()),
                )
            })
            .collect();
        Self {
            files,
            mapping: format!("{:?} {:?} {:?}", args.format, args.mapping, args.csv),
        }
    }
}

fn write(path: &Path, note: &Note) -> anyhow::Result<()> {
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder)
        .with_context(|| format!("write into {}", folder.display()))?;
    serde_json::to_writer(&mut file, note).context("write the position")?;
    file.persist(path)
        .with_context(|| format!("write {}", path.display()))?;
    Ok(())
}
