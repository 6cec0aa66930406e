//! What a campaign tells: a line while it runs, a table and `report.json` at its end.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use serde::Serialize;

use crate::args::Args;
use crate::audit::Audit;
use crate::faults::Fault;
use crate::scene::Scene;

const BEGIN: &str = "<!-- begin: written by `make faults` -->";
const END: &str = "<!-- end: written by `make faults` -->";

/// Shows a line of progress.
pub(crate) fn say(line: impl AsRef<str>) {
    // Nobody is left to tell when this fails.
    let _ = writeln!(std::io::stderr(), "{}", line.as_ref());
}

/// Prints to standard output.
fn print(text: &str) {
    let _ = write!(std::io::stdout(), "{text}");
}

/// One fault and what came of it. Times are seconds.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct Row {
    pub(crate) fault: String,
    pub(crate) case: String,
    /// Different events that were sent.
    pub(crate) sent: u64,
    /// Those that were answered 2xx.
    pub(crate) accepted: u64,
    /// Records in Kafka; more than `sent` when an answer got lost and the event was sent again.
    pub(crate) in_kafka: u64,
    /// Rows in `events`.
    pub(crate) stored: u64,
    /// Different uids among them.
    pub(crate) distinct: u64,
    pub(crate) dead_lettered: u64,
    pub(crate) lost: u64,
    pub(crate) doubled: u64,
    /// The longest time without an accepted request; 0 when there was none of a second.
    pub(crate) unavailable_for: f64,
    /// From the end of the fault until requests were accepted and events stored again: the later of the two.
    pub(crate) recovered_after: f64,
    pub(crate) ingest_recovered_after: f64,
    pub(crate) writer_recovered_after: f64,
    /// The longest time in which nothing was stored, from the beginning of the fault on.
    pub(crate) stalled_for: f64,
    /// Requests answered 503 or 429 with `Retry-After`.
    pub(crate) shed: u64,
    /// Requests without a usable answer.
    pub(crate) failed: u64,
    /// The most memory that a writer had resident at any time since its start.
    pub(crate) writer_memory_mib: f64,
    pub(crate) took: f64,
    pub(crate) good: bool,
    pub(crate) complaints: Vec<String>,
    pub(crate) remarks: Vec<String>,
}

impl Row {
    pub(crate) fn of(fault: &Fault) -> Self {
        Self {
            fault: fault.name.to_owned(),
            case: fault.case.to_owned(),
            good: true,
            ..Self::default()
        }
    }

    pub(crate) fn complain(&mut self, complaint: String) {
        self.complaints.push(complaint);
        self.good = false;
    }

    /// Nothing lost, nothing doubled, nothing late.
    pub(crate) fn is_good(&self) -> bool {
        self.good && self.complaints.is_empty() && self.lost == 0 && self.doubled == 0
    }

    pub(crate) fn time(
        &mut self,
        unavailable: Duration,
        ingest: Option<Duration>,
        writer: Option<Duration>,
        stalled: Duration,
    ) {
        let seconds = |time: Option<Duration>| time.unwrap_or_default().as_secs_f64();
        self.unavailable_for = unavailable.as_secs_f64();
        self.ingest_recovered_after = seconds(ingest);
        self.writer_recovered_after = seconds(writer);
        self.recovered_after = seconds(ingest.max(writer));
        self.stalled_for = stalled.as_secs_f64();
    }

    /// Takes over what the comparison found.
    pub(crate) fn take(&mut self, audit: Audit, scene: &Scene) {
        {
            let ledger = scene.client.ledger();
            self.sent = ledger.sent.len() as u64;
            self.accepted = ledger.accepted.len() as u64;
            self.shed = ledger.shed;
            self.failed = ledger.failed;
            if !ledger.refused.is_empty() {
                self.complaints
                    .push(format!("refused for good: {}", ledger.refused[0]));
            }
            if ledger.wavering > 0 {
                self.complaints.push(format!(
                    "{} uids changed from answer to answer",
                    ledger.wavering
                ));
            }
        }
        self.in_kafka = audit.in_kafka;
        self.stored = audit.stored;
        self.distinct = audit.distinct;
        self.dead_lettered = audit.dead_lettered;
        self.lost = audit.lost;
        self.doubled = audit.doubled;
        if let Some(expected) = scene.dead_letters
            && expected != audit.dead_lettered
        {
            self.complaints.push(format!(
                "{} dead letters, {expected} are right",
                audit.dead_lettered
            ));
        }
        if audit.amiss {
            self.complaints
                .push("the sets do not fit, see the remarks".to_owned());
        }
        if audit.stored != audit.distinct {
            self.complaints
                .push("there are more rows than different uids".to_owned());
        }
        self.remarks.extend(audit.remarks);
        self.good = self.is_good();
    }

    fn cells(&self) -> [String; 11] {
        let seconds = |time: f64| {
            if time == 0.0 {
                "-".to_owned()
            } else {
                format!("{time:.1} s")
            }
        };
        [
            self.fault.clone(),
            self.sent.to_string(),
            self.accepted.to_string(),
            self.stored.to_string(),
            self.distinct.to_string(),
            self.dead_lettered.to_string(),
            self.lost.to_string(),
            self.doubled.to_string(),
            seconds(self.unavailable_for),
            seconds(self.recovered_after),
            if self.is_good() { "" } else { "FAILED" }.to_owned(),
        ]
    }
}

const TITLES: [&str; 11] = [
    "fault",
    "sent",
    "accepted",
    "stored",
    "distinct",
    "dead-lettered",
    "lost",
    "doubled",
    "unavailable for",
    "recovered after",
    "",
];

/// Shows how a fault went.
pub(crate) fn show(row: &Row) {
    say(format!(
        "    {}: sent {}, accepted {}, in Kafka {}, stored {}, lost {}, doubled {}, dead-lettered {}; unavailable {:.1} s, ingest back after {:.1} s, writer after {:.1} s, nothing stored for {:.1} s; {} shed, {} failed; writer {:.0} MiB; took {:.0} s",
        if row.is_good() { "good" } else { "FAILED" },
        row.sent,
        row.accepted,
        row.in_kafka,
        row.stored,
        row.lost,
        row.doubled,
        row.dead_lettered,
        row.unavailable_for,
        row.ingest_recovered_after,
        row.writer_recovered_after,
        row.stalled_for,
        row.shed,
        row.failed,
        row.writer_memory_mib,
        row.took
    ));
    for complaint in &row.complaints {
        say(format!("    ! {complaint}"));
    }
    for remark in &row.remarks {
        say(format!("      {remark}"));
    }
}

/// Prints which faults there are.
pub(crate) fn list(faults: &[&Fault]) {
    for fault in faults {
        print(&format!(
            "{:<34} {:<9} {}\n",
            fault.name,
            if fault.reduced { "reduced" } else { "" },
            fault.about
        ));
    }
}

/// Prints the table, and writes it with the report and, when asked for, the page.
pub(crate) fn write(args: &Args, rows: &[Row]) -> anyhow::Result<()> {
    std::fs::create_dir_all(&args.out).with_context(|| format!("create {}", args.out.display()))?;
    let text = table(rows);
    print(&text);
    let json = serde_json::to_string_pretty(rows).context("write the report")?;
    for (name, content) in [("report.json", &json), ("report.txt", &text)] {
        let path = args.out.join(name);
        std::fs::write(&path, content).with_context(|| format!("write {}", path.display()))?;
    }
    let bad = rows.iter().filter(|row| !row.is_good()).count();
    say(format!(
        "{} faults, {bad} failed; lost {}, doubled {}; the report is {}",
        rows.len(),
        rows.iter().map(|row| row.lost).sum::<u64>(),
        rows.iter().map(|row| row.doubled).sum::<u64>(),
        args.out.join("report.json").display()
    ));
    if let Some(page) = &args.docs {
        renew(page, BEGIN, END, &markdown(args, rows))?;
    }
    Ok(())
}

fn table(rows: &[Row]) -> String {
    let lines: Vec<[String; 11]> = std::iter::once(TITLES.map(str::to_owned))
        .chain(rows.iter().map(Row::cells))
        .collect();
    let mut widths = [0; 11];
    for line in &lines {
        for (width, cell) in widths.iter_mut().zip(line) {
            *width = (*width).max(cell.len());
        }
    }
    let mut out = String::new();
    for line in &lines {
        for (index, (cell, width)) in line.iter().zip(widths).enumerate() {
            // Writing to a string cannot fail.
            let _ = match index {
                0 => write!(out, "{cell:<width$}"),
                _ => write!(out, " | {cell:>width$}"),
            };
        }
        out.truncate(out.trim_end_matches([' ', '|']).len());
        out.push('\n');
    }
    out
}

fn markdown(args: &Args, rows: &[Row]) -> String {
    let mut out = format!("Seed {}, {} faults", args.seed, rows.len());
    if args.patience > 1.0 {
        let _ = write!(
            out,
            "; {} times the promised time was allowed",
            args.patience
        );
    }
    out.push_str(".\n\n");
    out.push_str("| fault | sent | accepted | stored | distinct | dead-lettered | lost | doubled | unavailable for | recovered after | |\n");
    out.push_str("|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---|\n");
    for row in rows {
        let [fault, cells @ ..] = row.cells();
        let _ = writeln!(out, "| `{fault}` | {} |", cells.join(" | "));
    }
    out
}

/// Writes the block between two markers of a page anew.
pub(crate) fn renew(page: &Path, begin: &str, end: &str, block: &str) -> anyhow::Result<()> {
    let text = std::fs::read_to_string(page).with_context(|| format!("read {}", page.display()))?;
    let renewed = text.split_once(begin).and_then(|(before, rest)| {
        let (_, after) = rest.split_once(end)?;
        Some(format!("{before}{begin}\n\n{block}\n{end}{after}"))
    });
    let renewed =
        renewed.with_context(|| format!("{} lacks the markers of the block", page.display()))?;
    std::fs::write(page, renewed).with_context(|| format!("write {}", page.display()))
}
