//! The data folder of a server: whose it is, how it is filled, and with which settings it runs.

use std::fs;
use std::hash::{Hash as _, Hasher as _};
use std::os::unix::fs::{OpenOptionsExt as _, chown, symlink};
use std::path::{Path, PathBuf};

use nix::unistd::{User, geteuid};

use super::{PostgresConfig, remove, run};
use crate::error::IoContext as _;
use crate::{Error, Launch, Progress, Purpose, cache};

/// The files of the server's certificate, in its folder.
const CERTIFICATE: &str = "server.pem";
const KEY: &str = "server.key";

/// Who the server runs as: PostgreSQL refuses root, so root lends it `nobody`.
pub(super) fn owner() -> Result<Option<(u32, u32)>, Error> {
    if !geteuid().is_root() {
        return Ok(None);
    }
    match User::from_name("nobody").during(|| "look up the user nobody".to_owned())? {
        Some(user) => Ok(Some((user.uid.as_raw(), user.gid.as_raw()))),
        None => Err(Error::Unsupported(
            "PostgreSQL refuses to run as root and there is no user `nobody`: run as another user, or give the address of a database with --postgres".to_owned(),
        )),
    }
}

/// Creates the folder, in a place its owner can reach.
pub(super) fn prepare_folder(
    wanted: &Path,
    owner: Option<(u32, u32)>,
    progress: &Progress,
) -> Result<PathBuf, Error> {
    // Settled by an earlier start, perhaps as a link to another place.
    let settled = fs::canonicalize(wanted).ok();
    if let Some(folder) = settled.filter(|folder| folder.join("initialised").exists()) {
        return Ok(folder);
    }
    let wanted = std::path::absolute(wanted).during(|| "find the folder".to_owned())?;
    let Some((uid, gid)) = owner else {
        cache::make_private_folder(&wanted)?;
        return Ok(wanted);
    };
    let folder = if cache::others_may_enter(&wanted) {
        wanted
    } else {
        let mut name = std::hash::DefaultHasher::new();
        wanted.hash(&mut name);
        let elsewhere = PathBuf::from(format!("/var/lib/flumen/postgres-{:016x}", name.finish()));
        progress.say(format!(
            "PostgreSQL runs as nobody, who cannot reach {}: its data is in {}",
            wanted.display(),
            elsewhere.display()
        ));
        for parent in [wanted.parent(), elsewhere.parent()].into_iter().flatten() {
            fs::create_dir_all(parent).during(|| format!("create {}", parent.display()))?;
        }
        remove(&wanted)?;
        symlink(&elsewhere, &wanted).during(|| format!("link {}", wanted.display()))?;
        elsewhere
    };
    cache::make_private_folder(&folder)?;
    chown(&folder, Some(uid), Some(gid)).during(|| format!("give away {}", folder.display()))?;
    Ok(folder)
}

/// Fills the data folder, the first time.
pub(super) async fn initialise(
    config: &PostgresConfig,
    programs: &Path,
    owner: Option<(u32, u32)>,
) -> Result<(), Error> {
    let data = config.folder.join("data");
    let done = config.folder.join("initialised");
    if done.exists() {
        return Ok(());
    }
    // What an interrupted attempt left.
    let _ = fs::remove_dir_all(&data);
    let log = config.folder.join("initdb.log");
    let mut initdb = Launch::new("initdb", programs.join("bin/initdb"))
        .arg("-D")
        .arg(&data)
        .args(["--username=postgres", "--encoding=UTF8", "--no-locale"])
        .arg("--no-sync")
        .log(&log)
        .user(owner);
    let secret = config.folder.join("password");
    if let Some(password) = &config.password {
        write_secret(&secret, password, owner)?;
        initdb = initdb
            .arg("--auth=scram-sha-256")
            .arg(format!("--pwfile={}", secret.display()));
    } else {
        initdb = initdb.arg("--auth=trust");
    }
    let outcome = run(initdb).await;
    remove(&secret)?;
    outcome?;

    if let Some(database) = &config.database {
        // The server's single-user mode: no client, no password, no port.
        let statement = config.folder.join("create.sql");
        let text = format!("CREATE DATABASE \"{}\"\n", database.replace('"', "\"\""));
        fs::write(&statement, text).during(|| format!("write {}", statement.display()))?;
        let single = Launch::new("the creation of the database", "/bin/sh")
            .args(["-c", "exec \"$0\" --single -D \"$1\" postgres < \"$2\""])
            .arg(programs.join("bin/postgres"))
            .arg(&data)
            .arg(&statement)
            .log(&log)
            .user(owner);
        run(single).await?;
        remove(&statement)?;
    }
    fs::write(&done, "").during(|| format!("write {}", done.display()))
}

fn write_secret(path: &Path, secret: &str, owner: Option<(u32, u32)>) -> Result<(), Error> {
    use std::io::Write as _;
    remove(path)?;
    fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .and_then(|mut file| file.write_all(secret.as_bytes()))
        .and_then(|()| match owner {
            Some((uid, gid)) => chown(path, Some(uid), Some(gid)),
            None => Ok(()),
        })
        .during(|| format!("write {}", path.display()))
}

/// Writes the certificate and its key where the server, and nobody else, can read them.
pub(super) fn write_certificate(
    config: &PostgresConfig,
    owner: Option<(u32, u32)>,
) -> Result<(), Error> {
    let Some((certificate, key)) = &config.certificate else {
        return Ok(());
    };
    write_secret(&config.folder.join(CERTIFICATE), certificate, owner)?;
    write_secret(&config.folder.join(KEY), key, owner)
}

/// Removes the lock of a server that crashed and whose process id is now somebody else's.
pub(super) fn forget_crashed_predecessor(data: &Path) {
    let lock = data.join("postmaster.pid");
    let Ok(text) = fs::read_to_string(&lock) else {
        return;
    };
    let pid = text
        .lines()
        .next()
        .and_then(|line| line.parse::<i32>().ok());
    let runs = pid.is_some_and(|pid| {
        fs::read_to_string(format!("/proc/{pid}/cmdline"))
            .map_or(true, |command| command.contains("postgres"))
    });
    // When in doubt the server itself decides.
    if !runs {
        let _ = fs::remove_file(&lock);
    }
}

/// The settings a server runs with; they are given on its command line, so that each start has the
/// current ones.
pub(super) fn settings(config: &PostgresConfig, port: u16) -> Vec<(String, String)> {
    let common: &[(&str, &str)] = &[
        ("listen_addresses", "127.0.0.1"),
        ("unix_socket_directories", ""),
        ("timezone", "UTC"),
        ("log_timezone", "UTC"),
        ("log_line_prefix", "%m [%p] %q%u@%d %a "),
        ("shared_buffers", "128MB"),
    ];
    let purpose: &[(&str, &str)] = match config.purpose {
        Purpose::Keep => &[
            ("shared_buffers", "256MB"),
            ("max_wal_size", "4GB"),
            ("checkpoint_timeout", "15min"),
            ("wal_compression", "on"),
        ],
        Purpose::Test => &[
            ("fsync", "off"),
            ("synchronous_commit", "off"),
            ("full_page_writes", "off"),
            ("max_wal_size", "1GB"),
            ("autovacuum_naptime", "10s"),
        ],
    };
    let own = [
        ("port".to_owned(), port.to_string()),
        (
            "max_connections".to_owned(),
            config.max_connections.to_string(),
        ),
    ];
    let file = |name: &str| config.folder.join(name).display().to_string();
    let tls = config.certificate.iter().flat_map(|_| {
        [
            ("ssl".to_owned(), "on".to_owned()),
            ("ssl_cert_file".to_owned(), file(CERTIFICATE)),
            ("ssl_key_file".to_owned(), file(KEY)),
        ]
    });
    let owned = |(name, value): &(&str, &str)| (String::from(*name), String::from(*value));
    common
        .iter()
        .chain(purpose)
        .map(owned)
        .chain(own)
        .chain(tls)
        .chain(config.settings.iter().cloned())
        .collect()
}
