//! Reading what the writer's own path has stored, on a real PostgreSQL.

mod indexes;
mod pages;
mod positions;
mod support;
