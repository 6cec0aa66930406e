//! Places where a test may break the writer on purpose, named in `FLUMEN_FAILPOINT`.
//!
//! Compiled to nothing without the feature `failpoints`, and in every build without debug assertions whatever the features: what is
//! shipped cannot be told to kill itself.
//!
//! ```text
//! FLUMEN_FAILPOINT=name[:action][:nth][,...]
//! name    after-copy | before-commit | after-commit | before-kafka-commit
//! action  kill      SIGKILL of the own process (the default)
//!         pause     SIGSTOP of the own process, until somebody sends SIGCONT
//!         pause=MS  this flush alone waits for so many milliseconds, the process goes on
//!         error     as if the connection were lost at this place
//! nth     at which passing it happens, once (the first is 1, the default)
//! ```

/// A place that can break.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Point {
    /// The rows are copied, nothing is committed; counts and dead letters may be under way.
    AfterCopy,
    /// Everything of the batch is written, `COMMIT` is not sent.
    BeforeCommit,
    /// The database has committed, the writer knows nothing of it yet.
    AfterCommit,
    /// The batch is settled, Kafka is not told yet how far the group is.
    BeforeKafkaCommit,
}

#[cfg(all(feature = "failpoints", debug_assertions))]
pub use armed::{hit, hit_blocking};
#[cfg(not(all(feature = "failpoints", debug_assertions)))]
pub use inert::{hit, hit_blocking};

#[cfg(not(all(feature = "failpoints", debug_assertions)))]
mod inert {
    use super::Point;
    use crate::StoreError;

    /// Does nothing in this build.
    ///
    /// # Errors
    /// None.
    #[inline]
    pub async fn hit(_: Point) -> Result<(), StoreError> {
        Ok(())
    }

    /// Does nothing in this build.
    ///
    /// # Errors
    /// None.
    #[inline]
    pub fn hit_blocking(_: Point) -> Result<(), StoreError> {
        Ok(())
    }
}

#[cfg(all(feature = "failpoints", debug_assertions))]
mod armed {
    use std::{
        sync::{
            LazyLock,
            atomic::{AtomicU64, Ordering},
        },
        time::Duration,
    };

    use nix::{
        sys::signal::{Signal, kill},
        unistd::Pid,
    };

    use super::Point;
    use crate::StoreError;

    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    enum Action {
        Signal(Signal),
        Wait(Duration),
        Error,
    }

    #[derive(Debug)]
    struct Trap {
        point: Point,
        action: Action,
        /// How many passings are left until it goes off.
        left: AtomicU64,
    }

    static TRAPS: LazyLock<Vec<Trap>> = LazyLock::new(|| {
        let text = std::env::var("FLUMEN_FAILPOINT").unwrap_or_default();
        text.split(',')
            .filter(|trap| !trap.is_empty())
            .map(|trap| {
                parse(trap).unwrap_or_else(|| panic!("FLUMEN_FAILPOINT: `{trap}` is no failpoint"))
            })
            .collect()
    });

    fn parse(text: &str) -> Option<Trap> {
        let mut parts = text.split(':');
        let point = match parts.next()? {
            "after-copy" => Point::AfterCopy,
            "before-commit" => Point::BeforeCommit,
            "after-commit" => Point::AfterCommit,
            "before-kafka-commit" => Point::BeforeKafkaCommit,
            _ => return None,
        };
        let mut trap = Trap {
            point,
            action: Action::Signal(Signal::SIGKILL),
            left: AtomicU64::new(1),
        };
        for part in parts {
            if let Ok(nth) = part.parse::<u64>() {
                trap.left = AtomicU64::new(nth.max(1));
                continue;
            }
            trap.action = match part {
                "kill" => Action::Signal(Signal::SIGKILL),
                "pause" => Action::Signal(Signal::SIGSTOP),
                "error" => Action::Error,
                _ => Action::Wait(Duration::from_millis(
                    part.strip_prefix("pause=")?.parse().ok()?,
                )),
            };
        }
        Some(trap)
    }

    /// Marks a passing, and says what is to be done about it.
    fn passed(point: Point) -> Option<Action> {
        let trap = TRAPS.iter().find(|trap| {
            // Goes off when the last one left is taken, and wraps far beyond any test afterwards.
            trap.point == point && trap.left.fetch_sub(1, Ordering::Relaxed) == 1
        })?;
        Some(trap.action)
    }

    fn perform(point: Point, action: Action) -> Result<(), StoreError> {
        match action {
            Action::Signal(signal) => kill(Pid::this(), signal)
                .map_err(|error| StoreError::bug("reach a failpoint", error.to_string())),
            Action::Wait(_) => Ok(()),
            Action::Error => Err(StoreError::outage(
                "reach a failpoint",
                format!("{point:?} was told to fail"),
            )),
        }
    }

    /// Does what `FLUMEN_FAILPOINT` says about this place.
    ///
    /// # Errors
    /// An outage, if told to.
    pub async fn hit(point: Point) -> Result<(), StoreError> {
        let Some(action) = passed(point) else {
            return Ok(());
        };
        if let Action::Wait(pause) = action {
            tokio::time::sleep(pause).await;
        }
        perform(point, action)
    }

    /// The same on a thread that may block.
    ///
    /// # Errors
    /// An outage, if told to.
    pub fn hit_blocking(point: Point) -> Result<(), StoreError> {
        let Some(action) = passed(point) else {
            return Ok(());
        };
        if let Action::Wait(pause) = action {
            std::thread::sleep(pause);
        }
        perform(point, action)
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn a_failpoint_names_its_place_its_action_and_its_turn() {
            let trap =
                |text| parse(text).map(|trap| (trap.point, trap.action, trap.left.into_inner()));
            let kill = Action::Signal(Signal::SIGKILL);
            assert_eq!(trap("after-copy"), Some((Point::AfterCopy, kill, 1)));
            assert_eq!(
                trap("before-commit:3"),
                Some((Point::BeforeCommit, kill, 3))
            );
            assert_eq!(
                trap("after-commit:error:2"),
                Some((Point::AfterCommit, Action::Error, 2))
            );
            let pause = Action::Wait(Duration::from_millis(250));
            assert_eq!(
                trap("before-kafka-commit:pause=250"),
                Some((Point::BeforeKafkaCommit, pause, 1))
            );
            for wrong in ["", "nowhere", "after-copy:explode", "after-copy:pause=soon"] {
                assert!(trap(wrong).is_none(), "{wrong}");
            }
        }
    }
}
