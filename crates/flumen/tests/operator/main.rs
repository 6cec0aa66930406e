//! `migrate`, `provision`, `dead-letters` and `maintain` as an operator runs them: the binary, on a real Kafka and PostgreSQL.

mod repeat;
mod replay;
mod support;
