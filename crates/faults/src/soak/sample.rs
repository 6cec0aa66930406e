//! What the processes cost, looked at every few seconds.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use serde::Serialize;
use tokio::task::AbortHandle;

use crate::client::Client;
use crate::scene::Scene;

/// How often.
const EVERY: Duration = Duration::from_secs(5);
/// How long a broker may take to tell the end of a partition.
const ASK: Duration = Duration::from_secs(1);

/// One look.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct Sample {
    /// Seconds since the beginning.
    pub(crate) at: f64,
    /// By process: `writer 1` is the one that is never killed.
    pub(crate) processes: BTreeMap<String, Cost>,
    /// Events accepted a second since the look before.
    pub(crate) accepted: f64,
    /// Records settled a second since the look before.
    pub(crate) settled: f64,
    /// Records in Kafka that are not settled; none when Kafka did not tell.
    pub(crate) lag: Option<i64>,
    /// Milliseconds that half, and 99 of 100, of the accepted requests took at most.
    pub(crate) p50: f64,
    pub(crate) p99: f64,
    /// Server processes of PostgreSQL, one for each connection.
    pub(crate) connections: Option<i64>,
    /// The fault that began since the look before.
    pub(crate) fault: Option<&'static str>,
}

/// What one process has.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub(crate) struct Cost {
    pub(crate) pid: u32,
    pub(crate) memory_mib: f64,
    pub(crate) handles: usize,
    pub(crate) sockets: usize,
    pub(crate) threads: u32,
}

/// Looks until it is told to stop.
pub(crate) struct Sampler {
    state: Arc<Mutex<State>>,
    task: AbortHandle,
}

#[derive(Default)]
struct State {
    samples: Vec<Sample>,
    fault: Option<&'static str>,
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Eyes {
    state: Arc<Mutex<State>>,
    client: Arc<Client>,
    stack: Arc<crate::stack::Stack>,
    topic: String,
    database: String,
    partitions: i32,
    file: PathBuf,
}

impl Sampler {
    /// Begins to look. What was seen is also written to a file every now and then, should the end not come.
    pub(crate) fn start(scene: &Scene, file: PathBuf) -> Self {
        let state = Arc::new(Mutex::new(State::default()));
        let eyes = Eyes {
            state: Arc::clone(&state),
            client: Arc::clone(&scene.client),
            stack: Arc::clone(&scene.stack),
            topic: scene.topic.clone(),
            database: scene.database.clone(),
            partitions: scene.partitions,
            file,
        };
        let task = tokio::spawn(eyes.look());
        Self {
            state,
            task: task.abort_handle(),
        }
    }

    /// A fault begins.
    pub(crate) fn mark(&self, fault: &'static str) {
        lock(&self.state).fault = Some(fault);
    }

    /// Stops, and tells what was seen.
    pub(crate) fn finish(self) -> Vec<Sample> {
        self.task.abort();
        std::mem::take(&mut lock(&self.state).samples)
    }
}

impl Eyes {
    async fn look(self) {
        let log: Option<Arc<BaseConsumer>> = ClientConfig::new()
            .set("bootstrap.servers", &self.stack.brokers)
            .create()
            .ok()
            .map(Arc::new);
        let began = Instant::now();
        let (mut last, mut accepted_before, mut settled_before) = (began, None, None);
        let mut ticks = tokio::time::interval(EVERY);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut count = 0;
        loop {
            ticks.tick().await;
            let end = self.end(log.as_ref()).await;
            let (settled, connections) = self.database().await;
            let now = Instant::now();
            let (accepted, p50, p99) = {
                let ledger = self.client.ledger();
                (
                    ledger.accepted.len(),
                    ledger.percentile(last, 50),
                    ledger.percentile(last, 99),
                )
            };
            let seconds = (now - last).as_secs_f64();
            let sample = Sample {
                at: (now - began).as_secs_f64(),
                processes: tokio::task::spawn_blocking(processes)
                    .await
                    .unwrap_or_default(),
                accepted: accepted_before
                    .map_or(0.0, |before: usize| (accepted - before) as f64 / seconds),
                settled: match (settled, settled_before) {
                    (Some(settled), Some(before)) => (settled - before) as f64 / seconds,
                    _ => 0.0,
                },
                lag: end
                    .zip(settled)
                    .map(|(end, settled)| (end - settled).max(0)),
                p50,
                p99,
                connections,
                fault: lock(&self.state).fault.take(),
            };
            (last, accepted_before) = (now, Some(accepted));
            settled_before = settled.or(settled_before);
            let mut state = lock(&self.state);
            if count > 0 {
                state.samples.push(sample);
            }
            count += 1;
            if count % 12 == 0
                && let Ok(text) = serde_json::to_string(&state.samples)
            {
                // Only for the case that the end does not come.
                let _ = fs::create_dir_all(self.file.parent().unwrap_or(&self.file));
                let _ = fs::write(&self.file, text);
            }
        }
    }

    async fn end(&self, log: Option<&Arc<BaseConsumer>>) -> Option<i64> {
        let (log, topic, partitions) = (Arc::clone(log?), self.topic.clone(), self.partitions);
        tokio::task::spawn_blocking(move || {
            (0..partitions)
                .map(|partition| Some(log.fetch_watermarks(&topic, partition, ASK).ok()?.1))
                .sum()
        })
        .await
        .ok()?
    }

    async fn database(&self) -> (Option<i64>, Option<i64>) {
        let ask = async {
            let sql = self.stack.sql(&self.database).await.ok()?;
            let row = sql
                .query_one(
                    "SELECT (SELECT sum(next_offset)::bigint FROM checkpoints WHERE topic = $1),
                            (SELECT count(*) FROM pg_stat_activity WHERE datname = current_database())",
                    &[&self.topic],
                )
                .await
                .ok()?;
            Some((row.get(0), row.get(1)))
        };
        tokio::time::timeout(ASK, ask)
            .await
            .ok()
            .flatten()
            .unwrap_or_default()
    }
}

/// The children of this process by name: services by the order of their configuration files, brokers, and the database server.
fn processes() -> BTreeMap<String, Cost> {
    let own = std::process::id();
    let mut found: BTreeMap<String, Vec<(String, u32)>> = BTreeMap::new();
    let pids = fs::read_dir("/proc").into_iter().flatten().flatten();
    for pid in pids.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok()) {
        if parent(pid) != Some(own) {
            continue;
        }
        let command = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let words: Vec<String> = command
            .split(|byte| *byte == 0)
            .map(|word| String::from_utf8_lossy(word).into_owned())
            .collect();
        let program = words[0].rsplit('/').next().unwrap_or_default();
        let name = match program {
            "java" => "broker",
            other => other,
        };
        // Tells two of a kind apart, also after a restart.
        let which = words
            .iter()
            .rev()
            .find(|word| word.ends_with(".toml") || word.ends_with(".properties"))
            .cloned()
            .unwrap_or_default();
        found.entry(name.to_owned()).or_default().push((which, pid));
    }
    let mut costs = BTreeMap::new();
    for (name, mut all) in found {
        all.sort();
        for (which, pid) in &all {
            let number = number(which).map_or(String::new(), |number| format!(" {number}"));
            costs.insert(format!("{name}{number}"), cost(*pid));
        }
    }
    costs
}

/// The number in the name of a configuration file.
fn number(path: &str) -> Option<u32> {
    let digits: String = path
        .rsplit(['/', '.'])
        .find(|part| part.chars().any(|c| c.is_ascii_digit()))?
        .chars()
        .filter(char::is_ascii_digit)
        .collect();
    digits.parse().ok()
}

fn parent(pid: u32) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name is in parentheses and may hold anything; the state and the parent follow.
    stat.rsplit(") ").next()?.split(' ').nth(1)?.parse().ok()
}

fn cost(pid: u32) -> Cost {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let field = |key: &str| {
        status.lines().find_map(|line| {
            let rest = line.strip_prefix(key)?;
            rest.split_whitespace().next()?.parse::<f64>().ok()
        })
    };
    let handles: Vec<_> = fs::read_dir(format!("/proc/{pid}/fd"))
        .into_iter()
        .flatten()
        .flatten()
        .collect();
    let sockets = handles
        .iter()
        .filter_map(|handle| fs::read_link(handle.path()).ok())
        .filter(|target| target.to_string_lossy().starts_with("socket:"))
        .count();
    Cost {
        pid,
        memory_mib: field("VmRSS:").unwrap_or_default() / 1024.0,
        handles: handles.len(),
        sockets,
        threads: field("Threads:").unwrap_or_default() as u32,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_told_apart_by_its_configuration_file() {
        assert_eq!(number("/tmp/flumen-faults-x1/writer_7.toml"), Some(7));
        assert_eq!(number("/tmp/k/broker-2/server.properties"), Some(2));
        assert_eq!(number(""), None);
    }
}
