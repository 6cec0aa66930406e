//! What a newcomer sees when everything is ready.

use std::fmt::Write as _;
use std::io::Write as _;

use super::stack_file::StackFile;
use super::state::State;

/// Prints the screen to standard output.
pub(super) fn show(stack: &StackFile, state: &State) {
    // A closed standard output is no reason to stop a pipeline.
    let _ = std::io::stdout().write_all(text(stack, state).as_bytes());
}

fn text(stack: &StackFile, state: &State) -> String {
    let StackFile {
        ingest_api,
        query_api,
        keys,
        ..
    } = stack;
    let mut screen = String::new();
    // Writing to a string cannot fail.
    let _ = write!(
        screen,
        "
Flumen is ready.

  send events to    {ingest}/v1/events
  read them from    {query}/v1/events
  state and logs    {folder}

  key that sends    {producer}
  key that reads    {reader}

Send an event:

  curl {ingest}/v1/events \\
    -H 'Authorization: Bearer {producer}' -H 'Content-Type: application/json' \\
    -d '{{\"source\": \"my-app\", \"type\": \"user.login\", \"data\": {{\"user\": \"ada\"}}}}'

Read it back:

  curl '{query}/v1/events?source=my-app&limit=1' -H 'Authorization: Bearer {reader}'

Follow the feed (each answer holds the cursor `next`: ask again with after=...):

  curl '{query}/v1/feed?start=latest&wait=20s' -H 'Authorization: Bearer {reader}'

Look at the tables:

  psql '{postgres}' -c 'select time, source, type, data from events order by time desc limit 5'

",
        ingest = ingest_api.url,
        query = query_api.url,
        folder = state.folder().display(),
        producer = keys.producer,
        reader = keys.reader,
        postgres = stack.postgres.url,
    );
    screen
}

/// How it can be ended, in the words for where it runs.
pub(super) fn show_end(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}
