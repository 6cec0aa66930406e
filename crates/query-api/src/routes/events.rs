//! `GET /v1/events`: pages of events by time. `GET /v1/events/{uid}`: one event.

use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use actix_web::{HttpRequest, HttpResponse, web};
use event::Uid;
use service::http::{cached, timing};
use service::problem::{ErrorCode, Problem};
use store::read::{Order, PageQuery};

use super::{Caller, State, known, push_cursor};
use crate::cursor::Binding;
use crate::metrics::Kind;
use crate::params::{Arity, Params, wrong};

pub(crate) const LISTED: [(&str, Arity); 7] = [
    ("fields", Arity::One),
    ("data.*", Arity::Many),
    ("from", Arity::One),
    ("to", Arity::One),
    ("order", Arity::One),
    ("limit", Arity::One),
    ("cursor", Arity::One),
];

pub(crate) const ONE: [(&str, Arity); 1] = [("wait", Arity::One)];

pub(super) async fn list(
    request: HttpRequest,
    state: web::Data<State>,
) -> Result<HttpResponse, Problem> {
    let caller = Caller::of(&request, &state)?;
    let (page, query) = (&state.config.page, &state.config.query);
    let params = Params::read(request.query_string(), &known(&LISTED), query.max_filters)?;
    let (from, to) = params.window()?;
    let order = params.choice(
        "order",
        &[("desc", Order::Descending), ("asc", Order::Ascending)],
    )?;
    let binding = Binding::new(
        "/v1/events",
        caller.id(),
        params.identity(&["cursor", "limit", "fields"]),
    );
    let at = params
        .one("cursor")
        .map(|text| state.cursors.read_page(&binding, text))
        .transpose()?;
    let query = PageQuery {
        filter: caller.filter(&params)?,
        from,
        to,
        order: order.unwrap_or(Order::Descending),
        at,
        limit: params.limit(page.default_limit, page.max_limit)?,
        max_bytes: page.max_bytes.as_usize(),
        fields: params.fields()?,
    };
    let found = timing::database(
        &request,
        state.metrics.read(Kind::Page, state.reader.page(&query)),
    )
    .await
    .map_err(|failure| state.failed(failure))?;
    let next = found.next.map(|place| state.cursors.page(&binding, place));
    let prev = found.prev.map(|place| state.cursors.page(&binding, place));
    let mut rest = b"]".to_vec();
    push_cursor(&mut rest, "next", next.as_deref());
    push_cursor(&mut rest, "prev", prev.as_deref());
    if let Some(time) = found.searched_to {
        rest.extend_from_slice(format!(r#","searched_to":"{time}""#).as_bytes());
    }
    rest.push(b'}');
    let link =
        |rel, cursor: Option<String>| cursor.map(|cursor| (rel, params.link("cursor", &cursor)));
    let links: Vec<_> = [link("next", next), link("prev", prev)]
        .into_iter()
        .flatten()
        .collect();
    state.answer(&caller, found.events, rest, &links)
}

pub(super) async fn one(
    request: HttpRequest,
    path: web::Path<String>,
    state: web::Data<State>,
) -> Result<HttpResponse, Problem> {
    let caller = Caller::of(&request, &state)?;
    let query = &state.config.query;
    let params = Params::read(request.query_string(), &ONE, query.max_filters)?;
    let uid = Uid::parse(&path).map_err(|_| wrong("uid", "is not a UUID"))?;
    // Before the first look, so that nothing can be stored between it and the waiting.
    let mut waiter = state.watch.enter(params.wait(query.max_wait)?);
    loop {
        let found = timing::database(
            &request,
            state
                .metrics
                .read(Kind::Event, state.reader.event(uid, &caller.rights)),
        )
        .await
        .map_err(|failure| state.failed(failure))?;
        if let Some(events) = found {
            state.metrics.served(&events);
            let body = events.into_members();
            let tag = cached::etag(&body);
            let response = HttpResponse::Ok()
                .insert_header((CONTENT_TYPE, "application/json"))
                // An event does not change; whether this key may still see it is asked each time.
                .insert_header((CACHE_CONTROL, "private, no-cache"))
                .body(body);
            return Ok(cached::tagged(&request, &tag, response));
        }
        let is_worth_another_look = match &mut waiter {
            Some(waiter) => waiter.moved().await,
            None => false,
        };
        if !is_worth_another_look {
            return Err(Problem::new(
                ErrorCode::NotFound,
                "there is no such event, or this key may not read it",
            ));
        }
    }
}
