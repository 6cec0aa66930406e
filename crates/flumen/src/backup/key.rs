//! `flumen backup key`.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;

use age::secrecy::ExposeSecret as _;
use age::x25519::Identity;
use anyhow::Context as _;
use event::Timestamp;

use crate::operator::say;

const EXAMPLES: &str = "\
Examples:
  flumen backup key --out key.txt      prints the public key, for --recipient; key.txt is what --identity wants";

/// Arguments of the action.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// File for the identity; must not exist. Keep it where backups are restored, and a copy where no fire reaches it.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

pub(super) fn run(args: &Args) -> anyhow::Result<()> {
    let identity = Identity::generate();
    let public = identity.to_public();
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&args.out)
        .with_context(|| format!("make {}, which must not exist", args.out.display()))?;
    // As age-keygen writes it: either reads the other's files.
    let text = format!(
        "# created: {}\n# public key: {public}\n{}\n",
        Timestamp::now(),
        identity.to_string().expose_secret()
    );
    file.write_all(text.as_bytes())
        .and_then(|()| file.sync_all())
        .with_context(|| format!("write {}", args.out.display()))?;
    say(public);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backup::seal;

    #[test]
    fn a_pair_fits_together_and_is_never_written_over() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().expect("a folder");
        let args = Args {
            out: folder.path().join("key.txt"),
        };
        run(&args).expect("made");
        let text = std::fs::read_to_string(&args.out).expect("read");
        let public = text
            .lines()
            .find_map(|line| line.strip_prefix("# public key: "))
            .expect("the public key");
        let identity = seal::identity(&args.out).expect("an identity");
        assert_eq!(identity.to_public().to_string(), public);
        let mode = std::fs::metadata(&args.out).expect("there").permissions();
        assert_eq!(mode.mode() & 0o777, 0o600);
        assert!(run(&args).is_err());
        assert_eq!(std::fs::read_to_string(&args.out).expect("read"), text);
    }
}
