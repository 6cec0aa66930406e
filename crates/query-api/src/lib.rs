//! Serves stored events to third parties: pages, single events, the feed and statistics.
//!
//! # The path of one question
//!
//! A request passes the edge of [`service::http`], which gives it an id and refuses a malformed URL. Its route finds out who asks (a key with
//! the scope `read`) and takes the request from their rate, reads the parameters strictly, narrows the filter to the sources that the key may see,
//! and asks [`store::read`]. The rows come back as JSON already and are only framed here.
//!
//! # What it guarantees
//!
//! - A key sees only the sources it was given; what it may not see looks like what is not there.
//! - A reader of the feed misses nothing and sees nothing twice; the proof is in the store's feed.
//! - A page costs the same wherever it is. Each query has a time budget; when it is used up or the client goes away, it is cancelled in PostgreSQL.
//! - It never talks to Kafka, so reading stays up without it.
//!
//! | module | owns |
//! |---|---|
//! | [`app`] | the wiring, the start and the end |
//! | [`config`] | the settings |
//! | `routes` | who asks, what is asked, the answer |
//! | `params` | the strict reading of parameters |
//! | `data` | filters on what events hold |
//! | `cursor` | signed places |
//! | `freshness` | how fresh the data is, for the header of every answer |
//! | `tail` | one reader of the feed for all tails |
//! | `openapi` | the description of all routes |
//! | `watch` | waiting for something to be stored |

pub mod app;
pub mod config;
mod cursor;
mod data;
mod error;
mod export;
mod freshness;
#[doc(hidden)]
pub mod fuzzing;
mod metrics;
mod openapi;
mod params;
mod routes;
mod tail;
mod watch;

pub use app::{Application, Listeners};
pub use config::Config;
pub use openapi::openapi;
