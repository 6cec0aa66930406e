//! Query parameters, read strictly: what is unknown, repeated or malformed is refused by name, never ignored.

use std::time::Duration;

use event::Timestamp;
use service::http::url;
use service::problem::{ErrorCode, Problem};
use store::read::{Field, Fields, Pattern, PatternSet};

/// How often a parameter may stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Arity {
    /// Once.
    One,
    /// As often as `query.max_filters` allows.
    Many,
}

/// The parameters of one request, all of them known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Params {
    pairs: Vec<(String, String)>,
}

impl Params {
    /// Reads a query string against the parameters that a route knows. A name that ends with `.*` stands for all that go on after the dot.
    pub(crate) fn read(
        query: &str,
        known: &[(&str, Arity)],
        max_filters: usize,
    ) -> Result<Self, Problem> {
        let pairs = url::pairs(query)?;
        let mut filters = 0;
        for (index, (name, value)) in pairs.iter().enumerate() {
            let Some((_, arity)) = known.iter().find(|(known, _)| is_known(known, name)) else {
                let names: Vec<&str> = known.iter().map(|(known, _)| *known).collect();
                let detail = match names.as_slice() {
                    [] => "this address takes no parameters".to_owned(),
                    names => format!(
                        "there is no parameter `{}` here; known are {}",
                        shorten(name),
                        names.join(", ")
                    ),
                };
                return Err(Problem::new(ErrorCode::UnknownParameter, detail)
                    .with("parameter", shorten(name)));
            };
            if *arity == Arity::One && pairs[..index].iter().any(|(other, _)| other == name) {
                let detail = format!("`{name}` may be given once");
                return Err(Problem::new(ErrorCode::RepeatedParameter, detail)
                    .with("parameter", name.as_str()));
            }
            if value.is_empty() {
                return Err(wrong(name, "is empty; leave it out"));
            }
            filters += usize::from(*arity == Arity::Many);
        }
        if filters > max_filters {
            let detail =
                format!("{filters} filters are more than the {max_filters} that a query may have");
            return Err(Problem::new(ErrorCode::TooManyFilters, detail));
        }
        Ok(Self { pairs })
    }

    /// The value of a parameter that may stand once.
    pub(crate) fn one(&self, name: &str) -> Option<&str> {
        let found = self.pairs.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }

    /// The values of a parameter.
    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.pairs
            .iter()
            .filter(move |(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }

    /// The values of a filter as a set; everything when it is not given.
    pub(crate) fn patterns(&self, name: &str) -> PatternSet {
        let mut patterns = self.all(name).map(Pattern::parse).peekable();
        match patterns.peek() {
            Some(_) => PatternSet::of(patterns),
            None => PatternSet::any(),
        }
    }

    /// The pairs whose name begins so, without that.
    pub(crate) fn below<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.pairs
            .iter()
            .filter_map(move |(name, value)| Some((name.strip_prefix(prefix)?, value.as_str())))
    }

    /// `limit`, from 1 to the most.
    pub(crate) fn limit(&self, default: usize, most: usize) -> Result<usize, Problem> {
        let Some(text) = self.one("limit") else {
            return Ok(default);
        };
        let is_number = text.bytes().all(|b| b.is_ascii_digit());
        let limit = text
            .parse()
            .ok()
            .filter(|limit| is_number && (1..=most).contains(limit));
        limit.ok_or_else(|| wrong("limit", &format!("must be a whole number from 1 to {most}")))
    }

    /// `wait`, up to the most; none when it is not given.
    pub(crate) fn wait(&self, most: Duration) -> Result<Duration, Problem> {
        let Some(text) = self.one("wait") else {
            return Ok(Duration::ZERO);
        };
        let wait = units::parse_duration(text)
            .ok()
            .filter(|wait| *wait <= most);
        let most = units::format_duration(most);
        wait.ok_or_else(|| {
            wrong(
                "wait",
                &format!("must be a duration such as \"5s\", of at most {most}"),
            )
        })
    }

    /// A point in time.
    pub(crate) fn time(&self, name: &str) -> Result<Option<Timestamp>, Problem> {
        let Some(text) = self.one(name) else {
            return Ok(None);
        };
        // A `+` that was not written as %2B has become a blank, and can have been nothing else.
        let time = Timestamp::parse_rfc3339(&text.replace(' ', "+"));
        let detail = "must be a time of RFC 3339 with its zone, such as 2026-01-31T12:00:00Z";
        time.map(Some).map_err(|_| wrong(name, detail))
    }

    /// `from` and `to`, the first before the second.
    pub(crate) fn window(&self) -> Result<(Option<Timestamp>, Option<Timestamp>), Problem> {
        let window = (self.time("from")?, self.time("to")?);
        match window {
            (Some(from), Some(to)) if from >= to => Err(wrong("from", "must be earlier than `to`")),
            window => Ok(window),
        }
    }

    /// `fields`, attributes separated by commas; all of them when it is not given.
    pub(crate) fn fields(&self) -> Result<Fields, Problem> {
        let Some(text) = self.one("fields") else {
            return Ok(Fields::ALL);
        };
        let fields: Option<Vec<Field>> = text.split(',').map(Field::named).collect();
        fields.map(Fields::of).ok_or_else(|| {
            let names: Vec<&str> = Field::ALL.iter().map(|(name, _)| *name).collect();
            wrong(
                "fields",
                &format!(
                    "must be one or more of {}, separated by commas",
                    names.join(", ")
                ),
            )
        })
    }

    /// One of several words.
    pub(crate) fn choice<T: Copy>(
        &self,
        name: &str,
        choices: &[(&str, T)],
    ) -> Result<Option<T>, Problem> {
        let Some(text) = self.one(name) else {
            return Ok(None);
        };
        let found = choices.iter().find(|(word, _)| *word == text);
        let words: Vec<&str> = choices.iter().map(|(word, _)| *word).collect();
        found
            .map(|(_, value)| Some(*value))
            .ok_or_else(|| wrong(name, &format!("must be one of {}", words.join(", "))))
    }

    /// The pairs that make a query what it is, in an order that does not depend on how they were written.
    pub(crate) fn identity(&self, without: &[&str]) -> Vec<(&str, &str)> {
        let pairs = self
            .pairs
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()));
        let mut identity: Vec<_> = pairs.filter(|(name, _)| !without.contains(name)).collect();
        identity.sort_unstable();
        identity
    }

    /// The same query without a parameter.
    pub(crate) fn without(&self, name: &str) -> Self {
        Self {
            pairs: self
                .pairs
                .iter()
                .filter(|(known, _)| known != name)
                .cloned()
                .collect(),
        }
    }

    /// The same query with another cursor, as a relative reference.
    pub(crate) fn link(&self, parameter: &str, cursor: &str) -> String {
        let mut link = String::from("?");
        for (name, value) in self.pairs.iter().filter(|(name, _)| name != parameter) {
            link.push_str(&format!("{}={}&", encode(name), encode(value)));
        }
        link + parameter + "=" + cursor
    }
}

/// A parameter whose value is not one it can have.
pub(crate) fn wrong(name: &str, why: &str) -> Problem {
    Problem::new(ErrorCode::InvalidParameter, format!("`{name}` {why}")).with("parameter", name)
}

fn is_known(known: &str, name: &str) -> bool {
    match known.strip_suffix('*') {
        Some(prefix) => name.starts_with(prefix),
        None => known == name,
    }
}

/// Nobody needs to get a kilobyte back to know which parameter is meant.
fn shorten(name: &str) -> String {
    name.chars().take(64).collect()
}

fn encode(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    for byte in value.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' | b':' => {
                out.push(char::from(byte))
            }
            other => out.push_str(&format!("%{other:02X}")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: &[(&str, Arity)] = &[
        ("source", Arity::Many),
        ("from", Arity::One),
        ("to", Arity::One),
        ("limit", Arity::One),
        ("wait", Arity::One),
        ("order", Arity::One),
        ("cursor", Arity::One),
    ];

    fn read(query: &str) -> Result<Params, Problem> {
        Params::read(query, KNOWN, 3)
    }

    fn refused(problem: Problem) -> (String, serde_json::Value) {
        assert_eq!(problem.status().as_u16(), 400);
        (
            problem.name().to_owned(),
            problem.to_json(None)["parameter"].clone(),
        )
    }

    #[test]
    fn unknown_repeated_and_empty_parameters_are_refused_by_name() {
        for (query, name, parameter) in [
            ("ordr=asc", "unknown-parameter", "ordr"),
            ("limit=1&limit=9999", "repeated-parameter", "limit"),
            ("source=", "invalid-parameter", "source"),
            ("data.a=1", "unknown-parameter", "data.a"),
            ("Source=a", "unknown-parameter", "Source"),
        ] {
            assert_eq!(
                refused(read(query).expect_err(query)),
                (name.to_owned(), parameter.into())
            );
        }
        let many = read("source=a&source=b&source=c&source=d").expect_err("one filter too many");
        assert_eq!(many.name(), "too-many-filters");
    }

    #[test]
    fn a_limit_is_a_whole_number_within_its_bounds() {
        for bad in [
            "0",
            "-1",
            "1e9",
            "1.5",
            "+5",
            "1001",
            "99999999999999999999",
            "ten",
        ] {
            let problem = read(&format!("limit={bad}"))
                .and_then(|params| params.limit(100, 1000))
                .expect_err(bad);
            assert_eq!(refused(problem).1, "limit");
        }
        assert_eq!(
            read("limit=1000")
                .and_then(|params| params.limit(100, 1000))
                .expect("valid"),
            1000
        );
        assert_eq!(
            read("")
                .and_then(|params| params.limit(100, 1000))
                .expect("valid"),
            100
        );
    }

    #[test]
    fn a_window_is_two_times_in_order() {
        for bad in [
            "from=now",
            "from=2026-02-30T00:00:00Z",
            "to=2026-01-01",
            "from=2026-01-01T00:00:00",
            "from=infinity",
        ] {
            assert!(
                read(bad)
                    .and_then(|params| params.window().map(drop))
                    .is_err(),
                "{bad}"
            );
        }
        let same = "from=2026-01-01T00:00:00Z&to=2026-01-01T00:00:00Z";
        assert_eq!(
            refused(
                read(same)
                    .and_then(|params| params.window())
                    .expect_err("empty")
            )
            .1,
            "from"
        );
        let zone =
            read("from=2026-01-01T02:00:00+02:00&to=2026-01-01T00:00:01Z").expect("well formed");
        assert!(
            zone.window().is_ok(),
            "a plus sign that became a blank is understood"
        );
    }

    #[test]
    fn a_wait_is_a_duration_up_to_the_most() {
        let wait = |text: &str| {
            read(&format!("wait={text}")).and_then(|params| params.wait(Duration::from_secs(30)))
        };
        assert_eq!(wait("5s").expect("valid"), Duration::from_secs(5));
        for bad in ["5", "31s", "-1s", "forever"] {
            assert!(wait(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_order_of_parameters_does_not_matter_to_what_a_query_is_and_a_link_keeps_them_all() {
        let (a, b) = (
            read("source=a%26b&order=asc&cursor=x"),
            read("cursor=y&order=asc&source=a%26b"),
        );
        let (a, b) = (a.expect("valid"), b.expect("valid"));
        assert_eq!(a.identity(&["cursor"]), b.identity(&["cursor"]));
        assert_eq!(
            a.link("cursor", "NEXT"),
            "?source=a%26b&order=asc&cursor=NEXT"
        );
    }
}
