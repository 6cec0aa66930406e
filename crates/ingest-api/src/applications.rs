//! Events by application, which is their `source`: who sends how much, and whose events are wrong.
//!
//! Sources are what clients write, so only so many of them are told apart (`metrics.max_sources`), the first that come; all others
//! share the series [`OTHER`]. Counted is once for each run of events of one source, which mostly is once a request, and a known
//! source costs a comparison for each event and neither a lock nor memory.
//!
//! An event that cannot be read has no source that could be trusted: it counts for that of the event before it in its request, or else
//! after it; a request without any readable event counts for `key` and the name of the key that sent it.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

use crate::sink::Verdict;

/// All sources beyond those that are told apart.
const OTHER: &str = "other";

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Label {
    source: String,
    outcome: &'static str,
}

/// The handles of one source.
#[derive(Debug)]
struct Application {
    accepted: Counter,
    rejected: Counter,
    failed: Counter,
}

/// Cloning gives another handle to the same counts.
#[derive(Debug, Clone)]
pub(crate) struct Applications {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    events: Family<Label, Counter>,
    most: usize,
    known: ArcSwap<HashMap<String, Arc<Application>>>,
    /// Held while one is added.
    adding: Mutex<()>,
    other: Arc<Application>,
}

impl Applications {
    /// Registers `flumen_ingest_source_events_total` for at most so many sources.
    pub(crate) fn register(registry: &mut Registry, most: usize) -> Self {
        let events = Family::default();
        registry.register(
            "flumen_ingest_source_events",
            "Events by application, which is their source, and what became of them; beyond metrics.max_sources of them as other",
            events.clone(),
        );
        let other = Arc::new(Application::new(&events, OTHER));
        Self {
            shared: Arc::new(Shared {
                events,
                most,
                known: ArcSwap::default(),
                adding: Mutex::default(),
                other,
            }),
        }
    }

    /// Begins to count a request of the key of this name.
    pub(crate) fn request<'e>(&'e self, key: &'e str) -> Tally<'e> {
        Tally {
            shared: &self.shared,
            key,
            previous: Cow::Borrowed(""),
            first: Run::default(),
            rest: Vec::new(),
        }
    }
}

impl Application {
    fn new(events: &Family<Label, Counter>, source: &str) -> Self {
        let [accepted, rejected, failed] = ["accepted", "rejected", "failed"].map(|outcome| {
            events.get_or_create_owned(&Label {
                source: source.to_owned(),
                outcome,
            })
        });
        Self {
            accepted,
            rejected,
            failed,
        }
    }
}

impl Shared {
    fn known(&self, source: &str) -> Option<Arc<Application>> {
        self.known.load().get(source).cloned()
    }

    /// The handles of a source, from now on its own ones when there is room.
    fn get(&self, source: &str) -> Arc<Application> {
        if let Some(known) = self.known(source) {
            return known;
        }
        if self.known.load().len() >= self.most {
            return Arc::clone(&self.other);
        }
        let _adding = self.adding.lock().unwrap_or_else(PoisonError::into_inner);
        let known = self.known.load_full();
        // Another thread may have come first.
        if let Some(known) = known.get(source) {
            return Arc::clone(known);
        }
        if known.len() >= self.most || source == OTHER {
            return Arc::clone(&self.other);
        }
        let added = Arc::new(Application::new(&self.events, source));
        let mut known = HashMap::clone(&known);
        known.insert(source.to_owned(), Arc::clone(&added));
        self.known.store(Arc::new(known));
        added
    }
}

/// Events of one request that follow each other and count for one application.
#[derive(Debug, Default)]
struct Run {
    /// `None` until an event could be read.
    application: Option<Arc<Application>>,
    events: usize,
}

/// Counts the events of one request, in their order.
#[derive(Debug)]
pub(crate) struct Tally<'e> {
    shared: &'e Shared,
    key: &'e str,
    /// The source of the event before; empty when it could not be read, or was not one's own.
    previous: Cow<'e, str>,
    /// Most requests have one run, which costs no memory.
    first: Run,
    rest: Vec<Run>,
}

impl<'e> Tally<'e> {
    /// The next event could not be read.
    pub(crate) fn unread(&mut self) {
        self.run().events += 1;
    }

    /// The next event is of a source that its key may not send: it counts, and makes no series.
    pub(crate) fn forbidden(&mut self, source: &str) {
        let known = self.shared.known(source);
        self.previous = Cow::Borrowed("");
        self.add(known.unwrap_or_else(|| Arc::clone(&self.shared.other)));
    }

    /// The next event is to be sent.
    pub(crate) fn sent(&mut self, source: Cow<'e, str>) {
        if source == self.previous {
            self.run().events += 1;
            return;
        }
        self.add(self.shared.get(&source));
        self.previous = source;
    }

    fn run(&mut self) -> &mut Run {
        self.rest.last_mut().unwrap_or(&mut self.first)
    }

    fn add(&mut self, application: Arc<Application>) {
        let run = self.run();
        match &run.application {
            None => run.application = Some(application),
            Some(known) if Arc::ptr_eq(known, &application) => {}
            Some(_) => {
                self.rest.push(Run {
                    application: Some(application),
                    events: 1,
                });
                return;
            }
        }
        run.events += 1;
    }

    /// Counts what became of the events, one verdict for each.
    pub(crate) fn count(self, mut verdicts: &[Verdict]) {
        let Self {
            shared,
            key,
            first,
            rest,
            ..
        } = self;
        for run in std::iter::once(first).chain(rest) {
            let (own, others) = verdicts.split_at(run.events.min(verdicts.len()));
            verdicts = others;
            let (mut accepted, mut failed) = (0, 0);
            for verdict in own {
                match verdict {
                    Verdict::Accepted(_) => accepted += 1,
                    Verdict::Failed(_) => failed += 1,
                    Verdict::Rejected(_) | Verdict::Forbidden(_) => {}
                }
            }
            let rejected = own.len() as u64 - accepted - failed;
            let application = run
                .application
                .unwrap_or_else(|| shared.get(&format!("key {key}")));
            application.accepted.inc_by(accepted);
            application.rejected.inc_by(rejected);
            application.failed.inc_by(failed);
        }
    }
}

#[cfg(test)]
mod tests {
    use event::{Rejection, RejectionKind, Timestamp, Uid};
    use kafka::SendError;

    use super::*;

    fn accepted() -> Verdict {
        Verdict::Accepted(Uid::of(Timestamp::from_micros(0), "a", "1"))
    }

    fn rejected() -> Verdict {
        Verdict::Rejected(Rejection {
            kind: RejectionKind::TooLarge,
            detail: String::new(),
            pointer: None,
        })
    }

    fn applications(most: usize) -> (Registry, Applications) {
        let mut registry = Registry::default();
        let applications = Applications::register(&mut registry, most);
        (registry, applications)
    }

    /// The counts of a source that are not zero.
    fn told(registry: &Registry, source: &str) -> Vec<String> {
        let text = service::metrics::render(registry);
        let begin = format!("flumen_ingest_source_events_total{{source=\"{source}\",outcome=\"");
        text.lines()
            .filter_map(|line| line.strip_prefix(&begin))
            .filter(|line| !line.ends_with(" 0"))
            .map(|line| line.replace("\"}", ""))
            .collect()
    }

    fn sorted(mut lines: Vec<String>) -> Vec<String> {
        lines.sort();
        lines
    }

    #[test]
    fn an_event_that_cannot_be_read_counts_for_its_neighbours_source() {
        let (registry, applications) = applications(10);
        let mut tally = applications.request("shops");
        tally.unread();
        tally.sent("shop".into());
        tally.sent("shop".into());
        tally.sent("billing".into());
        tally.unread();
        let failed = || Verdict::Failed(SendError::TimedOut);
        let verdicts = [rejected(), accepted(), failed(), accepted(), rejected()];
        tally.count(&verdicts);
        assert_eq!(
            sorted(told(&registry, "shop")),
            ["accepted 1", "failed 1", "rejected 1"]
        );
        assert_eq!(
            sorted(told(&registry, "billing")),
            ["accepted 1", "rejected 1"]
        );
    }

    #[test]
    fn a_request_that_cannot_be_read_at_all_counts_for_its_key() {
        let (registry, applications) = applications(10);
        let mut tally = applications.request("shop, staging");
        tally.unread();
        tally.unread();
        tally.count(&[rejected(), rejected()]);
        assert_eq!(told(&registry, "key shop, staging"), ["rejected 2"]);
    }

    #[test]
    fn sources_beyond_the_most_are_counted_as_other() {
        let (registry, applications) = applications(2);
        for source in ["a", "b", "c", "a", "other", "d"] {
            let mut tally = applications.request("key");
            tally.sent(source.into());
            tally.count(&[accepted()]);
        }
        for (source, count) in [("a", 2), ("b", 1), ("other", 3)] {
            assert_eq!(
                told(&registry, source),
                [format!("accepted {count}")],
                "{source}"
            );
        }
        let text = service::metrics::render(&registry);
        assert_eq!(
            text.matches("outcome=\"accepted\"").count(),
            3,
            "no series for what is beyond:\n{text}"
        );
    }

    #[test]
    fn a_source_that_a_key_may_not_send_makes_no_series() {
        let (registry, applications) = applications(10);
        let mut tally = applications.request("key");
        tally.sent("shop".into());
        tally.forbidden("bank");
        tally.sent("shop".into());
        let forbidden = Verdict::Forbidden("bank".to_owned());
        tally.count(&[accepted(), forbidden, accepted()]);
        assert_eq!(told(&registry, "shop"), ["accepted 2"]);
        assert_eq!(told(&registry, "other"), ["rejected 1"]);
        assert!(!service::metrics::render(&registry).contains("bank"));
    }

    #[test]
    fn a_hostile_source_stays_within_its_label() {
        let (registry, applications) = applications(10);
        let mut tally = applications.request("key");
        tally.sent("a\"} 1\nup 0".into());
        tally.count(&[accepted()]);
        let text = service::metrics::render(&registry);
        assert!(text.contains(r#"source="a\"} 1\nup 0""#), "{text}");
    }
}
