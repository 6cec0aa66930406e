//! The rounds of one measurement.

/// Values of the same thing, one a round.
#[derive(Debug, Clone, Default)]
pub(crate) struct Rounds(Vec<f64>);

impl Rounds {
    /// Adds a round.
    pub(crate) fn push(&mut self, value: f64) {
        self.0.push(value);
    }

    /// The values in the order they were measured.
    pub(crate) fn values(&self) -> &[f64] {
        &self.0
    }

    /// The value in the middle; of an even number, the mean of the two.
    pub(crate) fn median(&self) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        match sorted.len() {
            0 => f64::NAN,
            n if n % 2 == 1 => sorted[n / 2],
            n => f64::midpoint(sorted[n / 2 - 1], sorted[n / 2]),
        }
    }

    /// From the least to the greatest, as a share of the median.
    pub(crate) fn spread(&self) -> f64 {
        let least = self.0.iter().copied().fold(f64::INFINITY, f64::min);
        let most = self.0.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        if self.0.is_empty() || self.median() == 0.0 {
            return 0.0;
        }
        (most - least) / self.median()
    }
}

impl FromIterator<f64> for Rounds {
    fn from_iter<I: IntoIterator<Item = f64>>(values: I) -> Self {
        Self(values.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_in_the_middle_whatever_the_order() {
        let rounds: Rounds = [3.0, 1.0, 2.0].into_iter().collect();
        assert!((rounds.median() - 2.0).abs() < f64::EPSILON);
        assert!((rounds.spread() - 1.0).abs() < f64::EPSILON);
        let even: Rounds = [4.0, 1.0, 2.0, 3.0].into_iter().collect();
        assert!((even.median() - 2.5).abs() < f64::EPSILON);
    }
}
