//! The HTTP client of `ingest-api`.
