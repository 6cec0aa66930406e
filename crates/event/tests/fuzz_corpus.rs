//! What the fuzzers start from, and what they found, replayed: the assertions are those of the fuzz targets.

use std::path::Path;

#[path = "../../../fuzz/src/body.rs"]
mod body;
#[path = "../../../fuzz/src/record.rs"]
mod record;

fn replay(target: &str, run: fn(&[u8])) {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../fuzz/corpus")
        .join(target);
    let files = std::fs::read_dir(&corpus).expect("the corpus");
    let mut count = 0;
    for file in files {
        run(&std::fs::read(file.expect("a file").path()).expect("its bytes"));
        count += 1;
    }
    assert!(count > 0, "an empty corpus proves nothing");
}

#[test]
fn bodies_of_the_corpus_are_parsed_or_refused() {
    replay("body", body::run);
}

#[test]
fn records_of_the_corpus_are_decoded_or_refused() {
    replay("record", record::run);
}
