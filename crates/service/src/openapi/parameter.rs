//! What an operation takes and gives, piece by piece.

use serde_json::Value;

/// Where a parameter stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Query,
    Path,
    Header,
}

/// One parameter.
#[derive(Debug, Clone)]
pub struct Parameter {
    pub(super) name: String,
    pub(super) place: Place,
    pub(super) description: String,
    pub(super) schema: Value,
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
    pub(super) status: u16,
    pub(super) description: String,
    pub(super) content: Vec<(&'static str, Value)>,
    pub(super) headers: Vec<(&'static str, &'static str)>,
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
