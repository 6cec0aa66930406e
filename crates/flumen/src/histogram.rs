//! Latencies, kept in buckets: constant memory, a percentile within 1.6 percent.

use std::time::Duration;

/// Buckets per power of two.
const STEPS: u64 = 64;
const BUCKETS: usize = 64 * STEPS as usize;

/// Counts durations in microseconds.
#[derive(Clone)]
pub struct Histogram {
    buckets: Box<[u64; BUCKETS]>,
    count: u64,
    max: Duration,
    sum: Duration,
}

impl Default for Histogram {
    fn default() -> Self {
        Self {
            buckets: Box::new([0; BUCKETS]),
            count: 0,
            max: Duration::ZERO,
            sum: Duration::ZERO,
        }
    }
}

impl std::fmt::Debug for Histogram {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Histogram")
            .field("count", &self.count)
            .field("max", &self.max)
            .finish_non_exhaustive()
    }
}

impl Histogram {
    /// Counts one duration.
    pub fn record(&mut self, duration: Duration) {
        let micros = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        self.buckets[bucket(micros)] += 1;
        self.count += 1;
        self.max = self.max.max(duration);
        self.sum = self.sum.saturating_add(duration);
    }

    /// Adds what another has counted.
    pub fn merge(&mut self, other: &Self) {
        for (mine, theirs) in self.buckets.iter_mut().zip(other.buckets.iter()) {
            *mine += theirs;
        }
        self.count += other.count;
        self.max = self.max.max(other.max);
        self.sum = self.sum.saturating_add(other.sum);
    }

    /// How many were counted.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The longest.
    pub fn max(&self) -> Duration {
        self.max
    }

    /// The mean.
    pub fn mean(&self) -> Duration {
        let micros = self.sum.as_micros() / u128::from(self.count.max(1));
        Duration::from_micros(u64::try_from(micros).unwrap_or(u64::MAX))
    }

    /// The duration that this share (0 to 1) of all is not longer than.
    pub fn percentile(&self, share: f64) -> Duration {
        let rank = ((share * self.count as f64).ceil() as u64).max(1);
        let mut seen = 0;
        for (index, count) in self.buckets.iter().enumerate() {
            seen += count;
            if seen >= rank {
                return Duration::from_micros(upper(index)).min(self.max);
            }
        }
        self.max
    }
}

/// Exact below `2 * STEPS`, then `STEPS` buckets for each power of two.
fn bucket(micros: u64) -> usize {
    if micros < 2 * STEPS {
        return micros as usize;
    }
    let power = u64::from(63 - micros.leading_zeros());
    let shift = power - STEPS.ilog2() as u64;
    let step = (micros >> shift) - STEPS;
    ((shift + 1) * STEPS + step) as usize
}

/// The largest value of a bucket.
fn upper(index: usize) -> u64 {
    let index = index as u64;
    if index < 2 * STEPS {
        return index;
    }
    let shift = index / STEPS - 1;
    let step = index % STEPS + STEPS;
    ((step + 1) << shift) - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_holds_what_is_put_into_it() {
        for micros in (0..2000).chain([65_535, 65_536, 1_000_003, u64::MAX / 4]) {
            let top = upper(bucket(micros));
            assert!(top >= micros, "{micros} is above its bucket");
            assert!(top - micros <= micros / 32, "{micros} is far from {top}");
        }
    }

    #[test]
    fn percentiles_are_close() {
        let mut histogram = Histogram::default();
        for micros in 1..=100_000 {
            histogram.record(Duration::from_micros(micros));
        }
        for (share, want) in [(0.5, 50_000.0), (0.99, 99_000.0), (0.999, 99_900.0)] {
            let got = histogram.percentile(share).as_secs_f64() * 1e6;
            assert!((got / want - 1.0).abs() < 0.02, "p{share} is {got}");
        }
        assert_eq!(histogram.percentile(1.0), Duration::from_millis(100));
        assert_eq!(histogram.count(), 100_000);
    }

    #[test]
    fn merging_is_counting_together() {
        let (mut one, mut other, mut both) = Default::default();
        let count = |histogram: &mut Histogram, micros| {
            histogram.record(Duration::from_micros(micros));
        };
        for micros in 0..5000 {
            count(
                if micros % 3 == 0 {
                    &mut one
                } else {
                    &mut other
                },
                micros,
            );
            count(&mut both, micros);
        }
        one.merge(&other);
        for share in [0.1, 0.5, 0.9, 0.999] {
            assert_eq!(one.percentile(share), both.percentile(share));
        }
        assert_eq!(one.mean(), both.mean());
    }
}
