//! `GET /v1/feed`: everything in the order it was stored, without loss.
//!
//! An answer always holds the cursor to go on from, also when it holds no event: with filters that match rarely, the cursor moves past what
//! was looked at.

use actix_web::{HttpRequest, HttpResponse, web};
use service::http::timing;
use service::problem::Problem;
use store::read::{FeedPage, FeedPosition, FeedQuery};

use super::{Caller, State, known, push_cursor};
use crate::cursor::Binding;
use crate::metrics::Kind;
use crate::params::{Arity, Params, wrong};

pub(crate) const LISTED: [(&str, Arity); 5] = [
    ("fields", Arity::One),
    ("after", Arity::One),
    ("start", Arity::One),
    ("limit", Arity::One),
    ("wait", Arity::One),
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Start {
    Oldest,
    Latest,
}

pub(super) async fn read(
    request: HttpRequest,
    state: web::Data<State>,
) -> Result<HttpResponse, Problem> {
    let caller = Caller::of(&request, &state)?;
    let (feed, query) = (&state.config.feed, &state.config.query);
    let params = Params::read(request.query_string(), &known(&LISTED), query.max_filters)?;
    let start = params.choice(
        "start",
        &[("oldest", Start::Oldest), ("latest", Start::Latest)],
    )?;
    let binding = Binding::new(
        "/v1/feed",
        caller.owner(),
        params.identity(&["after", "start", "limit", "wait", "fields"]),
    );
    let after = params
        .one("after")
        .map(|text| state.cursors.read_feed(&binding, text))
        .transpose()?;
    let asked = FeedQuery {
        filter: caller.filter(&params)?,
        limit: params.limit(feed.default_limit, feed.max_limit)?,
        max_bytes: feed.max_bytes.as_usize(),
        fields: params.fields()?,
    };
    let wait = params.wait(query.max_wait)?;
    let at = match (after, start) {
        (Some(_), Some(_)) => return Err(wrong("start", "and `after` exclude each other")),
        (Some(at), None) => at,
        (None, Some(Start::Latest)) => {
            let reached = state
                .reader
                .checkpoints(&feed.topic)
                .await
                .map_err(|failure| state.failed(failure))?;
            FeedPosition::from(reached)
        }
        (None, _) => FeedPosition::default(),
    };
    let page = follow(&request, &state, at, &asked, wait).await?;
    let next = state.cursors.feed(&binding, &page.next);
    let mut rest = b"]".to_vec();
    push_cursor(&mut rest, "next", Some(&next));
    rest.extend_from_slice(if page.is_caught_up {
        br#","caught_up":true}"#
    } else {
        br#","caught_up":false}"#
    });
    // `start` said where to begin; the next answer begins at the cursor.
    let link = params.without("start").link("after", &next);
    state.answer(&caller, page.events, rest, &[("next", link)])
}

/// Reads on from a position until there is an event to show or the time to wait is over.
async fn follow(
    request: &HttpRequest,
    state: &State,
    at: FeedPosition,
    asked: &FeedQuery,
    wait: std::time::Duration,
) -> Result<FeedPage, Problem> {
    let topic = &state.config.feed.topic;
    // Before the first look, so that nothing can be stored between it and the waiting.
    let mut waiter = state.watch.enter(wait);
    let read = async |at: &FeedPosition| {
        timing::database(
            request,
            state
                .metrics
                .read(Kind::Feed, state.reader.feed(topic, at, asked)),
        )
        .await
        .map_err(|failure| state.failed(failure))
    };
    let mut page = read(&at).await?;
    while page.events.is_empty() {
        let Some(waiter) = waiter.as_mut() else { break };
        // Not caught up: filters left out all that was looked at, and there is more to look at.
        let go_on = if page.is_caught_up {
            waiter.moved().await
        } else {
            !waiter.is_over()
        };
        if !go_on {
            break;
        }
        page = read(&page.next).await?;
    }
    Ok(page)
}
