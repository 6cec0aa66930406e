//! The fixed bounds of an event's attributes, shared by the edge and by the reader of records.
//!
//! They are part of the format rather than settings: what one version wrote, every other must be able to read.

/// Longest `source`, `type` or `id` in bytes; they are indexed, and an index entry of PostgreSQL has a limit.
pub const NAME_BYTES: usize = 255;
/// Longest `subject` in bytes.
pub const SUBJECT_BYTES: usize = 1024;
/// Longest `dataschema` in bytes, the customary limit of a URL.
pub const DATASCHEMA_BYTES: usize = 2048;
/// Longest `datacontenttype` in bytes: two names of 127 and a slash (RFC 6838), as of every media type.
pub const DATACONTENTTYPE_BYTES: usize = 255;
/// Longest value of an extension in bytes.
pub const EXTENSION_BYTES: usize = 4096;
/// Longest name of an extension in bytes.
pub const EXTENSION_NAME_BYTES: usize = 64;
/// Most digits a JSON number may ever expand to: `numeric` has room for 16 383 after the decimal point.
pub const NUMBER_DIGITS: usize = 16_000;
/// Deepest nesting of JSON a configuration may allow: `jsonb` recurses, and 6 400 levels fit its smallest stack.
pub const JSON_DEPTH: usize = 4096;
/// Names under which Flumen shows what it knows of an event, so that no extension may take them.
pub const RESERVED_NAMES: [&str; 4] = ["uid", "recordedtime", "kafkapartition", "kafkaoffset"];
