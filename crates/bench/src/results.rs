//! Figures: what a run is about, as `results.json` keeps it.

use std::path::Path;

use anyhow::Context as _;
use serde::{Deserialize, Serialize};

use crate::progress::{say, short};
use crate::rounds::Rounds;

/// One figure beside its limit. The serialised form is the contract of `results.json`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Figure {
    /// Stable name.
    pub(crate) name: String,
    /// The median of the rounds.
    pub(crate) value: f64,
    /// What it is counted in.
    pub(crate) unit: String,
    /// What the limit is, when there is one.
    pub(crate) limit_name: Option<String>,
    /// The median of the limit's rounds.
    pub(crate) limit: Option<f64>,
    /// How near the value is to the limit: 1 is there, more is better, whatever the unit.
    pub(crate) ratio: Option<f64>,
    /// The value of each round.
    pub(crate) rounds: Vec<f64>,
    /// From the least to the greatest round of the limit, as a share of its median.
    #[serde(skip)]
    pub(crate) limit_spread: f64,
}

impl Figure {
    /// A figure without a limit.
    pub(crate) fn new(name: impl Into<String>, unit: &str, rounds: &Rounds) -> Self {
        Self {
            name: name.into(),
            value: rounds.median(),
            unit: unit.to_owned(),
            limit_name: None,
            limit: None,
            ratio: None,
            rounds: rounds.values().to_vec(),
            limit_spread: 0.0,
        }
    }

    /// Puts a limit beside it, measured in rounds that alternated with its own.
    pub(crate) fn beside(mut self, name: &str, limit: &Rounds) -> Self {
        let median = limit.median();
        self.limit_name = Some(name.to_owned());
        self.limit = Some(median);
        self.ratio = Some(if self.more_is_better() {
            self.value / median
        } else {
            median / self.value
        });
        self.limit_spread = limit.spread();
        self
    }

    /// Whether a larger value is a better one: rates are, durations and sizes are not.
    pub(crate) fn more_is_better(&self) -> bool {
        self.unit.ends_with("/s") || self.unit == "ratio"
    }

    /// From the least to the greatest round, as a share of the median.
    pub(crate) fn spread(&self) -> f64 {
        self.rounds.iter().copied().collect::<Rounds>().spread()
    }
}

/// All figures of a run, in the order they were measured.
#[derive(Debug, Default)]
pub(crate) struct Results(Vec<Figure>);

impl Results {
    /// Adds a figure and shows it.
    pub(crate) fn push(&mut self, figure: Figure) {
        let beside = match (&figure.limit_name, figure.limit, figure.ratio) {
            (Some(name), Some(limit), Some(ratio)) => {
                format!(", {ratio:.2} of {} ({name})", short(limit))
            }
            _ => String::new(),
        };
        say(format!(
            "=> {}: {} {} ±{:.0} %{beside}",
            figure.name,
            short(figure.value),
            figure.unit,
            50.0 * figure.spread()
        ));
        self.0.push(figure);
    }

    /// The figures.
    pub(crate) fn figures(&self) -> &[Figure] {
        &self.0
    }

    /// Writes `results.json`.
    pub(crate) fn write(&self, path: &Path) -> anyhow::Result<()> {
        let text = serde_json::to_vec_pretty(&self.0).context("write the results")?;
        std::fs::write(path, text).with_context(|| format!("write {}", path.display()))
    }

    /// Reads what an earlier run wrote.
    pub(crate) fn read(path: &Path) -> anyhow::Result<Self> {
        let text = std::fs::read(path).with_context(|| format!("read {}", path.display()))?;
        serde_json::from_slice(&text)
            .map(Self)
            .with_context(|| format!("understand {}", path.display()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ratio_is_better_when_it_is_larger_whatever_the_unit() {
        let rounds = |values: &[f64]| values.iter().copied().collect::<Rounds>();
        let rate = Figure::new("a", "rows/s", &rounds(&[80.0])).beside("b", &rounds(&[100.0]));
        assert_eq!(rate.ratio, Some(0.8));
        let cost = Figure::new("a", "ns/row", &rounds(&[200.0])).beside("b", &rounds(&[100.0]));
        assert_eq!(cost.ratio, Some(0.5));
    }

    #[test]
    fn the_file_has_exactly_the_keys_of_its_contract() {
        let figure = Figure::new("a", "rows/s", &[1.0].into_iter().collect());
        let json = serde_json::to_value(&figure).expect("serialises");
        let mut keys: Vec<&String> = json.as_object().expect("an object").keys().collect();
        keys.sort_unstable();
        let mut wanted = [
            "name",
            "value",
            "unit",
            "limit_name",
            "limit",
            "ratio",
            "rounds",
        ];
        wanted.sort_unstable();
        assert_eq!(keys, wanted);
    }
}
