//! What reading costs, over two tables that are filled once each.
//!
//! | group | figures | table |
//! |---|---|---|
//! | [`page`] | `page_filtered` and `page_filtered_20m`, their latencies | both |
//! | [`export`] | `export_ndjson`, `export_memory` | the smaller |
//! | [`depth`] | `page_depth` | the smaller |
//! | [`half_load`] | `page_half_load_*` | the smaller |
//! | [`rare`] | `page_rare_source_*`; last, since it adds its sources to the table | the larger; in a quick run, which has none, the smaller |

mod depth;
mod export;
mod half_load;
mod rare;

use super::table::Table;
use super::{Bench, Failures, page};
use crate::args::Group;

pub(super) async fn run(bench: &mut Bench) -> anyhow::Result<()> {
    let args = bench.stack.args.clone();
    let mut failures = Failures::default();
    let mut sizes = Vec::new();

    let of_smaller = [
        Group::PageFiltered,
        Group::ExportNdjson,
        Group::PageDepth,
        Group::PageHalfLoad,
    ];
    let rare_in_smaller = args.quick && args.wants(Group::PageRareSource);
    if args.wants_any(&of_smaller) || rare_in_smaller {
        let table = Table::filled(&bench.stack, args.read_rows).await?;
        if args.wants(Group::PageFiltered) {
            let outcome = page::run(bench, &table, "page_filtered", &mut sizes).await;
            failures.note("page_filtered", outcome);
        }
        if args.wants(Group::ExportNdjson) {
            failures.note("export_ndjson", export::run(bench, &table).await);
        }
        if args.wants(Group::PageDepth) {
            failures.note("page_depth", depth::run(bench, &table).await);
        }
        if args.wants(Group::PageHalfLoad) {
            failures.note("page_half_load", half_load::run(bench, &table).await);
        }
        if rare_in_smaller {
            failures.note("page_rare_source", rare::run(bench, &table).await);
        }
        table.drop(&bench.stack).await?;
    }

    if !args.quick && args.wants_any(&[Group::PageFiltered, Group::PageRareSource]) {
        let table = Table::filled(&bench.stack, args.large_rows).await?;
        if args.wants(Group::PageFiltered) {
            let outcome = page::run(bench, &table, "page_filtered_20m", &mut sizes).await;
            failures.note("page_filtered_20m", outcome);
        }
        if args.wants(Group::PageRareSource) {
            failures.note("page_rare_source", rare::run(bench, &table).await);
        }
        table.drop(&bench.stack).await?;
    }
    if !sizes.is_empty() {
        bench.charts.push(page::chart(&sizes));
    }
    failures.into_result()
}
