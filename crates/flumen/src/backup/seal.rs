//! Encryption with age (<https://age-encryption.org/v1>).

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Write as _};
use std::path::Path;
use std::str::FromStr as _;

use age::x25519;
use anyhow::Context as _;

use crate::exit::{self, Exit};

/// What the names of encrypted files end in.
pub(crate) const SUFFIX: &str = ".age";

/// How what is kept is kept from others.
#[derive(Debug, clap::Args)]
#[group(skip)]
pub(crate) struct Sealing {
    /// Public key of age that it is encrypted for (repeatable: any of their identities opens it).
    #[arg(
        long = "recipient",
        value_name = "KEY",
        env = "FLUMEN_BACKUP_RECIPIENT",
        value_delimiter = ','
    )]
    recipients: Vec<String>,

    /// Keeps it as plain files: where the place encrypts by itself, for a trial, or for other readers.
    #[arg(long, conflicts_with = "recipients")]
    plain: bool,
}

impl Sealing {
    /// Public keys, any of whose identities opens it; none where it is to be plain. `what` is kept: "a backup".
    ///
    /// # Errors
    /// When one is no public key of age, or nothing was said.
    pub(crate) fn recipients(&self, what: &str) -> anyhow::Result<Vec<x25519::Recipient>> {
        let recipients = recipients(&self.recipients)?;
        if recipients.is_empty() && !self.plain {
            return Err(Exit::error(
                exit::USAGE,
                format!(
                    "{what} holds everything: give --recipient with a public key of age, or --plain when the place encrypts by itself"
                ),
            ));
        }
        Ok(recipients)
    }
}

/// Public keys, any of whose identities opens the backup.
fn recipients(texts: &[String]) -> anyhow::Result<Vec<x25519::Recipient>> {
    texts
        .iter()
        .map(|text| {
            x25519::Recipient::from_str(text.trim())
                .map_err(|why| anyhow::anyhow!("{text} is no public key of age ({why}): it begins with age1, and `flumen backup key` makes one"))
        })
        .collect()
}

/// The identity in a file that `flumen backup key` or `age-keygen` wrote.
///
/// # Errors
/// When there is none in it.
pub(crate) fn identity(file: &Path) -> anyhow::Result<x25519::Identity> {
    let text = std::fs::read_to_string(file)
        .with_context(|| format!("read the identity from {}", file.display()))?;
    let line = text
        .lines()
        .map(str::trim)
        .find(|line| !line.is_empty() && !line.starts_with('#'))
        .with_context(|| format!("{} holds no identity", file.display()))?;
    x25519::Identity::from_str(line).map_err(|why| {
        anyhow::anyhow!(
            "{} holds no identity of age ({why}): it begins with AGE-SECRET-KEY-1",
            file.display()
        )
    })
}

/// Encrypts a file into another.
///
/// # Errors
/// When either cannot be read or written.
pub(crate) fn encrypt(
    from: &Path,
    to: &Path,
    recipients: &[x25519::Recipient],
) -> anyhow::Result<()> {
    let encryptor =
        age::Encryptor::with_recipients(recipients.iter().map(|one| one as &dyn age::Recipient))
            .context("encrypt for the recipients")?;
    let mut input = BufReader::new(File::open(from)?);
    let mut output = encryptor.wrap_output(BufWriter::new(File::create(to)?))?;
    io::copy(&mut input, &mut output)?;
    output.finish()?.flush()?;
    Ok(())
}

/// Decrypts a file into another; a single changed bit is an error.
///
/// # Errors
/// When the identity does not open it, or it was altered.
pub(crate) fn decrypt(from: &Path, to: &Path, identity: &x25519::Identity) -> anyhow::Result<()> {
    let decryptor = age::Decryptor::new(BufReader::new(File::open(from)?))
        .context("it is not encrypted with age")?;
    let mut input = decryptor
        .decrypt(std::iter::once(identity as &dyn age::Identity))
        .context("this identity does not open it")?;
    let mut output = BufWriter::new(File::create(to)?);
    io::copy(&mut input, &mut output)?;
    output.flush()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use age::secrecy::ExposeSecret as _;

    use super::*;

    #[test]
    fn what_was_encrypted_opens_with_its_identity_only_and_not_when_altered() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = |name: &str| folder.path().join(name);
        let mine = x25519::Identity::generate();
        std::fs::write(path("plain"), b"secret rows").expect("write");
        std::fs::write(
            path("key"),
            format!("# created\n{}\n", mine.to_string().expose_secret()),
        )
        .expect("write");
        let keys = recipients(&[mine.to_public().to_string()]).expect("a key");
        encrypt(&path("plain"), &path("sealed"), &keys).expect("encrypted");
        let sealed = std::fs::read(path("sealed")).expect("read");
        assert!(!sealed.windows(6).any(|part| part == b"secret"));

        decrypt(
            &path("sealed"),
            &path("opened"),
            &identity(&path("key")).expect("an identity"),
        )
        .expect("decrypted");
        assert_eq!(std::fs::read(path("opened")).expect("read"), b"secret rows");

        let other = x25519::Identity::generate();
        assert!(decrypt(&path("sealed"), &path("opened"), &other).is_err());
        let mut altered = sealed;
        *altered.last_mut().expect("bytes") ^= 1;
        std::fs::write(path("altered"), altered).expect("write");
        assert!(decrypt(&path("altered"), &path("opened"), &mine).is_err());
    }

    #[test]
    fn keys_that_are_none_are_refused_with_what_they_look_like() {
        let error = recipients(&["nonsense".to_owned()])
            .expect_err("refused")
            .to_string();
        assert!(error.contains("age1"), "{error}");
    }
}
