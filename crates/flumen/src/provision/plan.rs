//! What differs, said the same way by every part: as a diff when dry, as what was done otherwise.

use std::fmt::Display;

use crate::operator::say;

/// What is to become of a difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sign {
    /// It is not there and is made.
    Make,
    /// It is there and is changed.
    Change,
    /// It is left, and the operator is told.
    Leave,
}

/// One step, with what makes it.
#[derive(Debug)]
pub(super) struct Step<C> {
    pub(super) sign: Sign,
    /// What, in words.
    pub(super) what: String,
    pub(super) change: C,
}

/// Counts what is left open, and prints.
#[derive(Debug)]
pub(super) struct Report {
    dry_run: bool,
    open: usize,
}

impl Report {
    pub(super) fn new(dry_run: bool) -> Self {
        Self { dry_run, open: 0 }
    }

    /// Shows a step that is not made, and says true; says false when it is to be made.
    pub(super) fn leaves(&mut self, sign: Sign, what: impl Display) -> bool {
        let shown = self.dry_run || sign == Sign::Leave;
        if shown {
            self.open += 1;
            say(line(self.dry_run, sign, what));
        }
        shown
    }

    /// Tells a difference that was made together with others, or is left.
    pub(super) fn tell(&mut self, sign: Sign, what: impl Display) {
        if !self.leaves(sign, &what) {
            self.done(sign, &what);
        }
    }

    /// Makes one step after the other, and tells each once it is made; with the first that fails it ends.
    pub(super) async fn make<C>(
        &mut self,
        steps: Vec<Step<C>>,
        mut make: impl AsyncFnMut(&C) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        for Step { sign, what, change } in steps {
            if !self.leaves(sign, &what) {
                make(&change).await?;
                self.done(sign, &what);
            }
        }
        Ok(())
    }

    fn done(&self, sign: Sign, what: impl Display) {
        say(line(self.dry_run, sign, what));
    }

    /// Says that a part has no differences.
    pub(super) fn nothing(&self, part: impl Display) {
        say(part);
    }

    /// The last line.
    pub(super) fn end(&self) {
        say(match (self.open, self.dry_run) {
            (0, _) => "everything is as it should be".to_owned(),
            (count, true) => format!("differences: {count}; nothing was changed"),
            (count, false) => format!("differences left: {count}, see above"),
        });
    }
}

fn line(dry_run: bool, sign: Sign, what: impl Display) -> String {
    let mark = match (dry_run, sign) {
        (true, Sign::Make) => "+",
        (true, Sign::Change) => "~",
        (true, Sign::Leave) => "!",
        (false, Sign::Leave) => "left:",
        (false, _) => "done:",
    };
    format!("{mark} {what}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dry_run_makes_nothing_and_counts_everything() {
        let mut report = Report::new(true);
        for sign in [Sign::Make, Sign::Change, Sign::Leave] {
            assert!(report.leaves(sign, "x"));
        }
        assert_eq!(report.open, 3);
        assert_eq!(line(true, Sign::Make, "x"), "+ x");
        assert_eq!(line(true, Sign::Change, "x"), "~ x");
        assert_eq!(line(true, Sign::Leave, "x"), "! x");
    }

    #[test]
    fn a_run_leaves_only_what_cannot_be_made() {
        let mut report = Report::new(false);
        assert!(!report.leaves(Sign::Make, "x"));
        assert!(!report.leaves(Sign::Change, "x"));
        assert!(report.leaves(Sign::Leave, "x"));
        assert_eq!(report.open, 1);
        assert_eq!(line(false, Sign::Change, "x"), "done: x");
    }
}
