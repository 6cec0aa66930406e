//! Databases of the same server, beside the one that is configured: made, dropped, addressed, and what a restore asks of one.

use secrecy::{ExposeSecret as _, SecretString};

use crate::{Config, Pool, StoreError};

/// The same configuration for another database of the same server.
///
/// # Errors
/// [`StoreError::Config`] when the URL cannot be read.
pub fn other(config: &Config, name: &str) -> Result<Config, StoreError> {
    let text = config.url.expose_secret();
    let refuse = || {
        StoreError::config(
            "database.url",
            "must be a URL such as postgres://user:password@host:5432/database",
        )
    };
    let (scheme, rest) = text.split_once("://").ok_or_else(refuse)?;
    let (rest, parameters) = match rest.split_once('?') {
        Some((rest, parameters)) => (rest, format!("?{parameters}")),
        None => (rest, String::new()),
    };
    let authority = rest.split('/').next().unwrap_or(rest);
    let mut other = config.clone();
    other.url = SecretString::from(format!("{scheme}://{authority}/{name}{parameters}"));
    other.validate()?;
    Ok(other)
}

/// Makes an empty database beside the one that the pool is connected to.
///
/// # Errors
/// When the role may not, or it is there already.
pub async fn create(pool: &Pool, name: &str) -> Result<(), StoreError> {
    run(
        pool,
        &format!("CREATE DATABASE {} TEMPLATE template0", quoted(name)),
    )
    .await
}

/// Drops a database and ends whoever is connected to it; one that is not there is no error.
///
/// # Errors
/// When the role may not.
pub async fn drop(pool: &Pool, name: &str) -> Result<(), StoreError> {
    run(
        pool,
        &format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", quoted(name)),
    )
    .await
}

/// The databases of the server whose names begin so.
///
/// # Errors
/// An outage.
pub async fn beginning_with(pool: &Pool, prefix: &str) -> Result<Vec<String>, StoreError> {
    let session = pool.session().await?;
    let rows = session
        .query(
            "SELECT datname::text FROM pg_database WHERE starts_with(datname::text, $1) ORDER BY 1",
            &[&prefix],
        )
        .await
        .map_err(|error| StoreError::from_pg("list the databases", &error))?;
    session.release();
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

/// Whether nobody has made a table, view or sequence in it yet; those of extensions do not count.
///
/// # Errors
/// An outage.
pub async fn is_empty(pool: &Pool) -> Result<bool, StoreError> {
    let session = pool.session().await?;
    let row = session
        .query_one(
            "SELECT NOT EXISTS (SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
             WHERE c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' \
             AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e'))",
            &[],
        )
        .await
        .map_err(|error| StoreError::from_pg("look whether the database is empty", &error))?;
    session.release();
    Ok(row.get(0))
}

/// The programs that are connected to the database besides this one, by the names they gave.
///
/// # Errors
/// An outage.
pub async fn programs(pool: &Pool) -> Result<Vec<String>, StoreError> {
    let session = pool.session().await?;
    let rows = session
        .query(
            "SELECT DISTINCT application_name FROM pg_stat_activity WHERE datname = current_database() \
             AND backend_type = 'client backend' AND application_name <> current_setting('application_name') ORDER BY 1",
            &[],
        )
        .await
        .map_err(|error| StoreError::from_pg("look who is connected", &error))?;
    session.release();
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

/// Takes Flumen's functions away from everybody, to whom PostgreSQL gives every new function: a dump without rights does not say that
/// the migrations had done so. Those who are to call one have a grant.
///
/// # Errors
/// An outage.
pub async fn close_functions(pool: &Pool) -> Result<(), StoreError> {
    let session = pool.session().await?;
    let fail = |error| StoreError::from_pg("take the functions from everybody", &error);
    let found = session
        .query(
            "SELECT p.oid::regprocedure::text FROM pg_proc p WHERE p.pronamespace = current_schema()::regnamespace \
             AND p.proname ~ '^flumen_'",
            &[],
        )
        .await
        .map_err(fail)?;
    for row in found {
        // The name comes from the catalogue, quoted by the server.
        let function: String = row.get(0);
        session
            .batch_execute(&format!("REVOKE ALL ON FUNCTION {function} FROM PUBLIC"))
            .await
            .map_err(fail)?;
    }
    session.release();
    Ok(())
}

async fn run(pool: &Pool, sql: &str) -> Result<(), StoreError> {
    const DOING: &str = "make or drop a database";
    let session = pool.session().await?;
    let fail = |error| StoreError::from_pg(DOING, &error);
    session
        .batch_execute("SET statement_timeout = 0; SET lock_timeout = 0")
        .await
        .map_err(fail)?;
    // Dropped, not released: its time-outs are not those of the others.
    session.batch_execute(sql).await.map_err(fail)
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_database_of_the_same_server_keeps_all_else() {
        let config = Config::with_url("postgres://me:pw@a:1,b:2/flumen?sslmode=disable");
        let other = other(&config, "copy").expect("valid");
        assert_eq!(
            other.url.expose_secret(),
            "postgres://me:pw@a:1,b:2/copy?sslmode=disable"
        );
    }

    #[test]
    fn names_are_quoted() {
        assert_eq!(quoted(r#"odd"name"#), r#""odd""name""#);
    }
}
