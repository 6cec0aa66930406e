//! What fuzzing feeds, and what must hold whatever it feeds. Not part of the interface.
//!
//! The targets in `fuzz/` call these, and the tests below replay what they start from and what they found.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::SecretString;

use crate::cursor::{Binding, Cursors};
use crate::data;
use crate::params::{Arity, Params};

const KNOWN: [(&str, Arity); 11] = [
    ("source", Arity::Many),
    ("type", Arity::Many),
    ("subject", Arity::Many),
    ("data.*", Arity::Many),
    ("from", Arity::One),
    ("to", Arity::One),
    ("order", Arity::One),
    ("limit", Arity::One),
    ("cursor", Arity::One),
    ("after", Arity::One),
    ("wait", Arity::One),
];

/// Reads a cursor: the bytes as text, and the bytes as a place that was signed.
///
/// # Panics
/// On a finding.
pub fn cursor(bytes: &[u8]) {
    let cursors = Cursors::new(Some(&SecretString::from("fuzzing")));
    let binding = Binding::new("/v1/events", "key", [("source", "a")]);
    let other = Binding::new("/v1/events", "key", [("source", "b")]);
    let text = String::from_utf8_lossy(bytes);
    // Nobody guesses a tag, so what is accepted unsigned is a finding, unless it was taken from a corpus.
    let unsigned =
        cursors.read_page(&other, &text).is_ok() || cursors.read_feed(&other, &text).is_ok();
    assert!(!unsigned, "a cursor that this API never made");
    for kind in [b'p', b'f'] {
        let signed = cursors.sign(kind, bytes, &binding);
        assert!(
            cursors.read_page(&other, &signed).is_err()
                && cursors.read_feed(&other, &signed).is_err()
        );
        // Signed, but of any bytes at all: read, or refused; and what was read makes the same place again.
        match kind {
            b'p' => {
                assert!(
                    cursors.read_feed(&binding, &signed).is_err(),
                    "of the other kind"
                );
                if let Ok(place) = cursors.read_page(&binding, &signed) {
                    let again = cursors.page(&binding, place);
                    let reread = cursors.read_page(&binding, &again);
                    assert!(reread.is_ok_and(|reread| reread == place));
                }
            }
            _ => {
                assert!(
                    cursors.read_page(&binding, &signed).is_err(),
                    "of the other kind"
                );
                if let Ok(at) = cursors.read_feed(&binding, &signed) {
                    let again = cursors.feed(&binding, &at);
                    let reread = cursors.read_feed(&binding, &again);
                    assert!(reread.is_ok_and(|reread| reread == at));
                }
            }
        }
    }
}

/// Reads a query string with every kind of parameter there is.
///
/// # Panics
/// On a finding.
pub fn filters(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let Ok(params) = Params::read(&text, &KNOWN, 20) else {
        return;
    };
    for name in ["source", "type", "subject"] {
        let set = params.patterns(name);
        assert!(set.and(&set) == set, "a set and itself is itself");
    }
    if let Ok((Some(from), Some(to))) = params.window() {
        assert!(from < to);
    }
    assert!(
        params
            .limit(100, 1000)
            .is_ok_and(|limit| (1..=1000).contains(&limit))
            || params.one("limit").is_some()
    );
    let most = Duration::from_secs(30);
    assert!(!matches!(params.wait(most), Ok(wait) if wait > most));
    drop(params.choice("order", &[("asc", true), ("desc", false)]));
    if let Ok(filters) = data::filters(&params) {
        for filter in filters {
            assert!(!filter.path.is_empty() && filter.path.iter().all(|name| !name.is_empty()));
            if let Some(value) = filter.equals {
                assert!(!value.contains('\0'), "{value:?}");
                serde_json::from_str::<&serde_json::value::RawValue>(&value)
                    .expect("compared as JSON");
            }
        }
    }
    // The link to the next page means the same query.
    let link = params.link("cursor", "next");
    let next = Params::read(&link[1..], &KNOWN, 20).expect("a link that was made here");
    assert_eq!(next.identity(&["cursor"]), params.identity(&["cursor"]));
    assert_eq!(next.one("cursor"), Some("next"));
    let without = URL_SAFE_NO_PAD.encode(bytes);
    assert!(
        params.without("cursor").one("cursor").is_none(),
        "{without}"
    );
}

#[cfg(test)]
#[path = "../../../fuzz/src/replay.rs"]
mod replay;

#[cfg(test)]
mod tests {
    use super::replay::replay;

    #[test]
    fn cursors_of_the_corpus_are_read_or_refused() {
        replay("cursor", super::cursor);
    }

    #[test]
    fn filters_of_the_corpus_are_read_or_refused() {
        replay("filters", super::filters);
    }
}
