//! How PostgreSQL's own programs (`pg_dump`, `pg_restore`, `psql`) are told of the same database: by their environment, so that no password
//! stands on a command line where others could read it.

use std::path::Path;
use std::str::FromStr as _;

use secrecy::{ExposeSecret as _, SecretString};
use tokio_postgres::config::Host;

use crate::{
    Config, StoreError,
    config::{SslMode, url::split_ssl},
};

/// A name and a value; the value may be a secret.
pub type Variable = (&'static str, SecretString);

/// The variables of libpq for this database (<https://www.postgresql.org/docs/current/libpq-envars.html>).
///
/// # Errors
/// [`StoreError::Config`] when the URL cannot be read.
pub fn environment(config: &Config) -> Result<Vec<Variable>, StoreError> {
    let (url, parameters) = split_ssl(config.url.expose_secret())?;
    let known = tokio_postgres::Config::from_str(&url)
        .map_err(|_| StoreError::config("database.url", "is not a connection string"))?;
    let hosts: Vec<String> = known
        .get_hosts()
        .iter()
        .map(|host| match host {
            Host::Tcp(name) => name.clone(),
            Host::Unix(path) => path.display().to_string(),
        })
        .collect();
    let ports: Vec<String> = known.get_ports().iter().map(ToString::to_string).collect();
    let mut variables = vec![("PGHOST", hosts.join(","))];
    if !ports.is_empty() {
        variables.push(("PGPORT", ports.join(",")));
    }
    if let Some(user) = known.get_user() {
        variables.push(("PGUSER", user.to_owned()));
    }
    if let Some(name) = known.get_dbname().or_else(|| known.get_user()) {
        variables.push(("PGDATABASE", name.to_owned()));
    }
    if let Some(password) = known.get_password() {
        variables.push(("PGPASSWORD", String::from_utf8_lossy(password).into_owned()));
    }
    let mode = config
        .ssl_mode
        .or(parameters.mode)
        .unwrap_or(SslMode::Prefer);
    variables.push((
        "PGSSLMODE",
        match mode {
            SslMode::Disable => "disable",
            SslMode::Prefer => "prefer",
            SslMode::Require => "require",
            SslMode::VerifyFull => "verify-full",
        }
        .to_owned(),
    ));
    let files = [
        (
            "PGSSLROOTCERT",
            config.ssl_root_cert.clone().or(parameters.root_cert),
        ),
        ("PGSSLCERT", config.ssl_cert.clone().or(parameters.cert)),
        ("PGSSLKEY", config.ssl_key.clone().or(parameters.key)),
    ];
    for (name, file) in files {
        match file {
            Some(file) => variables.push((name, path(&file))),
            // libpq would look for a file of the user; rustls takes the authorities of the system.
            None if name == "PGSSLROOTCERT" && mode == SslMode::VerifyFull => {
                variables.push((name, "system".to_owned()))
            }
            None => {}
        }
    }
    variables.push(("PGAPPNAME", config.application_name.clone()));
    variables.push((
        "PGCONNECT_TIMEOUT",
        config.connect_timeout.as_secs().max(1).to_string(),
    ));
    Ok(variables
        .into_iter()
        .map(|(name, value)| (name, SecretString::from(value)))
        .collect())
}

fn path(file: &Path) -> String {
    file.display().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(config: &Config) -> Vec<(&'static str, String)> {
        environment(config)
            .expect("valid")
            .into_iter()
            .map(|(name, value)| (name, value.expose_secret().to_owned()))
            .filter(|(name, _)| !matches!(*name, "PGAPPNAME" | "PGCONNECT_TIMEOUT"))
            .collect()
    }

    #[test]
    fn a_url_becomes_what_libpq_reads() {
        let config =
            Config::with_url("postgres://me:s%40cret@a:5433,b:5434/flumen?sslmode=require");
        assert_eq!(
            shown(&config),
            [
                ("PGHOST", "a,b".to_owned()),
                ("PGPORT", "5433,5434".to_owned()),
                ("PGUSER", "me".to_owned()),
                ("PGDATABASE", "flumen".to_owned()),
                ("PGPASSWORD", "s@cret".to_owned()),
                ("PGSSLMODE", "require".to_owned()),
            ]
        );
    }

    #[test]
    fn verified_connections_trust_the_system_when_no_file_is_named() {
        let mut config = Config::with_url("postgres://me@db/flumen");
        config.ssl_mode = Some(SslMode::VerifyFull);
        assert!(shown(&config).contains(&("PGSSLROOTCERT", "system".to_owned())));
    }
}
