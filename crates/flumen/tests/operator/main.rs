//! `migrate`, `provision`, `dead-letters`, `maintain` and `backup` as an operator runs them: the binary, on a real Kafka and PostgreSQL.

mod backup;
mod repeat;
mod replay;
mod support;
