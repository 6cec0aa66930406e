//! What a failure of the store is to a caller.

use std::time::Duration;

use service::problem::{ErrorCode, Problem};
use store::read::ReadError;
use tracing::{error, warn};

/// Long enough for a failover to make progress, short enough that nobody waits in vain.
const RETRY_AFTER: Duration = Duration::from_secs(2);

/// Tells a failure as a problem, and logs what the caller is not told.
pub(crate) fn problem(failure: ReadError) -> Problem {
    match failure {
        ReadError::Timeout { budget } => {
            let detail = format!(
                "the query took longer than its {} ms: narrow the time window with `from` and `to`, or name an exact `source`",
                budget.as_millis()
            );
            Problem::new(ErrorCode::QueryTimeout, detail)
        }
        ReadError::Unavailable(reason) => {
            warn!(%reason, "cannot read");
            Problem::new(
                ErrorCode::Unavailable,
                "the store of events is not available at the moment; nothing is lost",
            )
            .retry_after(RETRY_AFTER)
        }
        ReadError::LogReplaced => Problem::new(
            ErrorCode::CursorExpired,
            "the log that this cursor belongs to was replaced by another one: begin again without it",
        ),
        ReadError::Fatal(reason) => {
            error!(%reason, "cannot read");
            Problem::new(
                ErrorCode::Internal,
                "something went wrong on our side; the request id helps to find out what",
            )
        }
    }
}
