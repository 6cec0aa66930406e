//! The public routes. Each reads as its steps: who calls, what is asked, read, answer.

mod body;
mod events;
mod explorer;
mod export;
mod facets;
mod feed;
mod index;
mod operator;
mod stats;
mod tail;
mod whoami;

use std::sync::Arc;

pub(crate) use body::Memory;

use actix_web::http::header::{CONTENT_TYPE, LINK};
use actix_web::{HttpRequest, HttpResponse, Route, web};
use service::keys::{self, Key, KeyStore, Scope, SourcePattern};
use service::limits::Limits;
use service::problem::{self, ErrorCode, Problem};
use store::Pool;
use store::read::{Events, Filter, Pattern, PatternSet, ReadError, Reader};

use body::Body;

use crate::config::Config;
use crate::cursor::Cursors;
use crate::data;
use crate::error;
use crate::metrics::Metrics;
use crate::params::{Arity, Params};
use crate::tail::{Hub, Seats};
use crate::watch::Watch;

/// The parameters that filter events, on every route that shows some.
const FILTERS: [(&str, Arity); 3] = [
    ("source", Arity::Many),
    ("type", Arity::Many),
    ("subject", Arity::Many),
];

/// What the routes work with.
#[derive(Debug, Clone)]
pub(crate) struct State {
    pub(crate) pool: Pool,
    pub(crate) reader: Reader,
    /// Over connections that nothing else uses.
    pub(crate) export_reader: Reader,
    pub(crate) keys: KeyStore,
    pub(crate) limits: Limits,
    pub(crate) cursors: Cursors,
    pub(crate) watch: Watch,
    pub(crate) hub: Hub,
    pub(crate) seats: Seats,
    pub(crate) exports: Seats,
    pub(crate) metrics: Metrics,
    pub(crate) memory: Memory,
    pub(crate) config: Arc<Config>,
}

pub(crate) fn configure(app: &mut web::ServiceConfig) {
    app.service(
        web::resource("/")
            .get(explorer::page)
            .head(explorer::page)
            .default_service(only_read()),
    )
    .configure(explorer::configure)
    .service(
        web::resource("/v1")
            .get(index::show)
            .head(index::show)
            .default_service(only_read()),
    )
    .service(
        web::resource("/v1/whoami")
            .get(whoami::show)
            .head(whoami::show)
            .default_service(only_read()),
    )
    .service(
        web::resource("/v1/events")
            .get(events::list)
            .head(events::list)
            .default_service(only_read()),
    )
    .service(
        web::resource("/v1/export")
            .get(export::download)
            .head(export::download)
            .default_service(only_read()),
    )
    .service(
        web::resource("/v1/events/{uid}")
            .get(events::one)
            .head(events::one)
            .default_service(only_read()),
    )
    .service(
        web::resource("/v1/feed")
            .get(feed::read)
            .head(feed::read)
            .default_service(only_read()),
    )
    .service(
        web::resource("/v1/sources")
            .get(facets::sources)
            .head(facets::sources)
            .default_service(only_read()),
    )
    .service(
        web::resource("/v1/types")
            .get(facets::types)
            .head(facets::types)
            .default_service(only_read()),
    )
    .service(
        web::resource("/v1/tail")
            .get(tail::follow)
            .default_service(problem::method_not_allowed("GET")),
    )
    .service(
        web::resource("/v1/operator/lag")
            .get(operator::lag)
            .head(operator::lag)
            .default_service(only_read()),
    )
    .service(
        web::resource("/v1/operator/dead-letters")
            .get(operator::dead_letters)
            .head(operator::dead_letters)
            .default_service(only_read()),
    )
    .service(
        web::resource("/v1/stats")
            .get(stats::count)
            .head(stats::count)
            .default_service(only_read()),
    );
}

/// What an address answers to any other method.
fn only_read() -> Route {
    problem::method_not_allowed("GET, HEAD")
}

/// Finds the key of a request, and takes the request from what it may ask.
fn admit(request: &HttpRequest, state: &State, scope: Scope) -> Result<Arc<Key>, Problem> {
    let key = keys::authenticate(request, &state.keys, scope)?;
    state.limits.admit_request(request, &key)?;
    state.limits.enter(request, &key)?;
    Ok(key)
}

/// Who asks, and what they may see.
struct Caller {
    key: Arc<Key>,
    rights: PatternSet,
}

impl Caller {
    /// Finds the caller of a request and takes the request from their rate.
    fn of(request: &HttpRequest, state: &State) -> Result<Self, Problem> {
        let key = admit(request, state, Scope::Read)?;
        let right = |pattern: &SourcePattern| match pattern {
            SourcePattern::Exact(name) => Pattern::Exact(name.clone()),
            SourcePattern::Prefix(prefix) => Pattern::Prefix(prefix.clone()),
        };
        let rights = PatternSet::of(key.sources.iter().map(right));
        Ok(Self { key, rights })
    }

    /// Whose the cursors of a listing are: this key's alone. They last for as long as somebody leafs through it.
    fn id(&self) -> &str {
        &self.key.id
    }

    /// Whose the cursors of the feed are: not the key's but its owner's. A reader keeps its place for years, and must not lose it, which would be to miss events
    /// or to read them all again, when its key is replaced by another one of the same name. A cursor is a place and no right: what may be read is
    /// asked of the key that comes with it.
    fn owner(&self) -> &str {
        &self.key.name
    }

    /// The filter that a query asks for, within what the caller may see.
    fn filter(&self, params: &Params) -> Result<Filter, Problem> {
        // Each by itself: one source too many must not silently be left out.
        for text in params.all("source") {
            if self
                .rights
                .and(&PatternSet::of([Pattern::parse(text)]))
                .is_nothing()
            {
                let detail = format!("this key may not read the source `{text}`");
                return Err(Problem::new(ErrorCode::Forbidden, detail).with("parameter", "source"));
            }
        }
        Ok(Filter {
            sources: self.rights.and(&params.patterns("source")),
            types: params.patterns("type"),
            subjects: params.patterns("subject"),
            data: data::filters(params)?,
        })
    }
}

/// The parameters that each route reads, for whoever describes them.
pub(crate) mod tables {
    use super::{Arity, FILTERS, events, export, facets, feed, operator, stats, tail};

    type Table = [&'static [(&'static str, Arity)]];

    pub(crate) const EVENTS: &Table = &[&FILTERS, &events::LISTED];
    pub(crate) const EVENT: &Table = &[&events::ONE];
    pub(crate) const FEED: &Table = &[&FILTERS, &feed::LISTED];
    pub(crate) const EXPORT: &Table = &[&FILTERS, &export::LISTED];
    pub(crate) const TAIL: &Table = &[&FILTERS, &tail::LISTED];
    pub(crate) const STATS: &Table = &[&stats::KNOWN];
    pub(crate) const FACETS: &Table = &[&facets::KNOWN];
    pub(crate) const DEAD_LETTERS: &Table = &[&operator::LETTERS];

    /// The names of the widths that a bucket can have.
    pub(crate) fn buckets() -> Vec<&'static str> {
        stats::BUCKETS.iter().map(|(name, _)| *name).collect()
    }
}

impl State {
    /// Counts a failure and tells it as a problem.
    fn failed(&self, failure: ReadError) -> Problem {
        self.metrics.failed(&failure);
        error::problem(failure)
    }
}

/// The parameters of a route that shows events: its own, and the filters.
fn known(own: &[(&'static str, Arity)]) -> Vec<(&'static str, Arity)> {
    [&FILTERS, own].concat()
}

/// Adds a member whose value is a cursor or null. Cursors need no escapes.
fn push_cursor(body: &mut Vec<u8>, name: &str, cursor: Option<&str>) {
    let text = match cursor {
        Some(cursor) => format!(r#","{name}":"{cursor}""#),
        None => format!(r#","{name}":null"#),
    };
    body.extend_from_slice(text.as_bytes());
}

impl State {
    /// An answer of events with what follows them in the body, and links such as `[("next", "?cursor=..")]`.
    fn answer(
        &self,
        caller: &Caller,
        events: Events,
        rest: Vec<u8>,
        links: &[(&str, String)],
    ) -> Result<HttpResponse, Problem> {
        self.metrics.served(&events);
        let members = events.into_members();
        let mut response = HttpResponse::Ok();
        response.insert_header((CONTENT_TYPE, "application/json"));
        if !links.is_empty() {
            let links: Vec<String> = links
                .iter()
                .map(|(rel, target)| format!("<{target}>; rel=\"{rel}\""))
                .collect();
            response.insert_header((LINK, links.join(", ")));
        }
        let permit = self
            .memory
            .hold(&caller.key.id, members.len() + rest.len())?;
        let parts = [br#"{"events":["#.to_vec(), members, rest];
        Ok(response.body(Body::new(parts, permit, self.config.query.stalled_after)))
    }
}
