//! Why an event or a whole body was refused.

use crate::json::{FaultKind, Malformed};

/// Why one event was refused, with the way out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct Rejection {
    /// What is wrong, for programs.
    pub kind: RejectionKind,
    /// What is wrong and what to send instead, for people.
    pub detail: String,
    /// Where: a JSON pointer (RFC 6901) within the event.
    pub pointer: Option<String>,
}

impl Rejection {
    pub(crate) fn at(
        kind: RejectionKind,
        pointer: impl Into<String>,
        detail: impl Into<String>,
    ) -> Self {
        Self {
            kind,
            detail: detail.into(),
            pointer: Some(pointer.into()),
        }
    }
}

/// What is wrong with an event; [`Self::name`] is stable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RejectionKind {
    /// A line that is not JSON.
    MalformedJson,
    /// Something else than a JSON object where an event should be.
    NotAnObject,
    /// A required attribute is missing.
    MissingAttribute,
    /// An attribute's value is of the wrong JSON type.
    WrongType,
    /// An attribute's value breaks a rule of length or form.
    InvalidAttribute,
    /// A name that no attribute can have.
    InvalidAttributeName,
    /// A name that Flumen keeps for itself.
    ReservedAttribute,
    /// The same attribute twice.
    DuplicateAttribute,
    /// More extension attributes than allowed.
    TooManyExtensions,
    /// A `specversion` other than 1.0.
    UnsupportedSpecversion,
    /// A `time` that is no time.
    TimeInvalid,
    /// A time too far in the past or in the future.
    TimeOutOfRange,
    /// A header whose text cannot be decoded.
    InvalidEncoding,
    /// `data` together with `data_base64`.
    DataConflict,
    /// A `data_base64` that is not Base64, or not the JSON it claims to be.
    InvalidBase64,
    /// JSON nested too deeply.
    TooDeep,
    /// A number of too many digits.
    NumberTooLong,
    /// `NaN` or an infinity.
    NotANumber,
    /// A character U+0000.
    NulCharacter,
    /// Half of a surrogate pair.
    LoneSurrogate,
    /// A control character that is not escaped.
    ControlCharacter,
    /// More data than one event may carry.
    TooLarge,
}

impl RejectionKind {
    /// Every kind, so that metrics and documentation can list them.
    pub const ALL: [Self; 22] = [
        Self::MalformedJson,
        Self::NotAnObject,
        Self::MissingAttribute,
        Self::WrongType,
        Self::InvalidAttribute,
        Self::InvalidAttributeName,
        Self::ReservedAttribute,
        Self::DuplicateAttribute,
        Self::TooManyExtensions,
        Self::UnsupportedSpecversion,
        Self::TimeInvalid,
        Self::TimeOutOfRange,
        Self::InvalidEncoding,
        Self::DataConflict,
        Self::InvalidBase64,
        Self::TooDeep,
        Self::NumberTooLong,
        Self::NotANumber,
        Self::NulCharacter,
        Self::LoneSurrogate,
        Self::ControlCharacter,
        Self::TooLarge,
    ];

    /// The stable name of the kind, the last part of a problem's `type`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::MalformedJson => "malformed-json",
            Self::NotAnObject => "not-an-object",
            Self::MissingAttribute => "missing-attribute",
            Self::WrongType => "wrong-type",
            Self::InvalidAttribute => "invalid-attribute",
            Self::InvalidAttributeName => "invalid-attribute-name",
            Self::ReservedAttribute => "reserved-attribute",
            Self::DuplicateAttribute => "duplicate-attribute",
            Self::TooManyExtensions => "too-many-extensions",
            Self::UnsupportedSpecversion => "unsupported-specversion",
            Self::TimeInvalid => "time-invalid",
            Self::TimeOutOfRange => "time-out-of-range",
            Self::InvalidEncoding => "invalid-encoding",
            Self::DataConflict => "data-conflict",
            Self::InvalidBase64 => "invalid-base64",
            Self::TooDeep => "too-deep",
            Self::NumberTooLong => "number-too-long",
            Self::NotANumber => "not-a-number",
            Self::NulCharacter => "nul-character",
            Self::LoneSurrogate => "lone-surrogate",
            Self::ControlCharacter => "control-character",
            Self::TooLarge => "too-large",
        }
    }
}

impl From<FaultKind> for RejectionKind {
    fn from(kind: FaultKind) -> Self {
        match kind {
            FaultKind::TooDeep => Self::TooDeep,
            FaultKind::NumberTooLong => Self::NumberTooLong,
            FaultKind::NotANumber => Self::NotANumber,
            FaultKind::Nul => Self::NulCharacter,
            FaultKind::LoneSurrogate => Self::LoneSurrogate,
            FaultKind::ControlCharacter => Self::ControlCharacter,
        }
    }
}

/// Why nothing of a body can be used; [`Self::name`] is stable.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    /// Not JSON.
    #[error("the body is not JSON at byte {offset}: {what}")]
    MalformedJson {
        /// The byte of the body where it stops being JSON.
        offset: usize,
        /// What is wrong there.
        what: &'static str,
    },
    /// No event at all.
    #[error("the body holds no event; send at least one")]
    Empty,
    /// More events than one request may carry.
    #[error("the body holds more than {limit} events; send it in parts")]
    TooManyEvents {
        /// The limit.
        limit: usize,
    },
    /// A batch that is not an array.
    #[error(
        "a batch (application/cloudevents-batch+json) is an array of events; send one event as application/cloudevents+json"
    )]
    NotAnArray,
    /// A structured event that is not an object.
    #[error(
        "a structured event (application/cloudevents+json) is one object; send an array as application/cloudevents-batch+json"
    )]
    NotAnObject,
    /// JSON that is neither an object nor an array.
    #[error("the body is neither an event (an object) nor an array of events")]
    NotEvents,
}

impl BodyError {
    /// The stable name of the error, the last part of a problem's `type`.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::MalformedJson { .. } => "malformed-json",
            Self::Empty => "empty-batch",
            Self::TooManyEvents { .. } => "too-many-events",
            Self::NotAnArray => "not-an-array",
            Self::NotAnObject | Self::NotEvents => "not-an-object",
        }
    }
}

impl From<Malformed> for BodyError {
    fn from(malformed: Malformed) -> Self {
        Self::MalformedJson {
            offset: malformed.offset,
            what: malformed.what,
        }
    }
}
