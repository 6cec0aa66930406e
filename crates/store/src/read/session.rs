//! One connection for one question: bounded in time, cancelled when nobody waits for the answer any more.

use std::time::Duration;

use futures_util::future::try_join;
use tokio_postgres::error::SqlState;
use tokio_postgres::{CancelToken, RowStream};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::prepared::Mode;
use super::sql::Statement;
use super::{ReadError, Reader};
use crate::StoreError;
use crate::pool::Object;

/// The server is given this much longer to end a statement by itself before it is given up from here.
const GRACE: Duration = Duration::from_secs(1);

/// A cancel request that takes longer has lost its point.
const CANCEL_TIMEOUT: Duration = Duration::from_secs(5);

/// A connection in use for reading.
///
/// [`Lease::finish`] gives it back to the pool. Dropped before, as it is when the request that asked is dropped, the statement is
/// cancelled on the server and the connection closed: a cancel request may arrive late, and must not hit the next user's statement.
pub(super) struct Lease {
    object: Option<Object>,
    cancel: CancelToken,
    tls: MakeRustlsConnect,
    budget: Duration,
}

impl Reader {
    pub(super) async fn lease(&self, budget: Duration) -> Result<Lease, ReadError> {
        let object = self.pool.get().await?;
        Ok(Lease {
            cancel: object.cancel_token(),
            object: Some(object),
            tls: self.tls.clone(),
            budget,
        })
    }
}

impl Lease {
    /// Runs a statement; the rows come as the server sends them, in binary.
    pub(super) async fn rows(
        &self,
        doing: &'static str,
        statement: Statement,
    ) -> Result<RowStream, ReadError> {
        self.rows_in(doing, self.budget, statement).await
    }

    /// Runs a statement within a budget of its own.
    pub(super) async fn rows_in(
        &self,
        doing: &'static str,
        budget: Duration,
        statement: Statement,
    ) -> Result<RowStream, ReadError> {
        let connection = self
            .object
            .as_ref()
            .expect("only finish() takes it, and consumes self");
        let mode = Mode {
            timeout: budget,
            planning: statement.planning,
        };
        let prepared = &connection.prepared;
        let ask = async {
            if !statement.is_common {
                return connection
                    .query_typed_raw(&statement.sql, statement.params)
                    .await;
            }
            let (values, types): (Vec<_>, Vec<_>) = statement.params.into_iter().unzip();
            let known = prepared
                .statement(connection, &statement.sql, &types)
                .await?;
            connection.query_raw(&known, values).await
        };
        let asked = async {
            match prepared.switch_to(mode) {
                None => ask.await,
                // Both go out at once, so setting costs no round trip.
                Some(set) => {
                    let ((), rows) = try_join(connection.batch_execute(&set), ask).await?;
                    Ok(rows)
                }
            }
        };
        match tokio::time::timeout(budget + GRACE, asked).await {
            Ok(Ok(rows)) => Ok(rows),
            Ok(Err(error)) => Err(self.error(doing, &error)),
            Err(_) => Err(ReadError::Timeout { budget }),
        }
    }

    /// Runs a step of reading rows, within the budget.
    pub(super) async fn within<T>(
        &self,
        work: impl Future<Output = Result<T, ReadError>>,
    ) -> Result<T, ReadError> {
        match tokio::time::timeout(self.budget + GRACE, work).await {
            Ok(outcome) => outcome,
            Err(_) => Err(ReadError::Timeout {
                budget: self.budget,
            }),
        }
    }

    /// Tells what an error of the driver means; the server's own time limit is one of them.
    pub(super) fn error(&self, doing: &'static str, error: &tokio_postgres::Error) -> ReadError {
        if error.code() == Some(&SqlState::QUERY_CANCELED) {
            return ReadError::Timeout {
                budget: self.budget,
            };
        }
        StoreError::from_pg(doing, error).into()
    }

    /// Gives the connection back: nothing runs on it any more.
    pub(super) fn finish(mut self) {
        drop(self.object.take());
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let Some(object) = self.object.take() else {
            return;
        };
        let client = Object::take(object);
        let (cancel, tls) = (self.cancel.clone(), self.tls.clone());
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            return;
        };
        runtime.spawn(async move {
            // A failure means that the server is away, and the statement with it.
            let _ = tokio::time::timeout(CANCEL_TIMEOUT, cancel.cancel_query(tls)).await;
            drop(client);
        });
    }
}
