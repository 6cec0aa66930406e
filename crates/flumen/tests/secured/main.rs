//! What production looks like, on this machine: a Kafka that asks for SCRAM or a certificate over TLS and refuses what no ACL allows, a PostgreSQL whose
//! certificate is verified. `flumen provision` sets them up, and the services run on nothing but what it gave.

mod doors;
mod logs;
mod others;
mod provision;
mod refusals;
mod services;
mod world;
