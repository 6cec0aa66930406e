//! What a client accepts: `Accept-Encoding`, and whether it is a browser that wants a page.

use actix_web::http::header::{ACCEPT, ACCEPT_ENCODING, AsHeaderName, HeaderMap};

/// How an answer can be packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coding {
    /// RFC 7932.
    Brotli,
    /// RFC 8878.
    Zstd,
    /// RFC 1952.
    Gzip,
}

impl Coding {
    /// Its name in `Content-Encoding`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Brotli => "br",
            Self::Zstd => "zstd",
            Self::Gzip => "gzip",
        }
    }
}

/// The coding that a client likes best of those `offered`; of several that it likes as much, the first. `None` is the answer as it is.
pub fn coding(headers: &HeaderMap, offered: &[Coding]) -> Option<Coding> {
    let accepted: Vec<(&str, f32)> = entries(headers, ACCEPT_ENCODING).collect();
    let weight = |name: &str| {
        let named = accepted.iter().find(|(known, _)| {
            known.eq_ignore_ascii_case(name)
                || (name == "gzip" && known.eq_ignore_ascii_case("x-gzip"))
        });
        let any = accepted.iter().find(|(known, _)| *known == "*");
        named.or(any).map(|(_, weight)| *weight)
    };
    // What is not packed is accepted unless it is refused by name.
    let plain = accepted
        .iter()
        .find(|(known, _)| known.eq_ignore_ascii_case("identity"))
        .map_or(f32::MIN_POSITIVE, |(_, weight)| *weight);
    let mut best = None;
    let mut most = plain;
    for coding in offered {
        match weight(coding.name()) {
            Some(weight)
                if weight > 0.0 && (weight > most || (best.is_none() && weight >= most)) =>
            {
                (best, most) = (Some(*coding), weight);
            }
            _ => {}
        }
    }
    best
}

/// Says whether a client wants a page rather than JSON: it names `text/html`, and names it no later than `application/json`.
pub fn wants_html(headers: &HeaderMap) -> bool {
    let mut html: Option<f32> = None;
    let mut json: Option<f32> = None;
    for (name, weight) in entries(headers, ACCEPT) {
        match name {
            "text/html" => html = Some(html.map_or(weight, |known| known.max(weight))),
            "application/json" | "application/problem+json" => {
                json = Some(json.map_or(weight, |known| known.max(weight)))
            }
            _ => {}
        }
    }
    html.is_some_and(|html| html > 0.0 && json.is_none_or(|json| html > json))
}

/// The entries of a list with their weights.
fn entries(headers: &HeaderMap, name: impl AsHeaderName) -> impl Iterator<Item = (&str, f32)> {
    headers
        .get_all(name)
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(|entry| {
            let mut parts = entry.split(';').map(str::trim);
            let name = parts.next().unwrap_or_default();
            let weight = parts.find_map(|part| part.strip_prefix("q=").or(part.strip_prefix("Q=")));
            // A weight that is no number is as good as none.
            let weight = weight.map_or(1.0, |text| text.parse().unwrap_or(0.0));
            (name, weight)
        })
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    const ALL: [Coding; 3] = [Coding::Brotli, Coding::Zstd, Coding::Gzip];

    fn best(value: &'static str) -> Option<Coding> {
        let request = TestRequest::default().insert_header((ACCEPT_ENCODING, value));
        coding(request.to_http_request().headers(), &ALL)
    }

    #[test]
    fn the_heaviest_coding_is_taken_and_ours_first_of_equals() {
        for (value, expected) in [
            ("", None),
            ("identity", None),
            ("gzip", Some(Coding::Gzip)),
            ("gzip, deflate, br, zstd", Some(Coding::Brotli)),
            ("gzip;q=1.0, br;q=0.5", Some(Coding::Gzip)),
            ("br;q=0, *", Some(Coding::Zstd)),
            ("GZIP", Some(Coding::Gzip)),
            ("gzip;q=0", None),
            ("gzip;q=0.5, identity", None),
            ("gzip;q=x", None),
            ("compress", None),
        ] {
            assert_eq!(best(value), expected, "{value}");
        }
    }

    #[test]
    fn a_browser_gets_a_page_and_everybody_else_json() {
        for (value, expected) in [
            ("text/html,application/xhtml+xml,*/*;q=0.8", true),
            ("*/*", false),
            ("application/json", false),
            ("application/json, text/html;q=0.5", false),
            ("text/html;q=0", false),
        ] {
            let request = TestRequest::default().insert_header((ACCEPT, value));
            assert_eq!(
                wants_html(request.to_http_request().headers()),
                expected,
                "{value}"
            );
        }
    }
}
