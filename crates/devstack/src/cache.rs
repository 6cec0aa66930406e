//! The parts, fetched once by Maven into the user's cache folder.
//!
//! A part's folder is named after the checksum of `pom.xml` and of what was asked of it, so a new
//! version never meets an old one. A lock file makes several processes at once safe: one fetches, the
//! others wait, and find it done. A folder appears under its name only when it is complete.

use std::fs::{self, File};
use std::hash::{Hash as _, Hasher as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use tokio::process::Command;

use crate::error::IoContext as _;
use crate::{Error, Progress};

const POM: &str = include_str!("../pom.xml");

/// How often a fetch says that it goes on.
const STILL_AT_IT: Duration = Duration::from_secs(10);

/// What to do without Java or Maven.
const WAYS_OUT: &str = "  - install Java 17 and Maven, for example: apt-get install openjdk-17-jre-headless maven
  - or use a broker and a database that are already there: flumen up --kafka HOST:PORT --postgres URL
  - or run the stack in Docker: docker compose -f docker/compose.yaml up --build --wait
  - or, for a look without Kafka only: flumen up --in-memory-broker";

/// The folder that holds Kafka's jars.
pub(crate) async fn kafka(progress: &Progress) -> Result<PathBuf, Error> {
    need("java", "to run Kafka", WAYS_OUT)?;
    let args: [String; 1] = ["-Pkafka".to_owned()];
    fetch("kafka", "Kafka", &args, progress, async |_| Ok(())).await
}

/// The folder that holds PostgreSQL's `bin`, `lib` and `share`.
pub(crate) async fn postgres(version: &str, progress: &Progress) -> Result<PathBuf, Error> {
    let platform = platform()?;
    let args = [
        "-Ppostgres".to_owned(),
        format!("-Dpostgres.version={version}"),
        format!("-Dpostgres.platform={platform}"),
    ];
    let what = format!("PostgreSQL {version}");
    fetch("postgres", &what, &args, progress, async |folder: &Path| {
        unpack(folder).await
    })
    .await
}

/// Fails with the ways out when a program is not in `PATH`.
fn need(program: &str, purpose: &str, ways_out: &str) -> Result<PathBuf, Error> {
    std::env::var_os("PATH")
        .iter()
        .flat_map(std::env::split_paths)
        .map(|folder| folder.join(program))
        .find(|path| path.is_file())
        .ok_or_else(|| Error::Missing {
            program: program.to_owned(),
            purpose: purpose.to_owned(),
            ways_out: ways_out.to_owned(),
        })
}

async fn fetch(
    name: &str,
    what: &str,
    args: &[String],
    progress: &Progress,
    prepare: impl AsyncFnOnce(&Path) -> Result<(), Error>,
) -> Result<PathBuf, Error> {
    let mut checksum = std::hash::DefaultHasher::new();
    POM.hash(&mut checksum);
    args.hash(&mut checksum);
    let root = root()?;
    let folder = root.join(format!("{name}-{:016x}", checksum.finish()));
    if folder.is_dir() {
        return Ok(folder);
    }

    // One at a time, whatever it fetches: Maven's own folder is shared, too.
    let _lock = lock(&root.join("fetch.lock"), what, progress).await?;
    if folder.is_dir() {
        return Ok(folder);
    }
    need("mvn", &format!("to fetch {what}"), WAYS_OUT)?;
    progress.say(format!("fetching {what} into {}", root.display()));
    let started = Instant::now();
    let scratch = folder.with_extension("partial");
    let _ = fs::remove_dir_all(&scratch);
    make_folder(&scratch)?;
    let copying = copy_dependencies(&scratch, what, args);
    say_while(copying, progress, || {
        let seconds = started.elapsed().as_secs();
        format!("still fetching {what} ({seconds} s; 60 MB in all, from Maven's repositories)")
    })
    .await?;
    prepare(&scratch).await?;
    fs::rename(&scratch, &folder).during(|| format!("keep {what} in {}", folder.display()))?;
    progress.say(format!(
        "fetched {what} in {:.1} s",
        started.elapsed().as_secs_f64()
    ));
    Ok(folder)
}

/// Says something every now and then until the work is done.
async fn say_while<T>(
    work: impl Future<Output = T>,
    progress: &Progress,
    line: impl Fn() -> String,
) -> T {
    let mut work = std::pin::pin!(work);
    loop {
        match tokio::time::timeout(STILL_AT_IT, work.as_mut()).await {
            Ok(done) => return done,
            Err(_) => progress.say(line()),
        }
    }
}

async fn lock(path: &Path, what: &str, progress: &Progress) -> Result<File, Error> {
    let file = File::create(path).during(|| format!("create {}", path.display()))?;
    if file.try_lock().is_ok() {
        return Ok(file);
    }
    progress.say(format!(
        "another process is fetching {what}: waiting for it"
    ));
    let waiting = tokio::task::spawn_blocking(move || file.lock().map(|()| file));
    let locked = say_while(waiting, progress, || {
        format!("{what} still waits for another fetch to end")
    });
    locked
        .await
        .unwrap_or_else(|error| Err(std::io::Error::other(error)))
        .during(|| format!("lock {}", path.display()))
}

async fn copy_dependencies(folder: &Path, what: &str, args: &[String]) -> Result<(), Error> {
    let pom = folder.join("pom.xml");
    fs::write(&pom, POM).during(|| format!("write {}", pom.display()))?;
    let output = Command::new("mvn")
        .args(["--batch-mode", "--quiet", "--file"])
        .arg(&pom)
        .arg("dependency:copy-dependencies")
        .arg(format!("-DoutputDirectory={}", folder.display()))
        .args(args)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .during(|| "run mvn".to_owned())?;
    if output.status.success() {
        return Ok(());
    }
    Err(Error::Fetch {
        what: what.to_owned(),
        output: complaints(&String::from_utf8_lossy(&output.stdout)),
    })
}

/// What Maven says went wrong, without its colours and its advice on itself.
fn complaints(text: &str) -> String {
    let lines: Vec<&str> = text
        .lines()
        .filter_map(|line| line.split_once("[ERROR] "))
        .map(|(_, complaint)| complaint.trim())
        .filter(|complaint| !complaint.is_empty())
        .take_while(|complaint| !complaint.starts_with("To see the full stack trace"))
        .collect();
    lines.join("\n")
}

/// Unpacks the archive inside the jar, and leaves nothing else.
async fn unpack(folder: &Path) -> Result<(), Error> {
    let install = "  - install it, for example: apt-get install tar xz-utils";
    need("tar", "to unpack PostgreSQL", install)?;
    need("xz", "to unpack PostgreSQL", install)?;
    let jar = find(folder, "jar")?;
    let archive = folder.join("postgres.txz");
    let content = crate::jar::entry_ending_with(&jar, ".txz")
        .during(|| format!("read the archive in {}", jar.display()))?;
    fs::write(&archive, content).during(|| format!("write {}", archive.display()))?;
    let output = Command::new("tar")
        .arg("-xJf")
        .arg(&archive)
        .arg("-C")
        .arg(folder)
        .output()
        .await
        .during(|| "run tar".to_owned())?;
    if !output.status.success() {
        return Err(Error::Fetch {
            what: "PostgreSQL".to_owned(),
            output: String::from_utf8_lossy(&output.stderr).into_owned(),
        });
    }
    for used in [jar, archive] {
        fs::remove_file(&used).during(|| format!("remove {}", used.display()))?;
    }
    Ok(())
}

fn find(folder: &Path, extension: &str) -> Result<PathBuf, Error> {
    fs::read_dir(folder)
        .during(|| format!("list {}", folder.display()))?
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .find(|path| path.extension().is_some_and(|found| found == extension))
        .ok_or_else(|| Error::Fetch {
            what: "PostgreSQL".to_owned(),
            output: format!("no .{extension} in {}", folder.display()),
        })
}

/// The name under which PostgreSQL is built for this machine.
fn platform() -> Result<String, Error> {
    let os = match std::env::consts::OS {
        "linux" => "linux",
        "macos" => "darwin",
        other => {
            return Err(Error::Unsupported(format!(
                "no PostgreSQL build for {other}: give the address of one with --postgres"
            )));
        }
    };
    let arch = match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64v8",
        "powerpc64" => "ppc64le",
        other => {
            return Err(Error::Unsupported(format!(
                "no PostgreSQL build for {other}: give the address of one with --postgres"
            )));
        }
    };
    Ok(format!("{os}-{arch}"))
}

/// The cache folder: `$XDG_CACHE_HOME/flumen` or `~/.cache/flumen`; for root, whose home others may
/// not enter (PostgreSQL runs as `nobody` there), `/var/cache/flumen`.
fn root() -> Result<PathBuf, Error> {
    let home = || std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache"));
    let wanted = std::env::var_os("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .filter(|path| path.is_absolute())
        .or_else(home)
        .map(|cache| cache.join("flumen"));
    let folder = match wanted {
        Some(folder) if !nix::unistd::geteuid().is_root() || others_may_enter(&folder) => folder,
        _ if nix::unistd::geteuid().is_root() => PathBuf::from("/var/cache/flumen"),
        _ => std::env::temp_dir().join("flumen-cache"),
    };
    make_folder(&folder)?;
    Ok(folder)
}

/// Creates a folder that every user may enter.
pub(crate) fn make_folder(folder: &Path) -> Result<(), Error> {
    make_folder_with_mode(folder, 0o755)
}

/// Creates a folder for its owner alone.
pub(crate) fn make_private_folder(folder: &Path) -> Result<(), Error> {
    make_folder_with_mode(folder, 0o700)
}

fn make_folder_with_mode(folder: &Path, mode: u32) -> Result<(), Error> {
    fs::create_dir_all(folder)
        .and_then(|()| fs::set_permissions(folder, fs::Permissions::from_mode(mode)))
        .during(|| format!("create {}", folder.display()))
}

/// True when every existing folder on the path may be entered by any user.
pub(crate) fn others_may_enter(path: &Path) -> bool {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    path.ancestors().all(|folder| {
        fs::metadata(folder).map_or(true, |found| found.permissions().mode() & 0o001 != 0)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_what_maven_complains_about_and_no_more() {
        let said = "\u{1b}[0m[ERROR] Could not transfer artifact x: Connection refused\n[ERROR] \n\
            [ERROR] To see the full stack trace of the errors, re-run Maven with the -e switch.\n\
            [ERROR] For more information, read\n";
        assert_eq!(
            complaints(said),
            "Could not transfer artifact x: Connection refused"
        );
    }

    #[test]
    fn a_folder_inside_a_closed_one_cannot_be_entered_by_others() {
        let closed = tempfile::tempdir().expect("make a folder");
        let mode = fs::Permissions::from_mode(0o700);
        fs::set_permissions(closed.path(), mode).expect("close it");
        assert!(!others_may_enter(&closed.path().join("cache/flumen")));
        assert!(others_may_enter(Path::new("/")));
    }
}
