//! Reading what the writer's own path has stored, on a real PostgreSQL.

mod pages;
mod positions;
mod support;
