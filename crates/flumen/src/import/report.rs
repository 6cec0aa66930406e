//! What an import tells: progress while it runs, rejects into a file, a summary at the end.

use std::{
    collections::BTreeMap,
    fs::{File, OpenOptions},
    io::{BufWriter, IsTerminal as _, Write as _},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::Context as _;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;
use serde_json::value::RawValue;

use crate::units::{per_second, short, thousands};

/// Without a terminal, progress is one line this often.
const LINE_EVERY: Duration = Duration::from_secs(5);

/// One rejected row, as it is written to the rejects file.
#[derive(Debug, Serialize)]
pub(super) struct Reject<'a> {
    pub(super) file: &'a str,
    pub(super) row: u64,
    pub(super) reason: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) status: Option<u16>,
    pub(super) detail: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) pointer: Option<&'a str>,
    /// The event that was refused: correct it and import it again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) event: Option<&'a RawValue>,
    /// The row that did not become an event.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) raw: Option<&'a str>,
}

/// Counts rejects by reason, keeps the first of each, and writes all to a file when asked.
#[derive(Debug, Default)]
pub(super) struct Rejects {
    path: Option<PathBuf>,
    file: Option<BufWriter<File>>,
    by_reason: BTreeMap<String, ByReason>,
    total: u64,
}

#[derive(Debug)]
struct ByReason {
    rows: u64,
    first: String,
}

impl Rejects {
    /// Opens the file; an import that goes on adds to it.
    pub(super) fn open(path: Option<&Path>, goes_on: bool) -> anyhow::Result<Self> {
        let file = match path {
            None => None,
            Some(path) => {
                let file = OpenOptions::new()
                    .create(true)
                    .write(true)
                    .append(goes_on)
                    .truncate(!goes_on)
                    .open(path)
                    .with_context(|| format!("open {} for rejected rows", path.display()))?;
                Some(BufWriter::new(file))
            }
        };
        Ok(Self {
            path: path.map(Path::to_owned),
            file,
            ..Self::default()
        })
    }

    pub(super) fn add(&mut self, reject: &Reject<'_>) -> anyhow::Result<()> {
        self.total += 1;
        match self.by_reason.get_mut(reject.reason) {
            Some(seen) => seen.rows += 1,
            None => {
                let first = format!("{} row {}: {}", reject.file, reject.row, reject.detail);
                self.by_reason
                    .insert(reject.reason.to_owned(), ByReason { rows: 1, first });
            }
        }
        if let Some(file) = &mut self.file {
            serde_json::to_writer(&mut *file, reject).context("write a rejected row")?;
            file.write_all(b"\n").context("write a rejected row")?;
        }
        Ok(())
    }

    /// Everything added is in the file afterwards.
    pub(super) fn flush(&mut self) -> anyhow::Result<()> {
        match &mut self.file {
            Some(file) => file.flush().context("write the rejected rows"),
            None => Ok(()),
        }
    }

    pub(super) fn total(&self) -> u64 {
        self.total
    }
}

/// What was done so far.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Totals {
    pub(super) rows: u64,
    pub(super) accepted: u64,
    pub(super) requests: u64,
    pub(super) repeated: u64,
}

/// A bar on a terminal, lines elsewhere.
#[derive(Debug)]
pub(super) struct Progress {
    bar: Option<ProgressBar>,
    started: Instant,
    last_line: Instant,
    /// Share that was done when it was looked at first, and when: the time left is told from there.
    base: Option<(Instant, f64)>,
    total_bytes: Option<u64>,
    limit: Option<u64>,
    rows_before: u64,
}

impl Progress {
    /// `rows_before` are what an earlier run has done.
    pub(super) fn start(total_bytes: Option<u64>, limit: Option<u64>, rows_before: u64) -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar =
                ProgressBar::with_draw_target(Some(1000), ProgressDrawTarget::stderr_with_hz(8));
            let style = ProgressStyle::with_template("{bar:30.cyan/black} {msg}")
                .unwrap_or_else(|_| ProgressStyle::default_bar());
            bar.set_style(style);
            bar
        });
        Self {
            bar,
            started: Instant::now(),
            last_line: Instant::now(),
            base: None,
            total_bytes,
            limit,
            rows_before,
        }
    }

    pub(super) fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    #[expect(clippy::print_stderr, reason = "progress is for the one who waits")]
    pub(super) fn show(&mut self, totals: Totals, rejected: u64, consumed: u64) {
        if self.base.is_none() {
            self.base = self
                .share(totals.rows, consumed)
                .map(|share| (Instant::now(), share));
        }
        if self.bar.is_none() && self.last_line.elapsed() < LINE_EVERY {
            return;
        }
        let line = self.line(totals, rejected, consumed);
        match &self.bar {
            Some(bar) => {
                let share = self.share(totals.rows, consumed).unwrap_or_default();
                bar.set_position((share * 1000.0) as u64);
                bar.set_message(line);
            }
            None => {
                self.last_line = Instant::now();
                eprintln!("{line}");
            }
        }
    }

    pub(super) fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }

    /// How much is done, from 0 to 1.
    fn share(&self, rows: u64, consumed: u64) -> Option<f64> {
        let by_rows = self
            .limit
            .map(|limit| (self.rows_before + rows) as f64 / limit.max(1) as f64);
        let by_bytes = self
            .total_bytes
            .map(|total| consumed as f64 / total.max(1) as f64);
        match (by_rows, by_bytes) {
            (Some(rows), Some(bytes)) => Some(rows.max(bytes).min(1.0)),
            (rows, bytes) => rows.or(bytes).map(|share| share.min(1.0)),
        }
    }

    fn line(&self, totals: Totals, rejected: u64, consumed: u64) -> String {
        let elapsed = self.started.elapsed();
        let mut line = format!(
            "{} events, {}/s",
            thousands(totals.accepted),
            thousands(per_second(totals.accepted, elapsed))
        );
        if rejected > 0 {
            line.push_str(&format!(", {} rejected", thousands(rejected)));
        }
        if totals.repeated > 0 {
            line.push_str(&format!(", {} repeats", thousands(totals.repeated)));
        }
        if let Some(share) = self.share(totals.rows, consumed) {
            line.insert_str(0, &format!("{:3.0} %  ", share * 100.0));
            if let Some((since, before)) = self.base
                && share > before
                && share < 1.0
            {
                let left = since
                    .elapsed()
                    .mul_f64(((1.0 - share) / (share - before)).min(1e6));
                line.push_str(&format!(", {} left", short(left)));
            }
        }
        line
    }
}

/// The end of an import.
pub(super) struct Summary<'a> {
    pub(super) totals: Totals,
    pub(super) rejects: &'a Rejects,
    pub(super) elapsed: Duration,
    pub(super) complete: bool,
}

impl Summary<'_> {
    #[expect(
        clippy::print_stdout,
        reason = "the summary is what the command prints"
    )]
    pub(super) fn print(&self, json: bool) {
        if json {
            println!("{}", self.json());
        } else {
            print!("{}", self.text());
        }
    }

    fn json(&self) -> serde_json::Value {
        let reasons: BTreeMap<_, _> = self
            .rejects
            .by_reason
            .iter()
            .map(|(reason, seen)| (reason, seen.rows))
            .collect();
        serde_json::json!({
            "complete": self.complete,
            "rows": self.totals.rows,
            "accepted": self.totals.accepted,
            "rejected": self.rejects.total,
            "rejected_by_reason": reasons,
            "requests": self.totals.requests,
            "repeated": self.totals.repeated,
            "seconds": self.elapsed.as_secs_f64(),
            "events_per_second": per_second(self.totals.accepted, self.elapsed),
        })
    }

    pub(super) fn text(&self) -> String {
        let mut out = format!(
            "{} of {} rows accepted in {} ({} events/s)",
            thousands(self.totals.accepted),
            thousands(self.totals.rows),
            short(self.elapsed),
            thousands(per_second(self.totals.accepted, self.elapsed)),
        );
        if self.totals.repeated > 0 {
            out.push_str(&format!(
                ", {} of {} requests repeated",
                thousands(self.totals.repeated),
                thousands(self.totals.requests)
            ));
        }
        out.push('\n');
        if self.rejects.total > 0 {
            out.push_str(&format!("{} rejected:\n", thousands(self.rejects.total)));
            for (reason, seen) in &self.rejects.by_reason {
                out.push_str(&format!(
                    "  {:>9}  {reason}  (first: {})\n",
                    thousands(seen.rows),
                    seen.first
                ));
                if reason == "time-out-of-range" {
                    out.push_str(
                        "             history is taken when ingest-api runs with a wider `accept.max_age`\n",
                    );
                }
            }
            match &self.rejects.path {
                Some(path) => out.push_str(&format!("  all of them: {}\n", path.display())),
                None => out.push_str("  --rejects FILE writes all of them\n"),
            }
        }
        out
    }
}
