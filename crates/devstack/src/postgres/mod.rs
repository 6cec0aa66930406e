//! PostgreSQL: one server, listening on the loopback address.

mod server;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use crate::error::IoContext as _;
use crate::{Error, Launch, Process, Progress, Purpose, cache, ports, wire};

/// Starting takes a second, recovery after a crash longer.
const START_BUDGET: Duration = Duration::from_secs(120);
/// A fast shutdown writes a checkpoint first.
const STOP_BUDGET: Duration = Duration::from_secs(30);
/// How often a starting server is asked.
const LOOK: Duration = Duration::from_millis(50);
/// Free ports may be taken by others before the server binds them.
const ATTEMPTS: usize = 4;

/// Which PostgreSQL: the ones that are supported.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum PostgresVersion {
    /// The oldest that is supported.
    V15,
    /// PostgreSQL 16.
    V16,
    /// PostgreSQL 17.
    V17,
    /// The newest, and the default.
    #[default]
    V18,
}

impl PostgresVersion {
    /// The release that is fetched.
    fn release(self) -> &'static str {
        match self {
            Self::V15 => "15.15.0",
            Self::V16 => "16.11.0",
            Self::V17 => "17.7.0",
            Self::V18 => "18.1.0",
        }
    }
}

impl std::str::FromStr for PostgresVersion {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "15" => Ok(Self::V15),
            "16" => Ok(Self::V16),
            "17" => Ok(Self::V17),
            "18" => Ok(Self::V18),
            other => Err(format!("no PostgreSQL {other}: 15, 16, 17 or 18")),
        }
    }
}

/// What a PostgreSQL is to be like.
#[derive(Debug, Clone)]
pub struct PostgresConfig {
    /// Holds the data and the log file; created when missing. An existing one is continued.
    pub folder: PathBuf,
    /// The release.
    pub version: PostgresVersion,
    /// The port; a free one when absent.
    pub port: Option<u16>,
    /// Safe or fast.
    pub purpose: Purpose,
    /// The superuser's password, fixed when the folder is first filled. Without one, whoever reaches
    /// the loopback address is let in.
    pub password: Option<String>,
    /// A database to create beside `postgres` when the folder is first filled.
    pub database: Option<String>,
    /// How many connections it takes.
    pub max_connections: u16,
    /// Further settings, as in `postgresql.conf`; they win over those of the purpose.
    pub settings: Vec<(String, String)>,
    /// The server's certificate and its key, both PEM: then it takes TLS as well.
    pub certificate: Option<(String, String)>,
}

impl PostgresConfig {
    /// The newest release on a free port.
    pub fn new(folder: impl Into<PathBuf>, purpose: Purpose) -> Self {
        Self {
            folder: folder.into(),
            version: PostgresVersion::default(),
            port: None,
            purpose,
            password: None,
            database: None,
            max_connections: 100,
            settings: Vec::new(),
            certificate: None,
        }
    }
}

/// A running server. Dropping it ends it at once.
#[derive(Debug)]
pub struct Postgres {
    config: PostgresConfig,
    programs: PathBuf,
    port: u16,
    process: Option<Process>,
}

impl Postgres {
    /// Fetches (once), initialises (once) and starts a server; returns when it takes connections.
    pub async fn start(config: PostgresConfig, progress: &Progress) -> Result<Self, Error> {
        let programs = cache::postgres(config.version.release(), progress).await?;
        let started = Instant::now();
        progress.say("starting PostgreSQL");
        let owner = server::owner()?;
        let config = PostgresConfig {
            folder: server::prepare_folder(&config.folder, owner, progress)?,
            ..config
        };
        server::initialise(&config, &programs, owner).await?;
        server::write_certificate(&config, owner)?;
        let mut postgres = Self {
            port: config.port.unwrap_or(0),
            config,
            programs,
            process: None,
        };
        let mut attempt = 1;
        loop {
            if postgres.config.port.is_none() {
                postgres.port = ports::free(1)[0];
            }
            match postgres.launch().await {
                Err(Error::Died { tail, .. })
                    if postgres.config.port.is_none()
                        && attempt < ATTEMPTS
                        && tail.contains("could not bind") =>
                {
                    attempt += 1;
                }
                other => break other?,
            }
        }
        progress.say(format!(
            "PostgreSQL is ready at {} after {:.1} s",
            postgres.address(),
            started.elapsed().as_secs_f64()
        ));
        Ok(postgres)
    }

    /// Host and port.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// The address of a database, for its superuser; the password is in it when there is one.
    pub fn url(&self, database: &str) -> String {
        let password = self.config.password.as_deref();
        let password = password.map(|word| format!(":{word}")).unwrap_or_default();
        format!(
            "postgres://postgres{password}@{}/{database}",
            self.address()
        )
    }

    /// The process id of the server, when it runs.
    pub fn pids(&self) -> Vec<u32> {
        self.process.iter().map(Process::pid).collect()
    }

    /// The server, to wait for its end.
    pub fn process(&self) -> Option<&Process> {
        self.process.as_ref()
    }

    /// Its log file.
    pub fn log(&self) -> PathBuf {
        self.config.folder.join("postgres.log")
    }

    /// Stops it, keeping all data; [`Postgres::start_again`] continues.
    pub async fn stop(&mut self) {
        if let Some(mut process) = self.process.take() {
            let signal = match self.config.purpose {
                Purpose::Keep => Signal::SIGINT,
                Purpose::Test => Signal::SIGQUIT,
            };
            process.stop(signal, STOP_BUDGET).await;
        }
    }

    /// Ends it as a crash would.
    pub async fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().await;
        }
    }

    /// Starts it again, at its old address, after [`Postgres::stop`], [`Postgres::kill`] or its own end.
    pub async fn start_again(&mut self) -> Result<(), Error> {
        let deadline = Instant::now() + START_BUDGET;
        loop {
            match self.launch().await {
                // The backends of a killed server notice its death one by one, and a slow disk holds them up: there is no start before the last is gone.
                Err(Error::Died { tail, .. })
                    if tail.contains("pre-existing shared memory block")
                        && Instant::now() < deadline =>
                {
                    tokio::time::sleep(LOOK).await;
                }
                other => return other,
            }
        }
    }

    async fn launch(&mut self) -> Result<(), Error> {
        self.process = None;
        let data = self.config.folder.join("data");
        let log = self.log();
        let mut launch = Launch::new("PostgreSQL", self.programs.join("bin/postgres"))
            .arg("-D")
            .arg(&data)
            .log(&log)
            .user(server::owner()?)
            // A fast shutdown keeps the data tidy, an immediate one is over sooner.
            .at_parents_death(match self.config.purpose {
                Purpose::Keep => Signal::SIGINT,
                Purpose::Test => Signal::SIGQUIT,
            })
            .on_drop(Signal::SIGQUIT);
        for (name, value) in server::settings(&self.config, self.port) {
            launch = launch.arg("-c").arg(format!("{name}={value}"));
        }
        server::forget_crashed_predecessor(&data);
        let process = launch.spawn()?;
        let deadline = Instant::now() + START_BUDGET;
        let address = self.address();
        loop {
            if let Some(status) = process.exited() {
                return Err(process.died(status));
            }
            if wire::postgres_accepts(&address).await && process.exited().is_none() {
                break;
            }
            if Instant::now() > deadline {
                return Err(process.not_ready(START_BUDGET));
            }
            tokio::time::sleep(LOOK).await;
        }
        self.process = Some(process);
        Ok(())
    }
}

/// Runs one of the programs to its end.
async fn run(launch: Launch) -> Result<(), Error> {
    let process = launch.spawn()?;
    let status = process.wait().await;
    if status.success() {
        Ok(())
    } else {
        Err(process.died(status))
    }
}

/// Removes a file that may be absent.
fn remove(path: &Path) -> Result<(), Error> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).during(|| format!("remove {}", path.display()))
        }
        _ => Ok(()),
    }
}
