//! Spans of work that a service opens by hand: sending to Kafka, storing a batch, asking the database.
//!
//! They are there only where traces are exported and this one is kept. Everywhere else opening one is a look at a flag: nothing is made,
//! measured or kept, so a service may open one for each request and each batch. Never open one for each event. They are no spans of the
//! log: a line's request id stays the one of the request.

use std::time::SystemTime;

use opentelemetry::trace::{Link, Span as _, SpanKind, Status, TraceContextExt, Tracer};
use opentelemetry::{Context, Key, KeyValue, Value};
use opentelemetry_sdk::trace::{SdkTracer, Span};

use super::{TraceParent, otlp};
use crate::metrics::Exemplar;

/// A span has no more links than this; what comes later in a batch is left out.
pub const MOST_LINKS: usize = 128;

/// Which side of a call a span is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Asks another system and waits for its answer.
    Client,
    /// Gives something to a queue.
    Producer,
    /// Works on what a queue gave.
    Consumer,
}

impl From<Kind> for SpanKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Client => Self::Client,
            Kind::Producer => Self::Producer,
            Kind::Consumer => Self::Consumer,
        }
    }
}

/// A span under way, if there is one; dropping it ends it.
#[derive(Debug, Default)]
pub struct Work(Option<Span>);

impl Work {
    /// Opens a span below that of the request being answered.
    pub fn below_request(name: &'static str, kind: Kind) -> Self {
        let Some((tracer, context)) = otlp::tracer().zip(otlp::current_context()) else {
            return Self(None);
        };
        let builder = tracer.span_builder(name).with_kind(kind.into());
        Self(Some(builder.start_with_context(tracer, &context)))
    }

    /// Opens the span of a batch, with a link to each trace that something in it comes from. There is none without such a trace:
    /// the batch is told of wherever one of its requests is.
    pub fn of_batch(name: &'static str, traces: &[TraceParent], since: SystemTime) -> Self {
        let Some(tracer) = otlp::tracer().filter(|_| !traces.is_empty()) else {
            return Self(None);
        };
        let links = traces
            .iter()
            .map(|trace| Link::with_context(otlp::span_context(trace)));
        let builder = tracer
            .span_builder(name)
            .with_kind(SpanKind::Consumer)
            .with_start_time(since)
            .with_links(links.take(MOST_LINKS).collect());
        // Not below whatever this thread works on: a batch belongs to no request.
        Self(Some(builder.start_with_context(tracer, &Context::new())))
    }

    /// Whether there is a span: what only it needs may else be left out.
    pub fn is_open(&self) -> bool {
        self.0.is_some()
    }

    /// Adds what is known of the work.
    pub fn tell(&mut self, key: impl Into<Key>, value: impl Into<Value>) {
        if let Some(span) = &mut self.0 {
            span.set_attribute(KeyValue::new(key, value));
        }
    }

    /// Says that it failed, and how, in a word.
    pub fn fail(&mut self, why: &'static str) {
        if let Some(span) = &mut self.0 {
            span.set_status(Status::error(why));
        }
    }

    /// Adds a step that is over already.
    pub fn step(&self, name: &'static str, kind: Kind, from: SystemTime, until: SystemTime) {
        let Some((tracer, span)) = otlp::tracer().zip(self.0.as_ref()) else {
            return;
        };
        let context = Context::new().with_remote_span_context(span.span_context().clone());
        ended(tracer, name, kind, from, until, &context, None);
    }

    /// Adds to each trace of a batch that its part of the work is over, with a link to the batch: whoever looks at the trace of a
    /// request sees when it was done, and finds what it was done with.
    pub fn settle(
        &self,
        name: &'static str,
        traces: &[TraceParent],
        from: SystemTime,
        until: SystemTime,
    ) {
        let Some((tracer, span)) = otlp::tracer().zip(self.0.as_ref()) else {
            return;
        };
        for trace in traces.iter().take(MOST_LINKS) {
            let context = Context::new().with_remote_span_context(otlp::span_context(trace));
            let link = Link::with_context(span.span_context().clone());
            ended(
                tracer,
                name,
                Kind::Consumer,
                from,
                until,
                &context,
                Some(link),
            );
        }
    }

    /// The trace of this span, to show beside a time that was measured; none where there is no span.
    pub fn exemplar(&self) -> Option<Exemplar> {
        self.place()
            .filter(|place| place.is_sampled())
            .map(Exemplar::of)
    }

    /// The place of this span, to hand on; none where there is no span.
    pub fn place(&self) -> Option<TraceParent> {
        self.0
            .as_ref()
            .and_then(|span| otlp::place(span.span_context()))
    }
}

fn ended(
    tracer: &SdkTracer,
    name: &'static str,
    kind: Kind,
    from: SystemTime,
    until: SystemTime,
    below: &Context,
    link: Option<Link>,
) {
    let mut builder = tracer
        .span_builder(name)
        .with_kind(kind.into())
        .with_start_time(from);
    if let Some(link) = link {
        builder = builder.with_links(vec![link]);
    }
    builder
        .start_with_context(tracer, below)
        .end_with_timestamp(until);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_an_exporter_nothing_is_opened() {
        let trace = TraceParent {
            trace_id: 1,
            span_id: 2,
            flags: 1,
        };
        let now = SystemTime::now();
        for mut work in [
            Work::below_request("ask", Kind::Client),
            Work::of_batch("store", &[trace], now),
        ] {
            assert!(!work.is_open());
            work.tell("rows", 1_i64);
            work.fail("not at all");
            work.step("COPY", Kind::Client, now, now);
            work.settle("stored", &[trace], now, now);
            assert_eq!(work.place(), None);
        }
    }
}
