//! A Kafka of a test's own that lets nobody in unasked, those who may come in, and the binary in front of it.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use devstack::secured::{ADMINISTRATOR, ADMINISTRATORS_PASSWORD, SecuredKafka};
use devstack::{Postgres, PostgresConfig, Progress, Purpose};

/// Long enough for a machine that is busy with other tests.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
pub(crate) const TOPIC: &str = "events";
const DATABASE_PASSWORD: &str = "database-secret";

/// Settings by their keys.
pub(crate) type Settings = Vec<(String, String)>;

pub(crate) struct World {
    pub(crate) kafka: SecuredKafka,
    folder: tempfile::TempDir,
}

/// A PostgreSQL whose certificate the world's authority signed.
pub(crate) struct Database {
    server: Postgres,
    _folder: PathBuf,
}

impl World {
    /// With these users and passwords beside the administrator.
    pub(crate) async fn start(users: &[(&str, &str)]) -> Self {
        devstack::with_parent::set_helper(PathBuf::from(env!("CARGO_BIN_EXE_flumen")));
        let folder = tempfile::Builder::new()
            .prefix("flumen-secured-")
            // PostgreSQL may run as another user, who must get through.
            .permissions(std::fs::Permissions::from_mode(0o755))
            .tempdir()
            .expect("make a folder");
        let kafka = SecuredKafka::start(folder.path(), users, &[])
            .await
            .expect("a secured Kafka starts");
        Self { kafka, folder }
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A file in the world's folder.
    pub(crate) fn file(&self, name: &str, text: &str) -> String {
        let path = self.folder().join(name);
        std::fs::write(&path, text).expect("write a file");
        path.display().to_string()
    }

    /// The settings of somebody who comes in by name and password.
    pub(crate) fn by_password(&self, user: &str, password: &str) -> Settings {
        settings(&[
            ("kafka.brokers", &self.kafka.scram()),
            ("kafka.topic", TOPIC),
            ("kafka.security.protocol", "tls"),
            ("kafka.security.authentication", "scram-sha-512"),
            ("kafka.security.username", user),
            ("kafka.security.password", password),
            ("kafka.security.ca_file", &self.ca_file()),
        ])
    }

    pub(crate) fn administrator(&self) -> Settings {
        self.by_password(ADMINISTRATOR, ADMINISTRATORS_PASSWORD)
    }

    /// The settings of somebody who comes in by a certificate for this name.
    pub(crate) fn by_certificate(&self, name: &str) -> Settings {
        let identity = self.kafka.authority().client(name);
        let (certificate, key) = identity.write(self.folder(), name);
        settings(&[
            ("kafka.brokers", &self.kafka.mutual_tls()),
            ("kafka.topic", TOPIC),
            ("kafka.security.protocol", "tls"),
            ("kafka.security.ca_file", &self.ca_file()),
            (
                "kafka.security.certificate_file",
                &certificate.display().to_string(),
            ),
            ("kafka.security.key_file", &key.display().to_string()),
        ])
    }

    pub(crate) fn ca_file(&self) -> String {
        self.kafka.ca_file().display().to_string()
    }

    pub(crate) async fn database(&self) -> Database {
        let identity = self.kafka.authority().server();
        let folder = self.folder().join("postgres");
        let config = PostgresConfig {
            password: Some(DATABASE_PASSWORD.to_owned()),
            certificate: Some((identity.certificate, identity.key)),
            ..PostgresConfig::new(&folder, Purpose::Test)
        };
        let server = Postgres::start(config, &Progress::silent())
            .await
            .expect("a PostgreSQL with a certificate starts");
        Database {
            server,
            _folder: folder,
        }
    }

    /// The command with these settings.
    pub(crate) fn command(&self, who: &Settings, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_flumen"));
        command.args(args).current_dir(self.folder());
        for (key, value) in who {
            command.arg("--set").arg(format!("{key}={value}"));
        }
        command
    }

    pub(crate) async fn run(&self, who: &Settings, args: &[&str]) -> Output {
        let mut command = self.command(who, args);
        tokio::task::spawn_blocking(move || command.output())
            .await
            .expect("the task")
            .expect("the binary starts")
    }

    /// Runs `flumen`, which must succeed, and answers with what it printed.
    pub(crate) async fn succeed(&self, who: &Settings, args: &[&str]) -> String {
        let output = self.run(who, args).await;
        assert!(output.status.success(), "flumen {args:?}: {output:?}");
        String::from_utf8(output.stdout).expect("text")
    }

    /// Runs `flumen`, which must fail, and answers with what it said.
    pub(crate) async fn fail(&self, who: &Settings, args: &[&str]) -> String {
        let output = self.run(who, args).await;
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        String::from_utf8(output.stderr).expect("text")
    }

    /// `flumen provision --only kafka` of a topic that one broker can hold, by the administrator.
    pub(crate) async fn provision(&self, args: &[&str]) -> String {
        let args = provision_of_kafka(args);
        self.succeed(&self.administrator(), &args).await
    }
}

pub(crate) fn provision_of_kafka<'a>(args: &[&'a str]) -> Vec<&'a str> {
    let mut all = vec![
        "provision",
        "--only",
        "kafka",
        "--replication",
        "1",
        "--min-insync",
        "1",
        "--partitions",
        "2",
    ];
    all.extend(args);
    all
}

impl Database {
    /// The address with a verified certificate.
    pub(crate) fn url(&self, user: &str, password: &str, ca_file: &str) -> String {
        let port = self
            .server
            .address()
            .rsplit_once(':')
            .expect("host and port")
            .1
            .to_owned();
        format!(
            "postgres://{user}:{password}@localhost:{port}/postgres?sslmode=verify-full&sslrootcert={ca_file}"
        )
    }

    pub(crate) fn superusers_url(&self, ca_file: &str) -> String {
        self.url("postgres", DATABASE_PASSWORD, ca_file)
    }

    /// The test's own way in, past all that.
    pub(crate) async fn sql(&self) -> tokio_postgres::Client {
        let url = self.server.url("postgres");
        let (sql, connection) = tokio_postgres::connect(&url, tokio_postgres::NoTls)
            .await
            .expect("the test's own connection");
        tokio::spawn(async move { drop(connection.await) });
        sql
    }
}

pub(crate) fn settings(pairs: &[(&str, &str)]) -> Settings {
    pairs
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect()
}

/// The same with other values for some keys.
pub(crate) fn with(settings: &Settings, changes: &[(&str, &str)]) -> Settings {
    let changed = |key: &str| changes.iter().any(|(other, _)| *other == key);
    let kept = settings.iter().filter(|(key, _)| !changed(key)).cloned();
    kept.chain(self::settings(changes)).collect()
}
