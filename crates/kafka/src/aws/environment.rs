//! The variables of AWS: those of the process, or given ones.

use std::{collections::BTreeMap, fmt, sync::Arc};

/// Where `AWS_REGION`, `AWS_CONTAINER_CREDENTIALS_FULL_URI` and their like are read: the process's environment by default. Several clients of one process
/// can log in as different roles when each is given its own.
#[derive(Clone, Default)]
pub struct Environment(Option<Arc<BTreeMap<String, String>>>);

impl Environment {
    /// The value of a variable; an empty one counts as absent, as it does for the tools of AWS.
    pub(crate) fn get(&self, name: &str) -> Option<String> {
        let value = match &self.0 {
            Some(given) => given.get(name).cloned(),
            None => std::env::var(name).ok(),
        };
        value.filter(|value| !value.is_empty())
    }
}

impl<K: Into<String>, V: Into<String>> FromIterator<(K, V)> for Environment {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(variables: I) -> Self {
        let variables = variables
            .into_iter()
            .map(|(name, value)| (name.into(), value.into()));
        Self(Some(Arc::new(variables.collect())))
    }
}

impl fmt::Debug for Environment {
    /// Names only: values are secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Some(given) => f.debug_set().entries(given.keys()).finish(),
            None => f.write_str("the process's"),
        }
    }
}
