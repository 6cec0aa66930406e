//! `flumen up`, `status` and `down`, as an operator types them.
//!
//! They run the binaries, which must all lie in one folder: `cargo build --bins` first, as `make test` does.

mod collector;
mod faults;
mod refusals;
mod round_trip;
mod stack;
mod traces;
