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
