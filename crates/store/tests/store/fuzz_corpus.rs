//! What the fuzzer of the COPY encoder starts from, and what it found, replayed against PostgreSQL.

use std::path::Path;

#[path = "../../../../fuzz/src/copy.rs"]
mod copy;

#[test]
fn rows_of_the_corpus_are_stored_as_text_input_would_store_them() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/copy");
    let files = std::fs::read_dir(&corpus).expect("the corpus");
    let mut count = 0;
    for file in files {
        copy::run(&std::fs::read(file.expect("a file").path()).expect("its bytes"));
        count += 1;
    }
    assert!(count > 0, "an empty corpus proves nothing");
    copy::clean_up();
}
