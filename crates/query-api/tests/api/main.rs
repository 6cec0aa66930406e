//! query-api as its callers see it, over real sockets and a real PostgreSQL.
//!
//! Rows are put into the tables as the writer does it: rows, counts and checkpoint in one transaction.

mod admin;
mod event;
mod explorer;
mod export;
mod facets;
mod feed;
mod filters;
mod freshness;
mod operator;
mod outage;
mod pages;
mod proxy;
mod refusals;
mod rights;
mod seed;
mod stats;
mod support;
mod surface;
mod tail;
mod whoami;
