//! docs/metrics.md, a section for each service, made of what its registry tells of itself.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use prometheus_client::registry::Registry;

const DOCUMENT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/metrics.md");
const WRITE: &str = "FLUMEN_WRITE_METRICS";

/// One metric as its lines tell it.
#[derive(Debug, Default)]
struct Told {
    kind: String,
    help: String,
    labels: Vec<(String, Vec<String>)>,
}

/// Holds the section of that title in docs/metrics.md against the registry; for tests. Metrics that have no value are not told, so
/// families without one must be given a series before, with `…` where a label's values are not known beforehand.
///
/// With `FLUMEN_WRITE_METRICS=1` in the environment it writes the section instead.
///
/// # Panics
/// When the section is not what the registry tells.
pub fn check_section(title: &str, registry: &Registry) {
    let document = std::fs::read_to_string(DOCUMENT).expect("docs/metrics.md can be read");
    let (begin, end) = (
        format!("<!-- begin: {title} -->\n"),
        format!("<!-- end: {title} -->"),
    );
    let (before, rest) = document
        .split_once(&begin)
        .unwrap_or_else(|| panic!("docs/metrics.md has no line {begin}"));
    let (committed, after) = rest
        .split_once(&end)
        .unwrap_or_else(|| panic!("docs/metrics.md has no line {end}"));
    let current = table(&super::render(registry));
    if committed == current {
        return;
    }
    assert!(
        std::env::var_os(WRITE).is_some(),
        "docs/metrics.md is not what {title} tells of itself; write it again with\n  {WRITE}=1 cargo test -p service -p ingest-api -p writer -p query-api -p alert-relay --lib metrics\n{current}"
    );
    let written = format!("{before}{begin}{current}{end}{after}");
    std::fs::write(DOCUMENT, written).expect("docs/metrics.md can be written");
}

/// The text of a registry as a table in Markdown, by name.
fn table(text: &str) -> String {
    let mut out =
        "\n| metric | type | unit | labels | meaning |\n|---|---|---|---|---|\n".to_owned();
    for (name, told) in read(text) {
        let shown = if told.kind == "counter" {
            format!("{name}_total")
        } else {
            name.clone()
        };
        let labels: Vec<String> = told.labels.iter().map(label).collect();
        // Writing to a string does not fail.
        let _ = writeln!(
            out,
            "| `{shown}` | {} | {} | {} | {} |",
            told.kind,
            unit(&name),
            labels.join("; "),
            told.help.trim_end_matches('.').replace('|', "\\|"),
        );
    }
    out.push('\n');
    out
}

/// The label, with its values where they are always the same.
fn label((name, values): &(String, Vec<String>)) -> String {
    if values.len() < 2 {
        return format!("`{name}`");
    }
    format!("`{name}`: {}", values.join(", "))
}

fn unit(name: &str) -> &'static str {
    if name.ends_with("_timestamp_seconds") || name.ends_with("start_time_seconds") {
        "seconds since 1970"
    } else if name.ends_with("_seconds") {
        "seconds"
    } else if name.ends_with("_bytes") || name.contains("_bytes_") {
        "bytes"
    } else {
        ""
    }
}

fn read(text: &str) -> BTreeMap<String, Told> {
    let mut metrics = BTreeMap::<String, Told>::new();
    let mut last = String::new();
    for line in text.lines() {
        if let Some((name, help)) = line
            .strip_prefix("# HELP ")
            .and_then(|rest| rest.split_once(' '))
        {
            last = name.to_owned();
            metrics.entry(last.clone()).or_default().help = help.to_owned();
        } else if let Some((name, kind)) = line
            .strip_prefix("# TYPE ")
            .and_then(|rest| rest.split_once(' '))
        {
            metrics.entry(name.to_owned()).or_default().kind = kind.to_owned();
        } else if !line.starts_with('#')
            && let Some(told) = metrics.get_mut(&last)
        {
            for (name, value) in labels(line) {
                if name == "le" {
                    continue;
                }
                let values = match told.labels.iter_mut().find(|(known, _)| *known == name) {
                    Some((_, values)) => values,
                    None => {
                        told.labels.push((name, Vec::new()));
                        let (_, values) = told.labels.last_mut().expect("just pushed");
                        values
                    }
                };
                if let Err(place) = values.binary_search(&value) {
                    values.insert(place, value);
                }
            }
        }
    }
    metrics
}

/// The labels of a line. None of those values that are made here has a quotation mark.
fn labels(line: &str) -> Vec<(String, String)> {
    let inner = line.split_once('{').and_then(|(_, rest)| {
        let (inner, _) = rest.rsplit_once('}')?;
        Some(inner)
    });
    inner
        .unwrap_or_default()
        .split("\",")
        .filter_map(|pair| pair.split_once("=\""))
        .map(|(name, value)| (name.to_owned(), value.trim_end_matches('"').to_owned()))
        .collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::metrics::{HttpMetrics, registry};

    #[test]
    fn the_documentation_tells_every_metric_that_all_services_have() {
        check_section("every service", &registry("…", "…"));
        let mut http = Registry::default();
        let metrics = HttpMetrics::register(&mut http);
        metrics.observe("…", ("…", 0), Duration::ZERO, None);
        check_section("requests", &http);
    }

    #[test]
    fn a_metric_is_told_with_its_unit_and_the_values_that_its_labels_can_have() {
        let text = "# HELP a_seconds What it is | was.\n# TYPE a_seconds histogram\na_seconds_sum{step=\"x\"} 0.0\na_seconds_bucket{le=\"1.0\",step=\"x\"} 0\na_seconds_sum{step=\"y\"} 0.0\n# HELP b_bytes Bytes.\n# TYPE b_bytes counter\nb_bytes_total{source=\"…\"} 1\n# EOF\n";
        let told = table(text);
        let lines: Vec<&str> = told.lines().skip(3).collect();
        assert_eq!(
            lines,
            [
                "| `a_seconds` | histogram | seconds | `step`: x, y | What it is \\| was |",
                "| `b_bytes_total` | counter | bytes | `source` | Bytes |",
                "",
            ]
        );
    }
}
