//! A condition on one label, written as in Alertmanager.

use std::collections::BTreeMap;

use regex_lite::Regex;

/// `name="value"`, `name!="value"`, `name=~"expression"` or `name!~"expression"`. An absent label is empty.
#[derive(Debug)]
pub(crate) struct Matcher {
    name: String,
    test: Test,
    /// Whether the test must fail.
    is_negated: bool,
}

#[derive(Debug)]
enum Test {
    Is(String),
    Fits(Regex),
}

impl Matcher {
    /// Reads a matcher. Expressions match the whole value.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!(
                "`{text}` is not a matcher; write name=\"value\", name!=\"value\", name=~\"expression\" or name!~\"expression\""
            )
        };
        let at = text.find(['=', '!']).ok_or_else(wrong)?;
        let (name, rest) = text.split_at(at);
        let operators = [
            ("=~", false, true),
            ("!~", true, true),
            ("!=", true, false),
            ("=", false, false),
        ];
        let (is_negated, is_expression, value) = operators
            .iter()
            .find_map(|(operator, negated, expression)| {
                Some((*negated, *expression, rest.strip_prefix(operator)?))
            })
            .ok_or_else(wrong)?;
        let name = name.trim();
        if name.is_empty() || crate::clean::name(name) != name {
            return Err(wrong());
        }
        let value = value.trim();
        let value = value
            .strip_prefix('"')
            .and_then(|value| value.strip_suffix('"'))
            .unwrap_or(value);
        let test = if is_expression {
            let regex = Regex::new(&format!("^(?:{value})$"))
                .map_err(|error| format!("the expression of matcher `{text}`: {error}"))?;
            Test::Fits(regex)
        } else {
            Test::Is(value.to_owned())
        };
        Ok(Self {
            name: name.to_owned(),
            test,
            is_negated,
        })
    }

    pub(crate) fn matches(&self, labels: &BTreeMap<String, String>) -> bool {
        let value = labels.get(&self.name).map_or("", String::as_str);
        let fits = match &self.test {
            Test::Is(expected) => value == expected,
            Test::Fits(regex) => regex.is_match(value),
        };
        fits != self.is_negated
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_four_operators_mean_what_they_mean_in_alertmanager() {
        let labels = BTreeMap::from([("team".to_owned(), "db".to_owned())]);
        for (text, expected) in [
            ("team=\"db\"", true),
            ("team = db", true),
            ("team!=\"db\"", false),
            ("team=~\"d.|x\"", true),
            ("team=~\"d\"", false),
            ("team!~\"d\"", true),
            ("absent=\"\"", true),
            ("absent!=\"\"", false),
        ] {
            assert_eq!(
                Matcher::parse(text).expect(text).matches(&labels),
                expected,
                "{text}"
            );
        }
        for wrong in ["team", "=x", "te am=x", "team=~\"(\""] {
            assert!(Matcher::parse(wrong).is_err(), "{wrong}");
        }
    }
}
