//! Users of Kafka with passwords (SCRAM-SHA-512), each from a file: a password has no place on a command line.

use std::path::PathBuf;

use anyhow::Context as _;
use kafka::AccessAdmin;
use secrecy::SecretString;

use super::{
    PATIENCE,
    plan::{Report, Sign, Step},
};
use crate::exit::{self, Exit};

/// A user, and where its password is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct User {
    name: String,
    file: PathBuf,
}

impl User {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        match text.split_once('=') {
            Some((name, file)) if !name.is_empty() && !file.is_empty() => Ok(Self {
                name: name.to_owned(),
                file: file.into(),
            }),
            _ => Err("write NAME=FILE, such as writer=/run/secrets/writer-password".to_owned()),
        }
    }

    fn password(&self) -> anyhow::Result<SecretString> {
        let file = self.file.display();
        let text = std::fs::read_to_string(&self.file)
            .map_err(|error| Exit::error(exit::USAGE, format!("--user: read {file}: {error}")))?;
        // What an editor or `echo` puts behind it is no part of it.
        let password = text.trim_end_matches(['\r', '\n']);
        if password.is_empty() {
            return Err(Exit::error(
                exit::USAGE,
                format!(
                    "--user: {file} is empty: it is to hold the password of {}",
                    self.name
                ),
            ));
        }
        Ok(password.to_owned().into())
    }
}

pub(super) async fn run(
    users: &[User],
    config: &kafka::Config,
    admin: &mut AccessAdmin,
    report: &mut Report,
) -> anyhow::Result<()> {
    let mut steps = Vec::new();
    for user in users {
        let password = user.password()?;
        let name = &user.name;
        if !admin.has_user(name).await.context("compare users")? {
            steps.push(Step {
                sign: Sign::Make,
                what: format!("user {name}: missing"),
                change: (user, password),
            });
            continue;
        }
        // Brokers keep no password that could be compared: whether it is the right one, a login tells.
        let known = AccessAdmin::lets_in(config, PATIENCE, name, &password);
        match known.await.context("try a password")? {
            Some(true) => report.nothing(format_args!("user {name} is as it should be")),
            Some(false) => steps.push(Step {
                sign: Sign::Change,
                what: format!("user {name}: another password than that in {}", user.file.display()),
                change: (user, password),
            }),
            None => report.nothing(format_args!(
                "user {name} is there; its password cannot be tried, since [kafka] does not log in with SCRAM-SHA-512 itself"
            )),
        }
    }
    report
        .make(steps, async |(user, password)| {
            admin
                .set_password(&user.name, password)
                .await
                .with_context(|| format!("make user {}", user.name))
        })
        .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_never_on_the_command_line() {
        let user = User::parse("writer=/run/secrets/w").expect("a user");
        assert_eq!(user.file, PathBuf::from("/run/secrets/w"));
        for wrong in ["writer", "writer=", "=x", ""] {
            let error = User::parse(wrong).expect_err(wrong);
            assert!(error.contains("NAME=FILE"), "{error}");
        }
    }

    #[test]
    fn the_line_end_behind_a_password_is_no_part_of_it() {
        use secrecy::ExposeSecret as _;
        let file = tempfile::NamedTempFile::new().expect("a file");
        let user = User {
            name: "writer".to_owned(),
            file: file.path().to_owned(),
        };
        std::fs::write(file.path(), " secret \r\n").expect("write");
        assert_eq!(
            user.password().expect("a password").expose_secret(),
            " secret "
        );
        std::fs::write(file.path(), "\n").expect("write");
        let error = user.password().expect_err("nothing in it").to_string();
        assert!(error.contains("is empty"), "{error}");
    }
}
