//! How events are laid out in a request.

use crate::media;

/// How events are laid out in a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mode {
    /// `application/cloudevents+json`: one CloudEvent.
    Structured,
    /// `application/cloudevents-batch+json`: an array of CloudEvents.
    Batched,
    /// `application/json`: an event or an array of events.
    Plain,
    /// `application/x-ndjson`: an event a line.
    NdJson,
    /// `ce-*` headers with the attributes; the body is `data`.
    Binary,
}

/// The media type says nothing of how events are laid out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnsupportedMediaType {
    /// No `Content-Type`, and no `ce-*` headers either.
    #[error(
        "the request has no Content-Type; send application/json, or one of the types in Accept-Post"
    )]
    Missing,
    /// A `Content-Type` that is not taken.
    #[error(
        "Content-Type `{0}` is not taken; send application/json or one of the types in Accept-Post, or add ce-* headers to send any data in binary mode"
    )]
    Unknown(String),
    /// JSON in another encoding than UTF-8.
    #[error("charset `{0}` is not taken; events are UTF-8")]
    Charset(String),
}

impl Mode {
    /// The media types that are taken, as `Accept-Post` lists them.
    pub const ACCEPTED: &'static str = "application/cloudevents+json, application/cloudevents-batch+json, application/json, application/x-ndjson";

    /// The mode that a request's `Content-Type` and the presence of `ce-*` headers ask for.
    ///
    /// # Errors
    /// [`UnsupportedMediaType`] if there is no such mode.
    pub fn of_content_type(
        content_type: Option<&str>,
        has_ce_headers: bool,
    ) -> Result<Self, UnsupportedMediaType> {
        let essence = content_type.map(media::essence).unwrap_or_default();
        let is = |name: &str| essence.eq_ignore_ascii_case(name);
        let mode = if is("application/cloudevents+json") {
            Self::Structured
        } else if is("application/cloudevents-batch+json") {
            Self::Batched
        } else if starts_with_ignore_case(essence, "application/cloudevents") {
            return Err(unknown(essence));
        } else if has_ce_headers {
            return Ok(Self::Binary);
        } else if is("application/json") {
            Self::Plain
        } else if [
            "application/x-ndjson",
            "application/ndjson",
            "application/jsonl",
            "application/x-jsonlines",
        ]
        .into_iter()
        .any(is)
        {
            Self::NdJson
        } else if essence.is_empty() {
            return Err(UnsupportedMediaType::Missing);
        } else {
            return Err(unknown(essence));
        };
        match content_type.and_then(media::charset) {
            Some(charset)
                if !["utf-8", "utf8", "us-ascii"]
                    .iter()
                    .any(|utf8| charset.eq_ignore_ascii_case(utf8)) =>
            {
                Err(UnsupportedMediaType::Charset(clip(charset)))
            }
            _ => Ok(mode),
        }
    }

    /// The mode's name in messages and metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Structured => "structured",
            Self::Batched => "batched",
            Self::Plain => "plain",
            Self::NdJson => "ndjson",
            Self::Binary => "binary",
        }
    }

    /// Whether `specversion` and `id` must be there, as CloudEvents asks.
    pub(super) const fn is_cloud_events(self) -> bool {
        matches!(self, Self::Structured | Self::Batched | Self::Binary)
    }
}

fn unknown(essence: &str) -> UnsupportedMediaType {
    UnsupportedMediaType::Unknown(clip(essence))
}

/// As much of a text from outside as a message shows.
pub(super) fn clip(text: &str) -> String {
    const SHOWN: usize = 80;
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_owned(),
    }
}

fn starts_with_ignore_case(text: &str, prefix: &str) -> bool {
    text.as_bytes()
        .get(..prefix.len())
        .is_some_and(|start| start.eq_ignore_ascii_case(prefix.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_type_and_headers_decide_the_mode() {
        for (content_type, ce, mode) in [
            (
                Some("application/cloudevents+json"),
                false,
                Mode::Structured,
            ),
            (
                Some("Application/CloudEvents+JSON; charset=UTF-8"),
                true,
                Mode::Structured,
            ),
            (
                Some("application/cloudevents-batch+json"),
                false,
                Mode::Batched,
            ),
            (Some("application/json"), false, Mode::Plain),
            (
                Some("application/json; charset=\"utf-8\""),
                false,
                Mode::Plain,
            ),
            (Some("application/json"), true, Mode::Binary),
            (Some("application/x-ndjson"), false, Mode::NdJson),
            (Some("image/png"), true, Mode::Binary),
            (None, true, Mode::Binary),
        ] {
            assert_eq!(
                Mode::of_content_type(content_type, ce),
                Ok(mode),
                "{content_type:?}"
            );
        }
    }

    #[test]
    fn other_media_types_are_refused_with_a_reason() {
        use UnsupportedMediaType as U;
        let of = |content_type| Mode::of_content_type(content_type, false);
        assert_eq!(of(None), Err(U::Missing));
        assert_eq!(
            of(Some("text/xml; x=y")),
            Err(U::Unknown("text/xml".into()))
        );
        assert_eq!(
            of(Some("application/json; charset=utf-16")),
            Err(U::Charset("utf-16".into()))
        );
        assert_eq!(
            Mode::of_content_type(Some("application/cloudevents+avro"), true),
            Err(U::Unknown("application/cloudevents+avro".into()))
        );
    }
}
