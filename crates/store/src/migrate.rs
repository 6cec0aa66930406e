//! The schema: embedded migrations, run under a lock.

use tokio_postgres::types::Type;

use crate::{Pool, StoreError, pool::Session, roles};

mod embedded {
    refinery::embed_migrations!("migrations");
}

/// Where refinery remembers what it has applied.
const HISTORY: &str = "flumen_migrations";

/// What a run of the migrations did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MigrationReport {
    /// Every migration applied by this run, as `V1 tables`; empty when the schema was up to date.
    pub applied: Vec<String>,
    /// The version the schema has now.
    pub version: i32,
    /// What was done about roles and grants.
    pub roles: Vec<roles::Change>,
    /// What was left undone because the user may not: `flumen provision`, run by somebody who may, does it.
    pub left_to_provision: Vec<roles::Change>,
}

/// Brings the schema up to date.
///
/// Safe to run twice and from two places at once: a session-level advisory lock lets one in, the next one finds nothing to do.
/// Each migration is a transaction of its own. Afterwards the group roles and grants are made as far as the user may.
///
/// # Errors
/// An outage, or fatal when the database's history is not one of this program's.
pub async fn migrate(pool: &Pool) -> Result<MigrationReport, StoreError> {
    const DOING: &str = "migrate the schema";
    let mut session = pool.session().await?;
    // Waiting for another run, or for an index build in a migration, is not a fault: only the operator's patience ends it.
    session
        .batch_execute(
            "SET statement_timeout = 0; SET lock_timeout = 0; SET client_min_messages = warning",
        )
        .await
        .map_err(|error| StoreError::from_pg(DOING, &error))?;
    session
        .query_typed(
            "SELECT pg_advisory_lock(hashtextextended($1, 0))",
            &[(&"flumen migrations", Type::TEXT)],
        )
        .await
        .map_err(|error| StoreError::from_pg("wait for the migration lock", &error))?;
    // Dropping the session closes the connection, and with it goes the lock, whatever happens below.
    let applied = run(&mut session).await?;
    let (roles, left_to_provision) = roles::apply_what_we_may(&session).await?;
    Ok(MigrationReport {
        version: newest(),
        applied,
        roles,
        left_to_provision,
    })
}

/// The migrations that [`migrate`] would apply now, as `V1 tables`. Changes nothing.
///
/// # Errors
/// An outage, or fatal.
pub async fn pending(pool: &Pool) -> Result<Vec<String>, StoreError> {
    let client = pool.get().await?;
    let fail = |error| StoreError::from_pg("look at the migrations", &error);
    let there: bool = client
        .query_typed_one(
            "SELECT to_regclass($1) IS NOT NULL",
            &[(&HISTORY, Type::TEXT)],
        )
        .await
        .map_err(fail)?
        .get(0);
    let applied: Vec<i32> = if there {
        client
            .query_typed(&format!("SELECT version FROM {HISTORY}"), &[])
            .await
            .map_err(fail)?
            .iter()
            .map(|row| row.get(0))
            .collect()
    } else {
        Vec::new()
    };
    let mut pending: Vec<_> = embedded::migrations::runner()
        .get_migrations()
        .iter()
        .filter(|migration| !applied.contains(&migration.version()))
        .map(|migration| (migration.version(), name(migration)))
        .collect();
    pending.sort();
    Ok(pending.into_iter().map(|(_, name)| name).collect())
}

fn name(migration: &refinery::Migration) -> String {
    format!("V{} {}", migration.version(), migration.name())
}

/// The version of the schema that this program was built with.
#[must_use]
pub fn newest() -> i32 {
    embedded::migrations::runner()
        .get_migrations()
        .iter()
        .map(refinery::Migration::version)
        .max()
        .unwrap_or(0)
}

async fn run(session: &mut Session) -> Result<Vec<String>, StoreError> {
    let mut runner = embedded::migrations::runner();
    runner.set_migration_table_name(HISTORY);
    let report = runner
        .run_async(&mut **session as &mut tokio_postgres::Client)
        .await
        .map_err(|error| describe(&error))?;
    Ok(report.applied_migrations().iter().map(name).collect())
}

fn describe(error: &refinery::Error) -> StoreError {
    const DOING: &str = "migrate the schema";
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        if let Some(postgres) = cause.downcast_ref::<tokio_postgres::Error>() {
            return StoreError::from_pg(DOING, postgres);
        }
        source = cause.source();
    }
    // Divergent or missing versions: another program's history, or a newer one's.
    StoreError::Fatal {
        doing: DOING,
        reason: error.to_string(),
        sqlstate: None,
        advice: Some(
            "the schema was made by another version of flumen; use that version or a newer one",
        ),
    }
}
