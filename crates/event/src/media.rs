//! Media types, as far as an event needs them.

/// Whether data of this content type is JSON: absent, `application/json` or `*/*+json`.
///
/// Case and parameters do not count.
#[must_use]
pub fn is_json(content_type: Option<&str>) -> bool {
    let Some(content_type) = content_type else {
        return true;
    };
    // What nearly every event says.
    if content_type == "application/json" {
        return true;
    }
    let essence = essence(content_type);
    essence.eq_ignore_ascii_case("application/json")
        || (essence.contains('/') && ends_with_ignore_case(essence, "+json"))
}

/// Whether data of this content type is text, to be shown as a JSON string where it is UTF-8: `text/*` and XML.
#[must_use]
pub fn is_text(content_type: &str) -> bool {
    if charset(content_type).is_some_and(|charset| {
        !["utf-8", "us-ascii"]
            .iter()
            .any(|text| charset.eq_ignore_ascii_case(text))
    }) {
        return false;
    }
    let essence = essence(content_type);
    essence
        .get(..5)
        .is_some_and(|kind| kind.eq_ignore_ascii_case("text/"))
        || essence.eq_ignore_ascii_case("application/xml")
        || ends_with_ignore_case(essence, "+xml")
}

/// The media type without its parameters.
pub(crate) fn essence(content_type: &str) -> &str {
    content_type
        .split_once(';')
        .map_or(content_type, |(essence, _)| essence)
        .trim()
}

/// The value of the `charset` parameter, without quotes.
pub(crate) fn charset(content_type: &str) -> Option<&str> {
    content_type.split(';').skip(1).find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim()
            .eq_ignore_ascii_case("charset")
            .then(|| value.trim().trim_matches('"'))
    })
}

fn ends_with_ignore_case(text: &str, suffix: &str) -> bool {
    let (text, suffix) = (text.as_bytes(), suffix.as_bytes());
    text.len() >= suffix.len() && text[text.len() - suffix.len()..].eq_ignore_ascii_case(suffix)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_recognised_unless_its_charset_is_another() {
        for text in [
            "text/plain",
            "Text/CSV; charset=UTF-8",
            "application/xml",
            "image/svg+xml",
        ] {
            assert!(is_text(text), "{text}");
        }
        for other in [
            "",
            "tex",
            "application/octet-stream",
            "text/plain; charset=latin1",
            "image/png",
        ] {
            assert!(!is_text(other), "{other}");
        }
    }

    #[test]
    fn json_is_recognised_whatever_its_spelling() {
        for json in [
            None,
            Some("application/json"),
            Some("Application/JSON; charset=utf-8"),
            Some("application/vnd.x+json"),
            Some("image/svg+JSON ;q=1"),
        ] {
            assert!(is_json(json), "{json:?}");
        }
        for other in [
            "",
            "text/plain",
            "+json",
            "application/jsonp",
            "application/xml",
            "text/json5",
        ] {
            assert!(!is_json(Some(other)), "{other}");
        }
    }
}
