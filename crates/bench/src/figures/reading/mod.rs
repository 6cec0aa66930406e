//! What reading costs, apart from how many pages a second there are: all of it over one table, which is filled once.
//!
//! | group | figures |
//! |---|---|
//! | [`export`] | `export_ndjson`, `export_memory` |
//! | [`depth`] | `page_depth` |
//! | [`half_load`] | `page_half_load_*` |
//! | [`rare`] | `page_rare_source_*`; last, since it adds its sources to the table |

mod depth;
mod export;
mod half_load;
mod rare;

use super::{Bench, Failures, page};
use crate::args::Group;
use crate::progress::{say, short};
use crate::stack::{Database, Topic};

/// What the figures read.
struct Table {
    topic: Topic,
    database: Database,
    rows: u64,
}

pub(super) async fn run(bench: &mut Bench) -> anyhow::Result<()> {
    let rows = bench.stack.args.read_rows;
    say(format!(
        "reading: filling a table with {} rows",
        short(rows as f64)
    ));
    let table = Table {
        topic: Topic::create(&bench.stack).await?,
        database: Database::create(&bench.stack).await?,
        rows,
    };
    page::fill(&bench.stack, &table.database, rows).await?;
    let args = bench.stack.args.clone();
    let mut failures = Failures::default();
    if args.wants(Group::ExportNdjson) {
        failures.note("export_ndjson", export::run(bench, &table).await);
    }
    if args.wants(Group::PageDepth) {
        failures.note("page_depth", depth::run(bench, &table).await);
    }
    if args.wants(Group::PageHalfLoad) {
        failures.note("page_half_load", half_load::run(bench, &table).await);
    }
    if args.wants(Group::PageRareSource) {
        failures.note("page_rare_source", rare::run(bench, &table).await);
    }
    table.database.drop().await?;
    table.topic.drop(&bench.stack).await?;
    failures.into_result()
}
