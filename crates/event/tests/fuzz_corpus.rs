//! What the fuzzers start from, and what they found, replayed: the assertions are those of the fuzz targets.

#[path = "../../../fuzz/src/body.rs"]
mod body;
#[path = "../../../fuzz/src/record.rs"]
mod record;
#[path = "../../../fuzz/src/replay.rs"]
mod replay;

use replay::replay;

#[test]
fn bodies_of_the_corpus_are_parsed_or_refused() {
    replay("body", body::run);
}

#[test]
fn records_of_the_corpus_are_decoded_or_refused() {
    replay("record", record::run);
}
