//! `flumen import`: rows of files become events.
//!
//! A thread of its own reads and maps rows into batches of bytes (`batch`); a few senders post
//! them (`pipeline`); batches are settled in the order of their rows, so that the position that
//! is noted (`resume`) is exact. Memory is bounded by the number of batches under way.
//!
//! Every event has an id that is the same when the file is imported again, so importing twice, or
//! going on after an interruption, stores each row once.

mod args;
mod batch;
mod csv;
mod input;
mod json;
mod mapping;
mod parquet;
mod pipeline;
mod report;
mod resume;
mod row;
mod split;
#[cfg(test)]
mod tests;
mod when;

use std::io::Write;

pub use self::{
    args::{Args, CsvArgs, MappingArgs, SendingArgs},
    input::Format,
    when::TimeFormat,
};
use self::{
    input::Input,
    mapping::{MapError, Mapping},
    resume::Resume,
    row::ReadError,
};
use crate::units::thousands;

/// Rows a dry run shows.
const DRY_RUN_ROWS: u64 = 5;

/// Runs the import.
///
/// # Errors
/// When something could not be sent (status 1), an argument is wrong (2), rows were rejected (3).
#[expect(clippy::print_stderr, reason = "notes for the one who waits")]
pub async fn run(args: Args) -> anyhow::Result<()> {
    let mapping = Mapping::new(&args.mapping)?;
    let inputs = args
        .files
        .iter()
        .map(|path| Input::find(path))
        .collect::<anyhow::Result<Vec<_>>>()?;
    if args.sending.dry_run {
        return tokio::task::spawn_blocking(move || dry_run(&args, &inputs, &mapping)).await?;
    }
    let client = args.connection.client(usize::from(args.sending.parallel))?;
    let mut resume = Resume::new(&args, &inputs);
    let start = match args.sending.restart {
        true => None,
        false => resume.load()?,
    };
    if let Some(start) = start {
        eprintln!(
            "goes on after {} rows of an earlier run (--restart starts again)",
            thousands(start.rows)
        );
    }
    if mapping.is_timeless() {
        eprintln!(
            "note: without --time-from the events get the time they are received; importing again within 7 days stores nothing twice, later it does"
        );
    }
    pipeline::run(
        args,
        inputs,
        mapping,
        client,
        resume,
        start.unwrap_or_default(),
    )
    .await
}

/// Prints the first events, and why rows cannot become events.
fn dry_run(args: &Args, inputs: &[Input], mapping: &Mapping) -> anyhow::Result<()> {
    let mut out = std::io::BufWriter::with_capacity(64 * 1024, std::io::stdout().lock());
    match show(args, inputs, mapping, &mut out) {
        // `| head` has seen enough.
        Err(error) if is_broken_pipe(&error) => Ok(()),
        shown => shown,
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error
        .downcast_ref::<std::io::Error>()
        .is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
}

#[expect(clippy::print_stderr, reason = "rejects are told apart from events")]
fn show(
    args: &Args,
    inputs: &[Input],
    mapping: &Mapping,
    out: &mut impl Write,
) -> anyhow::Result<()> {
    let mut left = args.sending.limit.unwrap_or(DRY_RUN_ROWS);
    let mut row = mapping.row();
    let mut event = Vec::new();
    for input in inputs {
        let mut reader = input.open(args, mapping.wanted())?;
        while left > 0 {
            let name = &input.name;
            match reader.next(&mut row) {
                Ok(false) => break,
                Ok(true) => match mapping.write(&row, name, &mut event) {
                    Ok(()) => {
                        event.push(b'\n');
                        out.write_all(&event)?;
                        event.clear();
                    }
                    Err(MapError { reason, detail }) => {
                        eprintln!("{name} row {}: {reason}: {detail}", row.number);
                    }
                },
                Err(ReadError::Row { reason, detail, .. }) => {
                    eprintln!("{name} row {}: {reason}: {detail}", row.number);
                }
                Err(ReadError::File(error)) => {
                    return Err(error.context(input.path.display().to_string()));
                }
            }
            left -= 1;
        }
    }
    Ok(out.flush()?)
}
