//! How fresh the data is, for the header of every answer.
//!
//! The writers say in the checkpoints of each Kafka partition before which moment everything that was accepted is stored. Of all data that is the
//! earliest of them. One task reads it for the whole process; requests are given what it read last, taken when they begin, so that an
//! answer never claims more than what it was made of.

use std::time::Duration;

use actix_web::http::header::HeaderValue;
use event::Timestamp;
use service::http::Stamp;
use store::Pool;
use store::checkpoints::{self, Progress};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// The header.
pub(crate) const AS_OF: &str = "x-flumen-as-of";

/// Starts the task that asks, until `stopping`; the stamp for answers under `/v1` has what it read last.
pub(crate) fn start(
    pool: Pool,
    topic: String,
    interval: Duration,
    stopping: CancellationToken,
) -> Stamp {
    let (sender, known) = watch::channel(None);
    let ask = async move {
        loop {
            // When the database is away, or not every writer has reported, the time of before still holds: what was readable stays so.
            if let Ok(found) = checkpoints::progress(&pool, &topic).await
                && let Some(as_of) = as_of(&found)
            {
                sender.send_replace(HeaderValue::try_from(as_of.to_string()).ok());
            }
            tokio::time::sleep(interval).await;
        }
    };
    tokio::spawn(async move { stopping.run_until_cancelled(ask).await });
    Stamp::new("/v1", AS_OF, move || known.borrow().clone())
}

/// The moment before which everything is stored; none before the writer of each partition has reported.
pub(crate) fn as_of(partitions: &[Progress]) -> Option<Timestamp> {
    let times: Option<Vec<Timestamp>> = partitions.iter().map(|found| found.as_of).collect();
    times?.into_iter().min()
}

#[cfg(test)]
mod tests {
    use store::checkpoints::Checkpoint;

    use super::*;

    #[test]
    fn the_partition_that_is_furthest_behind_counts_and_one_that_is_silent_leaves_it_open() {
        let time = Timestamp::from_millis;
        let at = |as_of| Progress {
            checkpoint: Checkpoint {
                partition: 0,
                next_offset: 0,
                updated_at: time(0),
            },
            end: None,
            as_of,
        };
        let (early, late) = (at(Some(time(1))), at(Some(time(2))));
        assert_eq!(as_of(&[late, early, late]), Some(time(1)));
        assert_eq!(as_of(&[late, at(None)]), None);
        assert_eq!(as_of(&[]), None);
    }
}
