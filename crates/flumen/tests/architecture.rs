//! The rules of ARCHITECTURE.md about who may depend on whom, held against what cargo says.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;

/// Our crates and those of ours that each may use in what it ships.
const ALLOWED: &[(&str, &[&str])] = &[
    ("event", &[]),
    ("units", &[]),
    ("service", &["units"]),
    ("kafka", &["units"]),
    ("store", &["event", "units"]),
    ("ingest-api", &["event", "kafka", "service", "units"]),
    ("writer", &["event", "kafka", "service", "store", "units"]),
    ("query-api", &["event", "service", "store", "units"]),
    // Alerts about Kafka and PostgreSQL must arrive when those are down: it knows neither.
    ("alert-relay", &["service", "units"]),
    // Its feature `testing` makes topics and databases, hence kafka and store.
    ("devstack", &["kafka", "store"]),
    (
        "flumen",
        &["devstack", "event", "kafka", "service", "store", "units"],
    ),
    // Measures the others, and the drivers without them.
    (
        "bench",
        &["devstack", "event", "flumen", "kafka", "service", "store"],
    ),
    // Breaks the services, which it runs as processes, and looks at Kafka and PostgreSQL itself.
    (
        "faults",
        &["devstack", "event", "kafka", "service", "store"],
    ),
];

/// A driver and the crates its types may appear in. The benchmarks measure the limit that a driver shows by itself.
const DRIVERS: &[(&str, &[&str])] = &[
    ("rdkafka", &["bench", "faults", "kafka"]),
    ("kafka-protocol", &["kafka"]),
    // devstack: only its feature `testing`, to make and drop the databases of tests.
    ("tokio-postgres", &["bench", "devstack", "faults", "store"]),
    ("deadpool-postgres", &["store"]),
    (
        "actix-web",
        &["alert-relay", "bench", "service", "ingest-api", "query-api"],
    ),
];

#[test]
fn crates_depend_in_one_direction_only() {
    for (name, uses) in shipped_dependencies() {
        let allowed = allowed_for(&name);
        let ours: Vec<_> = uses
            .iter()
            .filter(|used| ALLOWED.iter().any(|(known, _)| known == used))
            .filter(|used| !allowed.contains(&used.as_str()))
            .collect();
        assert!(
            ours.is_empty(),
            "crates/{name} must not depend on {ours:?}; ARCHITECTURE.md has the rules"
        );
    }
}

#[test]
fn drivers_stop_at_the_crate_that_owns_them() {
    for (name, uses) in shipped_dependencies() {
        for (driver, owners) in DRIVERS {
            assert!(
                !uses.contains(*driver) || owners.contains(&name.as_str()),
                "crates/{name} uses {driver}, whose types stop at {owners:?}"
            );
        }
    }
}

#[test]
fn the_event_crate_does_no_io() {
    let shipped = shipped_dependencies();
    let uses = &shipped["event"];
    for forbidden in ["tokio", "mio", "reqwest", "actix-web", "tracing"] {
        assert!(!uses.contains(forbidden), "crates/event uses {forbidden}");
    }
}

#[test]
fn accepting_an_event_knows_nothing_of_postgresql() {
    let shipped = shipped_dependencies();
    let uses = &shipped["ingest-api"];
    for forbidden in ["store", "tokio-postgres", "deadpool-postgres"] {
        assert!(
            !uses.contains(forbidden),
            "ingest-api uses {forbidden}: it would no longer stay up with PostgreSQL down"
        );
    }
}

fn allowed_for(name: &str) -> &'static [&'static str] {
    ALLOWED
        .iter()
        .find(|(known, _)| *known == name)
        .map(|(_, allowed)| *allowed)
        .unwrap_or_else(|| panic!("crates/{name} is new: say here what it may depend on"))
}

/// Every crate of the workspace with the names of its normal (not dev, not build) dependencies.
fn shipped_dependencies() -> BTreeMap<String, BTreeSet<String>> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version=1", "--no-deps", "--offline"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo can be run");
    assert!(output.status.success(), "cargo metadata failed");
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("cargo prints JSON");
    packages(&metadata)
        .map(|package| {
            let name = text(&package["name"]);
            let uses = package["dependencies"]
                .as_array()
                .expect("a package lists its dependencies")
                .iter()
                .filter(|dependency| dependency["kind"].is_null())
                .map(|dependency| text(&dependency["name"]))
                .collect();
            (name, uses)
        })
        .collect()
}

fn packages(metadata: &Value) -> impl Iterator<Item = &Value> {
    metadata["packages"]
        .as_array()
        .expect("metadata lists packages")
        .iter()
}

fn text(value: &Value) -> String {
    value.as_str().expect("a name is a string").to_owned()
}
