//! `devstack run`.

use std::ffi::OsString;
use std::fs::File;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{ExitCode, ExitStatus};
use std::time::{Duration, SystemTime};

use anyhow::Context as _;
use devstack::{
    Kafka, KafkaConfig, Launch, Postgres, PostgresConfig, PostgresVersion, Process, Progress,
    Purpose,
};
use nix::sys::signal::Signal;
use tokio::signal::unix::{SignalKind, signal};

/// Folders of stacks that were killed are recognised by this name and removed by the next one.
const FOLDER_PREFIX: &str = "flumen-devstack-";
/// A folder younger than this may belong to a stack that has not locked it yet.
const SETTLED: Duration = Duration::from_secs(60);
/// How long the command has to end after Ctrl-C or SIGTERM.
const COMMAND_BUDGET: Duration = Duration::from_secs(30);

/// The arguments of `devstack run`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Brokers: 1, or 3 with three replicas of every topic.
    #[arg(long, default_value = "1", value_parser = ["1", "3"])]
    brokers: String,
    /// Safe and sized as `flumen up` starts them, instead of fast.
    #[arg(long)]
    durable: bool,
    /// Which PostgreSQL: 15, 16, 17 or 18.
    #[arg(long, default_value = "18", value_name = "VERSION")]
    postgres_version: PostgresVersion,
    /// How many connections PostgreSQL takes.
    #[arg(long, default_value_t = 300, value_name = "COUNT")]
    max_connections: u16,
    /// The command and its arguments.
    #[arg(required = true, last = true, value_name = "CMD")]
    command: Vec<OsString>,
}

/// Prints one line for the person at the terminal.
pub(crate) fn say(line: &str) {
    // Nobody is left to tell when this fails.
    let _ = writeln!(std::io::stderr(), "devstack: {line}");
}

/// Runs the command on a stack of its own.
pub(crate) async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let mut interrupt = signal(SignalKind::interrupt()).context("listen for Ctrl-C")?;
    let mut terminate = signal(SignalKind::terminate()).context("listen for SIGTERM")?;
    let progress = Progress::new(say);
    let folder = Folder::create()?;
    let purpose = if args.durable {
        Purpose::Keep
    } else {
        Purpose::Test
    };
    let kafka = KafkaConfig {
        brokers: args.brokers.parse()?,
        ..KafkaConfig::new(folder.path().join("kafka"), purpose)
    };
    let postgres = PostgresConfig {
        version: args.postgres_version,
        max_connections: args.max_connections,
        ..PostgresConfig::new(folder.path().join("postgres"), purpose)
    };
    let starting = async {
        tokio::try_join!(
            Kafka::start(kafka, &progress),
            Postgres::start(postgres, &progress)
        )
    };
    let (kafka, mut postgres) = tokio::select! {
        started = starting => started?,
        _ = interrupt.recv() => return Ok(ExitCode::from(130)),
        _ = terminate.recv() => return Ok(ExitCode::from(143)),
    };

    let mut launch = Launch::new("the command", &args.command[0])
        .args(&args.command[1..])
        .env("FLUMEN_TEST_KAFKA", kafka.bootstrap())
        .env("FLUMEN_TEST_POSTGRES", postgres.url("postgres"))
        .foreground();
    if std::env::var_os("RUST_BACKTRACE").is_none() {
        launch = launch.env("RUST_BACKTRACE", "0");
    }
    let mut command = launch.spawn()?;
    let status = tokio::select! {
        status = command.wait() => status,
        // Ctrl-C reached the command as well: it is in the same group.
        _ = interrupt.recv() => finish(&mut command, None).await,
        _ = terminate.recv() => finish(&mut command, Some(Signal::SIGTERM)).await,
    };
    tokio::join!(kafka.stop(), postgres.stop());
    Ok(exit_code(status))
}

async fn finish(command: &mut Process, pass_on: Option<Signal>) -> ExitStatus {
    if let Some(signal) = pass_on {
        command.signal(signal);
    }
    match tokio::time::timeout(COMMAND_BUDGET, command.wait()).await {
        Ok(status) => status,
        Err(_) => {
            command.kill().await;
            command.wait().await
        }
    }
}

fn exit_code(status: ExitStatus) -> ExitCode {
    let code = status
        .code()
        .unwrap_or_else(|| 128 + status.signal().unwrap_or(0));
    ExitCode::from(u8::try_from(code).unwrap_or(u8::MAX))
}

/// A folder for one stack, locked while the stack lives.
struct Folder {
    folder: tempfile::TempDir,
    _lock: File,
}

impl Folder {
    fn create() -> anyhow::Result<Self> {
        let all = std::env::temp_dir();
        sweep(&all);
        // PostgreSQL may run as another user, who must get through.
        let folder = tempfile::Builder::new()
            .prefix(FOLDER_PREFIX)
            .permissions(std::fs::Permissions::from_mode(0o755))
            .tempdir_in(&all)
            .with_context(|| format!("create a folder in {}", all.display()))?;
        let lock = File::create(folder.path().join("lock")).context("create a lock file")?;
        lock.lock().context("lock the folder")?;
        Ok(Self {
            folder,
            _lock: lock,
        })
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }
}

/// Removes the folders of stacks that were killed; what cannot be removed stays.
fn sweep(all: &Path) {
    let entries = std::fs::read_dir(all).into_iter().flatten().flatten();
    for entry in entries {
        if !entry
            .file_name()
            .to_string_lossy()
            .starts_with(FOLDER_PREFIX)
        {
            continue;
        }
        let settled = entry
            .metadata()
            .and_then(|found| found.modified())
            .is_ok_and(|at| SystemTime::now().duration_since(at).unwrap_or_default() > SETTLED);
        let abandoned =
            File::open(entry.path().join("lock")).is_ok_and(|lock| lock.try_lock().is_ok());
        if settled && abandoned {
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
}
