//! The table in Markdown.

use std::fmt::Write as _;

use super::{Machine, goals};
use crate::args::Args;
use crate::progress::short;
use crate::results::Figure;

/// The machine, then a line for each figure.
pub(super) fn markdown<'f>(
    figures: impl IntoIterator<Item = &'f Figure>,
    machine: &Machine,
    args: &Args,
) -> String {
    let mut out = String::new();
    let kind = if args.quick {
        "A quick run"
    } else {
        "A full run"
    };
    let rounds = args.rounds();
    // Writing to a string cannot fail.
    let _ = writeln!(
        out,
        "{kind}: the median of {rounds} rounds that alternate with those of the limit; ± is half the distance between the least and the greatest.\n"
    );
    if !args.set.is_empty() {
        let _ = writeln!(
            out,
            "Not at the defaults, so not for the record: `{}`.\n",
            args.set.join("`, `")
        );
    }
    let _ = writeln!(out, "{}", machine.markdown());
    out.push_str("| figure | value | | limit, measured beside it | | ratio | goal | |\n");
    out.push_str("|---|---:|---:|---|---:|---:|---|---|\n");
    for figure in figures {
        let noise = |spread: f64| format!("±{:.0} %", 50.0 * spread);
        let (limit, limit_noise) = match (figure.limit, &figure.limit_name) {
            (Some(limit), Some(name)) => (
                format!("{} ({name})", short(limit)),
                noise(figure.limit_spread),
            ),
            _ => Default::default(),
        };
        let ratio = figure.ratio.map(|ratio| format!("{ratio:.2}"));
        let (goal, verdict) = match goals::of(figure) {
            Some((goal, true)) => (goal, "met"),
            Some((goal, false)) => (goal, "**missed**"),
            None => (String::new(), ""),
        };
        let _ = writeln!(
            out,
            "| `{}` | {} {} | {} | {limit} | {limit_noise} | {} | {goal} | {verdict} |",
            figure.name,
            short(figure.value),
            figure.unit,
            noise(figure.spread()),
            ratio.unwrap_or_default(),
        );
    }
    out
}
