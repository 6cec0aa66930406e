//! Size and SHA-256 of a file, taken while it is copied.

use sha2::{Digest as _, Sha256};

use super::manifest::File;

/// What went through so far.
#[derive(Debug, Default)]
pub(crate) struct Summing {
    bytes: u64,
    hash: Sha256,
}

/// What went through.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Sum {
    /// How many bytes.
    pub(crate) bytes: u64,
    /// Their SHA-256, in hexadecimal.
    pub(crate) sha256: String,
}

impl Summing {
    /// Takes the next part.
    pub(crate) fn add(&mut self, part: &[u8]) {
        self.bytes += part.len() as u64;
        self.hash.update(part);
    }

    /// There is no more.
    pub(crate) fn finish(self) -> Sum {
        let digest = self.hash.finalize();
        Sum {
            bytes: self.bytes,
            sha256: digest.iter().map(|byte| format!("{byte:02x}")).collect(),
        }
    }
}

impl Sum {
    /// Holds what came against the manifest of this backup.
    ///
    /// # Errors
    /// When it is not what was kept.
    pub(crate) fn check(&self, id: &str, file: &File) -> anyhow::Result<()> {
        anyhow::ensure!(
            self.bytes == file.bytes,
            "{} of {id} has {} bytes and not {}: the backup is incomplete or was altered; nothing was restored, take another",
            file.name,
            self.bytes,
            file.bytes
        );
        anyhow::ensure!(
            self.sha256 == file.sha256,
            "{} of {id} is not what was kept (its SHA-256 differs): it was altered; nothing was restored, take another",
            file.name
        );
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sum(parts: &[&[u8]]) -> Sum {
        let mut sum = Summing::default();
        for part in parts {
            sum.add(part);
        }
        sum.finish()
    }

    #[test]
    fn sums_are_those_of_sha256sum_however_the_parts_come() {
        let wanted = Sum {
            bytes: 3,
            sha256: "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad".to_owned(),
        };
        assert_eq!(sum(&[b"abc"]), wanted);
        assert_eq!(sum(&[b"a", b"", b"bc"]), wanted);
    }

    #[test]
    fn what_is_shorter_or_other_is_refused() {
        let kept = sum(&[b"abc"]);
        let file = File {
            name: "toc.dat".to_owned(),
            bytes: kept.bytes,
            sha256: kept.sha256.clone(),
        };
        kept.check("one", &file).expect("the same");
        let refused = |found: Sum| found.check("one", &file).expect_err("refused").to_string();
        assert!(refused(sum(&[b"ab"])).contains("has 2 bytes and not 3"));
        assert!(refused(sum(&[b"abd"])).contains("altered"));
    }
}
