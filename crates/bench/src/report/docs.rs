//! The generated blocks of the pages in `docs`: nothing between their markers is written by hand.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::Context as _;

use super::Chart;

/// A block of a page, by the command that writes it.
#[derive(Debug, Clone, Copy)]
pub(super) enum Block {
    /// All figures but those of the large table.
    Run,
    /// Those of the large table.
    Growth,
}

impl Block {
    fn markers(self) -> (String, String) {
        let command = match self {
            Self::Run => "make bench",
            Self::Growth => "make bench ONLY=growth",
        };
        let marker = |end: &str| format!("<!-- {end}: written by `{command}` -->");
        (marker("begin"), marker("end"))
    }
}

/// The folder of the plots, beside the page.
const FOLDER: &str = "benchmarks";

/// Writes a block anew, and the plots beside the page.
pub(super) fn renew(
    page: &Path,
    block: Block,
    table: &str,
    charts: &[&Chart],
) -> anyhow::Result<()> {
    let text = std::fs::read_to_string(page).with_context(|| format!("read {}", page.display()))?;
    let folder = page.with_file_name(FOLDER);
    std::fs::create_dir_all(&folder).with_context(|| format!("create {}", folder.display()))?;
    let mut content = table.to_owned();
    for chart in charts {
        let name = format!("{}.svg", chart.name);
        let path = folder.join(&name);
        std::fs::write(&path, chart.svg()).with_context(|| format!("write {}", path.display()))?;
        // Writing to a string cannot fail.
        let _ = write!(content, "\n![{}]({FOLDER}/{name})\n", chart.title);
    }
    let text = replace(&text, block, &content)
        .with_context(|| format!("{} lacks the markers of the block", page.display()))?;
    std::fs::write(page, text).with_context(|| format!("write {}", page.display()))
}

fn replace(text: &str, block: Block, content: &str) -> Option<String> {
    let (begin, end) = block.markers();
    let (before, rest) = text.split_once(&begin)?;
    let (_, after) = rest.split_once(&end)?;
    Some(format!("{before}{begin}\n\n{content}\n{end}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_between_the_markers_of_a_block_changes() {
        let (begin, end) = Block::Run.markers();
        let (other, last) = Block::Growth.markers();
        let rest = format!("# B\n{other}\nkept\n{last}\n");
        let page = format!("# A\n{begin}\nold\n{end}\n{rest}");
        let new = replace(&page, Block::Run, "new").expect("the markers are there");
        assert_eq!(new, format!("# A\n{begin}\n\nnew\n{end}\n{rest}"));
        assert_eq!(replace(&new, Block::Run, "new"), Some(new.clone()));
        let grown = replace(&new, Block::Growth, "grown").expect("the markers are there");
        assert!(grown.contains("new") && grown.contains("grown") && !grown.contains("kept"));
        assert_eq!(replace("no markers", Block::Run, "new"), None);
    }
}
