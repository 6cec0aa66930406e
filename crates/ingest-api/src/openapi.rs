//! The OpenAPI document of ingest-api, made of the media types that its route takes and of the catalogue of problems.
//!
//! `docs/openapi/ingest-api.json` is a copy of it; the test below tells how to write that again.

use serde_json::{Value, json};
use service::openapi::{About, Operation, Outcome, Parameter, document};
use service::problem::ErrorCode;

const ABOUT: About = About {
    title: "Flumen ingest-api",
    version: env!("CARGO_PKG_VERSION"),
    description: "Takes events, as CloudEvents 1.0 or as plain JSON. An event that is answered 202 is on all in-sync replicas of Kafka.\n\n\
        Sending again is harmless: the same `source`, `id` and `time` is stored once. Refusals are `application/problem+json` with a stable `type`; \
        `/problems` lists them all. Bodies may be packed with `gzip` or `zstd` (`Content-Encoding`). A request head beyond 128 KiB is refused with a bare 431.",
    tags: &[
        ("events", "Sending events."),
        ("about", "What this API is."),
    ],
};

/// What may be wrong with a whole request, beside the key.
const REFUSED: [ErrorCode; 16] = [
    ErrorCode::BadRequest,
    ErrorCode::MalformedJson,
    ErrorCode::BadEncoding,
    ErrorCode::EmptyBatch,
    ErrorCode::NotAnArray,
    ErrorCode::NotAnObject,
    ErrorCode::EventsRejected,
    ErrorCode::RequestTimeout,
    ErrorCode::PayloadTooLarge,
    ErrorCode::TooManyEvents,
    ErrorCode::TooLarge,
    ErrorCode::UnsupportedMediaType,
    ErrorCode::UnsupportedEncoding,
    ErrorCode::Overloaded,
    ErrorCode::Saturated,
    ErrorCode::NotAcknowledged,
];

/// The document, as `/openapi.json` serves it.
pub fn openapi() -> String {
    document(ABOUT, &operations(), shapes())
}

fn operations() -> Vec<Operation> {
    let named = |shape: &str| json!({ "$ref": format!("#/components/schemas/{shape}") });
    let text = || json!({ "type": "string" });
    let send = Operation::new("post", "/v1/events", "sendEvents", "events", "Send events")
        .about(
            "One event or many; the `Content-Type` tells how they are written. With `ce-specversion` and other `ce-*` headers and any other content type, \
             the body is the data of one event (binary mode).\n\n\
             Every event is judged on its own, and `events` tells the outcome of each: 202 when all were accepted, 207 when some were, the 4xx of what is wrong \
             when none was, and 503 when something may succeed later; then send **all of it** again.",
        )
        .with([
            Parameter::header("content-encoding", "How the body is packed; empty is as absent.", json!({ "type": "string", "enum": ["gzip", "zstd", "identity", ""] })),
            Parameter::header("prefer", "`return=minimal` leaves the accepted events out of the answer.", text()),
            Parameter::header("traceparent", "W3C trace context; kept with the events.", text()),
        ])
        .takes(
            "Events.",
            [
                ("application/json", json!({ "oneOf": [named("Event"), { "type": "array", "items": named("Event"), "minItems": 1 }] })),
                ("application/x-ndjson", json!({ "type": "string", "description": "One event a line." })),
                ("application/cloudevents+json", named("CloudEvent")),
                ("application/cloudevents-batch+json", json!({ "type": "array", "items": named("CloudEvent"), "minItems": 1 })),
            ],
        )
        .gives(Outcome::new(202, "Every event is on all in-sync replicas.").body("application/json", named("Outcomes")))
        .gives(Outcome::new(207, "Some are, the others are refused for good.").body("application/json", named("Outcomes")))
        .gives(
            Outcome::new(422, "No event was accepted; `events` tells why, each with its `type`: any of the problems of events in `/problems`.")
                .body(service::problem::CONTENT_TYPE, named("RefusedEvents")),
        )
        .refuses(&REFUSED);
    let options = Operation::new(
        "options",
        "/v1/events",
        "eventOptions",
        "events",
        "What may be sent",
    )
    .public()
    .gives(
        Outcome::new(204, "The headers tell.")
            .header("allow", "The methods.")
            .header("accept-post", "The media types.")
            .header("accept-encoding", "The content encodings."),
    );
    let about = Operation::new("get", "/", "about", "about", "What this is")
        .public()
        .gives(Outcome::new(200, "A few words.").body(
            "application/json",
            json!({ "type": "object", "additionalProperties": true }),
        ));
    vec![send, options, about]
}

fn shapes() -> Vec<(&'static str, Value)> {
    let attribute = |description: &str| json!({ "type": "string", "minLength": 1, "maxLength": 255, "description": description });
    let members = |id: &str| {
        json!({
            "source": attribute("The application it comes from; what a key is bound to. At most 255 bytes."),
            "type": attribute("What happened. At most 255 bytes."),
            "id": attribute(id),
            "time": { "type": "string", "format": "date-time", "description": "When it happened (RFC 3339 with a zone), kept to the microsecond. Absent: the time inside a UUIDv7 `id`, else the time of receipt." },
            "subject": attribute("What it happened to."),
            "dataschema": attribute("Where the schema of `data` is."),
            "datacontenttype": attribute("The media type of `data`; absent, JSON."),
            "specversion": { "type": "string", "enum": ["1.0"], "description": "The version of CloudEvents." },
            "data": { "type": "object", "format": "any", "description": "Any JSON of up to 1 MiB." },
            "data_base64": { "type": "string", "contentEncoding": "base64", "description": "Bytes; instead of `data`." },
        })
    };
    let judged = json!({
        "type": "object",
        "required": ["index", "status"],
        "properties": {
            "index": { "type": "integer", "minimum": 0, "description": "Which event of the request." },
            "status": { "type": "integer", "description": "202 when it was accepted." },
            "uid": { "type": "string", "format": "uuid", "description": "Of an event that was accepted: where to find it in query-api." },
            "type": { "type": "string", "description": "Of one that was not: the problem." },
            "detail": { "type": "string", "description": "What is wrong with it." },
            "pointer": { "type": "string", "description": "Where (RFC 6901)." },
        },
    });
    let counts = json!({
        "accepted": { "type": "integer", "minimum": 0, "description": "How many were accepted." },
        "rejected": { "type": "integer", "minimum": 0, "description": "How many are refused for good." },
        "failed": { "type": "integer", "minimum": 0, "description": "How many may succeed later." },
        "events": { "type": "array", "items": { "$ref": "#/components/schemas/Outcome" } },
    });
    vec![
        (
            "Event",
            json!({
                "type": "object",
                "description": "An event as people write it. Any other member, `[a-z0-9]`, is an extension: a string, a number or a boolean.",
                "required": ["source", "type"],
                "properties": members("Unique within the source; a UUIDv7 is given when it is absent. At most 255 bytes."),
                "additionalProperties": true,
            }),
        ),
        (
            "CloudEvent",
            json!({
                "type": "object",
                "description": "CloudEvents 1.0, structured. Any other member is an extension.",
                "required": ["specversion", "source", "type", "id"],
                "properties": members("Unique within the source. At most 255 bytes."),
                "additionalProperties": true,
            }),
        ),
        ("Outcome", judged),
        (
            "Outcomes",
            json!({ "type": "object", "required": ["accepted", "rejected", "events"], "properties": counts }),
        ),
        (
            "RefusedEvents",
            json!({ "allOf": [
                { "$ref": "#/components/schemas/Problem" },
                { "type": "object", "properties": counts },
            ] }),
        ),
    ]
}

#[cfg(test)]
mod tests {
    use event::parse::Mode;
    use event::{BodyError, RejectionKind};

    use super::*;

    #[test]
    fn the_committed_document_is_that_of_the_code() {
        service::openapi::check_copy(
            &openapi(),
            concat!(
                env!("CARGO_MANIFEST_DIR"),
                "/../../docs/openapi/ingest-api.json"
            ),
            "FLUMEN_WRITE_OPENAPI=1 cargo test -p ingest-api --lib openapi",
        );
    }

    #[test]
    fn every_media_type_that_is_taken_is_described() {
        let read: Value = serde_json::from_str(&openapi()).expect("JSON");
        let content = &read["paths"]["/v1/events"]["post"]["requestBody"]["content"];
        for media_type in Mode::ACCEPTED.split(", ") {
            assert!(content[media_type].is_object(), "{media_type}");
        }
    }

    #[test]
    fn every_reason_that_an_event_or_a_body_is_refused_for_is_in_the_catalogue() {
        for kind in RejectionKind::ALL {
            let code = ErrorCode::of_name(kind.name()).unwrap_or_else(|| panic!("{}", kind.name()));
            assert_eq!(
                code.status().as_u16(),
                if kind == RejectionKind::MalformedJson {
                    400
                } else if kind == RejectionKind::TooLarge {
                    413
                } else {
                    422
                }
            );
        }
        for fault in [
            BodyError::Empty,
            BodyError::NotAnArray,
            BodyError::NotEvents,
            BodyError::TooManyEvents { limit: 1 },
        ] {
            assert!(
                ErrorCode::of_name(fault.name()).is_some(),
                "{}",
                fault.name()
            );
        }
    }
}
