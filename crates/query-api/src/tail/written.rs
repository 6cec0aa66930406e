//! What is sent of a part of the feed, kept for all tails that are sent the same.
//!
//! Every event has a signed cursor of its own, bound to the query and to who asks. For a thousand tails that would be a thousand signatures and
//! copies of each event; but tails of one key that ask for the same and are at the same place are sent the same bytes, which are written once here.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};

use bytes::Bytes;
use store::read::Filter;

use crate::cursor::Binding;

/// Bytes that are kept of one part for all keys and queries together. Beyond, each tail writes for itself.
const MOST_BYTES: usize = 4 << 20;
/// What an entry takes besides.
const ENTRY_BYTES: usize = 512;

/// What is handed to the socket one after the other.
pub(crate) type Pieces = Arc<[Bytes]>;

/// Where the first one puts them, and the others wait for them.
type Place = Arc<OnceLock<Pieces>>;

/// What was written of one part.
#[derive(Debug)]
pub(crate) struct Written(Mutex<Option<Shelf>>);

#[derive(Debug, Default)]
struct Shelf {
    bytes: usize,
    /// Keys of one name share a binding and may have different rights, so the filter is looked at too.
    known: HashMap<Binding, Vec<(Filter, Place)>>,
}

impl Default for Written {
    fn default() -> Self {
        Self(Mutex::new(Some(Shelf::default())))
    }
}

impl Written {
    /// What is sent to those with this binding and filter, written by the first of them; the others wait for it, which is less than a
    /// millisecond. `None` when the caller is to write for itself: there is no room, or the part is an old one.
    pub(crate) fn of(
        &self,
        binding: &Binding,
        filter: &Filter,
        write: impl FnOnce() -> Vec<Bytes>,
    ) -> Option<Pieces> {
        let place = self.lock().as_mut()?.place(binding, filter)?;
        let mut size = 0;
        let pieces = place.get_or_init(|| {
            let pieces: Pieces = write().into();
            size = pieces.iter().map(Bytes::len).sum();
            pieces
        });
        if size > 0
            && let Some(shelf) = self.lock().as_mut()
        {
            shelf.bytes += size;
        }
        Some(Arc::clone(pieces))
    }

    /// Keeps nothing any more.
    pub(crate) fn forget(&self) {
        *self.lock() = None;
    }

    fn lock(&self) -> MutexGuard<'_, Option<Shelf>> {
        // What is kept is whole whenever the lock is free.
        self.0
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

impl Shelf {
    fn place(&mut self, binding: &Binding, filter: &Filter) -> Option<Place> {
        let known = self.known.get(binding);
        let found = known.and_then(|all| all.iter().find(|(other, _)| other == filter));
        if let Some((_, place)) = found {
            return Some(Arc::clone(place));
        }
        if self.bytes >= MOST_BYTES {
            return None;
        }
        self.bytes += ENTRY_BYTES;
        let place = Place::default();
        let of_binding = self.known.entry(binding.clone()).or_default();
        of_binding.push((filter.clone(), Arc::clone(&place)));
        Some(place)
    }
}

#[cfg(test)]
mod tests {
    use store::read::{Pattern, PatternSet};

    use super::*;

    fn binding(who: &str) -> Binding {
        Binding::new("/v1/feed", who, [])
    }

    fn filter(source: &str) -> Filter {
        Filter::of_sources(PatternSet::of([Pattern::parse(source)]))
    }

    #[test]
    fn what_is_the_same_is_written_once_and_what_is_not_is_written_apart() {
        let written = Written::default();
        let mut times = 0;
        let mut of = |who: &str, source: &str| {
            let write = || {
                times += 1;
                vec![Bytes::from(format!("{who} {source}"))]
            };
            let pieces = written.of(&binding(who), &filter(source), write);
            String::from_utf8_lossy(&pieces.expect("room")[0]).into_owned()
        };
        for _ in 0..3 {
            assert_eq!(of("a", "x"), "a x");
            assert_eq!(
                of("a", "y"),
                "a y",
                "another key of the name, with other rights"
            );
            assert_eq!(of("b", "x"), "b x");
        }
        assert_eq!(times, 3);
    }

    #[test]
    fn nothing_is_kept_beyond_the_most_and_of_old_parts() {
        let written = Written::default();
        let large = || vec![Bytes::from(vec![0; MOST_BYTES])];
        assert!(written.of(&binding("a"), &filter("x"), large).is_some());
        let refused = written.of(&binding("b"), &filter("x"), || unreachable!("no room"));
        assert!(refused.is_none());
        let again = written.of(&binding("a"), &filter("x"), || unreachable!("known"));
        assert!(again.is_some());
        written.forget();
        let old = written.of(&binding("a"), &filter("x"), || unreachable!("forgotten"));
        assert!(old.is_none());
    }
}
