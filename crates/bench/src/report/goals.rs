//! What each figure is meant to reach, where something was promised.

use crate::results::Figure;

/// A promise.
enum Goal {
    /// This near to the limit.
    Ratio(f64),
    /// At least so much.
    AtLeast(f64),
    /// At most so much.
    AtMost(f64),
}

const GOALS: &[(&str, Goal)] = &[
    ("writer_copy", Goal::Ratio(0.85)),
    ("writer_copy_narrow", Goal::AtLeast(200_000.0)),
    ("writer_encode", Goal::AtMost(400.0)),
    ("ingest_batch_100", Goal::Ratio(0.7)),
    ("ingest_single_64", Goal::AtLeast(30_000.0)),
    ("ingest_single_64_p99", Goal::AtMost(10.0)),
    ("ingest_single_256", Goal::AtLeast(50_000.0)),
    ("ingest_single_512", Goal::Ratio(0.5)),
    ("end_to_end", Goal::Ratio(0.6)),
    ("freshness_p99", Goal::AtMost(300.0)),
    ("page_filtered", Goal::Ratio(0.6)),
    ("page_filtered_20m", Goal::Ratio(0.6)),
    ("page_filtered_p99", Goal::AtMost(40.0)),
    ("page_half_load_p99", Goal::AtMost(50.0)),
    ("page_rare_source_p99", Goal::AtMost(20.0)),
    // Within 1.2 of what page 1 costs.
    ("page_depth", Goal::Ratio(0.83)),
    ("export_ndjson", Goal::Ratio(0.5)),
    ("export_memory", Goal::AtMost(64.0)),
    // A thousand tails at a thousand a second, less what the last events take.
    ("tails", Goal::AtLeast(900_000.0)),
    ("tails_memory", Goal::AtMost(128.0)),
    ("growth_writer_copy", Goal::Ratio(0.8)),
    ("growth_page_filtered", Goal::Ratio(0.8)),
    ("startup_ingest_api", Goal::AtMost(300.0)),
    ("startup_writer", Goal::AtMost(300.0)),
    ("startup_query_api", Goal::AtMost(300.0)),
    ("memory_ingest_api", Goal::AtMost(64.0)),
    ("memory_writer", Goal::AtMost(128.0)),
    ("memory_query_api", Goal::AtMost(64.0)),
    ("cpu_per_event_ingest_api", Goal::AtMost(3.0)),
];

/// The goal of a figure in words, and whether it is met.
pub(super) fn of(figure: &Figure) -> Option<(String, bool)> {
    let (_, goal) = GOALS.iter().find(|(name, _)| *name == figure.name)?;
    Some(match goal {
        Goal::Ratio(least) => (
            format!("ratio ≥ {least}"),
            figure.ratio.is_some_and(|ratio| ratio >= *least),
        ),
        Goal::AtLeast(least) => (
            format!("≥ {}", crate::progress::short(*least)),
            figure.value >= *least,
        ),
        Goal::AtMost(most) => (format!("≤ {most}"), figure.value <= *most),
    })
}
