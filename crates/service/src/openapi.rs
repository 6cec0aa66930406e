//! What the OpenAPI documents of the services are made of.
//!
//! A service lists its operations with their parameters, taken from the tables that its routes read them by, and the problems that they may
//! tell, taken from the one catalogue ([`ErrorCode`]). What all operations share (keys, headers, the shape of problems) is added here.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use utoipa::openapi::content::ContentBuilder;
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::path::{
    HttpMethod, OperationBuilder, ParameterBuilder, ParameterIn, PathItem, PathsBuilder,
};
use utoipa::openapi::request_body::{RequestBody, RequestBodyBuilder};
use utoipa::openapi::response::{Response, ResponseBuilder};
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityRequirement, SecurityScheme};
use utoipa::openapi::tag::TagBuilder;
use utoipa::openapi::{
    ComponentsBuilder, ContactBuilder, InfoBuilder, LicenseBuilder, OpenApiBuilder, RefOr,
    Required, Schema,
};

use crate::problem::{self, ErrorCode};

/// The name of the security scheme.
const KEY: &str = "key";

/// What may happen to any request.
const EVERYWHERE: [ErrorCode; 4] = [
    ErrorCode::MalformedUrl,
    ErrorCode::UriTooLong,
    ErrorCode::Internal,
    ErrorCode::Unavailable,
];

/// What may happen to any request that needs a key.
const WITH_A_KEY: [ErrorCode; 4] = [
    ErrorCode::KeyInQuery,
    ErrorCode::Unauthorized,
    ErrorCode::Forbidden,
    ErrorCode::Throttled,
];

/// What a document says of the whole API.
#[derive(Debug, Clone, Copy)]
pub struct About {
    /// Its name.
    pub title: &'static str,
    /// Its version.
    pub version: &'static str,
    /// What it is for, in Markdown.
    pub description: &'static str,
    /// Groups of operations: name and description.
    pub tags: &'static [(&'static str, &'static str)],
}

/// Where a parameter stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Query,
    Path,
    Header,
}

/// One parameter.
#[derive(Debug, Clone)]
pub struct Parameter {
    name: String,
    place: Place,
    description: String,
    schema: Value,
}

impl Parameter {
    /// One of the query string.
    pub fn query(name: &str, description: &str, schema: Value) -> Self {
        Self::new(name, Place::Query, description, schema)
    }

    /// A part of the path.
    pub fn path(name: &str, description: &str, schema: Value) -> Self {
        Self::new(name, Place::Path, description, schema)
    }

    /// A header.
    pub fn header(name: &str, description: &str, schema: Value) -> Self {
        Self::new(name, Place::Header, description, schema)
    }

    fn new(name: &str, place: Place, description: &str, schema: Value) -> Self {
        Self {
            name: name.to_owned(),
            place,
            description: description.to_owned(),
            schema,
        }
    }
}

/// One way an operation goes well.
#[derive(Debug, Clone)]
pub struct Outcome {
    status: u16,
    description: String,
    content: Vec<(&'static str, Value)>,
    headers: Vec<(&'static str, &'static str)>,
}

impl Outcome {
    /// A status and what it means.
    pub fn new(status: u16, description: &str) -> Self {
        Self {
            status,
            description: description.to_owned(),
            content: Vec::new(),
            headers: Vec::new(),
        }
    }

    /// With a body of this media type and shape.
    #[must_use]
    pub fn body(mut self, media_type: &'static str, schema: Value) -> Self {
        self.content.push((media_type, schema));
        self
    }

    /// With a header of its own.
    #[must_use]
    pub fn header(mut self, name: &'static str, description: &'static str) -> Self {
        self.headers.push((name, description));
        self
    }
}

/// One operation.
#[derive(Debug, Clone)]
pub struct Operation {
    method: &'static str,
    path: &'static str,
    id: &'static str,
    tag: &'static str,
    summary: &'static str,
    description: String,
    needs_key: bool,
    parameters: Vec<Parameter>,
    body: Option<(String, Vec<(&'static str, Value)>)>,
    outcomes: Vec<Outcome>,
    problems: Vec<ErrorCode>,
    /// Headers that all its answers have.
    headers: Vec<(&'static str, &'static str)>,
}

impl Operation {
    /// An operation that needs a key: its address, its id in generated clients, its group and its name.
    pub fn new(
        method: &'static str,
        path: &'static str,
        id: &'static str,
        tag: &'static str,
        summary: &'static str,
    ) -> Self {
        Self {
            method,
            path,
            id,
            tag,
            summary,
            description: String::new(),
            needs_key: true,
            parameters: Vec::new(),
            body: None,
            outcomes: Vec::new(),
            problems: Vec::new(),
            headers: Vec::new(),
        }
    }

    /// Says more, in Markdown.
    #[must_use]
    pub fn about(mut self, description: impl Into<String>) -> Self {
        self.description = description.into();
        self
    }

    /// Needs no key.
    #[must_use]
    pub fn public(mut self) -> Self {
        self.needs_key = false;
        self
    }

    /// Takes these parameters.
    #[must_use]
    pub fn with(mut self, parameters: impl IntoIterator<Item = Parameter>) -> Self {
        self.parameters.extend(parameters);
        self
    }

    /// Takes a body, of one of these media types and shapes.
    #[must_use]
    pub fn takes(
        mut self,
        description: &str,
        content: impl IntoIterator<Item = (&'static str, Value)>,
    ) -> Self {
        self.body = Some((description.to_owned(), content.into_iter().collect()));
        self
    }

    /// May go so.
    #[must_use]
    pub fn gives(mut self, outcome: Outcome) -> Self {
        self.outcomes.push(outcome);
        self
    }

    /// May tell these problems, beside those that everything may.
    #[must_use]
    pub fn refuses(mut self, problems: &[ErrorCode]) -> Self {
        self.problems.extend_from_slice(problems);
        self
    }

    /// Has this header on all its answers, problems included.
    #[must_use]
    pub fn tells(mut self, name: &'static str, description: &'static str) -> Self {
        self.headers.push((name, description));
        self
    }

    /// Where it is.
    pub fn path_template(&self) -> &'static str {
        self.path
    }

    /// The names of its parameters in the query string.
    pub fn query_parameters(&self) -> impl Iterator<Item = &str> {
        self.parameters
            .iter()
            .filter(|parameter| parameter.place == Place::Query)
            .map(|parameter| parameter.name.as_str())
    }

    fn method(&self) -> HttpMethod {
        match self.method {
            "post" => HttpMethod::Post,
            "options" => HttpMethod::Options,
            _ => HttpMethod::Get,
        }
    }

    fn build(&self) -> utoipa::openapi::path::Operation {
        let mut operation = OperationBuilder::new()
            .operation_id(Some(self.id))
            .tag(self.tag)
            .summary(Some(self.summary))
            .request_body(self.request_body());
        if !self.description.is_empty() {
            operation = operation.description(Some(self.description.as_str()));
        }
        for parameter in &self.parameters {
            operation = operation.parameter(
                ParameterBuilder::new()
                    .name(&parameter.name)
                    .parameter_in(match parameter.place {
                        Place::Query => ParameterIn::Query,
                        Place::Path => ParameterIn::Path,
                        Place::Header => ParameterIn::Header,
                    })
                    .required(if parameter.place == Place::Path {
                        Required::True
                    } else {
                        Required::False
                    })
                    .description(Some(parameter.description.as_str()))
                    .schema(Some(schema(parameter.schema.clone()))),
            );
        }
        operation = if self.needs_key {
            operation.security(SecurityRequirement::new::<_, [String; 0], String>(KEY, []))
        } else {
            operation.securities(Some(Vec::new()))
        };
        for outcome in &self.outcomes {
            operation = operation.response(outcome.status.to_string(), self.went_well(outcome));
        }
        for (status, codes) in self.by_status() {
            // One that the service describes itself, such as a refused batch with an outcome for every event.
            if self.outcomes.iter().all(|outcome| outcome.status != status) {
                operation = operation.response(status.to_string(), self.went_wrong(status, &codes));
            }
        }
        operation.build()
    }

    fn request_body(&self) -> Option<RequestBody> {
        let (description, content) = self.body.as_ref()?;
        let mut body = RequestBodyBuilder::new()
            .description(Some(description.as_str()))
            .required(Some(Required::True));
        for (media_type, shape) in content {
            let content = ContentBuilder::new().schema(Some(schema(shape.clone())));
            body = body.content(*media_type, content.build());
        }
        Some(body.build())
    }

    fn by_status(&self) -> BTreeMap<u16, Vec<ErrorCode>> {
        let keyed: &[ErrorCode] = if self.needs_key { &WITH_A_KEY } else { &[] };
        let mut found: BTreeMap<u16, Vec<ErrorCode>> = BTreeMap::new();
        for code in EVERYWHERE.iter().chain(keyed).chain(&self.problems) {
            let codes = found.entry(code.status().as_u16()).or_default();
            if !codes.contains(code) {
                codes.push(*code);
            }
        }
        found
    }

    fn went_well(&self, outcome: &Outcome) -> Response {
        let mut response = self.response(&outcome.description);
        for (media_type, shape) in &outcome.content {
            response = response.content(
                *media_type,
                ContentBuilder::new()
                    .schema(Some(schema(shape.clone())))
                    .build(),
            );
        }
        for (name, description) in &outcome.headers {
            response = response.header(*name, header(description));
        }
        response.build()
    }

    fn went_wrong(&self, status: u16, codes: &[ErrorCode]) -> Response {
        let told: Vec<String> = codes
            .iter()
            .map(|code| format!("- `/problems/{}`: {}", code.name(), code.meaning()))
            .collect();
        let mut response = self.response(&told.join("\n"));
        for (name, description) in problem_headers(status) {
            response = response.header(*name, header(description));
        }
        let shape = json!({ "$ref": "#/components/schemas/Problem" });
        let types: Vec<Value> = codes
            .iter()
            .map(|code| format!("/problems/{}", code.name()).into())
            .collect();
        let content = ContentBuilder::new()
            .schema(Some(schema(shape)))
            .example(Some(json!({
                "type": types.first(),
                "title": codes.first().map(|code| code.title()),
                "status": status,
                "detail": codes.first().map(|code| code.meaning()),
                "request_id": "01981f6ce2a87c0f9d3a4be2f0c1d2e3",
            })));
        response
            .content(problem::CONTENT_TYPE, content.build())
            .build()
    }

    /// A response with the headers that all have.
    fn response(&self, description: &str) -> ResponseBuilder {
        let mut response = ResponseBuilder::new()
            .description(description)
            .header("x-request-id", header("The id of this request, also in the log; one that the client sent is kept when it is harmless."));
        if self.needs_key {
            response = response
                .header("ratelimit-policy", header("The key's limits (IETF draft 10), when it has any: `\"requests\";q=20;w=2, \"concurrent\";q=100;qu=\"concurrent-requests\"`."))
                .header("ratelimit", header("What is left of each: `\"requests\";r=19;t=1, \"concurrent\";r=99`."));
        }
        for (name, description) in &self.headers {
            response = response.header(*name, header(description));
        }
        response
    }
}

/// The headers that come with a status.
fn problem_headers(status: u16) -> &'static [(&'static str, &'static str)] {
    match status {
        401 => &[("www-authenticate", "`Bearer realm=\"flumen\"`.")],
        405 => &[("allow", "The methods that the address takes.")],
        415 => &[
            ("accept-post", "The media types that are taken."),
            ("accept-encoding", "The content encodings that are taken."),
        ],
        429 | 503 => &[("retry-after", "Seconds to wait.")],
        _ => &[],
    }
}

/// A document: all operations, and the shapes that they name.
///
/// # Panics
/// When a shape is no schema: a fault of this program, which the test of the document finds.
pub fn document(
    about: About,
    operations: &[Operation],
    shapes: Vec<(&'static str, Value)>,
) -> String {
    let mut items: BTreeMap<&str, Vec<(HttpMethod, utoipa::openapi::path::Operation)>> =
        BTreeMap::new();
    for operation in operations {
        items
            .entry(operation.path)
            .or_default()
            .push((operation.method(), operation.build()));
    }
    let mut paths = PathsBuilder::new();
    for (path, found) in items {
        let mut item = PathItem::default();
        for (method, operation) in found {
            item.merge_operations(PathItem::new(method, operation));
        }
        paths = paths.path(path, item);
    }
    let mut components = ComponentsBuilder::new()
        .schema("Problem", schema(problem_shape()))
        .security_scheme(KEY, key_scheme());
    for (name, shape) in shapes {
        components = components.schema(name, schema(shape));
    }
    let tags = about.tags.iter().map(|(name, description)| {
        TagBuilder::new()
            .name(*name)
            .description(Some(*description))
            .build()
    });
    let info = InfoBuilder::new()
        .title(about.title)
        .version(about.version)
        .description(Some(about.description))
        .contact(Some(
            ContactBuilder::new()
                .name(Some("Whoever runs this installation"))
                .build(),
        ))
        .license(Some(
            LicenseBuilder::new()
                .name("Apache-2.0")
                .identifier(Some("Apache-2.0"))
                .build(),
        ));
    let document = OpenApiBuilder::new()
        .info(info.build())
        .paths(paths)
        .components(Some(components.build()))
        .tags(Some(tags))
        .build();
    let mut value = serde_json::to_value(&document).expect("a document is JSON");
    // The server it came from; relative, so that a proxy may serve it under a prefix.
    value["servers"] =
        json!([{ "url": "./", "description": "The server that this document came from." }]);
    loosen(&mut value);
    let mut text = serde_json::to_string_pretty(&value).expect("a document is JSON");
    text.push('\n');
    text
}

/// Compares a document with its committed copy, or writes the copy when the environment has `FLUMEN_WRITE_OPENAPI`. For tests.
///
/// # Panics
/// When they differ; the message tells the command that writes the copy again.
pub fn check_copy(document: &str, copy: &str, command: &str) {
    if std::env::var_os("FLUMEN_WRITE_OPENAPI").is_some() {
        if let Err(error) = std::fs::write(copy, document) {
            panic!("cannot write {copy}: {error}");
        }
        return;
    }
    let known = std::fs::read_to_string(copy).unwrap_or_default();
    assert!(
        known == document,
        "the code and its document differ; write it again: {command}"
    );
}

/// Makes of every shape that says `"format": "any"` one that says nothing: any JSON.
fn loosen(value: &mut Value) {
    match value {
        Value::Object(members) => {
            if members.get("format").is_some_and(|format| format == "any") {
                members.remove("format");
                members.remove("type");
            }
            members.values_mut().for_each(loosen);
        }
        Value::Array(items) => items.iter_mut().for_each(loosen),
        _ => {}
    }
}

fn key_scheme() -> SecurityScheme {
    let mut scheme = Http::new(HttpAuthScheme::Bearer);
    scheme.description = Some(
        "A key, `fl_<id>_<secret>`, as `Authorization: Bearer <key>`; never in a URL.".to_owned(),
    );
    scheme.bearer_format = Some("fl_<id>_<secret>".to_owned());
    SecurityScheme::Http(scheme)
}

fn problem_shape() -> Value {
    json!({
        "type": "object",
        "description": "RFC 9457. Members beside these belong to the problem, such as `parameter`, `pointer` or `limit`.",
        "required": ["type", "title", "status", "detail", "request_id"],
        "properties": {
            "type": { "type": "string", "description": "Which problem, relative to the server: `/problems/<name>`. Never changes.", "examples": ["/problems/invalid-cursor"] },
            "title": { "type": "string", "description": "The problem in a few words." },
            "status": { "type": "integer", "description": "The status of the answer.", "minimum": 400, "maximum": 599 },
            "detail": { "type": "string", "description": "What happened this time, for people." },
            "request_id": { "type": "string", "description": "Tell it to the operator; the log has it." },
            "parameter": { "type": "string", "description": "The parameter that is wrong." },
        },
    })
}

fn header(description: &str) -> utoipa::openapi::Header {
    HeaderBuilder::new()
        .schema(Some(schema(json!({ "type": "string" }))))
        .description(Some(description))
        .build()
}

fn schema(shape: Value) -> RefOr<Schema> {
    let told = shape.to_string();
    serde_json::from_value(shape).unwrap_or_else(|error| panic!("{error} in the schema {told}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_are_kept_as_they_are_written() {
        for shape in [
            problem_shape(),
            json!({ "type": ["string", "null"] }),
            json!({ "oneOf": [{ "type": "string" }, { "$ref": "#/components/schemas/Problem" }] }),
            json!({ "type": "array", "items": { "type": "string" }, "maxItems": 3 }),
            json!({ "type": "object", "additionalProperties": { "type": "string" } }),
            json!({ "type": "object", "required": ["a"], "properties": { "a": { "type": ["object", "null"] } }, "additionalProperties": true }),
            json!({ "type": "integer", "format": "int64", "minimum": 1, "maximum": 1000, "default": 100 }),
            json!({ "type": "string", "enum": ["a", "b"], "pattern": "^a$" }),
        ] {
            let read = serde_json::to_value(schema(shape.clone())).expect("JSON");
            assert_eq!(read, shape);
        }
    }

    #[test]
    fn every_operation_tells_its_statuses_headers_and_problems() {
        let operation = Operation::new("get", "/v1/x", "getX", "x", "An x")
            .with([Parameter::query(
                "limit",
                "How many.",
                json!({ "type": "integer" }),
            )])
            .gives(
                Outcome::new(200, "The x.").body("application/json", json!({ "type": "object" })),
            )
            .refuses(&[ErrorCode::InvalidCursor]);
        let about = About {
            title: "t",
            version: "1",
            description: "d",
            tags: &[("x", "All x.")],
        };
        let text = document(about, &[operation], Vec::new());
        let read: Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(read["openapi"], "3.1.0");
        let responses = &read["paths"]["/v1/x"]["get"]["responses"];
        for status in ["200", "400", "401", "403", "414", "429", "500", "503"] {
            assert!(
                responses[status]["headers"]["x-request-id"].is_object(),
                "{status}"
            );
        }
        assert!(
            responses["400"]["description"]
                .as_str()
                .is_some_and(|text| text.contains("/problems/invalid-cursor"))
        );
        assert!(responses["429"]["headers"]["retry-after"].is_object());
    }
}
