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
use crate::results::{Figure, Results};
use docs::Block;

/// Writes everything; the page in `docs` only when it is given.
pub(crate) fn write(
    results: &Results,
    charts: &[Chart],
    machine: &Machine,
    args: &Args,
    docs: Option<&Path>,
) -> anyhow::Result<()> {
    results.write(&args.out.join("results.json"))?;
    let table = table::markdown(results.figures(), machine, args);
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
    // The large table takes a run of its own, and has a block of its own that another run leaves alone.
    let is_growth = |figure: &&Figure| figure.name.starts_with("growth_");
    let (grown, rest): (Vec<_>, Vec<_>) = results.figures().iter().partition(is_growth);
    let (grown_charts, rest_charts): (Vec<_>, Vec<_>) =
        charts.iter().partition(|chart| chart.of_growth);
    for (block, figures, charts) in [
        (Block::Run, rest, rest_charts),
        (Block::Growth, grown, grown_charts),
    ] {
        if !figures.is_empty() {
            let table = table::markdown(figures, machine, args);
            docs::renew(page, block, &table, &charts)?;
        }
    }
    let page = page.with_file_name("scaling.md");
    for (block, text) in [
        (Block::Run, scaling),
        (Block::Growth, scaling::growth(results, args.growth_rows)),
    ] {
        if let Some(text) = text {
            docs::renew(&page, block, &text, &[])?;
        }
    }
    Ok(())
}
