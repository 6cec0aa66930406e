//! The generated block of `docs/scaling.md`: what one of each part takes, and sizes worked out from it.

use crate::progress::short;
use crate::results::Results;

/// Loads that are worked out: events a second and days they are kept.
const EXAMPLES: [(f64, f64); 4] = [
    (100.0, 365.0),
    (1_000.0, 365.0),
    (10_000.0, 90.0),
    (50_000.0, 30.0),
];
/// How much of what a part can take it is planned with: the rest is for peaks, catching up and a part that fails.
const PLANNED: f64 = 0.5;
/// Hours that Kafka keeps, to outlast an outage of the database.
const KAFKA_HOURS: f64 = 72.0;
/// Connections, and so processors, that the figure of COPY was measured with.
const CONNECTIONS: f64 = 2.0;
/// Copies of each record in Kafka, and of each row with a standby.
const KAFKA_COPIES: f64 = 3.0;

/// What the block is made of; absent where a run did not measure all of it.
struct Measured {
    ingest: f64,
    writer: f64,
    copy: f64,
    pages: f64,
    end_to_end: f64,
    table_bytes: f64,
    log_bytes: f64,
}

impl Measured {
    fn of(results: &Results) -> Option<Self> {
        let find = |name: &str| results.figures().iter().find(|figure| figure.name == name);
        let value = |name: &str| find(name).map(|figure| figure.value);
        Some(Self {
            ingest: value("ingest_batch_100")?,
            writer: value("writer_copy")?,
            copy: find("writer_copy")?.limit?,
            pages: value("page_filtered")?,
            end_to_end: value("end_to_end")?,
            table_bytes: value("disk_per_event_postgresql")?,
            log_bytes: value("disk_per_event_kafka")?,
        })
    }
}

/// The block; none when a figure it needs was not measured.
pub(super) fn markdown(results: &Results, machine: &str) -> Option<String> {
    let measured = Measured::of(results)?;
    let mut out = format!("{machine}\n");
    let mut line = |text: String| {
        out.push_str(&text);
        out.push('\n');
    };
    line("| one of | takes | figure |".into());
    line("|---|---|---|".into());
    for (part, takes, figure) in [
        (
            "ingest-api",
            format!("{} events/s in batches of 100", short(measured.ingest)),
            "`ingest_batch_100`",
        ),
        (
            "writer",
            format!("{} rows/s", short(measured.writer)),
            "`writer_copy`",
        ),
        (
            "PostgreSQL, two connections",
            format!("{} rows/s by COPY alone", short(measured.copy)),
            "limit of `writer_copy`",
        ),
        (
            "query-api",
            format!("{} pages of 100/s", short(measured.pages)),
            "`page_filtered`",
        ),
        (
            "this machine, everything on it",
            format!("{} events/s from POST to row", short(measured.end_to_end)),
            "`end_to_end`",
        ),
        (
            "event",
            format!(
                "{} B in PostgreSQL with indexes",
                short(measured.table_bytes)
            ),
            "`disk_per_event_postgresql`",
        ),
        (
            "event",
            format!("{} B in Kafka, each copy", short(measured.log_bytes)),
            "`disk_per_event_kafka`",
        ),
    ] {
        line(format!("| {part} | {takes} | {figure} |"));
    }
    line(String::new());
    line(format!(
        "Worked out from these with half of what a part takes, {KAFKA_HOURS:.0} h and {KAFKA_COPIES:.0} copies in Kafka:\n"
    ));
    line("| events/s | kept for | ingest-api | writers | partitions, at least | into Kafka, each copy | Kafka disk, all brokers | PostgreSQL | its disk, each copy |".into());
    line("|---:|---:|---:|---:|---:|---:|---:|---|---:|".into());
    for (rate, days) in EXAMPLES {
        let parts = |takes: f64| (rate / (takes * PLANNED)).ceil().max(1.0);
        let writers = parts(measured.writer);
        line(format!(
            "| {} | {days:.0} d | {} (at least 2 to survive one) | {writers} | {} | {} MB/s | {} | {} | {} |",
            short(rate),
            parts(measured.ingest),
            partitions(writers),
            short(rate * measured.log_bytes / 1e6),
            bytes(rate * KAFKA_HOURS * 3_600.0 * measured.log_bytes * KAFKA_COPIES),
            database_class(rate / (measured.copy / CONNECTIONS * PLANNED)),
            bytes(rate * days * 86_400.0 * measured.table_bytes),
        ));
    }
    Some(out)
}

/// What a thousand million rows come to, carried on from what was measured up to `rows`; none when it was not.
pub(super) fn growth(results: &Results, rows: u64) -> Option<String> {
    let find = |name: &str| {
        let mut figures = results.figures().iter();
        figures.find(|figure| figure.name == name)
    };
    let table_bytes = find("growth_disk_per_event")?.value;
    let (small, rows, billion) = (1e6_f64, rows as f64, 1e9_f64);
    // What each factor in size cost, it costs for the factors that follow.
    let factors = (billion / small).ln() / (rows / small).ln();
    let mut out = format!(
        "By arithmetic and not by a run: a thousand million rows take {} on disk, as {} rows did in proportion. If every step in size goes on \
         to cost what it did from one million to {} million rows, where what came out faster counts as noise and costs nothing:\n\n| over a thousand million rows | of the rate over one million |\n|---|---:|\n",
        bytes(billion * table_bytes),
        short(rows),
        short(rows / 1e6)
    );
    for (what, name) in [
        ("rows stored a second", "growth_writer_copy"),
        ("pages of 100 a second", "growth_page_filtered"),
    ] {
        let kept = find(name)?.value.min(1.0).powf(factors);
        out.push_str(&format!("| {what} | {} |\n", short(kept)));
    }
    Some(out)
}

/// The smallest instance whose processors store the rows and leave as many for reading; `busy` is how many the rows take.
fn database_class(busy: f64) -> String {
    let wanted = (2.0 * busy).ceil();
    let class = [
        (2.0, "large"),
        (4.0, "xlarge"),
        (8.0, "2xlarge"),
        (16.0, "4xlarge"),
        (32.0, "8xlarge"),
    ]
    .into_iter()
    .find(|(processors, _)| *processors >= wanted);
    match class {
        Some((processors, size)) => format!("{processors} vCPU (r7g.{size})"),
        None => "more than one".to_owned(),
    }
}

/// Two a lane of each writer, so that lanes stay even, and never fewer than six.
fn partitions(writers: f64) -> f64 {
    (writers * 4.0).max(6.0)
}

fn bytes(count: f64) -> String {
    if count >= 1e12 {
        format!("{} TB", short(count / 1e12))
    } else {
        format!("{} GB", short(count / 1e9))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::Figure;

    #[test]
    fn sizes_follow_from_what_was_measured() {
        let mut results = Results::default();
        let rounds = |value: f64| [value].into_iter().collect();
        for (name, value) in [
            ("ingest_batch_100", 200_000.0),
            ("page_filtered", 4_000.0),
            ("end_to_end", 80_000.0),
            ("disk_per_event_postgresql", 500.0),
            ("disk_per_event_kafka", 200.0),
        ] {
            results.push(Figure::new(name, "x", &rounds(value)));
        }
        assert!(markdown(&results, "m").is_none(), "the writer is missing");
        let writer = Figure::new("writer_copy", "rows/s", &rounds(100_000.0));
        results.push(writer.beside("COPY", &rounds(120_000.0)));
        let text = markdown(&results, "m").expect("all is there");
        assert!(
            text.contains("| 50 000 | 30 d | 1 (at least 2 to survive one) | 1 | 6 | 10.0 MB/s |"),
            "{text}"
        );
        assert!(text.contains("| 4 vCPU (r7g.xlarge) |"), "{text}");
    }

    #[test]
    fn what_a_factor_cost_it_goes_on_to_cost() {
        let mut results = Results::default();
        let rounds = |value: f64| [value].into_iter().collect();
        results.push(Figure::new(
            "growth_disk_per_event",
            "B/event",
            &rounds(500.0),
        ));
        assert!(growth(&results, 31_622_777).is_none());
        for (name, value) in [("growth_writer_copy", 0.81), ("growth_page_filtered", 1.1)] {
            results.push(Figure::new(name, "ratio", &rounds(value)));
        }
        // From a million it is twice as far to a thousand million as to 31.6 million.
        let text = growth(&results, 31_622_777).expect("all is there");
        assert!(text.contains("500 GB on disk"), "{text}");
        assert!(text.contains("| rows stored a second | 0.66 |"), "{text}");
        assert!(text.contains("| pages of 100 a second | 1.00 |"), "{text}");
    }
}
