//! `data.<path>=<value>`: filters on what events hold.
//!
//! A value that reads as a JSON number, `true`, `false` or `null` means that; the same as text stands in JSON quotes (`data.code="5"`);
//! `*` alone means that the path exists; anything else is text.

use serde_json::Value;
use service::problem::Problem;
use store::read::DataFilter;

use crate::params::{Params, wrong};

/// The parameters' prefix.
const PREFIX: &str = "data.";

/// JSON that is stored is not deeper.
const MAX_DEPTH: usize = 128;

/// Numbers that are stored do not expand to more digits, so no other one can be equal.
const MAX_DIGITS: i64 = 1_000;

/// Reads all of them; events must satisfy each.
pub(crate) fn filters(params: &Params) -> Result<Vec<DataFilter>, Problem> {
    params
        .below(PREFIX)
        .map(|(path, value)| filter(path, value))
        .collect()
}

fn filter(path: &str, value: &str) -> Result<DataFilter, Problem> {
    let refuse = |why: &str| Err(wrong(&format!("{PREFIX}{path}"), why));
    let path: Vec<String> = path.split('.').map(str::to_owned).collect();
    if path.iter().any(String::is_empty) {
        return refuse("needs a name after each dot, such as `data.order.total`");
    }
    if path.len() > MAX_DEPTH {
        return refuse(&format!(
            "is deeper than the {MAX_DEPTH} levels that data may have"
        ));
    }
    let equals = match value {
        "*" => None,
        "true" | "false" | "null" => Some(value.to_owned()),
        _ if is_number(value) => {
            if expanded_digits(value) > MAX_DIGITS {
                return refuse(&format!(
                    "is a number of more than {MAX_DIGITS} digits; as text, put it into double quotes"
                ));
            }
            Some(value.to_owned())
        }
        _ => {
            let quoted = value.starts_with('"').then(|| serde_json::from_str(value));
            let text = match quoted {
                Some(Ok(text)) => text,
                _ => value.to_owned(),
            };
            if text.contains('\0') {
                return refuse("holds a NUL character, which no event can");
            }
            Some(Value::String(text).to_string())
        }
    };
    Ok(DataFilter { path, equals })
}

/// Says whether a text is a number as JSON writes it.
fn is_number(text: &str) -> bool {
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (unsigned, None),
    };
    let exponent = exponent.map(|text| text.strip_prefix(['+', '-']).unwrap_or(text));
    let (whole, fraction) = match mantissa.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (mantissa, None),
    };
    digits(whole)
        && (whole == "0" || !whole.starts_with('0'))
        && fraction.is_none_or(digits)
        && exponent.is_none_or(digits)
}

/// How many digits a number has when it is written without an exponent, or more.
fn expanded_digits(number: &str) -> i64 {
    let (mantissa, exponent) = number.split_once(['e', 'E']).unwrap_or((number, "0"));
    // An exponent too long for any integer is too large as well.
    let exponent: i64 = exponent.parse().unwrap_or(i64::MAX);
    let digits = i64::try_from(mantissa.len()).unwrap_or(i64::MAX);
    exponent.saturating_abs().saturating_add(digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(path: &str, value: &str) -> (Vec<String>, Option<String>) {
        let DataFilter { path, equals } = filter(path, value).expect("valid");
        (path, equals)
    }

    #[test]
    fn a_value_means_what_json_would_make_of_it() {
        for (value, json) in [
            ("5", "5"),
            ("-0.50", "-0.50"),
            ("1e3", "1e3"),
            ("12345678901234567890123", "12345678901234567890123"),
            ("true", "true"),
            ("null", "null"),
            ("\"5\"", "\"5\""),
            ("\"a\\nb\"", "\"a\\nb\""),
            ("True", "\"True\""),
            ("05", "\"05\""),
            ("+5", "\"+5\""),
            (".5", "\".5\""),
            ("5.", "\"5.\""),
            ("NaN", "\"NaN\""),
            ("1e", "\"1e\""),
            ("a\"b", "\"a\\\"b\""),
            ("\"unfinished", "\"\\\"unfinished\""),
            ("'; drop table events; --", "\"'; drop table events; --\""),
            ("a*", "\"a*\""),
        ] {
            assert_eq!(read("x", value).1.as_deref(), Some(json), "{value}");
        }
        assert_eq!(
            read("a.0.b", "*"),
            (vec!["a".into(), "0".into(), "b".into()], None)
        );
    }

    #[test]
    fn what_no_event_can_hold_is_refused_by_name() {
        let deep = vec!["a"; 129].join(".");
        for (path, value) in [
            ("", "1"),
            ("a..b", "1"),
            ("a.", "1"),
            (deep.as_str(), "1"),
            ("a", "1e1000000"),
            ("a", "1e-99999999999999999999"),
            ("a", "\"\\u0000\""),
        ] {
            let problem = filter(path, value).expect_err(path);
            assert_eq!(problem.name(), "invalid-parameter");
            assert_eq!(problem.to_json(None)["parameter"], format!("data.{path}"));
        }
    }
}
