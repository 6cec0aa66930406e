#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| query_api::fuzzing::cursor(bytes));
