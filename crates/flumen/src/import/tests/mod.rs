//! Imports against a server that misbehaves.

mod formats;
mod sending;

use std::{io::Write as _, path::Path};

use clap::{CommandFactory as _, FromArgMatches as _};
use serde_json::Value;

use super::*;
use crate::{client::tests::fake::Fake, exit::Exit};

/// Arguments of `import` as the command line would give them.
fn args(words: &[&str]) -> Args {
    let command = crate::cli::Cli::command();
    let matches = command.get_matches_from(["flumen", "import"].iter().chain(words));
    let (_, matches) = matches.subcommand().expect("import");
    Args::from_arg_matches(matches).expect("arguments")
}

fn write(folder: &Path, name: &str, bytes: impl AsRef<[u8]>) -> String {
    let path = folder.join(name);
    std::fs::File::create(&path)
        .and_then(|mut file| file.write_all(bytes.as_ref()))
        .expect("write a file");
    path.to_string_lossy().into_owned()
}

/// All rows of the arguments' files as events or reasons, without sending anything.
fn map(words: &[&str]) -> Vec<Result<Value, String>> {
    let args = args(words);
    let mapping = Mapping::new(&args.mapping).expect("a mapping");
    let mut events = Vec::new();
    let mut row = mapping.row();
    for path in &args.files {
        let input = Input::find(path).expect("a file");
        let mut reader = input.open(&args, mapping.wanted()).expect("a format");
        loop {
            let mut out = Vec::new();
            events.push(match reader.next(&mut row) {
                Ok(false) => break,
                Ok(true) => match mapping.write(&row, &input.name, &mut out) {
                    Ok(()) => Ok(serde_json::from_slice(&out).expect("an event is JSON")),
                    Err(error) => Err(error.reason.to_owned()),
                },
                Err(ReadError::Row { reason, .. }) => Err(reason.to_owned()),
                Err(ReadError::File(error)) => panic!("{error:#}"),
            });
        }
    }
    events
}

fn status(outcome: &anyhow::Result<()>) -> u8 {
    match outcome {
        Ok(()) => 0,
        Err(error) => error.downcast_ref::<Exit>().map_or(1, |exit| exit.code),
    }
}

/// Everything the server was sent and took, by id.
fn accepted_ids(fake: &Fake) -> Vec<String> {
    let mut ids: Vec<String> = fake
        .seen()
        .iter()
        .flat_map(|seen| seen.events())
        .map(|event| event["id"].as_str().unwrap_or_default().to_owned())
        .collect();
    ids.sort();
    ids
}
