//! What the services cost at full load: gathered while the other figures are measured.

use std::collections::BTreeMap;

use super::Bench;
use crate::results::Figure;
use crate::rounds::Rounds;
use crate::stack::{Cost, Program};

/// Peaks of memory by service and group of figures.
#[derive(Debug, Default)]
pub(crate) struct Usage(BTreeMap<(&'static str, &'static str), Rounds>);

impl Usage {
    /// Notes the peak of one round.
    pub(super) fn note(&mut self, program: Program, group: &'static str, cost: Cost) {
        self.0
            .entry((program.name(), group))
            .or_default()
            .push(cost.peak_mib);
    }
}

/// Adds a figure for each service: the median of the group that took most.
pub(super) fn report(bench: &mut Bench) {
    for program in [Program::Ingest, Program::Writer, Program::Query] {
        let groups = bench.usage.0.iter();
        let heaviest = groups
            .filter(|((service, _), _)| *service == program.name())
            .max_by(|(_, one), (_, other)| one.median().total_cmp(&other.median()));
        if let Some((_, rounds)) = heaviest {
            let name = format!("memory_{}", program.name().replace('-', "_"));
            let figure = Figure::new(name, "MiB", rounds);
            bench.results.push(figure);
        }
    }
}
