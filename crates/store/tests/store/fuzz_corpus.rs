//! What the fuzzer of the COPY encoder starts from, and what it found, replayed against PostgreSQL.

#[path = "../../../../fuzz/src/copy.rs"]
mod copy;
#[path = "../../../../fuzz/src/replay.rs"]
mod replay;

#[test]
fn rows_of_the_corpus_are_stored_as_text_input_would_store_them() {
    replay::replay("copy", copy::run);
    copy::clean_up();
}
