//! The faults: how each breaks something, and makes it whole again.
//!
//! A fault is a name, what it needs on its [`Set`], the [`Bounds`] it is held against, and a function that plays it: it calls
//! [`Scene::inject`] when it begins to break things and [`Scene::heal`] when everything is whole again. Load, measuring and the comparison
//! of the sets are the campaign's.

mod clients;
mod hostile;
mod ingest;
mod kafka;
mod network;
mod postgres;
mod query;
mod rolling;
mod time;
mod writer;

use std::pin::Pin;
use std::time::Duration;

use crate::scene::{SESSION_TIMEOUT, Scene, Set};

/// What plays a fault.
pub(crate) type Play =
    for<'s> fn(&'s mut Scene) -> Pin<Box<dyn Future<Output = anyhow::Result<()>> + Send + 's>>;

/// How soon things must be well again after a fault.
#[derive(Debug, Clone)]
pub(crate) struct Bounds {
    /// Ingest answers 2xx.
    pub(crate) ingest: Duration,
    /// The writers store.
    pub(crate) writer: Duration,
    /// The longest time in which nothing is stored, when there is such a bound.
    pub(crate) stall: Option<Duration>,
    /// No request fails at a client that follows `Retry-After`.
    pub(crate) no_failed_request: bool,
}

impl Bounds {
    /// The same with so many times the time.
    pub(crate) fn times(&self, factor: f64) -> Self {
        Self {
            ingest: self.ingest.mul_f64(factor),
            writer: self.writer.mul_f64(factor),
            stall: self.stall.map(|stall| stall.mul_f64(factor)),
            no_failed_request: self.no_failed_request,
        }
    }
}

/// What is promised when nothing else is said.
const USUAL: Duration = Duration::from_secs(5);
/// After the election of leaders.
const ELECTION: Duration = Duration::from_secs(30);

/// One way to break things.
pub(crate) struct Fault {
    pub(crate) name: &'static str,
    /// The rows of the list of cases it plays.
    pub(crate) case: &'static str,
    pub(crate) about: &'static str,
    pub(crate) play: Play,
    pub(crate) set: Set,
    pub(crate) bounds: Bounds,
    /// Among the most telling ones, which are played for every change of the code.
    pub(crate) reduced: bool,
    /// Short, and may happen in the middle of others: played by the soak.
    pub(crate) soak: bool,
}

impl Fault {
    pub(super) fn new(
        name: &'static str,
        case: &'static str,
        about: &'static str,
        play: Play,
    ) -> Self {
        Self {
            name,
            case,
            about,
            play,
            set: Set::default(),
            bounds: Bounds {
                ingest: USUAL,
                writer: USUAL,
                stall: None,
                no_failed_request: false,
            },
            reduced: false,
            soak: false,
        }
    }

    /// Played for every change of the code.
    pub(super) fn reduced(mut self) -> Self {
        self.reduced = true;
        self
    }

    /// Played by the soak.
    pub(super) fn soak(mut self) -> Self {
        self.soak = true;
        self
    }

    pub(super) fn writers(mut self, count: usize) -> Self {
        self.set.writers = count;
        self
    }

    pub(super) fn ingest_apis(mut self, count: usize) -> Self {
        self.set.ingest = count;
        self
    }

    /// With a query-api, and a reader that follows its feed all the time.
    pub(super) fn with_reader(self) -> Self {
        self.query_apis(1)
    }

    /// With so many query-apis behind a load balancer, and a reader that follows the feed all the time.
    pub(super) fn query_apis(mut self, count: usize) -> Self {
        self.set.query = count;
        self
    }

    /// Without load: the fault sends for itself.
    pub(super) fn without_load(mut self) -> Self {
        self.set.pace = None;
        self
    }

    pub(super) fn set_ingest(mut self, setting: &str) -> Self {
        self.set.ingest_settings.push(setting.to_owned());
        self
    }

    pub(super) fn set_query(mut self, setting: &str) -> Self {
        self.set.query_settings.push(setting.to_owned());
        self
    }

    pub(super) fn set_writer(mut self, setting: &str) -> Self {
        self.set.writer_settings.push(setting.to_owned());
        self
    }

    /// Leaders are elected: ingest and writer have the time of an election.
    pub(super) fn election(mut self) -> Self {
        self.bounds.ingest = ELECTION;
        self.bounds.writer = ELECTION;
        self
    }

    /// A member of the group dies without leaving: its partitions stand still until the group gives it up.
    pub(super) fn member_dies(mut self) -> Self {
        self.bounds.writer = SESSION_TIMEOUT + USUAL;
        self
    }

    pub(super) fn bounds(mut self, change: impl FnOnce(&mut Bounds)) -> Self {
        change(&mut self.bounds);
        self
    }
}

/// All of them, in the order in which they are played.
pub(crate) fn all() -> Vec<Fault> {
    [
        writer::faults(),
        ingest::faults(),
        kafka::faults(),
        query::faults(),
        network::faults(),
        postgres::faults(),
        hostile::faults(),
        clients::faults(),
        time::faults(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_has_a_name_of_its_own() {
        let all = all();
        let names: std::collections::HashSet<_> = all.iter().map(|fault| fault.name).collect();
        assert_eq!(names.len(), all.len());
    }
}
