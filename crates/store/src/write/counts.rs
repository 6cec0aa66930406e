//! Events per minute, source, type and Kafka partition, added up while rows are encoded.

use std::collections::HashMap;

/// Microseconds of one bucket of `event_counts`.
const MINUTE_MICROS: i64 = 60_000_000;

/// Places of `Counts::recent`, a power of two.
const RECENT: usize = 256;
/// A place that holds nothing.
const NONE: u32 = u32::MAX;

/// The counts of one batch.
#[derive(Debug)]
pub(crate) struct Counts {
    /// What was counted lately, by a hash that is cheap and that anybody can make collide: then `index` finds it.
    recent: [u32; RECENT],
    index: HashMap<Box<[u8]>, u32>,
    entries: Vec<Entry>,
    names: Vec<u8>,
    key: Vec<u8>,
}

#[derive(Debug)]
struct Entry {
    minute: i64,
    partition: i32,
    /// `names[start..middle]` is the source, `names[middle..end]` the type.
    start: u32,
    middle: u32,
    end: u32,
    count: i64,
}

/// One row of `event_counts` to be added.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Count<'a> {
    pub(crate) minute_micros: i64,
    pub(crate) source: &'a str,
    pub(crate) kind: &'a str,
    pub(crate) partition: i32,
    pub(crate) count: i64,
}

impl Default for Counts {
    fn default() -> Self {
        Self {
            recent: [NONE; RECENT],
            index: HashMap::new(),
            entries: Vec::new(),
            names: Vec::new(),
            key: Vec::new(),
        }
    }
}

impl Counts {
    /// Counts one event and returns the number of its entry.
    pub(crate) fn add(&mut self, micros: i64, source: &str, kind: &str, partition: i32) -> u32 {
        let minute = micros.div_euclid(MINUTE_MICROS);
        let place = place(minute, source.as_bytes(), kind.as_bytes(), partition);
        let recent = self.recent[place];
        if let Some(entry) = self.entries.get_mut(recent as usize)
            && entry.minute == minute
            && entry.partition == partition
            && &self.names[entry.start as usize..entry.middle as usize] == source.as_bytes()
            && &self.names[entry.middle as usize..entry.end as usize] == kind.as_bytes()
        {
            entry.count += 1;
            return recent;
        }
        let found = self.look_up(minute, source, kind, partition);
        self.recent[place] = found;
        found
    }

    fn look_up(&mut self, minute: i64, source: &str, kind: &str, partition: i32) -> u32 {
        self.key.clear();
        self.key.extend_from_slice(&minute.to_le_bytes());
        self.key.extend_from_slice(&partition.to_le_bytes());
        self.key.extend_from_slice(&source.len().to_le_bytes());
        self.key.extend_from_slice(source.as_bytes());
        self.key.extend_from_slice(kind.as_bytes());
        if let Some(&found) = self.index.get(self.key.as_slice()) {
            self.entries[found as usize].count += 1;
            return found;
        }
        let number = small(self.entries.len());
        let start = small(self.names.len());
        self.names.extend_from_slice(source.as_bytes());
        let middle = small(self.names.len());
        self.names.extend_from_slice(kind.as_bytes());
        self.entries.push(Entry {
            minute,
            partition,
            start,
            middle,
            end: small(self.names.len()),
            count: 1,
        });
        self.index.insert(self.key.as_slice().into(), number);
        number
    }

    pub(crate) fn clear(&mut self) {
        self.index.clear();
        self.entries.clear();
        self.names.clear();
        self.recent = [NONE; RECENT];
    }

    /// The counts less the given numbers of rows that were not stored, sorted so that no two transactions take the
    /// rows of the table in different orders.
    pub(crate) fn sorted(&self, not_stored: impl Iterator<Item = u32>) -> Vec<Count<'_>> {
        let mut left: Vec<i64> = self.entries.iter().map(|entry| entry.count).collect();
        for entry in not_stored {
            left[entry as usize] -= 1;
        }
        let mut counts: Vec<Count<'_>> = self
            .entries
            .iter()
            .zip(left)
            .filter(|(_, count)| *count > 0)
            .map(|(entry, count)| Count {
                minute_micros: entry.minute * MINUTE_MICROS,
                source: self.name(entry.start, entry.middle),
                kind: self.name(entry.middle, entry.end),
                partition: entry.partition,
                count,
            })
            .collect();
        counts.sort_unstable();
        counts
    }

    fn name(&self, start: u32, end: u32) -> &str {
        std::str::from_utf8(&self.names[start as usize..end as usize])
            .expect("copied from a str, at the bounds it was copied to")
    }
}

/// Where in `Counts::recent` an entry is looked for: the ends of names are what tells them apart.
fn place(minute: i64, source: &[u8], kind: &[u8], partition: i32) -> usize {
    const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;
    let end = |name: &[u8]| {
        let word = match name.last_chunk::<8>() {
            Some(word) => u64::from_le_bytes(*word),
            None => name
                .iter()
                .fold(0, |word, byte| word << 8 | u64::from(*byte)),
        };
        word ^ (name.len() as u64) << 56
    };
    let numbers = minute.cast_unsigned() ^ u64::from(partition.cast_unsigned()) << 48;
    let mixed = (end(source).wrapping_mul(SPREAD) ^ end(kind))
        .wrapping_mul(SPREAD)
        .rotate_left(29)
        ^ numbers;
    (mixed.wrapping_mul(SPREAD) >> (u64::BITS - RECENT.ilog2())) as usize
}

fn small(length: usize) -> u32 {
    u32::try_from(length).expect("a batch is far below 4 GiB")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_per_minute_source_type_and_partition_and_sorted() {
        let mut counts = Counts::default();
        let rows = [
            (60_000_000, "b", "x", 0),
            (119_999_999, "b", "x", 0),
            (59_999_999, "b", "x", 0),
            (-1, "b", "x", 0),
            (60_000_000, "a", "x", 1),
            (60_000_000, "a", "x", 0),
        ];
        let numbers: Vec<u32> = rows
            .iter()
            .map(|(t, s, k, p)| counts.add(*t, s, k, *p))
            .collect();
        let shown: Vec<_> = counts
            .sorted(std::iter::once(numbers[1]))
            .iter()
            .map(|c| (c.minute_micros, c.source.to_owned(), c.partition, c.count))
            .collect();
        assert_eq!(
            shown,
            [
                (-60_000_000, "b".to_owned(), 0, 1),
                (0, "b".to_owned(), 0, 1),
                (60_000_000, "a".to_owned(), 0, 1),
                (60_000_000, "a".to_owned(), 1, 1),
                (60_000_000, "b".to_owned(), 0, 1),
            ]
        );
    }

    #[test]
    fn source_and_type_cannot_run_into_each_other() {
        let mut counts = Counts::default();
        assert_ne!(counts.add(0, "ab", "c", 0), counts.add(0, "a", "bc", 0));
    }

    #[test]
    fn names_that_share_a_place_are_counted_apart() {
        let mut counts = Counts::default();
        let name = |number: usize| format!("source-{number}");
        for _ in 0..3 {
            for number in 0..4 * RECENT {
                counts.add(0, &name(number), "x", 0);
            }
        }
        let sorted = counts.sorted(std::iter::empty());
        assert_eq!(sorted.len(), 4 * RECENT);
        assert!(sorted.iter().all(|count| count.count == 3));
    }

    #[test]
    fn a_cleared_count_starts_at_nothing() {
        let mut counts = Counts::default();
        counts.add(0, "a", "b", 0);
        counts.clear();
        assert!(counts.sorted(std::iter::empty()).is_empty());
        assert_eq!(counts.add(0, "a", "b", 0), 0);
    }
}
