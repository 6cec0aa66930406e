//! Failures as callers see them: RFC 9457 `application/problem+json`, with a stable `type`.
//!
//! A stage's error becomes an [`ErrorCode`], the code becomes a status in one `match`, and [`Problem`] is the one body.
//! Details are for the caller: no SQL, no driver text, no stack.

mod code;
mod respond;

pub use code::ErrorCode;
pub(crate) use respond::of_status;
pub use respond::{from_actix, method_not_allowed, not_found};

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use actix_web::http::StatusCode;
use serde_json::{Map, Value};

/// The content type of every failure.
pub const CONTENT_TYPE: &str = "application/problem+json";

/// One failure, told to the caller. Small to return: what it holds is on the heap.
#[derive(Debug, Clone)]
pub struct Problem(Box<Parts>);

#[derive(Debug, Clone)]
struct Parts {
    status: StatusCode,
    name: Cow<'static, str>,
    title: Cow<'static, str>,
    detail: Cow<'static, str>,
    members: Map<String, Value>,
    retry_after: Option<Duration>,
    headers: Vec<(&'static str, String)>,
}

impl Problem {
    /// A problem of a shared code.
    pub fn new(code: ErrorCode, detail: impl Into<Cow<'static, str>>) -> Self {
        Self::named(code.status(), code.name(), code.title(), detail)
    }

    /// A problem that only one service has; `name` becomes `/problems/<name>` and must never change.
    pub fn named(
        status: StatusCode,
        name: impl Into<Cow<'static, str>>,
        title: impl Into<Cow<'static, str>>,
        detail: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self(Box::new(Parts {
            status,
            name: name.into(),
            title: title.into(),
            detail: detail.into(),
            members: Map::new(),
            retry_after: None,
            headers: Vec::new(),
        }))
    }

    /// Adds a member of its own, such as `pointer` or `parameter`.
    #[must_use]
    pub fn with(mut self, member: &str, value: impl Into<Value>) -> Self {
        self.0.members.insert(member.to_owned(), value.into());
        self
    }

    /// Adds a header. One that no header may hold is left out.
    #[must_use]
    pub fn with_header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.0.headers.push((name, value.into()));
        self
    }

    /// Tells when to try again: `Retry-After`, rounded up to whole seconds and never 0.
    #[must_use]
    pub fn retry_after(mut self, wait: Duration) -> Self {
        self.0.retry_after = Some(wait);
        self
    }

    /// The status of the answer.
    pub fn status(&self) -> StatusCode {
        self.0.status
    }

    /// The last part of `type`.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// The sentence for people.
    pub fn detail(&self) -> &str {
        &self.0.detail
    }

    /// The body.
    pub fn to_json(&self, request_id: Option<&str>) -> Value {
        let mut body = Map::new();
        body.insert(
            "type".to_owned(),
            format!("/problems/{}", self.0.name).into(),
        );
        body.insert("title".to_owned(), self.0.title.as_ref().into());
        body.insert("status".to_owned(), self.0.status.as_u16().into());
        body.insert("detail".to_owned(), self.0.detail.as_ref().into());
        for (member, value) in &self.0.members {
            body.insert(member.clone(), value.clone());
        }
        if let Some(id) = request_id {
            body.insert("request_id".to_owned(), id.into());
        }
        Value::Object(body)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.0.name, self.0.detail)
    }
}

impl std::error::Error for Problem {}

#[cfg(test)]
mod tests;
