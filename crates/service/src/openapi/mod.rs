//! What the OpenAPI documents of the services are made of.
//!
//! A service lists its operations with their parameters, taken from the tables that its routes read them by, and the problems that they may
//! tell, taken from the one catalogue ([`crate::problem::ErrorCode`]). What all operations share (keys, headers, the shape of problems) is added here.

mod operation;
mod parameter;

pub use operation::Operation;
pub use parameter::{Outcome, Parameter};

use std::collections::BTreeMap;

use serde_json::{Value, json};
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::path::{HttpMethod, PathItem, PathsBuilder};
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::tag::TagBuilder;
use utoipa::openapi::{
    ComponentsBuilder, ContactBuilder, InfoBuilder, LicenseBuilder, OpenApiBuilder, RefOr, Schema,
};

/// The name of the security scheme.
const KEY: &str = "key";

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
    use crate::problem::ErrorCode;

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
