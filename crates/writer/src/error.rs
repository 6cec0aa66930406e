//! Why the writer stops. Whatever it can wait for or work around never gets here.

use std::process::ExitCode;

/// Where the operator reads on when a checkpoint and the log do not fit.
pub const RUNBOOK: &str = "docs/runbooks/checkpoint-out-of-range.md";

/// A fault that only a person, or another process, can mend.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// A checkpoint points outside the log: records were deleted unread, or the topic was made anew. Going on would skip or repeat silently.
    #[error(
        "the checkpoint of {topic}[{partition}] is {checkpoint}, but the log holds {} to {}: see {RUNBOOK}",
        log.start,
        log.end
    )]
    CheckpointOutOfRange {
        /// The topic.
        topic: String,
        /// The partition.
        partition: i32,
        /// The offset to read next, as stored.
        checkpoint: i64,
        /// What the log holds.
        log: std::ops::Range<i64>,
    },
    /// The database refuses, and would again.
    #[error(transparent)]
    Store(#[from] store::StoreError),
    /// Kafka refuses, and would again.
    #[error(transparent)]
    Kafka(#[from] kafka::Error),
    /// The consumer can not go on, such as when another process uses its `instance_id`.
    #[error("kafka ended this consumer: {0}")]
    Consumer(String),
    /// A thread or a task of the writer is gone.
    #[error("the writer is broken: {0}")]
    Internal(String),
}

impl Fault {
    /// How the process ends: 4 for a checkpoint outside the log, which no restart mends, else 1.
    #[must_use]
    pub fn exit_code(&self) -> ExitCode {
        match self {
            Self::CheckpointOutOfRange { .. } => ExitCode::from(4),
            Self::Store(_) | Self::Kafka(_) | Self::Consumer(_) | Self::Internal(_) => {
                ExitCode::FAILURE
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checkpoint_outside_the_log_names_the_runbook() {
        let fault = Fault::CheckpointOutOfRange {
            topic: "events".into(),
            partition: 3,
            checkpoint: 17,
            log: 100..200,
        };
        assert_eq!(
            fault.to_string(),
            "the checkpoint of events[3] is 17, but the log holds 100 to 200: see docs/runbooks/checkpoint-out-of-range.md"
        );
    }
}
