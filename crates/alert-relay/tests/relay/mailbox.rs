//! A real SMTP server in a process of its own; see `tests/mail/mailbox.py`.

use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use devstack::testing::eventually;
use serde::Deserialize;
use serde_json::Value;
use tempfile::TempDir;

use crate::harness::{PATIENCE, root};

/// A mail that was taken.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Mail {
    pub(crate) message_id: String,
    pub(crate) subject: String,
    pub(crate) from: String,
    pub(crate) to: Vec<String>,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) text: String,
    pub(crate) html: String,
    pub(crate) tls: bool,
    pub(crate) user: Option<String>,
    pub(crate) bytes: usize,
}

impl Mail {
    pub(crate) fn header(&self, name: &str) -> Vec<&str> {
        let named = self
            .headers
            .iter()
            .filter(|(known, _)| known.eq_ignore_ascii_case(name));
        named.map(|(_, value)| value.as_str()).collect()
    }
}

pub(crate) struct Mailbox {
    child: Child,
    pub(crate) port: u16,
    folder: TempDir,
}

impl Mailbox {
    pub(crate) fn start(arguments: &[&str]) -> Self {
        let folder = TempDir::new().expect("a folder");
        let python = root().join(".tools/mail/bin/python");
        assert!(
            python.exists(),
            "no SMTP server: run tests/mail/setup (`make test` does)"
        );
        let mut child = Command::new(python)
            .arg(root().join("tests/mail/mailbox.py"))
            .arg("--output")
            .arg(folder.path().join("mails.jsonl"))
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("python starts");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("a pipe"))
            .read_line(&mut line)
            .expect("a line");
        let first: Value = serde_json::from_str(&line).expect("where it listens");
        let port = first["listening"]["port"]
            .as_u64()
            .and_then(|port| u16::try_from(port).ok())
            .expect("a port");
        Self {
            child,
            port,
            folder,
        }
    }

    /// With a certificate for `localhost` and a login; also the certificate's file.
    pub(crate) fn start_secured(tls: &str, arguments: &[&str]) -> (Self, PathBuf, TempDir) {
        let folder = TempDir::new().expect("a folder");
        let pair =
            rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).expect("generated");
        let (certificate, key) = (folder.path().join("tls.crt"), folder.path().join("tls.key"));
        std::fs::write(&certificate, pair.cert.pem()).expect("written");
        std::fs::write(&key, pair.signing_key.serialize_pem()).expect("written");
        let (cert_text, key_text) = (certificate.display().to_string(), key.display().to_string());
        let mut all = vec![
            "--tls",
            tls,
            "--cert",
            &cert_text,
            "--key",
            &key_text,
            "--user",
            "relay",
            "--password",
            "s3cret",
        ];
        all.extend(arguments);
        let mailbox = Self::start(&all);
        (mailbox, certificate, folder)
    }

    /// Settings for a relay that sends here.
    pub(crate) fn settings(&self) -> String {
        format!("smtp.host = \"localhost\"\nsmtp.port = {}\n", self.port)
    }

    pub(crate) fn mails(&self) -> Vec<Mail> {
        let text =
            std::fs::read_to_string(self.folder.path().join("mails.jsonl")).unwrap_or_default();
        // The last line may be half written.
        text.split_inclusive('\n')
            .filter(|line| line.ends_with('\n'))
            .map(|line| serde_json::from_str(line).expect("a mail"))
            .collect()
    }

    /// Waits until so many mails are here.
    pub(crate) async fn wait_for(&self, count: usize) -> Vec<Mail> {
        eventually(PATIENCE, || async { self.mails().len() >= count }).await;
        self.mails()
    }
}

impl Drop for Mailbox {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
