//! A header that an application adds to its answers, problems included.

use std::fmt;
use std::sync::Arc;

use actix_web::http::header::{HeaderName, HeaderValue};

/// A header of the application's own on every answer below an address.
///
/// Its value is taken when a request begins: an answer shows what was there from then on, and may be long in the making.
#[derive(Clone)]
pub struct Stamp {
    below: &'static str,
    name: HeaderName,
    value: Arc<dyn Fn() -> Option<HeaderValue> + Send + Sync>,
}

impl Stamp {
    /// The header `name`, in lower case, on answers at `below` and under it, such as `/v1`; `value` may know none.
    pub fn new(
        below: &'static str,
        name: &'static str,
        value: impl Fn() -> Option<HeaderValue> + Send + Sync + 'static,
    ) -> Self {
        Self {
            below,
            name: HeaderName::from_static(name),
            value: Arc::new(value),
        }
    }

    /// What an answer at this address gets.
    pub(super) fn at(&self, path: &str) -> Option<(HeaderName, HeaderValue)> {
        let rest = path.strip_prefix(self.below)?;
        (rest.is_empty() || rest.starts_with('/'))
            .then(|| (self.value)())?
            .map(|value| (self.name.clone(), value))
    }
}

impl fmt::Debug for Stamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stamp")
            .field("below", &self.below)
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_below_the_address_is_stamped_and_only_with_what_is_known() {
        let known = Stamp::new("/v1", "x-a", || Some(HeaderValue::from_static("b")));
        let unknown = Stamp::new("/v1", "x-a", || None);
        for path in ["/v1", "/v1/events", "/v1/none"] {
            assert!(known.at(path).is_some(), "{path}");
            assert!(unknown.at(path).is_none(), "{path}");
        }
        for path in ["/", "/v10", "/assets/v1"] {
            assert!(known.at(path).is_none(), "{path}");
        }
    }
}
