//! The OpenAPI document of query-api, made of the tables that its routes read their parameters by and of the catalogue of problems.
//!
//! `docs/openapi/query-api.json` is a copy of it; the test below tells how to write that again.

use serde_json::{Value, json};
use service::openapi::{About, Operation, Outcome, Parameter, document};
use service::problem::ErrorCode;
use store::read::Field;

use crate::freshness;
use crate::params::Arity;
use crate::routes::tables as known;

const ABOUT: About = About {
    title: "Flumen query-api",
    version: env!("CARGO_PKG_VERSION"),
    description: "Reads stored events: pages by time, single events, a loss-free feed, a live tail, exact counts.\n\n\
        A key with the scope `read` sees the sources that it was given; what it may not see looks like what is not there. Unknown and repeated \
        parameters are refused by name. Refusals are `application/problem+json` with a stable `type`; `/problems` lists them all.\n\n\
        Cursors are opaque: take them from an answer and send them back unchanged, with the same filters and the same key. Every `GET` can be asked \
        with `HEAD`. Every answer, problems included, tells in `x-flumen-as-of` how fresh the data is: everything that was accepted before that moment is \
        readable. A URL beyond 8 KiB is refused with 414; a request head beyond 128 KiB with a bare 431.",
    tags: &[
        ("events", "Stored events, by time or by uid."),
        ("feed", "Everything, in the order in which it was stored."),
        ("counts", "Exact counts, kept as events are stored."),
        (
            "operator",
            "How the pipeline does; for keys with the scope `operator`.",
        ),
        ("about", "What a key may do, and what this API is."),
    ],
};

/// What reading may end with.
const READING: [ErrorCode; 7] = [
    ErrorCode::UnknownParameter,
    ErrorCode::RepeatedParameter,
    ErrorCode::InvalidParameter,
    ErrorCode::TooManyFilters,
    ErrorCode::Throttled,
    ErrorCode::Overloaded,
    ErrorCode::QueryTimeout,
];

const STRICT: [ErrorCode; 3] = [
    ErrorCode::UnknownParameter,
    ErrorCode::RepeatedParameter,
    ErrorCode::InvalidParameter,
];

/// The document, as `/openapi.json` serves it.
pub fn openapi() -> String {
    document(ABOUT, &operations(), shapes())
}

fn operations() -> Vec<Operation> {
    let all = [events(), feed(), counts(), operator(), about()].concat();
    let fresh = |operation: Operation| operation.tells(freshness::AS_OF, FRESHNESS);
    all.into_iter().map(fresh).collect()
}

fn get(
    path: &'static str,
    id: &'static str,
    tag: &'static str,
    summary: &'static str,
) -> Operation {
    Operation::new("get", path, id, tag, summary)
}

fn json_body(description: &str, shape: Value) -> Outcome {
    Outcome::new(200, description).body("application/json", shape)
}

fn named(shape: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{shape}") })
}

fn events() -> Vec<Operation> {
    let uid = json!({ "type": "string", "format": "uuid" });
    vec![
        get("/v1/events", "listEvents", "events", "Pages of events by time")
            .about("By `source` a page is an index range, wherever it is: page 100 000 costs what the first costs. What other filters let through is searched \
                within a time budget; then the page is short, or empty, and has `searched_to`. Only `next: null` is the end.")
            .with(described(known::EVENTS))
            .gives(
                json_body("A page.", named("EventPage"))
                    .header("link", "`next` and `prev` as relative references (RFC 8288).")
                    .header("server-timing", TIMING),
            )
            .refuses(&READING)
            .refuses(&[ErrorCode::InvalidCursor]),
        get("/v1/events/{uid}", "getEvent", "events", "One event")
            .about("An event of a source that the key may not see is 404, as if it did not exist.")
            .with([Parameter::path("uid", "Its `uid`.", uid)])
            .with(described(known::EVENT))
            .with([Parameter::header("if-none-match", "The `ETag` of what the client has.", json!({ "type": "string" }))])
            .gives(
                json_body("The event.", named("WholeEvent"))
                    .header("etag", "Changes when the event does, which is never.")
                    .header("server-timing", TIMING),
            )
            .gives(Outcome::new(304, "The client has it already.").header("etag", "The tag it carries."))
            .refuses(&STRICT)
            .refuses(&[ErrorCode::NotFound, ErrorCode::QueryTimeout]),
        get("/v1/export", "exportEvents", "events", "All events of a query as a file")
            .about("Streamed. The last chunk is sent only when every event has been: a file that is not whole comes with a broken connection, which every HTTP \
                client reports, and `summary=true` tells it by its absence. Parquet and CSV hold one column for each attribute, with `data` as JSON text.")
            .with(described(known::EXPORT))
            .gives(
                Outcome::new(200, "The file.")
                    .body("application/x-ndjson", json!({ "type": "string" }))
                    .body("text/csv", json!({ "type": "string" }))
                    .body("application/vnd.apache.parquet", json!({ "type": "string", "contentEncoding": "binary" }))
                    .header("content-disposition", "A name for the file."),
            )
            .refuses(&READING)
            .refuses(&[ErrorCode::InvalidCursor, ErrorCode::CursorExpired, ErrorCode::NotFound]),
    ]
}

fn feed() -> Vec<Operation> {
    vec![
        get("/v1/feed", "readFeed", "feed", "Everything in the order it was stored, without loss")
            .about("Nothing is missed and nothing comes twice, however many writers there are and however late an event's own time is. Keep `next` where a \
                restart finds it, and send it as `after`.")
            .with(described(known::FEED))
            .gives(
                json_body("What comes next; empty when nothing new was stored within `wait`.", named("FeedPage"))
                    .header("link", "`next` as a relative reference (RFC 8288).")
                    .header("server-timing", TIMING),
            )
            .refuses(&READING)
            .refuses(&[ErrorCode::InvalidCursor, ErrorCode::CursorExpired]),
        get("/v1/tail", "followTail", "feed", "The feed, live, as server-sent events")
            .about("Each message is an event: `data` is the event, `id` the cursor behind it. Without a cursor a tail begins now; with one it catches up from the \
                store and goes on live. `event: gap` tells that the log was replaced, `event: end` is the last message, with a `reason`: `slow`, \
                `unavailable`, `stopping` or `key`.")
            .with(described(known::TAIL))
            .with([Parameter::header("last-event-id", "A cursor, as browsers send it when they come again; wins over `after`.", json!({ "type": "string" }))])
            .gives(Outcome::new(200, "A stream of events, until one side ends it.").body("text/event-stream", json!({ "type": "string" })))
            .refuses(&READING)
            .refuses(&[ErrorCode::InvalidCursor, ErrorCode::CursorExpired]),
    ]
}

fn counts() -> Vec<Operation> {
    let facet = |path, id, summary| {
        get(path, id, "counts", summary)
            .about("Those with the most events first. Counts are exact for the minutes that `from` and `to` touch.")
            .with(described(known::FACETS))
            .gives(json_body("The values.", named("Facets")).header("server-timing", TIMING))
            .refuses(&READING)
    };
    vec![
        get(
            "/v1/stats",
            "countEvents",
            "counts",
            "Exact counts per bucket of time",
        )
        .about("Late events are in the bucket of their own time; gaps are zeros.")
        .with(described(known::STATS))
        .gives(json_body("The counts.", named("Stats")).header("server-timing", TIMING))
        .refuses(&READING)
        .refuses(&[ErrorCode::TooManyBuckets]),
        facet("/v1/sources", "listSources", "Which sources there are"),
        facet("/v1/types", "listTypes", "Which types there are"),
    ]
}

fn operator() -> Vec<Operation> {
    vec![
        get(
            "/v1/operator/lag",
            "getLag",
            "operator",
            "How far the writers are",
        )
        .gives(json_body("The checkpoints.", named("Lag")).header("server-timing", TIMING))
        .refuses(&STRICT),
        get(
            "/v1/operator/dead-letters",
            "listDeadLetters",
            "operator",
            "Records that were set aside, newest first",
        )
        .with(described(known::DEAD_LETTERS))
        .gives(json_body("A page.", named("DeadLetterPage")).header("server-timing", TIMING))
        .refuses(&STRICT)
        .refuses(&[ErrorCode::InvalidCursor]),
    ]
}

fn about() -> Vec<Operation> {
    let object = || json!({ "type": "object", "additionalProperties": true });
    vec![
        get("/v1", "listRoutes", "about", "What there is")
            .public()
            .gives(json_body("The routes.", object()))
            .refuses(&STRICT),
        get("/v1/whoami", "whoAmI", "about", "What a key is and may do")
            .about("For any valid key, whatever its scopes.")
            .gives(json_body("The key.", named("WhoAmI")))
            .refuses(&STRICT),
    ]
}

const FRESHNESS: &str = "Everything that was accepted before this moment (RFC 3339) is readable. It stands still while a writer is silent, and is absent \
    until the writers have told it once.";

const TIMING: &str = "Milliseconds: `db;dur=1.2, total;dur=1.6`.";

/// Describes the parameters that a route reads.
fn described(table: &[&[(&'static str, Arity)]]) -> Vec<Parameter> {
    table
        .concat()
        .into_iter()
        .map(|(name, arity)| parameter(name, arity))
        .collect()
}

/// # Panics
/// When a route reads a parameter that nobody has described; the test of the document finds it.
fn parameter(name: &'static str, arity: Arity) -> Parameter {
    let text = || json!({ "type": "string", "minLength": 1 });
    let time = || json!({ "type": "string", "format": "date-time" });
    let (description, schema) = match name {
        "source" => (
            "Only these sources, any of them; a trailing `*` matches the rest.",
            text(),
        ),
        "type" => (
            "Only these types, any of them; a trailing `*` matches the rest.",
            text(),
        ),
        "subject" => (
            "Only these subjects, any of them; a trailing `*` matches the rest.",
            text(),
        ),
        "data.*" => return data_filters(),
        "fields" => (
            "Only these attributes, separated by commas, in any order: less to send and less to read.",
            json!({ "type": "string", "pattern": fields_pattern(), "examples": ["uid,time,data"] }),
        ),
        "from" => (
            "From this time on (RFC 3339), of the event's own `time`.",
            time(),
        ),
        "to" => ("Before this time (RFC 3339).", time()),
        "order" => (
            "Newest first, or oldest first.",
            json!({ "type": "string", "enum": ["desc", "asc"], "default": "desc" }),
        ),
        "limit" => (
            "At most so many; the most is a setting of the server.",
            json!({ "type": "integer", "minimum": 1 }),
        ),
        "cursor" => ("`next` or `prev` of an answer.", text()),
        "after" => (
            "Feed and tail: `next` of the answer before, or the `id` of the last message. Export: the uid of the last whole event that was received.",
            text(),
        ),
        "format" => (
            "How the file is written.",
            json!({ "type": "string", "enum": ["ndjson", "csv", "parquet"], "default": "ndjson" }),
        ),
        "summary" => (
            "NDJSON: whether a last line tells the number of lines before it, the SHA-256 of their bytes and, with `limit`, the cursor of what follows.",
            json!({ "type": "string", "enum": ["true", "false"] }),
        ),
        "formulas" => (
            "CSV: what becomes of cells that a spreadsheet would calculate; `escape` puts a `'` before them.",
            json!({ "type": "string", "enum": ["escape", "keep"] }),
        ),
        "start" => (
            "Where to begin without `after`: with the oldest event that is kept (when it is not given), or now. Not together with `after`.",
            json!({ "type": "string", "enum": ["oldest", "latest"] }),
        ),
        "wait" => (
            "How long to wait for something new, such as `20s`; at most 30 s unless the server is set otherwise.",
            json!({ "type": "string", "pattern": "^[0-9]{1,4}(ms|s)$", "examples": ["20s"] }),
        ),
        "bucket" => (
            "How wide a bucket is.",
            json!({ "type": "string", "enum": crate::routes::tables::buckets(), "default": "1h" }),
        ),
        "by" => (
            "One series for each.",
            json!({ "type": "string", "enum": ["source", "type"] }),
        ),
        "reason" => ("Only those with this reason.", text()),
        other => panic!("nobody has described the parameter {other}"),
    };
    let schema = match arity {
        Arity::One => schema,
        Arity::Many => json!({ "type": "array", "items": schema, "maxItems": 50 }),
    };
    Parameter::query(name, description, schema)
}

/// `data.<path>=<value>`, any number of them: an object whose members are parameters of their own (`style: form`, `explode: true`).
fn data_filters() -> Parameter {
    Parameter::query(
        "data",
        "What the data holds: each member is a parameter of its own, `data.<path>=<value>`. A number, `true`, `false` or `null` means that, by value; the same \
         as text stands in JSON quotes; `*` means that the path exists; anything else is text. All must hold.",
        json!({
            "type": "object",
            "propertyNames": { "type": "string", "pattern": "^data(\\.[A-Za-z0-9_-]+)+$" },
            "additionalProperties": { "type": "string", "minLength": 1 },
            "examples": [{ "data.order.total": "12.5", "data.user.id": "*" }],
        }),
    )
}

fn fields_pattern() -> String {
    let names: Vec<&str> = Field::ALL.iter().map(|(name, _)| *name).collect();
    let one = names.join("|");
    format!("^({one})(,({one}))*$")
}

fn shapes() -> Vec<(&'static str, Value)> {
    let text = |description: &str| json!({ "type": "string", "description": description });
    let time = |description: &str| json!({ "type": "string", "format": "date-time", "description": description });
    let cursor =
        |description: &str| json!({ "type": ["string", "null"], "description": description });
    let whole = |description: &str| json!({ "type": "integer", "format": "int64", "description": description });
    let maybe_whole = |description: &str| json!({ "type": ["integer", "null"], "format": "int64", "description": description });
    let maybe_time = |description: &str| json!({ "type": ["string", "null"], "format": "date-time", "description": description });
    let event = json!({
        "type": "object",
        "description": "A CloudEvent with what Flumen knows about it. Further members are its extensions. Optional are only `subject`, `datacontenttype`, \
            `dataschema`, `traceparent`, `data` and `data_base64`, unless `fields` left others out.",
        "properties": {
            "specversion": { "type": "string", "enum": ["1.0"], "description": "The version of CloudEvents." },
            "uid": { "type": "string", "format": "uuid", "description": "Flumen's own key: the same for the same event, by whichever path it came." },
            "id": text("The producer's id, unique within the source."),
            "source": text("The application it comes from."),
            "type": text("What happened."),
            "time": time("When it happened, in UTC, to the microsecond."),
            "subject": text("What it happened to."),
            "datacontenttype": text("The media type of `data`; absent, JSON."),
            "dataschema": text("Where the schema of `data` is."),
            "traceparent": text("The W3C trace context that it was sent in."),
            "recordedtime": time("When it was received."),
            "kafkapartition": { "type": "integer", "format": "int32", "description": "Its Kafka partition." },
            "kafkaoffset": whole("Its offset there."),
            "data": { "type": "object", "format": "any", "description": "Its data: any JSON." },
            "data_base64": text("Its data, when it is not JSON."),
        },
        "additionalProperties": true,
    });
    vec![
        ("Event", event),
        (
            "WholeEvent",
            json!({ "allOf": [named("Event"), {
                "type": "object",
                "required": ["specversion", "uid", "id", "source", "type", "time", "recordedtime", "kafkapartition", "kafkaoffset"],
            }] }),
        ),
        (
            "EventPage",
            json!({
                "type": "object",
                "required": ["events", "next", "prev"],
                "properties": {
                    "events": { "type": "array", "items": named("Event") },
                    "next": cursor("The cursor of the next page; null at the end."),
                    "prev": cursor("The cursor of the page before; null at the begin."),
                    "searched_to": time("The time up to which everything was looked at, when the page came short. Go on with `next`."),
                },
            }),
        ),
        (
            "FeedPage",
            json!({
                "type": "object",
                "required": ["events", "next", "caught_up"],
                "properties": {
                    "events": { "type": "array", "items": named("Event") },
                    "next": text("The cursor to go on from; always there."),
                    "caught_up": { "type": "boolean", "description": "Whether this was all there is for now." },
                },
            }),
        ),
        (
            "Stats",
            json!({
                "type": "object",
                "required": ["bucket", "from", "to", "total", "buckets", "series"],
                "properties": {
                    "bucket": { "type": "string", "enum": crate::routes::tables::buckets() },
                    "from": time("The begin of the first bucket."),
                    "to": time("The end of the last bucket."),
                    "total": whole("All events counted."),
                    "buckets": { "type": "array", "items": { "type": "string", "format": "date-time" }, "description": "Where each bucket begins." },
                    "series": { "type": "array", "items": named("Series") },
                },
            }),
        ),
        (
            "Series",
            json!({
                "type": "object",
                "description": "Named by `source` or `type`; the sum of those beyond the most has `other`, their number, instead.",
                "required": ["total", "counts"],
                "properties": {
                    "source": text("The source that is counted."),
                    "type": text("The type that is counted."),
                    "other": whole("How many sources or types are summed up here."),
                    "total": whole("All events of the series."),
                    "counts": { "type": "array", "items": { "type": "integer", "format": "int64" }, "description": "One for each bucket." },
                },
            }),
        ),
        (
            "Facets",
            json!({
                "type": "object",
                "required": ["values", "more"],
                "properties": {
                    "values": { "type": "array", "items": named("Facet") },
                    "more": { "type": "boolean", "description": "Whether `limit` cut the list." },
                },
            }),
        ),
        (
            "Facet",
            json!({
                "type": "object",
                "required": ["value", "count", "last_seen"],
                "properties": {
                    "value": text("The source or type."),
                    "count": whole("How many events it has."),
                    "last_seen": time("The minute of its last event."),
                },
            }),
        ),
        (
            "WhoAmI",
            json!({
                "type": "object",
                "required": ["name", "scopes", "sources"],
                "properties": {
                    "name": text("What its owner calls it."),
                    "scopes": { "type": "array", "items": { "type": "string", "enum": ["ingest", "read", "operator"] } },
                    "sources": { "type": "array", "items": { "type": "string" }, "description": "The sources it is for; a trailing `*` matches the rest." },
                },
            }),
        ),
        (
            "Lag",
            json!({
                "type": "object",
                "required": ["topic", "total", "oldest_unwritten_seconds", "as_of", "partitions"],
                "properties": {
                    "topic": text("The Kafka topic."),
                    "total": maybe_whole("Records that are not stored yet; null when no writer has told."),
                    "oldest_unwritten_seconds": { "type": ["number", "null"], "description": "How long, at most, the oldest of them has waited; null when there is none, or no writer has told." },
                    "as_of": maybe_time("Everything that was accepted before this moment is stored; null until the writer of each partition has told."),
                    "partitions": { "type": "array", "items": named("PartitionLag") },
                },
            }),
        ),
        (
            "PartitionLag",
            json!({
                "type": "object",
                "required": ["kafka_partition", "next_offset", "end_offset", "lag", "updated_at", "seen_at", "as_of"],
                "properties": {
                    "kafka_partition": { "type": "integer", "format": "int32" },
                    "next_offset": whole("The next offset to be stored."),
                    "end_offset": maybe_whole("The end of the log; null when no writer has told."),
                    "lag": maybe_whole("Records between them; null when no writer has told."),
                    "updated_at": maybe_time("When the checkpoint was last moved."),
                    "seen_at": maybe_time("When the writer last looked at the end of the log; a time that stands still tells that it is silent."),
                    "as_of": maybe_time("Everything that was accepted before this moment is stored."),
                },
            }),
        ),
        (
            "DeadLetterPage",
            json!({
                "type": "object",
                "required": ["dead_letters", "next"],
                "properties": {
                    "dead_letters": { "type": "array", "items": named("DeadLetter") },
                    "next": cursor("The cursor of the next page; null at the end."),
                },
            }),
        ),
        (
            "DeadLetter",
            json!({
                "type": "object",
                "required": ["id", "topic", "kafka_partition", "kafka_offset", "reason", "detail", "stored_at", "headers"],
                "properties": {
                    "id": whole("Grows with every dead letter."),
                    "topic": text("The topic it came from."),
                    "kafka_partition": { "type": "integer", "format": "int32" },
                    "kafka_offset": whole("The record's offset."),
                    "reason": text("Why it was set aside, in a stable short word."),
                    "detail": text("Why, for people."),
                    "stored_at": time("When it was set aside."),
                    "record_time": maybe_time("The record's own time in Kafka."),
                    "replayed_at": maybe_time("When it was produced again."),
                    "headers": { "type": "object", "additionalProperties": { "type": ["string", "null"] } },
                    "value_base64": { "type": ["string", "null"], "description": "Its value, or the begin of it." },
                    "value_bytes": maybe_whole("How long the whole value is."),
                },
            }),
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_committed_document_is_that_of_the_code() {
        service::openapi::check_copy(
            &openapi(),
            concat!(
                env!("CARGO_MANIFEST_DIR"),
                "/../../docs/openapi/query-api.json"
            ),
            "FLUMEN_WRITE_OPENAPI=1 cargo test -p query-api --lib openapi",
        );
    }

    #[test]
    fn every_operation_is_a_route_that_the_index_lists() {
        let index = include_str!("routes/index.rs");
        for operation in operations() {
            let path = operation.path_template();
            assert!(
                path == "/v1" || index.contains(&format!("\"{path}\":")),
                "{path}"
            );
        }
    }
}
