//! The generated block of `docs/benchmarks.md`: nothing between its markers is written by hand.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::Context as _;

use super::Chart;

const BEGIN: &str = "<!-- begin: written by `make bench` -->";
const END: &str = "<!-- end: written by `make bench` -->";
/// The folder of the plots, beside the page.
const FOLDER: &str = "benchmarks";

/// Writes the block anew, and the plots beside the page.
pub(super) fn renew(page: &Path, table: &str, charts: &[Chart]) -> anyhow::Result<()> {
    let text = std::fs::read_to_string(page).with_context(|| format!("read {}", page.display()))?;
    let folder = page.with_file_name(FOLDER);
    std::fs::create_dir_all(&folder).with_context(|| format!("create {}", folder.display()))?;
    let mut block = table.to_owned();
    for chart in charts {
        let name = format!("{}.svg", chart.name);
        let path = folder.join(&name);
        std::fs::write(&path, chart.svg()).with_context(|| format!("write {}", path.display()))?;
        // Writing to a string cannot fail.
        let _ = write!(block, "\n![{}]({FOLDER}/{name})\n", chart.title);
    }
    let text = replace(&text, &block)
        .with_context(|| format!("{} lacks the markers of the block", page.display()))?;
    std::fs::write(page, text).with_context(|| format!("write {}", page.display()))
}

fn replace(text: &str, block: &str) -> Option<String> {
    let (before, rest) = text.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{BEGIN}\n\n{block}\n{END}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_between_the_markers_changes() {
        let page = format!("# A\n{BEGIN}\nold\n{END}\n# B\n");
        let new = replace(&page, "new").expect("the markers are there");
        assert_eq!(new, format!("# A\n{BEGIN}\n\nnew\n{END}\n# B\n"));
        assert_eq!(replace(&new, "new").as_deref(), Some(new.as_str()));
        assert_eq!(replace("no markers", "new"), None);
    }
}
