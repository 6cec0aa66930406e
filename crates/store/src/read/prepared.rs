//! What a connection's session remembers, so that a page costs one message: its settings, and the statements it has planned already.
//!
//! A statement that reads along an index is planned once for all values. Such a plan must not depend on how frequent a value is, since it is kept
//! for the values of others: a source with a handful of events among millions, say. So the session that plans it is told that pages cost nothing and
//! rows do, which makes the index that leads past the fewest rows the cheapest whatever the statistics say, and not to sort what
//! an index gives in order. Partitions are pruned when such a plan begins to run.

use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use deadpool_postgres::ClientWrapper;
use tokio_postgres::Statement;
use tokio_postgres::types::Type;

use super::sql::Planning;

/// Statements that a session remembers. The shapes that are asked for often are a handful; each costs the server some 100 kB.
const MOST: usize = 32;

/// How a statement is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mode {
    /// The server ends it after so long.
    pub(super) timeout: Duration,
    /// How it is planned.
    pub(super) planning: Planning,
}

/// What the session of a connection remembers.
#[derive(Default)]
pub(crate) struct Prepared(Mutex<Inner>);

#[derive(Default)]
struct Inner {
    mode: Option<Mode>,
    /// The one used last is the last.
    statements: Vec<(String, Statement)>,
}

impl Prepared {
    /// The statements that bring the session into a mode; none when it is in it. They must be sent, or the connection closed.
    pub(super) fn switch_to(&self, mode: Mode) -> Option<String> {
        let before = self.lock().mode.replace(mode);
        if before == Some(mode) {
            return None;
        }
        let mut set = format!(
            "SET statement_timeout = {}",
            mode.timeout.as_millis().max(1)
        );
        if before.is_none_or(|before| before.planning != mode.planning) {
            set.push_str(match mode.planning {
                Planning::Once => {
                    "; SET jit = off; SET plan_cache_mode = force_generic_plan; SET enable_sort = off; SET enable_bitmapscan = off; \
                     SET seq_page_cost = 0.01; SET random_page_cost = 0.01; SET cpu_tuple_cost = 1; SET cpu_operator_cost = 1"
                }
                Planning::Anew => {
                    "; SET jit = off; RESET plan_cache_mode; RESET enable_sort; RESET enable_bitmapscan; \
                     RESET seq_page_cost; RESET random_page_cost; RESET cpu_tuple_cost; RESET cpu_operator_cost"
                }
            });
        }
        Some(set)
    }

    /// The statement as the server knows it; told to the server when it does not.
    pub(super) async fn statement(
        &self,
        client: &ClientWrapper,
        sql: &str,
        types: &[Type],
    ) -> Result<Statement, tokio_postgres::Error> {
        if let Some(known) = self.known(sql) {
            return Ok(known);
        }
        let statement = client.prepare_typed(sql, types).await?;
        let mut inner = self.lock();
        if inner.statements.len() >= MOST {
            // Dropping it makes the server forget it.
            inner.statements.remove(0);
        }
        inner.statements.push((sql.to_owned(), statement.clone()));
        Ok(statement)
    }

    fn known(&self, sql: &str) -> Option<Statement> {
        let mut inner = self.lock();
        let at = inner.statements.iter().rposition(|(text, _)| text == sql)?;
        let found = inner.statements.remove(at);
        let statement = found.1.clone();
        inner.statements.push(found);
        Some(statement)
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // What is remembered is whole whenever the lock is free.
        self.0
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_is_told_only_what_changes() {
        let prepared = Prepared::default();
        let mode = |seconds, planning| Mode {
            timeout: Duration::from_secs(seconds),
            planning,
        };
        let first = prepared.switch_to(mode(1, Planning::Once)).expect("new");
        assert!(first.starts_with("SET statement_timeout = 1000; ") && first.contains("generic"));
        assert_eq!(prepared.switch_to(mode(1, Planning::Once)), None);
        let other = prepared.switch_to(mode(2, Planning::Once)).expect("longer");
        assert_eq!(other, "SET statement_timeout = 2000");
        let anew = prepared.switch_to(mode(2, Planning::Anew)).expect("anew");
        assert!(anew.contains("RESET plan_cache_mode"));
    }
}
