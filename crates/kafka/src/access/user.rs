//! Users with passwords (SCRAM-SHA-512). The password itself never leaves this process: brokers are told it salted and stretched.

use std::{num::NonZeroU32, time::Duration};

use bytes::Bytes;
use kafka_protocol::messages::{
    AlterUserScramCredentialsRequest, DescribeUserScramCredentialsRequest,
    alter_user_scram_credentials_request::ScramCredentialUpsertion,
    describe_user_scram_credentials_request::UserName,
};
use rand::Rng as _;
use secrecy::{ExposeSecret as _, SecretString};

use super::AccessAdmin;
use crate::{
    Authentication, Config, Error,
    wire::{Connection, Failure, scram::Hash, text},
};

/// Kafka's number of SCRAM-SHA-512.
const SHA_512: i8 = 2;
/// Twice Kafka's least: a login costs a client some milliseconds.
const ITERATIONS: NonZeroU32 = NonZeroU32::new(8192).expect("not zero");

impl AccessAdmin {
    /// Whether a user of this name has a password.
    ///
    /// # Errors
    /// [`Error::Refused`] without the right to see users, [`Error::Unreachable`].
    pub async fn has_user(&mut self, name: &str) -> Result<bool, Error> {
        let asked = UserName::default().with_name(text(name));
        let request = DescribeUserScramCredentialsRequest::default().with_users(Some(vec![asked]));
        let answer = self.connection.call(&request).await?;
        let doing = format!("looking for user {name}");
        Failure::check(&doing, answer.error_code, answer.error_message.as_ref())?;
        for result in &answer.results {
            match Failure::of(result.error_code, result.error_message.as_ref()) {
                Some(failure) if failure.is_not_found() => {}
                Some(failure) => return Err(failure.error(&doing)),
                None => {
                    let mut kinds = result.credential_infos.iter();
                    return Ok(kinds.any(|kind| kind.mechanism == SHA_512));
                }
            }
        }
        Ok(false)
    }

    /// Whether the brokers let this user in with this password; none when they take no passwords at the addresses of this configuration.
    ///
    /// # Errors
    /// [`Error::Unreachable`] when no broker answers, [`Error::Config`] for a wrong setting.
    pub async fn lets_in(
        config: &Config,
        timeout: Duration,
        name: &str,
        password: &SecretString,
    ) -> Result<Option<bool>, Error> {
        if config.security.authentication != Authentication::ScramSha512 {
            return Ok(None);
        }
        let mut connection = Connection::open_nameless(config, timeout).await?;
        let login = connection.scram(Hash::Sha512, name, password.expose_secret());
        match login.await {
            Ok(()) => Ok(Some(true)),
            Err(Error::Refused(_)) => Ok(Some(false)),
            Err(other) => Err(other),
        }
    }

    /// Makes a user, or gives one that is there this password.
    ///
    /// # Errors
    /// [`Error::Refused`] without the right to make users, [`Error::Unreachable`].
    pub async fn set_password(&mut self, name: &str, password: &SecretString) -> Result<(), Error> {
        let salt: [u8; 32] = rand::rng().random();
        let salted = Hash::Sha512.salted(password.expose_secret(), &salt, ITERATIONS);
        let upsertion = ScramCredentialUpsertion::default()
            .with_name(text(name))
            .with_mechanism(SHA_512)
            .with_iterations(i32::try_from(ITERATIONS.get()).unwrap_or(i32::MAX))
            .with_salt(Bytes::copy_from_slice(&salt))
            .with_salted_password(Bytes::from(salted));
        let request = AlterUserScramCredentialsRequest::default().with_upsertions(vec![upsertion]);
        let answer = self.connection.call(&request).await?;
        for result in &answer.results {
            let doing = format!("setting the password of user {name}");
            Failure::check(&doing, result.error_code, result.error_message.as_ref())?;
        }
        Ok(())
    }
}
