//! Since when records wait to be stored, without a note for each of them.

use std::collections::VecDeque;

/// Records appended within this many milliseconds of the last noted one share its note.
const GRAIN: i64 = 100;

/// When the unsettled records of one partition were appended.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Waiting(VecDeque<Note>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Note {
    offset: i64,
    appended: i64,
}

impl Waiting {
    /// A record was read.
    pub(crate) fn read(&mut self, offset: i64, appended_millis: Option<i64>) {
        let Some(appended) = appended_millis else {
            return;
        };
        let is_apart = |last: &Note| (appended - last.appended).abs() >= GRAIN;
        if self.0.back().is_none_or(is_apart) {
            self.0.push_back(Note { offset, appended });
        }
    }

    /// Everything below `committed` is stored, out of what was read below `next`; answers when the first of it was appended.
    pub(crate) fn settle(&mut self, committed: i64, next: i64) -> Option<i64> {
        let since = self.since();
        if committed >= next {
            self.0.clear();
        }
        // A note stands for the records up to the next one.
        while self
            .0
            .get(1)
            .is_some_and(|second| second.offset <= committed)
        {
            self.0.pop_front();
        }
        since
    }

    /// When the oldest unsettled record was appended, in milliseconds, to within the grain; none while nothing is unsettled.
    pub(crate) fn since(&self) -> Option<i64> {
        self.0.front().map(|note| note.appended)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_age_is_that_of_the_oldest_record_also_when_reading_never_rests() {
        let mut waiting = Waiting::default();
        assert_eq!(waiting.since(), None);
        for second in 0..10 {
            waiting.read(second * 2, Some(second * 1000));
            waiting.read(second * 2 + 1, Some(second * 1000 + 50));
        }
        // Batches are stored while others are read: the oldest moves on, although something always waits.
        assert_eq!(waiting.settle(6, 20), Some(0));
        assert_eq!(waiting.since(), Some(3000));
        assert_eq!(waiting.settle(7, 20), Some(3000));
        assert_eq!(waiting.since(), Some(3000), "7 was appended with 6");
        assert_eq!(waiting.settle(20, 20), Some(3000));
        assert_eq!(waiting.since(), None);
    }

    #[test]
    fn notes_are_as_few_as_the_times_are_close() {
        let mut waiting = Waiting::default();
        for offset in 0..100_000 {
            waiting.read(offset, Some(offset / 1000));
        }
        assert_eq!(waiting.0.len(), 1);
        waiting.read(100_000, None);
        assert_eq!(waiting.0.len(), 1);
    }
}
