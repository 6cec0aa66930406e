//! The regression guard: what got worse since an earlier run, by more than the rounds differ among themselves.

use crate::progress::{say, short};
use crate::results::{Figure, Results};

/// Says how every figure moved, and returns the names of those that got worse.
pub(crate) fn compare(before: &Results, now: &Results) -> Vec<String> {
    let mut worse = Vec::new();
    for figure in now.figures() {
        let Some(old) = before.figures().iter().find(|old| old.name == figure.name) else {
            continue;
        };
        let verdict = verdict(old, figure);
        say(format!(
            "{:<32} {:>12} -> {:>12} {:<10} {}",
            figure.name,
            short(old.value),
            short(figure.value),
            figure.unit,
            verdict.word()
        ));
        if verdict == Verdict::Worse {
            worse.push(figure.name.clone());
        }
    }
    worse
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Better,
    WithinTheNoise,
    Worse,
}

impl Verdict {
    fn word(self) -> &'static str {
        match self {
            Self::Better => "better",
            Self::WithinTheNoise => "within the noise",
            Self::Worse => "WORSE",
        }
    }
}

/// Three rounds may agree by chance: below this share of the old value nothing counts as a difference.
const FLOOR: f64 = 0.05;

/// Two figures differ when their rounds do not overlap: the worst of one is beyond the best of the other, and by enough to matter.
fn verdict(old: &Figure, new: &Figure) -> Verdict {
    if (new.value - old.value).abs() < FLOOR * old.value.abs() {
        return Verdict::WithinTheNoise;
    }
    let range = |figure: &Figure| {
        let least = figure.rounds.iter().copied().fold(f64::INFINITY, f64::min);
        let most = figure
            .rounds
            .iter()
            .copied()
            .fold(f64::NEG_INFINITY, f64::max);
        (least, most)
    };
    let ((old_least, old_most), (new_least, new_most)) = (range(old), range(new));
    let (below, above) = (new_most < old_least, new_least > old_most);
    match (below, above, new.more_is_better()) {
        (true, _, true) | (_, true, false) => Verdict::Worse,
        (true, _, false) | (_, true, true) => Verdict::Better,
        _ => Verdict::WithinTheNoise,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figure(unit: &str, rounds: &[f64]) -> Figure {
        Figure::new("f", unit, &rounds.iter().copied().collect())
    }

    #[test]
    fn rounds_that_overlap_are_noise() {
        let (old, new) = (
            figure("rows/s", &[90.0, 100.0, 110.0]),
            figure("rows/s", &[80.0, 85.0, 91.0]),
        );
        assert_eq!(verdict(&old, &new), Verdict::WithinTheNoise);
    }

    #[test]
    fn rounds_that_agree_by_chance_are_noise() {
        let (old, new) = (figure("ms", &[267.0, 268.0]), figure("ms", &[277.0, 278.0]));
        assert_eq!(verdict(&old, &new), Verdict::WithinTheNoise);
    }

    #[test]
    fn what_is_worse_depends_on_the_unit() {
        let (low, high) = ([1.0, 2.0], [3.0, 4.0]);
        let of = |unit, old: &[f64], new: &[f64]| verdict(&figure(unit, old), &figure(unit, new));
        assert_eq!(of("rows/s", &high, &low), Verdict::Worse);
        assert_eq!(of("rows/s", &low, &high), Verdict::Better);
        assert_eq!(of("ms", &low, &high), Verdict::Worse);
        assert_eq!(of("ms", &high, &low), Verdict::Better);
    }
}
