//! What a run leaves behind: `results.json`, a table in Markdown, plots, and the page in `docs/` with all of them.

mod docs;
mod goals;
mod machine;
mod plot;
mod scaling;
mod table;

pub(crate) use machine::Machine;
pub(crate) use plot::{Chart, Scale};

use std::path::Path;

use anyhow::Context as _;

use crate::args::Args;
use crate::results::Results;

/// Writes everything; the page in `docs` only when it is given.
pub(crate) fn write(
    results: &Results,
    charts: &[Chart],
    machine: &Machine,
    args: &Args,
    docs: Option<&Path>,
) -> anyhow::Result<()> {
    results.write(&args.out.join("results.json"))?;
    let table = table::markdown(results, machine, args);
    let path = args.out.join("results.md");
    std::fs::write(&path, &table).with_context(|| format!("write {}", path.display()))?;
    for chart in charts {
        let path = args.out.join(format!("{}.svg", chart.name));
        std::fs::write(&path, chart.svg()).with_context(|| format!("write {}", path.display()))?;
    }
    let scaling = scaling::markdown(results, &machine.markdown());
    if let Some(scaling) = &scaling {
        let path = args.out.join("scaling.md");
        std::fs::write(&path, scaling).with_context(|| format!("write {}", path.display()))?;
    }
    let Some(page) = docs else {
        return Ok(());
    };
    docs::renew(page, &table, charts)?;
    match scaling {
        Some(scaling) => docs::renew(&page.with_file_name("scaling.md"), &scaling, &[]),
        None => Ok(()),
    }
}
