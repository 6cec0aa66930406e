//! One operation: what it takes, how it may go well, and which problems it may tell.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use utoipa::openapi::Required;
use utoipa::openapi::content::ContentBuilder;
use utoipa::openapi::path::{HttpMethod, OperationBuilder, ParameterBuilder, ParameterIn};
use utoipa::openapi::request_body::{RequestBody, RequestBodyBuilder};
use utoipa::openapi::response::{Response, ResponseBuilder};
use utoipa::openapi::security::SecurityRequirement;

use super::{KEY, Outcome, Parameter, header, parameter::Place, schema};
use crate::problem::{self, ErrorCode};

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

/// One operation.
#[derive(Debug, Clone)]
pub struct Operation {
    method: &'static str,
    pub(super) path: &'static str,
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

    pub(super) fn method(&self) -> HttpMethod {
        match self.method {
            "post" => HttpMethod::Post,
            "options" => HttpMethod::Options,
            _ => HttpMethod::Get,
        }
    }

    pub(super) fn build(&self) -> utoipa::openapi::path::Operation {
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
