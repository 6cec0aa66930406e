//! Runs a target over its corpus: what the fuzzer starts from, and what it found.

use std::path::Path;

pub(crate) fn replay(target: &str, run: fn(&[u8])) {
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
